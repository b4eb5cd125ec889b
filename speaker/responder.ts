/**
 * The responder: one received frame and the table in, the reply or a named drop reason out. It writes the reply where
 * it is told and allocates nothing, because it runs for every frame.
 *
 *     request for an address of the table, on its interface  → reply
 *     anything else                                          → drop, with its reason
 *     whoever else speaks as an owner of a known address     → besides, heard (`hear`)
 */
import { type AddressIndex, findV4, findV6, type Known } from "./address-index.ts";
import { hasMac } from "./mac-set.ts";
import type { HeardHow } from "./net/messages.ts";
import {
  ARP_FRAME_BYTES,
  ARP_OPERATION_AT,
  ARP_REPLY,
  ARP_REQUEST,
  ARP_SENDER_IP_AT,
  ARP_SENDER_MAC_AT,
  ARP_TARGET_IP_AT,
  type ArpDrop,
  arpProblem,
  isArpProbe,
  writeArpReply,
} from "./packet/arp.ts";
import { isZero, macText, read16, sameBytes } from "./packet/bytes.ts";
import {
  ETHER_TYPE_ARP,
  ETHER_TYPE_AT,
  ETHER_TYPE_IPV6,
  ETHERNET_HEADER_BYTES,
  ETHERNET_SOURCE_AT,
  type EthernetDrop,
  isStationMac,
} from "./packet/ethernet.ts";
import { IPV6_DESTINATION_AT, IPV6_HEADER_BYTES, IPV6_SOURCE_AT } from "./packet/ipv6.ts";
import {
  FLAG_SOLICITED,
  isSolicitedNodeGroup,
  isUnspecified,
  linkLayerOptionAt,
  ND_FLAGS_AT,
  ND_TARGET_AT,
  type NdDrop,
  NEIGHBOR_ADVERTISEMENT,
  NEIGHBOR_SOLICITATION,
  ndProblem,
  TARGET_LINK_LAYER,
} from "./packet/ndp.ts";
import { NA_BARE_FRAME_BYTES, NA_FRAME_BYTES, writeSolicitedAdvertisement } from "./packet/ndp-codec.ts";

export type ResponderDrop =
  | EthernetDrop
  | ArpDrop
  | NdDrop
  | "ethernet-type"
  | "ethernet-source"
  /** Nobody asked: an ARP reply or an advertisement. `hear` says whether it matters. */
  | "not-a-request"
  /** A request in which the sender claims the very address it asks for (RFC 5227 section 2.3). */
  | "announcement"
  | "unknown-address"
  /** Known, but not answered here: listened for, lost, or held on another interface. */
  | "not-held-here"
  /** The kernel of another node of the cluster wants to know who holds the address, and must not (docs/adr/0015). */
  | "peer-kernel";

/** "na-reply-bare": without the link-layer address, for the speaker of another node (docs/adr/0015). */
export type Outcome = "arp-reply" | "na-reply" | "na-reply-bare" | ResponderDrop;

/** The most that a reply needs. */
export const REPLY_BYTES_MAX = Math.max(ARP_FRAME_BYTES, NA_FRAME_BYTES);

export interface Receiver {
  readonly name: string;
  readonly mac: Uint8Array;
}

/** The length of the frame that this outcome has written; 0 for a drop. */
export function replyBytes(outcome: Outcome): number {
  if (outcome === "arp-reply") return ARP_FRAME_BYTES;
  if (outcome === "na-reply") return NA_FRAME_BYTES;
  return outcome === "na-reply-bare" ? NA_BARE_FRAME_BYTES : 0;
}

/** Looks at the frame in `bytes` from `at` up to `end` and writes the reply, if there is one, to `out` at `outAt`. */
export function respond(
  index: AddressIndex,
  receiver: Receiver,
  bytes: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): Outcome {
  if (end - at < ETHERNET_HEADER_BYTES) return "ethernet-short";
  if (!isStationMac(bytes, at + ETHERNET_SOURCE_AT)) return "ethernet-source";
  const payloadAt = at + ETHERNET_HEADER_BYTES;
  const etherType = read16(bytes, at + ETHER_TYPE_AT);
  if (etherType === ETHER_TYPE_ARP) return respondArp(index, receiver, bytes, payloadAt, end, out, outAt);
  if (etherType === ETHER_TYPE_IPV6) return respondNd(index, receiver, bytes, payloadAt, end, out, outAt);
  return "ethernet-type";
}

