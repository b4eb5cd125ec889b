/** For tests of multicast listener discovery: the checksum behind the hop-by-hop header, for frames that were changed. */
import { icmpv6Checksum } from "../../../speaker/packet/icmpv6.ts";
import { HOP_BY_HOP_BYTES, MLD_AT } from "../../../speaker/packet/mld.ts";
import { frame } from "./fixtures.ts";

/** Where the IPv6 packet and the message begin in a frame. */
export const IP = 14;
export const MLD = IP + MLD_AT;

/** Makes the checksum of the frame right, if its length lets it have one. */
export function finishMld(bytes: Uint8Array): Uint8Array {
  const payloadBytes = ((bytes[IP + 4] ?? 0) << 8) | (bytes[IP + 5] ?? 0);
  if (bytes.length < MLD + 4 || IP + 40 + payloadBytes > bytes.length) return bytes;
  bytes.set([0, 0], MLD + 2);
  const sum = icmpv6Checksum(bytes, IP, HOP_BY_HOP_BYTES);
  bytes.set([sum >> 8, sum & 0xff], MLD + 2);
  return bytes;
}

/** At a place, these bytes. */
export type Change = readonly [at: number, ...bytes: number[]];

/** The recorded frame with bytes changed and bytes added; its checksum is right again. */
export function changedMld(name: string, changes: readonly Change[], more: readonly number[] = []): Uint8Array {
  const bytes = Uint8Array.of(...frame(name), ...more);
  for (const [at, ...values] of changes) bytes.set(values, at);
  return finishMld(bytes);
}
