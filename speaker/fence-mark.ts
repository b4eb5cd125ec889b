/**
 * The mark `fenced-by` in the Lease of a node that the wire has found gone (election.md section 5, F5): who set it and when, and the interface of that
 * node behind which it is gone. What is said about one wire must not silence what is answered on another (E11); a mark that replaces
 * one about another interface, or whose setter cannot know what it replaces, is about the whole node.
 */

export function fenceMark(by: string, ownInterface: string): string {
  return ownInterface === "" ? by : `${by} ${ownInterface}`;
}

/** The interface that the mark is about; "" for the whole node. */
export function fencedInterface(mark: string): string {
  return mark.split(" ")[1] ?? "";
}

/** What a mark about `ownInterface` may say where `before` stands; "" for the whole node. */
export function fenceScope(before: string, ownInterface: string): string {
  return before === "" || fencedInterface(before) === ownInterface ? ownInterface : "";
}
