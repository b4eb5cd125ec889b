/** A segment for detectors alone: who holds which address, and what each node is to ask by the real rings. */
import type { SegmentPlan } from "../../speaker/detector/types.ts";
import { watchedBy } from "../../speaker/watch-plan.ts";
import { addressOf, linkLocalOf, macOf, serviceAddress } from "./objects.ts";

export const ON = "eth0";

export type HeldBy = ReadonlyMap<string, readonly string[]>;

/** Addresses of both families, by turns on all of these nodes. */
export function spread(holders: readonly string[], addresses: number): HeldBy {
  const heldBy = new Map<string, string[]>();
  for (let index = 0; index < addresses; index++) {
    const name = holders[index % holders.length] ?? "";
    const address = serviceAddress(index >> 1, index % 2 === 0 ? 4 : 6);
    heldBy.set(name, [...(heldBy.get(name) ?? []), address]);
  }
  return heldBy;
}

/** `isPursued`: the node has taken from that one. */
export function planOf(
  name: string,
  names: readonly string[],
  heldBy: HeldBy,
  isPursued: (node: string) => boolean,
): SegmentPlan {
  const others = names.filter((one) => one !== name);
  const watched = watchedBy(name, others);
  const stations = others.map((node) => ({
    node,
    mac: macOf(node),
    address4: addressOf(node),
    linkLocal: linkLocalOf(node),
    targets: heldBy.get(node) ?? [],
    watched: watched.has(node),
    pursued: isPursued(node),
    counts: true,
    doubted: false,
  }));
  return { interface: ON, address4: addressOf(name), linkLocal: linkLocalOf(name), stations };
}
