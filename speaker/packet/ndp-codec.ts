/** Neighbour messages as plain values, and the advertisement that answers a solicitation. The layouts are in ndp.ts and ipv6.ts. */
import { fail, ok, type Result } from "../../lib/runtime/result.ts";
import { addressBytes, addressText, copyBytes, fillBytes, macBytes, macText, write16 } from "./bytes.ts";
import { ETHER_TYPE_AT, ETHER_TYPE_IPV6, ETHERNET_HEADER_BYTES, ETHERNET_SOURCE_AT, isStationMac } from "./ethernet.ts";
import { IPV6_DESTINATION_AT, IPV6_HEADER_BYTES, IPV6_SOURCE_AT, writeIpv6Head } from "./ipv6.ts";
import {
  FLAG_OVERRIDE,
  FLAG_ROUTER,
  FLAG_SOLICITED,
  finishChecksum,
  isUnspecified,
  LINK_LAYER_OPTION_BYTES,
  linkLayerOptionAt,
  ND_FLAGS_AT,
  ND_MESSAGE_BYTES,
  ND_TARGET_AT,
  type NdDrop,
  NEIGHBOR_ADVERTISEMENT,
  NEIGHBOR_SOLICITATION,
  ndProblem,
  SOURCE_LINK_LAYER,
  TARGET_LINK_LAYER,
} from "./ndp.ts";

export const ALL_NODES = "ff02::1";
/** Ethernet and IPv6 headers, the message, one link-layer address option. */
export const NA_BARE_FRAME_BYTES = ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES + ND_MESSAGE_BYTES;
export const NA_FRAME_BYTES = NA_BARE_FRAME_BYTES + LINK_LAYER_OPTION_BYTES;

export interface NeighborSolicitation {
  readonly type: "solicitation";
  readonly source: string;
  readonly destination: string;
  readonly target: string;
  /** The source link-layer address option, if there is one. */
  readonly linkLayer?: string;
}

export interface NeighborAdvertisement {
  readonly type: "advertisement";
  readonly source: string;
  readonly destination: string;
  readonly target: string;
  readonly router: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
  /** The target link-layer address option, if there is one. */
  readonly linkLayer?: string;
}

export type NdMessage = NeighborSolicitation | NeighborAdvertisement;

/** Reads the IPv6 packet at `at`; the frame ends before `end`. Unknown options are skipped (RFC 4861 section 4.6). */
export function decodeNd(bytes: Uint8Array, at: number, end: number): Result<NdMessage, NdDrop> {
  const problem = ndProblem(bytes, at, end);
  if (problem !== undefined) return fail(problem);
  const icmpAt = at + IPV6_HEADER_BYTES;
  const asks = bytes[icmpAt] === NEIGHBOR_SOLICITATION;
  const optionAt = linkLayerOptionAt(bytes, at, asks ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER);
  const common = {
    source: addressText(bytes, at + IPV6_SOURCE_AT, 16),
    destination: addressText(bytes, at + IPV6_DESTINATION_AT, 16),
    target: addressText(bytes, icmpAt + ND_TARGET_AT, 16),
    ...(optionAt < 0 ? {} : { linkLayer: macText(bytes, optionAt) }),
  };
  if (asks) return ok({ type: "solicitation", ...common });
  const flags = bytes[icmpAt + ND_FLAGS_AT] as number;
  return ok({
    type: "advertisement",
    ...common,
    router: (flags & FLAG_ROUTER) !== 0,
    solicited: (flags & FLAG_SOLICITED) !== 0,
    override: (flags & FLAG_OVERRIDE) !== 0,
  });
}

/** Writes the IPv6 packet at `at` and returns where it ends. Malformed addresses throw. */
export function encodeNd(message: NdMessage, out: Uint8Array, at: number): number {
  const asks = message.type === "solicitation";
  const icmpAt = at + IPV6_HEADER_BYTES;
  const length = ND_MESSAGE_BYTES + (message.linkLayer === undefined ? 0 : LINK_LAYER_OPTION_BYTES);
  writeIpv6Head(out, at, length);
  copyBytes(addressBytes(message.source, 16), 0, out, at + IPV6_SOURCE_AT, 16);
  copyBytes(addressBytes(message.destination, 16), 0, out, at + IPV6_DESTINATION_AT, 16);
  writeNdHead(out, icmpAt, asks ? NEIGHBOR_SOLICITATION : NEIGHBOR_ADVERTISEMENT, asks ? 0 : flagsOf(message));
  copyBytes(addressBytes(message.target, 16), 0, out, icmpAt + ND_TARGET_AT, 16);
  if (message.linkLayer !== undefined) {
    const type = asks ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER;
    writeLinkLayer(out, icmpAt + ND_MESSAGE_BYTES, type, macBytes(message.linkLayer));
  }
  finishChecksum(out, at);
  return icmpAt + length;
}

