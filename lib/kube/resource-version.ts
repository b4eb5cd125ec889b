/**
 * Resource versions are decimal numbers that grow with every write of the API server's store, and may be compared
 * within a resource (Kubernetes API concepts, "Resource versions"; KEP-5504). Text, since they outgrow a double.
 */
export type ResourceVersionOrder = "lower" | "equal" | "higher" | "unknown";

const DECIMAL = /^(0|[1-9]\d*)$/;

/** How `left` stands to `right`; "unknown" when one of them is not a number, and then nothing may hang on it. */
export function compareResourceVersions(left: string, right: string): ResourceVersionOrder {
  if (!DECIMAL.test(left) || !DECIMAL.test(right)) return "unknown";
  if (left === right) return "equal";
  if (left.length !== right.length) return left.length < right.length ? "lower" : "higher";
  return left < right ? "lower" : "higher";
}

/** The higher of two; the left one where they cannot be compared. */
export function higherResourceVersion(left: string, right: string): string {
  if (left === "") return right;
  return compareResourceVersions(left, right) === "lower" ? right : left;
}
