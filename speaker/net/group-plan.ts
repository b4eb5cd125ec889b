/** Which groups to join and leave, and on which socket. */

/** 2,340 fit into the option memory of a socket on current kernels, about 365 on old ones. */
export const GROUPS_PER_SOCKET = 200;

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
  return interfaceIndex * 0x100_0000 + low;
}

export function interfaceOf(key: number): number {
  return Math.floor(key / 0x100_0000);
}

/** Writes the struct ipv6_mreq of the group: its address ff02::1:ffXX:XXXX and the index of the interface. */
export function writeMembership(key: number, out: Uint8Array): void {
  out.set([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, (key >>> 16) & 0xff, (key >>> 8) & 0xff, key & 0xff]);
  new DataView(out.buffer, out.byteOffset).setInt32(16, interfaceOf(key), true);
}

/** At most `limit` changes, leaves first; a join goes to the first socket with room. */
export function planGroups(joined: ReadonlyMap<number, number>, wanted: ReadonlySet<number>, limit: number): GroupPlan {
  const surplus = [...joined].filter(([key]) => !wanted.has(key));
  const leave = surplus.slice(0, limit).map(([key, socket]) => ({ key, socket }));
  const left = new Set(leave.map(({ key }) => key));
  const members: number[] = [];
  for (const [key, socket] of joined) if (!left.has(key)) members[socket] = (members[socket] ?? 0) + 1;
  const missing = [...wanted].filter((key) => !joined.has(key));
  const join = missing.slice(0, limit - leave.length).map((key) => {
    let socket = 0;
    while ((members[socket] ?? 0) >= GROUPS_PER_SOCKET) socket++;
    members[socket] = (members[socket] ?? 0) + 1;
    return { key, socket };
  });
  return { leave, join, more: leave.length < surplus.length || join.length < missing.length };
}
