/** Why an address moved. Each move has exactly one, and it reaches the record, the event, the metric and the log. */
export type MoveReason =
  | "first-holder"
  | "holder-lease-expired"
  | "holder-node-gone"
  | "holder-released"
  | "holder-not-candidate"
  | "hand-over-shutdown"
  | "hand-over-not-candidate"
  | "hand-over-no-endpoint"
  | "taken-back"
  | "same-node-restart";
