/**
 * Proof of one's own hearing, and which side of a split this is (hazards E1, E16): other stations of the segment that answer this node
 * while the judged one does not. Two sides that cannot hear each other both see more than half only if at least two stations count for
 * one of them alone and answer it (ADR 25), so a gateway may count or not, and a node counts by its Lease, which both sides see.
 */
import { rendezvousOrder, rendezvousWeight } from "../rendezvous.ts";
import { nodeAddress, type Station } from "./station.ts";
import type { Verdict } from "./types.ts";

/** Of a larger segment a sample is asked, which depends on the judged node. */
export const WITNESSES_MAX = 45;
/**
 * A witness is asked by so many nodes and not twice as many: of a larger segment each part has witnesses of its own (E6, ADR 30). Those of one part
 * agree on which side of a split they are, so there are no more parts than that takes.
 */
const ASKERS = 60;
/** A gateway that had been silent for so long when the judged station was last heard is off, and no sign of a split. */
export const GATEWAY_SILENT_MS = 60_000;

/** The gateways, those that count, then others, in the order of a hash; only who has answered before can be missed now (E3). */
export function witnessesOf(stations: ReadonlyMap<string, Station>, judged: Station): readonly string[] {
  const others: Station[] = [];
  for (const one of stations.values()) {
    const isHere = one.segment.interface === judged.segment.interface && one.key !== judged.key;
    const isOther = one.plan.node === "" || one.plan.node !== judged.plan.node;
    if (isHere && isOther && one.heardMs !== undefined && nodeAddress(one) !== "") others.push(one);
  }
  const gateways = others.filter((one) => one.plan.node === "");
  const nodes = others.filter((one) => one.plan.node !== "");
  const [counting, beside] = [nodes.filter((one) => one.plan.counts), nodes.filter((one) => !one.plan.counts)];
  const sampled = (from: readonly Station[]): readonly string[] => {
    const keys = from.map((one) => one.key);
    return nodes.length > WITNESSES_MAX ? rendezvousOrder(judged.key, keys) : keys;
  };
  const first = partOf(judged, counting.length) * WITNESSES_MAX;
  const all = [...gateways.map((one) => one.key), ...sampled(counting), ...sampled(beside)];
  return all.slice(first, first + WITNESSES_MAX);
}

/** To which part of the nodes this one belongs, by its own address; they are so few that everybody in all their samples counts. */
function partOf({ key, segment }: Station, counting: number): number {
  const parts = Math.max(1, Math.floor(counting / ASKERS));
  return rendezvousWeight(key, `${segment.address4} ${segment.linkLocal}`) % parts;
}

/** What the witnesses have answered since then; this node and the judged one count always. */
export function countHeard(
  stations: ReadonlyMap<string, Station>,
  judged: Station,
  witnesses: readonly string[],
  sinceMs: number,
): Pick<Verdict, "seen" | "stations" | "beside"> {
  const asked = witnesses.map((key) => stations.get(key)).filter((one) => one !== undefined);
  const isHeard = (one: Station): boolean => (one.heardMs ?? Number.NEGATIVE_INFINITY) >= sinceMs;
  const counting = asked.filter((one) => one.plan.counts && (isHeard(one) || !wasOff(one, judged)));
  const seen = counting.filter(isHeard).length;
  return { seen: 1 + seen, stations: 2 + counting.length, beside: asked.filter(isHeard).length - seen };
}

/**
 * Measured against the judged one, not against the present: whoever is split off from both has both silent from one moment on, and must
 * not become the greater part by waiting.
 */
function wasOff(one: Station, judged: Station): boolean {
  if (one.plan.node !== "" || one.heardMs === undefined || judged.heardMs === undefined) return false;
  return judged.heardMs - one.heardMs >= GATEWAY_SILENT_MS;
}
