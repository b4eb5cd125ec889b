/** The table for the worker: on which interfaces each address is answered, and what is to be announced because they are others now. */
import type { Place } from "./desired.ts";
import type { AddressState } from "./election/types.ts";
import type { TableEntry, ToWorker } from "./net/messages.ts";

type Announce = Extract<ToWorker, { type: "announce" }>;

/** Where a held address is answered: the recorded interface, and one for each other segment that it may stand on (W3). */
export function answeringOn(state: AddressState, place: Place | undefined): readonly string[] {
  const { serving } = state;
  if (serving === undefined) return [];
  const others = (place?.standing.segments ?? []).filter((names) => !names.includes(serving.interface));
  return [serving.interface, ...others.flatMap((names) => names.slice(0, 1))];
}

/** By address, the recorded interface first. */
export function tableOf(
  addresses: ReadonlyMap<string, AddressState>,
  places: ReadonlyMap<string, Place>,
): readonly TableEntry[] {
  return [...addresses.values()]
    .filter((one) => one.serving !== undefined)
    .sort((left, right) => (left.address < right.address ? -1 : left.address > right.address ? 1 : 0))
    .flatMap((one) =>
      answeringOn(one, places.get(one.name)).map((name) => ({ address: one.address, interface: name })),
    );
}

/**
 * Announcements for addresses that were answered before and still are: on an interface that joins, so that its segment learns of them; on
 * the recorded one where another turned out to be on its segment, since clients may have that one's MAC.
 */
export function reannouncements(
  before: readonly TableEntry[],
  after: readonly TableEntry[],
  places: (address: string) => Place | undefined,
): readonly Announce[] {
  const old = Map.groupBy(before, (entry) => entry.address);
  return [...Map.groupBy(after, (entry) => entry.address)].flatMap(([address, entries]) => {
    const names = entries.map((entry) => entry.interface);
    const former = old.get(address)?.map((entry) => entry.interface) ?? [];
    if (former.length === 0 || former[0] !== names[0]) return [];
    const joining = names.filter((name) => !former.includes(name));
    const usable = places(address)?.standing.usable ?? [];
    const merged = former.some((name) => !names.includes(name) && usable.some((one) => one.interface === name));
    return [...joining, ...(merged ? names.slice(0, 1) : [])].map(
      (name): Announce => ({ type: "announce", address, interface: name, reason: "interface-changed" }),
    );
  });
}