function respondArp(
  index: AddressIndex,
  receiver: Receiver,
  bytes: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): Outcome {
  const problem = arpProblem(bytes, at, end);
  if (problem !== undefined) return problem;
  if (read16(bytes, at + ARP_OPERATION_AT) !== ARP_REQUEST) return "not-a-request";
  if (sameBytes(bytes, at + ARP_SENDER_IP_AT, bytes, at + ARP_TARGET_IP_AT, 4)) return "announcement";
  const known = findV4(index, bytes, at + ARP_TARGET_IP_AT);
  if (known === undefined) return "unknown-address";
  if (!known.interfaces.includes(receiver.name)) return "not-held-here";
  writeArpReply(bytes, at, receiver.mac, out, outAt);
  return "arp-reply";
}

function respondNd(
  index: AddressIndex,
  receiver: Receiver,
  bytes: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): Outcome {
  const problem = ndProblem(bytes, at, end);
  if (problem !== undefined) return problem;
  if (bytes[at + IPV6_HEADER_BYTES] !== NEIGHBOR_SOLICITATION) return "not-a-request";
  const known = findV6(index, bytes, at + IPV6_HEADER_BYTES + ND_TARGET_AT);
  if (known === undefined) return "unknown-address";
  if (!known.interfaces.includes(receiver.name)) return "not-held-here";
  const isPeer = hasMac(index.peers, bytes, at - ETHERNET_HEADER_BYTES + ETHERNET_SOURCE_AT);
  const isToPeer = isPeer && !isUnspecified(bytes, at + IPV6_SOURCE_AT);
  if (isToPeer && isAskedByKernel(bytes, at)) return "peer-kernel";
  writeSolicitedAdvertisement(bytes, at, receiver.mac, out, outAt, isToPeer);
  return isToPeer ? "na-reply-bare" : "na-reply";
}

/**
 * Whether a kernel resolves the address, as that of another node does when it forwards a packet that belongs to no connection it
 * knows. It would keep the answer, and as the next holder send it to clients in a redirect (RFC 4861 section 8.1), who would then
 * turn to the holder before it. A kernel asks the solicited-node group, or the address itself to confirm what it has (sections
 * 7.2.2, 7.3.3); the questions of speakers go to a link-local address or to all nodes, and a probe has no source.
 *
 * The answer to a speaker reaches its kernel too: it has no link-layer option, so that a kernel which is just asking learns nothing.
 */
function isAskedByKernel(bytes: Uint8Array, at: number): boolean {
  const destinationAt = at + IPV6_DESTINATION_AT;
  if (isSolicitedNodeGroup(bytes, destinationAt)) return true;
  return sameBytes(bytes, destinationAt, bytes, at + IPV6_HEADER_BYTES + ND_TARGET_AT, 16);
}

export interface Heard {
  readonly known: Known;
  readonly mac: string;
  readonly how: HeardHow;
  /** It answers who has told an address of its own, as the detector does; a probe tells none (RFC 5227 section 2.1.1, RFC 4862 section 5.4.2). */
  readonly toQuestion: boolean;
}

/**
 * Who else speaks for a known address in this frame, if anybody (RFC 5227 sections 2.1.1 and 2.4, RFC 4862 5.4.3 and
 * 5.4.4). Malformed frames tell nothing. Costs one look-up for the usual frame that tells nothing.
 */