/**
 * Writes the whole frame that answers the checked solicitation whose IPv6 packet begins at `requestAt`
 * (RFC 4861 section 7.2.4): R = 0, O = 1; S = 1 and unicast to a specified source, S = 0 to all nodes for `::`.
 * Without a usable source link-layer option the frame goes back to the Ethernet source. With `isBare` the link-layer option is
 * left out, as it may be in answer to a unicast question (RFC 4861 section 4.4).
 */
export function writeSolicitedAdvertisement(
  request: Uint8Array,
  requestAt: number,
  mac: Uint8Array,
  out: Uint8Array,
  at: number,
  isBare = false,
): number {
  const ipAt = at + ETHERNET_HEADER_BYTES;
  const icmpAt = ipAt + IPV6_HEADER_BYTES;
  const targetAt = requestAt + IPV6_HEADER_BYTES + ND_TARGET_AT;
  const duplicateDetection = isUnspecified(request, requestAt + IPV6_SOURCE_AT);
  copyBytes(mac, 0, out, at + ETHERNET_SOURCE_AT, 6);
  write16(out, at + ETHER_TYPE_AT, ETHER_TYPE_IPV6);
  writeIpv6Head(out, ipAt, isBare ? ND_MESSAGE_BYTES : ND_MESSAGE_BYTES + LINK_LAYER_OPTION_BYTES);
  copyBytes(request, targetAt, out, ipAt + IPV6_SOURCE_AT, 16);
  if (duplicateDetection) {
    writeAllNodes(out, at, ipAt);
  } else {
    copyBytes(request, askerMacAt(request, requestAt), out, at, 6);
    copyBytes(request, requestAt + IPV6_SOURCE_AT, out, ipAt + IPV6_DESTINATION_AT, 16);
  }
  writeNdHead(out, icmpAt, NEIGHBOR_ADVERTISEMENT, duplicateDetection ? FLAG_OVERRIDE : FLAG_OVERRIDE | FLAG_SOLICITED);
  copyBytes(request, targetAt, out, icmpAt + ND_TARGET_AT, 16);
  if (!isBare) writeLinkLayer(out, icmpAt + ND_MESSAGE_BYTES, TARGET_LINK_LAYER, mac);
  finishChecksum(out, ipAt);
  return at + (isBare ? NA_BARE_FRAME_BYTES : NA_FRAME_BYTES);
}

function askerMacAt(request: Uint8Array, requestAt: number): number {
  const optionAt = linkLayerOptionAt(request, requestAt, SOURCE_LINK_LAYER);
  if (optionAt >= 0 && isStationMac(request, optionAt)) return optionAt;
  return requestAt - ETHERNET_HEADER_BYTES + ETHERNET_SOURCE_AT;
}

/** ff02::1 and 33:33:00:00:00:01. */
function writeAllNodes(out: Uint8Array, at: number, ipAt: number): void {
  write16(out, at, 0x3333);
  fillBytes(out, at + 2, 3, 0);
  out[at + 5] = 1;
  const destination = ipAt + IPV6_DESTINATION_AT;
  write16(out, destination, 0xff02);
  fillBytes(out, destination + 2, 13, 0);
  out[destination + 15] = 1;
}

function flagsOf(message: NeighborAdvertisement): number {
  return (
    (message.router ? FLAG_ROUTER : 0) |
    (message.solicited ? FLAG_SOLICITED : 0) |
    (message.override ? FLAG_OVERRIDE : 0)
  );
}

function writeNdHead(out: Uint8Array, at: number, type: number, flags: number): void {
  out[at] = type;
  fillBytes(out, at + 1, ND_TARGET_AT - 1, 0);
  out[at + ND_FLAGS_AT] = flags;
}

function writeLinkLayer(out: Uint8Array, at: number, type: number, mac: Uint8Array): void {
  out[at] = type;
  out[at + 1] = 1;
  copyBytes(mac, 0, out, at + 2, 6);
}
