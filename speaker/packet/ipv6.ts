/**
 * The fixed IPv6 header (RFC 8200 section 3). Neighbour discovery travels directly behind it: a message behind an
 * extension header is dropped as `ip6-next-header` (RFC 6980 section 5 forbids fragments; no system sends others). Multicast
 * listener discovery has one, see mld.ts.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------+---------------+---------------------------------------+
 *   0 | ver=6 | traffic class |              flow label               |
 *     +-------+---------------+-------+---------------+---------------+
 *   4 |       payload length          |  next header  |   hop limit   |
 *     +-------------------------------+---------------+---------------+
 *   8 |                    source (16 bytes) …                        |
 *     +---------------------------------------------------------------+
 *  24 |                  destination (16 bytes) …                     |
 *     +---------------------------------------------------------------+
 */
import { read16, write16 } from "./bytes.ts";

export const IPV6_HEADER_BYTES = 40;
export const IPV6_PAYLOAD_LENGTH_AT = 4;
export const IPV6_NEXT_HEADER_AT = 6;
export const IPV6_HOP_LIMIT_AT = 7;
export const IPV6_SOURCE_AT = 8;
export const IPV6_DESTINATION_AT = 24;
export const NEXT_HEADER_HOP_BY_HOP = 0;
export const NEXT_HEADER_ICMPV6 = 58;

export type Ipv6Drop = "ip6-short" | "ip6-version" | "ip6-length" | "ip6-next-header" | "ip6-source";

/** What is wrong with the ICMPv6 packet at `at`, or undefined. Bytes after the payload are padding. Allocates nothing. */
export function ipv6Problem(bytes: Uint8Array, at: number, end: number): Ipv6Drop | undefined {
  if (end - at < IPV6_HEADER_BYTES) return "ip6-short";
  if ((bytes[at] as number) >> 4 !== 6) return "ip6-version";
  if (read16(bytes, at + IPV6_PAYLOAD_LENGTH_AT) > end - at - IPV6_HEADER_BYTES) return "ip6-length";
  if (bytes[at + IPV6_NEXT_HEADER_AT] !== NEXT_HEADER_ICMPV6) return "ip6-next-header";
  // A multicast source is never valid (RFC 4291 section 2.7).
  if (bytes[at + IPV6_SOURCE_AT] === 0xff) return "ip6-source";
  return undefined;
}

/** Where the payload of the checked packet at `at` ends. */
export function ipv6End(bytes: Uint8Array, at: number): number {
  return at + IPV6_HEADER_BYTES + read16(bytes, at + IPV6_PAYLOAD_LENGTH_AT);
}

/** Writes everything but the two addresses: an ICMPv6 packet with hop limit 255, no traffic class, no flow label. */
export function writeIpv6Head(out: Uint8Array, at: number, payloadBytes: number): void {
  write16(out, at, 0x6000);
  write16(out, at + 2, 0);
  write16(out, at + IPV6_PAYLOAD_LENGTH_AT, payloadBytes);
  out[at + IPV6_NEXT_HEADER_AT] = NEXT_HEADER_ICMPV6;
  out[at + IPV6_HOP_LIMIT_AT] = 255;
}
