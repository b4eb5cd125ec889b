/**
 * Which interfaces of this node stand on one segment (election.md section 3, W3): on each segment one of them answers for an address, and
 * no more, or its clients are told two MACs.
 */
import type { Ip } from "../lib/address/ip.ts";
import { ofWireKey } from "./election/types.ts";
import { hasCarrier, type InterfaceFacts, isConnected, type NodeInterface } from "./interfaces.ts";

/** Pairs `FIRST SECOND` of interfaces, in order, one of which has heard what the other sent. */
export type Joined = ReadonlySet<string>;

export const NOT_JOINED: Joined = new Set();

export function join(joined: Joined, [first, second]: readonly [string, string]): Joined {
  const pair = `${first} ${second}`;
  return joined.has(pair) ? joined : new Set([...joined, pair]);
}

/** What was heard holds as long as both are there, under their MACs and with carrier: a cable that was out may be in another switch. */
export function stillJoined(
  joined: Joined,
  before: readonly InterfaceFacts[],
  after: readonly InterfaceFacts[],
): Joined {
  const isSame = (name: string): boolean => {
    const [old, now] = [before, after].map((facts) => facts.find((one) => one.name === name));
    return old?.carrier === true && now?.carrier === true && old.mac === now.mac;
  };
  const kept = [...joined].filter((pair) => pair.split(" ").every(isSame));
  return kept.length === joined.size ? joined : new Set(kept);
}

/** The interfaces that may carry the address, by segment; the first of each is the one to answer there. Best first, as they came. */
export function segmentsOf(
  usable: readonly NodeInterface[],
  address: Ip,
  joined: Joined,
): readonly (readonly string[])[] {
  let segments: (readonly NodeInterface[])[] = [];
  for (const one of usable) {
    const same = segments.filter((members) => members.some((member) => onOneSegment(member, one, address, joined)));
    const merged = [...same.flat(), one];
    // In the place of the first that it belongs to.
    const at = same[0] === undefined ? segments.length : segments.indexOf(same[0]);
    const before = segments.slice(0, at);
    segments = [...before, merged, ...segments.slice(at).filter((members) => !same.includes(members))];
  }
  return segments.map((members) => members.map((one) => one.name));
}

/** Interfaces in one subnet are meant to be on one segment, and so are all that are connected to the address. */
function onOneSegment(left: NodeInterface, right: NodeInterface, address: Ip, joined: Joined): boolean {
  if (isConnected(left, address) && isConnected(right, address)) return true;
  if (left.subnets.some((subnet) => right.subnets.includes(subnet))) return true;
  return joined.has(`${left.name} ${right.name}`) || joined.has(`${right.name} ${left.name}`);
}

/**
 * The name of the segment of each interface, as the Lease tells it: the first by name of the nodes that were heard there and
 * still have a Lease, this one included. Those who all hear each other have one name; who hears nobody has its own.
 */
export function segmentNames(
  node: string,
  interfaces: readonly string[],
  met: ReadonlySet<string>,
  isKnown: (node: string) => boolean,
): Readonly<Record<string, string>> {
  const names: Record<string, string> = {};
  for (const name of [...interfaces].sort()) names[name] = node;
  for (const key of met) {
    const { node: other, ownInterface: name } = ofWireKey(key);
    const first = names[name];
    if (first !== undefined && other < first && isKnown(other)) names[name] = other;
  }
  return names;
}

/** Who was heard there is forgotten with the carrier: the cable may be in another switch. */
export function stillMet(met: ReadonlySet<string>, live: readonly InterfaceFacts[]): ReadonlySet<string> {
  const kept = [...met].filter((key) => hasCarrier(live, ofWireKey(key).ownInterface));
  return kept.length === met.size ? met : new Set(kept);
}

/** Who has had no Lease for an hour is no speaker any more; should it come again, it is heard anew. */
export function metSpeakers(
  met: ReadonlySet<string>,
  speakers: { readonly has: (node: string) => boolean },
): ReadonlySet<string> {
  const kept = [...met].filter((key) => speakers.has(ofWireKey(key).node));
  return kept.length === met.size ? met : new Set(kept);
}
