/**
 * Whom the detector of this node watches (election.md section 4). The speakers of a segment stand in a ring, ordered by a hash of
 * their names, and each is watched by the three that follow it: every node watches three and is watched by three, however many
 * nodes and addresses there are (E6). A node that is off watches nobody: those whose Lease is not fresh are passed over (E17).
 */
import type { SegmentPlan, StationPlan, WatchPlan } from "./detector/types.ts";
import type { AddressState } from "./election/types.ts";
import { TIMES, wireKey } from "./election/types.ts";
import type { NodeInterface } from "./interfaces.ts";
import { rendezvousOrder } from "./rendezvous.ts";
import type { SpeakerState } from "./state.ts";

export const WATCHERS = 3;
/** Of those whose Lease is not fresh a node watches no more than so many, should the API server be lost to all others (E6, E17). */
export const BESIDE_MAX = 3;

export interface Watching {
  readonly plan: WatchPlan;
  /** When the plan is another by time alone: a young record has become old enough to be judged. Infinity: never. */
  readonly wakeAt: number;
}

/** What a station answers for, by node and MAC. */
interface Held {
  readonly node: string;
  readonly mac: string;
  readonly interface: string;
  readonly addresses: string[];
  pursued: boolean;
}

/** The plan out of records, Leases and interfaces as they stand; `now` in monotonic milliseconds. */
export function watchPlan(state: SpeakerState, now: number): Watching {
  let wakeAt = Number.POSITIVE_INFINITY;
  const held = new Map<string, Held>();
  for (const name of [...state.addresses.keys()].sort()) {
    const one = state.addresses.get(name);
    const on = state.places.get(name)?.standing.usable[0]?.interface;
    if (one === undefined || on === undefined) continue;
    const target = targetOf(state, one);
    if (target === undefined) continue;
    const judgedMs = one.recordSeenMs + TIMES.youngMs;
    if (!target.pursued && judgedMs > now) {
      wakeAt = Math.min(wakeAt, judgedMs);
      continue;
    }
    const key = `${on} ${target.mac} ${target.node}`;
    const entry = held.get(key) ?? { ...target, interface: on, addresses: [] };
    entry.addresses.push(one.address);
    entry.pursued ||= target.pursued;
    held.set(key, entry);
  }
  return { plan: { segments: segmentsOf(state, [...held.values()]) }, wakeAt };
}

/** Whose MAC must answer for the address, as far as this node can know; undefined when nobody's. */
function targetOf(
  state: SpeakerState,
  one: AddressState,
): { readonly node: string; readonly mac: string; readonly pursued: boolean } | undefined {
  const { record, pursuit, serving } = one;
  if (serving !== undefined) {
    if (pursuit === undefined || pursuit.backMs !== undefined) return undefined;
    return { node: pursuit.node, mac: pursuit.mac, pursued: true };
  }
  if (record === undefined || record.node === "" || record.node === state.node || record.mac === "") return undefined;
  return one.deleting || isSilentByRule(state, one, record.node)
    ? undefined
    : { node: record.node, mac: record.mac, pursued: false };
}

/** A holder that has nothing to carry traffic to is silent on purpose, and one whose kernel answers cannot be judged (F12, E12). */
function isSilentByRule(state: SpeakerState, one: AddressState, node: string): boolean {
  const reason = state.places.get(one.name)?.excluded.find((excluded) => excluded.node === node)?.reason;
  return (
    reason === "no-service" ||
    reason === "no-endpoint" ||
    reason === "no-local-endpoint" ||
    reason === "answered-by-kernel"
  );
}

function segmentsOf(state: SpeakerState, held: readonly Held[]): readonly SegmentPlan[] {
  const names = [...new Set([...state.listening.interfaces, ...held.map((one) => one.interface)])].sort();
  return names.flatMap((name) => {
    const own = state.interfaces.find((one) => one.name === name);
    return own === undefined ? [] : [segmentOf(state, own, held)];
  });
}

