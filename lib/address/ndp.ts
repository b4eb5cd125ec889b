import type { Ip } from "./ip.ts";

/** ff02::1:ff00:0/104 (RFC 4291 section 2.7.1). */
const SOLICITED_NODE_PREFIX = 0xff02_0000_0000_0000_0000_0001_ff00_0000n;

/** The multicast group to which solicitations for this IPv6 address are sent (RFC 4291 section 2.7.1). */
export function solicitedNodeGroup(ip: Ip): Ip {
  if (ip.family !== 6) throw new RangeError("only IPv6 has solicited-node groups");
  return { family: 6, value: SOLICITED_NODE_PREFIX | (ip.value & 0xff_ffffn) };
}

/** The Ethernet address of a multicast group: 33:33 and 32 bits (RFC 2464 section 7), or 01:00:5e and 23 bits (RFC 1112 section 6.4). */
export function multicastMac(ip: Ip): Uint8Array {
  const low = Number(ip.value & 0xffff_ffffn);
  const bytes = [(low >>> 24) & 0xff, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff];
  if (ip.family === 6) return Uint8Array.from([0x33, 0x33, ...bytes]);
  return Uint8Array.from([0x01, 0x00, 0x5e, (bytes[1] ?? 0) & 0x7f, bytes[2] ?? 0, bytes[3] ?? 0]);
}