export function hear(index: AddressIndex, bytes: Uint8Array, at: number, end: number): Heard | undefined {
  if (end - at < ETHERNET_HEADER_BYTES) return undefined;
  const payloadAt = at + ETHERNET_HEADER_BYTES;
  const etherType = read16(bytes, at + ETHER_TYPE_AT);
  if (etherType === ETHER_TYPE_ARP) return hearArp(index, bytes, payloadAt, end);
  return etherType === ETHER_TYPE_IPV6 ? hearNd(index, bytes, payloadAt, end) : undefined;
}

function hearArp(index: AddressIndex, bytes: Uint8Array, at: number, end: number): Heard | undefined {
  if (arpProblem(bytes, at, end) !== undefined) return undefined;
  const probe = isArpProbe(bytes, at);
  const known = findV4(index, bytes, at + (probe ? ARP_TARGET_IP_AT : ARP_SENDER_IP_AT));
  if (known === undefined) return undefined;
  const toOne = ((bytes[at - ETHERNET_HEADER_BYTES] as number) & 1) === 0;
  // Who probes asks everybody. A node without an IPv4 address asks one station whether it lives: that is about the station.
  if (probe && toOne) return undefined;
  const mac = macText(bytes, at + ARP_SENDER_MAC_AT);
  if (probe) return { known, mac, how: "probe", toQuestion: false };
  // A reply to one station answers a question; every other use of the sender field claims the address before all.
  const answers = read16(bytes, at + ARP_OPERATION_AT) === ARP_REPLY && toOne;
  const toQuestion = answers && !isZero(bytes, at + ARP_TARGET_IP_AT, 4);
  return { known, mac, how: answers ? "answer" : "announcement", toQuestion };
}

function hearNd(index: AddressIndex, bytes: Uint8Array, at: number, end: number): Heard | undefined {
  if (end - at < IPV6_HEADER_BYTES + ND_TARGET_AT + 16) return undefined;
  const icmpAt = at + IPV6_HEADER_BYTES;
  const advertisement = bytes[icmpAt] === NEIGHBOR_ADVERTISEMENT;
  if (!advertisement && !isUnspecified(bytes, at + IPV6_SOURCE_AT)) return undefined;
  const known = findV6(index, bytes, icmpAt + ND_TARGET_AT);
  if (known === undefined || ndProblem(bytes, at, end) !== undefined) return undefined;
  const sourceAt = at - ETHERNET_HEADER_BYTES + ETHERNET_SOURCE_AT;
  if (!advertisement) return { known, mac: macText(bytes, sourceAt), how: "probe", toQuestion: false };
  const optionAt = linkLayerOptionAt(bytes, at, TARGET_LINK_LAYER);
  const solicited = ((bytes[icmpAt + ND_FLAGS_AT] as number) & FLAG_SOLICITED) !== 0;
  const mac = macText(bytes, optionAt < 0 ? sourceAt : optionAt);
  return { known, mac, how: solicited ? "answer" : "announcement", toQuestion: solicited };
}

/** Somebody asks everybody for a known address. */
export interface Asked {
  readonly address: string;
  readonly mac: string;
}

/**
 * Who asks everybody for a known address that is not answered here (election.md section 4: the alarm). The frame is one that
 * `respond` has checked and found `not-held-here`; a probe without a sender address (RFC 5227) is nobody's alarm.
 */
export function hearAlarm(index: AddressIndex, bytes: Uint8Array, at: number, end: number): Asked | undefined {
  if (end - at < ETHERNET_HEADER_BYTES || ((bytes[at] as number) & 1) === 0) return undefined;
  const payloadAt = at + ETHERNET_HEADER_BYTES;
  const isArp = read16(bytes, at + ETHER_TYPE_AT) === ETHER_TYPE_ARP;
  if (isArp ? isArpProbe(bytes, payloadAt) : isUnspecified(bytes, payloadAt + IPV6_SOURCE_AT)) return undefined;
  const known = isArp
    ? findV4(index, bytes, payloadAt + ARP_TARGET_IP_AT)
    : findV6(index, bytes, payloadAt + IPV6_HEADER_BYTES + ND_TARGET_AT);
  return known && { address: known.address, mac: macText(bytes, at + ETHERNET_SOURCE_AT) };
}