function segmentOf(state: SpeakerState, own: NodeInterface, held: readonly Held[]): SegmentPlan {
  const here = held.filter((one) => one.interface === own.name);
  const stations = new Map<string, Omit<StationPlan, "watched">>();
  for (const [node, view] of [...state.speakers].sort(([left], [right]) => (left < right ? -1 : 1))) {
    if (view.lease !== "fresh" && view.lease !== "expired") continue;
    for (const peer of view.facts.interfaces) {
      const mine = here.find((one) => one.node === node && one.mac === peer.mac);
      if (mine === undefined && (!sharesSegment(own, peer) || hasStation(stations, node))) continue;
      const { mac, address4, linkLocal } = peer;
      const targets = mine?.addresses ?? [];
      const pursued = mine?.pursued === true;
      // Whose cable is out here neither hears nor is heard here, though its Lease is renewed by another way.
      const counts = view.counts && peer.carrier;
      const doubted = state.apart.has(wireKey(node, own.name));
      stations.set(`${node} ${mac}`, { node, mac, address4, linkLocal, targets, pursued, counts, doubted });
    }
  }
  for (const { node, mac, addresses, pursued } of here) {
    // Its Lease is gone or names another MAC by now: what it answered with is still to be heard.
    if (stations.has(`${node} ${mac}`)) continue;
    const unknown = { address4: "", linkLocal: "", counts: false, doubted: false };
    stations.set(`${node} ${mac}`, { node, mac, ...unknown, targets: addresses, pursued });
  }
  const all = [...stations.values()];
  const watching = new Set(all.filter((one) => one.counts).map((one) => one.node));
  // Whom this node pursues it asks all the time anyway.
  const holding = all.filter((one) => one.targets.length > 0 && !one.pursued && !watching.has(one.node));
  const beside = new Set(holding.map((one) => one.node));
  const watched = watchedBy(state.node, [...watching], [...beside]);
  const plans = all.map((one) => ({ ...one, watched: watched.has(one.node) }));
  const gateway = state.gateways.get(own.name);
  return {
    interface: own.name,
    address4: own.address4,
    linkLocal: own.linkLocal,
    stations: gateway === undefined ? plans : [...plans, gatewayPlan(gateway)],
  };
}

function hasStation(stations: ReadonlyMap<string, { readonly node: string }>, node: string): boolean {
  return [...stations.values()].some((one) => one.node === node);
}

function gatewayPlan(gateway: { readonly address4: string; readonly linkLocal: string }): StationPlan {
  return { node: "", mac: "", ...gateway, targets: [], watched: false, pursued: false, counts: true, doubted: false };
}

/** By their networks. Where neither has one, a pool names the interfaces, and nodes are cabled alike: by that name (E6). */
export function sharesSegment(own: NodeInterface, peer: NodeInterface): boolean {
  if (own.subnets.some((subnet) => peer.subnets.includes(subnet))) return true;
  return own.name === peer.name && !hasNetwork(own) && !hasNetwork(peer);
}

/** An address of its own alone (/32, /128) is no network. */
function hasNetwork(one: NodeInterface): boolean {
  return one.networks.some((network) => network.first !== network.last);
}

/**
 * The nodes that `node` watches: those that it follows in the ring within three steps. `others` are the nodes that watch as well; `beside`
 * do not, and are no step: each is watched by the three watching nodes that follow it.
 */
export function watchedBy(
  node: string,
  others: readonly string[],
  beside: readonly string[] = [],
): ReadonlySet<string> {
  const ring = rendezvousOrder("ring", [...others, ...beside, node]);
  const idle = new Set(beside);
  const watched = new Set<string>();
  let [steps, passed] = [0, 0];
  const own = ring.indexOf(node);
  for (let back = 1; back < ring.length && steps < WATCHERS; back++) {
    const one = ring.at(own - back) as string;
    if (!idle.has(one)) steps += 1;
    else if (passed < BESIDE_MAX) passed += 1;
    else continue;
    watched.add(one);
  }
  return watched;
}
