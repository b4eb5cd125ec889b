/**
 * The ICMPv6 redirect (RFC 4861 section 4.5), as far as Berth reads it: those that the node's own kernel sends.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------------+
 *   0 |  type = 137   |   code = 0    |           checksum            |
 *     +---------------+---------------+-------------------------------+
 *   4 |                           reserved                            |
 *     +---------------------------------------------------------------+
 *   8 |                 target address (16 bytes) …                   |
 *     +---------------------------------------------------------------+
 *  24 |               destination address (16 bytes) …                |
 *     +---------------------------------------------------------------+
 *  40 |   options: the target's link-layer address, the packet itself |
 */
import { addressText, macText, read16, sameBytes } from "./bytes.ts";
import { ETHER_TYPE_AT, ETHER_TYPE_IPV6, ETHERNET_DESTINATION_AT, ETHERNET_HEADER_BYTES } from "./ethernet.ts";
import { IPV6_DESTINATION_AT, IPV6_HEADER_BYTES, IPV6_NEXT_HEADER_AT, NEXT_HEADER_ICMPV6 } from "./ipv6.ts";

export const ICMPV6_REDIRECT = 137;
const TARGET_AT = 8;
const DESTINATION_AT = 24;
const REDIRECT_BYTES = 40;

export interface Redirect {
  /** Where the address begins that is on the link by what the redirect says: it is its own next hop. */
  readonly targetAt: number;
  /** Whom it was sent to. */
  readonly mac: string;
  readonly address: string;
}

/** What the frame from `at` to `end` says, if it is a redirect that calls its destination on-link; else undefined. */
export function readRedirect(bytes: Uint8Array, at: number, end: number): Redirect | undefined {
  const ipAt = at + ETHERNET_HEADER_BYTES;
  const icmpAt = ipAt + IPV6_HEADER_BYTES;
  if (end < icmpAt + REDIRECT_BYTES || read16(bytes, at + ETHER_TYPE_AT) !== ETHER_TYPE_IPV6) return undefined;
  if (bytes[ipAt + IPV6_NEXT_HEADER_AT] !== NEXT_HEADER_ICMPV6 || bytes[icmpAt] !== ICMPV6_REDIRECT) return undefined;
  if (!sameBytes(bytes, icmpAt + TARGET_AT, bytes, icmpAt + DESTINATION_AT, 16)) return undefined;
  return {
    targetAt: icmpAt + TARGET_AT,
    mac: macText(bytes, at + ETHERNET_DESTINATION_AT),
    address: addressText(bytes, ipAt + IPV6_DESTINATION_AT, 16),
  };
}
