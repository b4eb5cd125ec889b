/** Why an address moved. Each move has exactly one, and it reaches the record, the event, the metric and the log. */
export type MoveReason =
  | "first-holder"
  /** The wire: the holder's addresses and its own address were silent (election.md section 4). */
  | "holder-unreachable"
  /** The wire: its node answers, its speaker did not come back in time. */
  | "holder-speaker-silent"
  /** The wire: it answers for others of its addresses, but not for this one. */
  | "holder-address-silent"
  | "holder-lease-expired"
  | "holder-node-gone"
  | "holder-released"
  | "holder-not-candidate"
  | "hand-over-shutdown"
  | "hand-over-not-candidate"
  | "hand-over-no-endpoint"
  /** externalTrafficPolicy Local: its Node is not Ready, and the node controller takes its endpoints away next. */
  | "hand-over-node-not-ready"
  /** Voluntary: a node that the pool prefers has been able to hold it for long enough (election.md section 5). */
  | "hand-over-preferred"
  | FaultReason
  | "taken-back"
  | "interface-changed"
  | "same-node-restart";

/** What is wrong with the holder's node although it answers: it hands over to one that is better off, if there is one. */
export type FaultReason =
  | "hand-over-network-unavailable"
  /** The opt-in uplink check: its gateway does not answer it any more. */
  | "hand-over-uplink-lost"
  /** It has heard nobody since it began to answer, and nobody can have heard it (election.md section 5). */
  | "hand-over-isolated";

/** Moves by choice: they wait, longer each time (E13). An address that nobody answers is never delayed by these. */
export function isVoluntary(reason: string): boolean {
  return VOLUNTARY.has(reason);
}

const VOLUNTARY: ReadonlySet<string> = new Set<MoveReason>([
  "hand-over-preferred",
  "hand-over-network-unavailable",
  "hand-over-uplink-lost",
  "hand-over-isolated",
]);

/** Why a node stopped answering for an address. Reaches metric and log. */
export type YieldReason =
  | "successor-heard"
  | "hand-over-timeout"
  | "record-names-other"
  | "released"
  | "uid-changed"
  | "deleted"
  | "interface-unusable"
  | "no-endpoint"
  | "not-candidate"
  /** Both had taken it from a lost node, and the other one comes first. */
  | "first-in-line-heard"
  | "peer-heard-without-api"
  | "peer-announced-in-gap"
  | "fenced"
  | "lease-lost";

/** Why a node is not a candidate for an address. Reaches the condition `Announced` when no node is left. */
export type ExclusionReason =
  | "no-service"
  | "no-endpoint"
  | "node-unknown"
  | "out-of-service"
  | "exclude-label"
  | "node-selector"
  | "no-speaker"
  | "speaker-lease-expired"
  | "speaker-leaving"
  | "answered-by-kernel"
  | "no-interface"
  | "no-such-interface"
  | "no-carrier"
  | "local-endpoint-terminating"
  | "no-local-endpoint";

/** The exclusions in words a user can act on, for the message of a condition. */
export function exclusionText(reason: ExclusionReason): string {
  return EXCLUSION_TEXTS[reason];
}

const EXCLUSION_TEXTS: Readonly<Record<ExclusionReason, string>> = {
  "no-service": "no Service uses the address",
  "no-endpoint": "the Service has no ready endpoint",
  "node-unknown": "there is no Node object",
  "out-of-service": "the node has the out-of-service taint",
  "exclude-label": "the node is labelled exclude-from-external-load-balancers",
  "node-selector": "the pool's nodeSelector does not take the node",
  "no-speaker": "no speaker runs there",
  "speaker-lease-expired": "its speaker has not renewed its Lease",
  "speaker-leaving": "its speaker is shutting down",
  "answered-by-kernel":
    "its kernel has the address as its own and answers ARP or ND for it by itself (kube-proxy in ipvs mode needs strictARP: true, which sets arp_ignore to 1; an address on an interface must be removed)",
  "no-interface": "none of its interfaces is in the address's subnet",
  "no-such-interface": "it has none of the interfaces that the pool names (spec.l2.interfaces)",
  "no-carrier": "the interface has no carrier",
  "local-endpoint-terminating": "its last ready endpoint is terminating (externalTrafficPolicy Local)",
  "no-local-endpoint": "it has no ready endpoint (externalTrafficPolicy Local)",
};

/** Reason of the condition `Announced` while it is False because no node can hold the address. */
export type AnnounceFailure =
  | "NoService"
  | "NoEndpoint"
  | "NoNodeSelected"
  | "NodesExcluded"
  | "InterfaceNotFound"
  | "NoInterface"
  | "NoCarrier"
  | "NoLocalEndpoint"
  | "AnsweredByKernel"
  | "NoSpeaker"
  /** Different things on different nodes: the message names them. */
  | "NoCandidate";

const FAILURES: Readonly<Record<ExclusionReason, AnnounceFailure>> = {
  "no-service": "NoService",
  "no-endpoint": "NoEndpoint",
  "node-unknown": "NoCandidate",
  "out-of-service": "NodesExcluded",
  "exclude-label": "NodesExcluded",
  "node-selector": "NoNodeSelected",
  "no-speaker": "NoSpeaker",
  "speaker-lease-expired": "NoSpeaker",
  "speaker-leaving": "NoSpeaker",
  "answered-by-kernel": "AnsweredByKernel",
  "no-interface": "NoInterface",
  "no-such-interface": "InterfaceNotFound",
  "no-carrier": "NoCarrier",
  "local-endpoint-terminating": "NoLocalEndpoint",
  "no-local-endpoint": "NoLocalEndpoint",
};

const RULED_OUT: ReadonlySet<AnnounceFailure> = new Set(["NoNodeSelected", "NodesExcluded"]);

/** One word for why no node can hold the address. Nodes that somebody ruled out say nothing while there are others. */
export function announceFailure(excluded: readonly { readonly reason: ExclusionReason }[]): AnnounceFailure {
  const reasons = new Set(excluded.map((one) => FAILURES[one.reason]));
  for (const whole of ["NoService", "NoEndpoint"] as const) if (reasons.has(whole)) return whole;
  const unplanned = reasons.difference(RULED_OUT);
  const [only, ...others] = unplanned.size > 0 ? unplanned : reasons;
  return only === undefined || others.length > 0 ? "NoCandidate" : only;
}
