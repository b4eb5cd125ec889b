/** Which groups to join and leave, and on which socket. */
import type { GroupBits } from "../packet/mld.ts";

/** A socket keeps its memberships in a list and goes through it for each join: 10 µs with 200, 60 µs with 10,000. */
export const GROUPS_PER_SOCKET = 200;
export const MEMBERSHIP_BYTES = 16;
const PACKET_MR_MULTICAST = 0;

export interface GroupChange {
  readonly key: number;
  readonly socket: number;
}

export interface GroupPlan {
  readonly leave: readonly GroupChange[];
  readonly join: readonly GroupChange[];
  /** The limit cut the plan short. */
  readonly more: boolean;
}

/**
 * A group on an interface as one number: the index of the interface and the 24 bits in which solicited-node groups
 * differ (RFC 4291 section 2.7.1). Several addresses may share a group.
 */
export function groupKey(interfaceIndex: number, address: Uint8Array): number {
  const low = ((address[13] as number) << 16) | ((address[14] as number) << 8) | (address[15] as number);
  return keyOf(interfaceIndex, low);
}

function keyOf(interfaceIndex: number, bits: GroupBits): number {
  return interfaceIndex * 0x100_0000 + bits;
}

export function interfaceOf(key: number): number {
  return Math.floor(key / 0x100_0000);
}

export function bitsOf(key: number): GroupBits {
  return key % 0x100_0000;
}

/** Writes the struct packet_mreq (packet(7)) of the group: index of the interface, type, length of a MAC, 33:33:ff:XX:XX:XX. */
export function writeMembership(key: number, out: Uint8Array): void {
  const view = new DataView(out.buffer, out.byteOffset);
  view.setInt32(0, interfaceOf(key), true);
  view.setUint16(4, PACKET_MR_MULTICAST, true);
  view.setUint16(6, 6, true);
  out.set([0x33, 0x33, 0xff, (key >>> 16) & 0xff, (key >>> 8) & 0xff, key & 0xff, 0, 0], 8);
}

/** At most `limit` changes, joins first, since a probe may wait for one; a join goes to the first socket with room. */
export function planGroups(joined: ReadonlyMap<number, number>, wanted: ReadonlySet<number>, limit: number): GroupPlan {
  const members: number[] = [];
  for (const socket of joined.values()) members[socket] = (members[socket] ?? 0) + 1;
  const missing = [...wanted].filter((key) => !joined.has(key));
  let first = 0;
  const join = missing.slice(0, limit).map((key) => {
    while ((members[first] ?? 0) >= GROUPS_PER_SOCKET) first++;
    members[first] = (members[first] ?? 0) + 1;
    return { key, socket: first };
  });
  const surplus = [...joined].filter(([key]) => !wanted.has(key));
  const leave = surplus.slice(0, limit - join.length).map(([key, socket]) => ({ key, socket }));
  return { leave, join, more: leave.length < surplus.length || join.length < missing.length };
}

/**
 * The solicited-node groups that devices let through by now, as keys: the lines of /proc/net/dev_mcast, which are index, name, users,
 * global users and MAC. Other lines are other groups'.
 */
export function deviceGroups(text: string): ReadonlySet<number> {
  const keys = new Set<number>();
  for (const [, index, bits] of text.matchAll(/^(\d+)\s.*\s3333ff([0-9a-f]{6})\s*$/gm))
    keys.add(keyOf(Number(index), Number.parseInt(bits ?? "", 16)));
  return keys;
}

/** Of these groups of the interface those that no device membership is left of, by the text of /proc/net/dev_mcast. */
export function unusedGroups(
  interfaceIndex: number,
  groups: readonly GroupBits[],
  text: string,
): ReadonlySet<GroupBits> {
  const used = deviceGroups(text);
  return new Set(groups.filter((bits) => !used.has(keyOf(interfaceIndex, bits))));
}
