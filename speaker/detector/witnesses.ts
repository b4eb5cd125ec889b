/** Proof of one's own hearing (hazard E1): other stations of the segment that answer this node while the judged one does not. */
import { rendezvousOrder } from "../rendezvous.ts";
import { nodeAddress, type Station } from "./station.ts";

/** Of a larger segment a sample is asked; which one depends on the judged node, so that they do not all ask the same. */
export const WITNESSES_MAX = 15;

/** The gateways, then others in the order of a hash; only who has answered before can be missed now (E3). */
export function witnessesOf(stations: ReadonlyMap<string, Station>, judged: Station): readonly string[] {
  const others: Station[] = [];
  for (const one of stations.values()) {
    const isHere = one.segment.interface === judged.segment.interface && one.key !== judged.key;
    const isOther = one.plan.node === "" || one.plan.node !== judged.plan.node;
    if (isHere && isOther && one.heardMs !== undefined && nodeAddress(one) !== "") others.push(one);
  }
  const gateways = others.filter((one) => one.plan.node === "").map((one) => one.key);
  const nodes = others.filter((one) => one.plan.node !== "").map((one) => one.key);
  const ordered = nodes.length > WITNESSES_MAX ? rendezvousOrder(judged.key, nodes) : nodes;
  return [...gateways, ...ordered].slice(0, WITNESSES_MAX);
}

/** How many stations answered since then, this node counted, of how many, the judged one counted. */
export function countHeard(
  stations: ReadonlyMap<string, Station>,
  witnesses: readonly string[],
  sinceMs: number,
): { readonly seen: number; readonly stations: number } {
  const heard = witnesses.filter((key) => (stations.get(key)?.heardMs ?? Number.NEGATIVE_INFINITY) >= sinceMs);
  return { seen: 1 + heard.length, stations: 2 + witnesses.length };
}
