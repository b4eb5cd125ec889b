/**
 * Neighbour solicitation and advertisement (RFC 4861 sections 4.3 and 4.4; validation: sections 7.1.1 and 7.1.2;
 * duplicate address detection: RFC 4862 section 5.4), with the link-layer address options (section 4.6.1).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------------+
 *   0 | type 135, 136 |   code = 0    |           checksum            |
 *     +-+-+-+---------+---------------+-------------------------------+
 *   4 |R|S|O|        reserved (the flags are of the advertisement)    |
 *     +-+-+-+---------------------------------------------------------+
 *   8 |                     target (16 bytes) …                       |
 *     +---------------+---------------+-------------------------------+
 *  24 | option type   | length, 8 B   |  1: source, 2: target MAC …   |
 *     +---------------+---------------+-------------------------------+
 */
import { isZero, read32 } from "./bytes.ts";
import { ICMPV6_CHECKSUM_AT, icmpv6Checksum } from "./icmpv6.ts";
import {
  IPV6_DESTINATION_AT,
  IPV6_HEADER_BYTES,
  IPV6_HOP_LIMIT_AT,
  IPV6_SOURCE_AT,
  type Ipv6Drop,
  ipv6End,
  ipv6Problem,
} from "./ipv6.ts";

export const NEIGHBOR_SOLICITATION = 135;
export const NEIGHBOR_ADVERTISEMENT = 136;
export const ND_MESSAGE_BYTES = 24;
export const ND_FLAGS_AT = 4;
export const ND_TARGET_AT = 8;
export const SOURCE_LINK_LAYER = 1;
export const TARGET_LINK_LAYER = 2;
export const LINK_LAYER_OPTION_BYTES = 8;
export const FLAG_ROUTER = 0x80;
export const FLAG_SOLICITED = 0x40;
export const FLAG_OVERRIDE = 0x20;

export type NdDrop =
  | Ipv6Drop
  | "nd-hop-limit"
  | "nd-short"
  | "nd-type"
  | "nd-code"
  | "nd-checksum"
  | "nd-target"
  | "nd-option-length"
  | "nd-option-address"
  | "nd-dad-destination"
  | "nd-dad-source-option"
  | "nd-solicited-multicast";

/** What is wrong with the IPv6 packet at `at` that should be a neighbour message, or undefined. Allocates nothing. */
export function ndProblem(bytes: Uint8Array, at: number, end: number): NdDrop | undefined {
  const outer = ipv6Problem(bytes, at, end);
  if (outer !== undefined) return outer;
  // Every router lowers it, so 255 proves a sender on this link (RFC 4861 section 3.1).
  if (bytes[at + IPV6_HOP_LIMIT_AT] !== 255) return "nd-hop-limit";
  const icmpAt = at + IPV6_HEADER_BYTES;
  const icmpEnd = ipv6End(bytes, at);
  if (icmpEnd - icmpAt < ND_MESSAGE_BYTES) return "nd-short";
  const type = bytes[icmpAt];
  if (type !== NEIGHBOR_SOLICITATION && type !== NEIGHBOR_ADVERTISEMENT) return "nd-type";
  if (bytes[icmpAt + 1] !== 0) return "nd-code";
  if (icmpv6Checksum(bytes, at) !== 0) return "nd-checksum";
  if (bytes[icmpAt + ND_TARGET_AT] === 0xff) return "nd-target";
  const options = optionProblem(bytes, icmpAt, icmpEnd);
  if (options !== undefined) return options;
  return type === NEIGHBOR_SOLICITATION ? solicitationProblem(bytes, at) : advertisementProblem(bytes, at);
}

/** RFC 4861 section 4.6: a length of zero is invalid; on Ethernet the link-layer address options have length 1. */
function optionProblem(bytes: Uint8Array, icmpAt: number, icmpEnd: number): NdDrop | undefined {
  let at = icmpAt + ND_MESSAGE_BYTES;
  while (at < icmpEnd) {
    if (at + 2 > icmpEnd) return "nd-option-length";
    const length = (bytes[at + 1] as number) * 8;
    if (length === 0 || at + length > icmpEnd) return "nd-option-length";
    const type = bytes[at];
    const addressOption = type === SOURCE_LINK_LAYER || type === TARGET_LINK_LAYER;
    if (addressOption && length !== LINK_LAYER_OPTION_BYTES) return "nd-option-address";
    at += length;
  }
  return undefined;
}

/** RFC 4861 section 7.1.1, the rules for an unspecified source. */
function solicitationProblem(bytes: Uint8Array, at: number): NdDrop | undefined {
  if (!isUnspecified(bytes, at + IPV6_SOURCE_AT)) return undefined;
  if (!isSolicitedNodeGroup(bytes, at + IPV6_DESTINATION_AT)) return "nd-dad-destination";
  return linkLayerOptionAt(bytes, at, SOURCE_LINK_LAYER) < 0 ? undefined : "nd-dad-source-option";
}

/** RFC 4861 section 7.1.2: an advertisement to a group answers nobody. */
function advertisementProblem(bytes: Uint8Array, at: number): NdDrop | undefined {
  const solicited = ((bytes[at + IPV6_HEADER_BYTES + ND_FLAGS_AT] as number) & FLAG_SOLICITED) !== 0;
  return solicited && bytes[at + IPV6_DESTINATION_AT] === 0xff ? "nd-solicited-multicast" : undefined;
}

/** Where the six bytes of the first such option of the checked packet at `at` begin, or -1. */
export function linkLayerOptionAt(bytes: Uint8Array, at: number, optionType: number): number {
  const icmpEnd = ipv6End(bytes, at);
  let optionAt = at + IPV6_HEADER_BYTES + ND_MESSAGE_BYTES;
  while (optionAt < icmpEnd) {
    if (bytes[optionAt] === optionType) return optionAt + 2;
    optionAt += (bytes[optionAt + 1] as number) * 8;
  }
  return -1;
}

export function isUnspecified(bytes: Uint8Array, at: number): boolean {
  return isZero(bytes, at, 16);
}

/** ff02::1:ff00:0/104 (RFC 4291 section 2.7.1). */
export function isSolicitedNodeGroup(bytes: Uint8Array, at: number): boolean {
  return (
    read32(bytes, at) === (0xff02_0000 | 0) &&
    read32(bytes, at + 4) === 0 &&
    read32(bytes, at + 8) === 1 &&
    bytes[at + 12] === 0xff
  );
}

/** Fills in the checksum of the complete packet at `at`. */
export function finishChecksum(out: Uint8Array, at: number): void {
  const field = at + IPV6_HEADER_BYTES + ICMPV6_CHECKSUM_AT;
  out[field] = 0;
  out[field + 1] = 0;
  const sum = icmpv6Checksum(out, at);
  out[field] = sum >>> 8;
  out[field + 1] = sum & 0xff;
}
