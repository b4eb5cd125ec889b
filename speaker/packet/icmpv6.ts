/** The checksum of ICMPv6 (RFC 4443 section 2.3) over the pseudo-header of RFC 8200 section 8.1. */
import { read16 } from "./bytes.ts";
import { IPV6_HEADER_BYTES, IPV6_SOURCE_AT, ipv6End, NEXT_HEADER_ICMPV6 } from "./ipv6.ts";

export const ICMPV6_CHECKSUM_AT = 2;

/**
 * The ones' complement sum of pseudo-header and message of the packet at `at`, complemented. With the checksum field
 * at zero it is the value to write there; over a received packet it is 0 exactly when the checksum is right. `optionsBytes` of
 * extension headers (an even number) stand before the message, and are no part of the sum.
 */
export function icmpv6Checksum(bytes: Uint8Array, at: number, optionsBytes = 0): number {
  const end = ipv6End(bytes, at);
  // The two addresses and the message are adjacent: one run of words. At most 65,575 bytes, so the sum fits 32 bits.
  const optionsAt = at + IPV6_HEADER_BYTES;
  let sum = end - optionsAt - optionsBytes + NEXT_HEADER_ICMPV6;
  let index = at + IPV6_SOURCE_AT;
  for (; index + 1 < end; index += 2) sum += read16(bytes, index);
  if (index < end) sum += (bytes[index] as number) << 8;
  for (let option = optionsAt; option < optionsAt + optionsBytes; option += 2) sum -= read16(bytes, option);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
