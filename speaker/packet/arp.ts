/**
 * ARP for IPv4 over Ethernet (RFC 826; announcements and probes: RFC 5227 sections 1.1, 2.1 and 2.3).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------------------------------+-------------------------------+
 *   0 |  hardware type = 1 (Ethernet) |  protocol type = 0x0800 (IPv4)|
 *     +---------------+---------------+-------------------------------+
 *   4 | hw length = 6 | pr length = 4 |  operation: 1 asks, 2 answers |
 *     +---------------+---------------+-------------------------------+
 *   8 |                  sender MAC, SHA (6 bytes)                    |
 *     +                               +-------------------------------+
 *  12 |                               |       sender IPv4, SPA        |
 *     +-------------------------------+-------------------------------+
 *  16 |      sender IPv4, SPA         |                               |
 *     +-------------------------------+                               +
 *  20 |                  target MAC, THA (6 bytes)                    |
 *     +---------------------------------------------------------------+
 *  24 |                  target IPv4, TPA                             |
 *     +---------------------------------------------------------------+
 */
import { fail, ok, type Result } from "../../lib/runtime/result.ts";
import { addressBytes, addressText, copyBytes, macBytes, macText, read16, read32, write16 } from "./bytes.ts";
import { ETHER_TYPE_ARP, ETHER_TYPE_AT, ETHERNET_HEADER_BYTES, ETHERNET_SOURCE_AT, isStationMac } from "./ethernet.ts";

export const ARP_BYTES = 28;
export const ARP_FRAME_BYTES = ETHERNET_HEADER_BYTES + ARP_BYTES;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;
export const ARP_OPERATION_AT = 6;
export const ARP_SENDER_MAC_AT = 8;
export const ARP_SENDER_IP_AT = 14;
export const ARP_TARGET_MAC_AT = 18;
export const ARP_TARGET_IP_AT = 24;

/** Hardware type 1 and protocol type 0x0800, in one word; lengths 6 and 4. */
const HARDWARE_TYPE = 1;
const PROTOCOL_TYPE = 0x0800;
const LENGTHS = 0x0604;

export interface ArpPacket {
  readonly operation: "request" | "reply";
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac: string;
  readonly targetIp: string;
}

export type ArpDrop =
  | "arp-short"
  | "arp-hardware-type"
  | "arp-protocol-type"
  | "arp-lengths"
  | "arp-operation"
  | "arp-sender-mac";

/** What is wrong with the packet at `at`, or undefined. Trailing bytes are Ethernet padding. Allocates nothing. */
export function arpProblem(bytes: Uint8Array, at: number, end: number): ArpDrop | undefined {
  if (end - at < ARP_BYTES) return "arp-short";
  if (read16(bytes, at) !== HARDWARE_TYPE) return "arp-hardware-type";
  if (read16(bytes, at + 2) !== PROTOCOL_TYPE) return "arp-protocol-type";
  if (read16(bytes, at + 4) !== LENGTHS) return "arp-lengths";
  const operation = read16(bytes, at + ARP_OPERATION_AT);
  if (operation !== ARP_REQUEST && operation !== ARP_REPLY) return "arp-operation";
  if (!isStationMac(bytes, at + ARP_SENDER_MAC_AT)) return "arp-sender-mac";
  return undefined;
}

/** Reads the packet at `at`; the frame ends before `end`. */
export function decodeArp(bytes: Uint8Array, at: number, end: number): Result<ArpPacket, ArpDrop> {
  const problem = arpProblem(bytes, at, end);
  if (problem !== undefined) return fail(problem);
  return ok({
    operation: read16(bytes, at + ARP_OPERATION_AT) === ARP_REQUEST ? "request" : "reply",
    senderMac: macText(bytes, at + ARP_SENDER_MAC_AT),
    senderIp: addressText(bytes, at + ARP_SENDER_IP_AT, 4),
    targetMac: macText(bytes, at + ARP_TARGET_MAC_AT),
    targetIp: addressText(bytes, at + ARP_TARGET_IP_AT, 4),
  });
}

/** Writes the packet at `at` and returns where it ends. Malformed addresses throw. */
export function encodeArp(packet: ArpPacket, out: Uint8Array, at: number): number {
  writeArpHead(out, at, packet.operation === "request" ? ARP_REQUEST : ARP_REPLY);
  copyBytes(macBytes(packet.senderMac), 0, out, at + ARP_SENDER_MAC_AT, 6);
  copyBytes(addressBytes(packet.senderIp, 4), 0, out, at + ARP_SENDER_IP_AT, 4);
  copyBytes(macBytes(packet.targetMac), 0, out, at + ARP_TARGET_MAC_AT, 6);
  copyBytes(addressBytes(packet.targetIp, 4), 0, out, at + ARP_TARGET_IP_AT, 4);
  return at + ARP_BYTES;
}

/**
 * Writes the whole frame that answers the checked request whose ARP packet begins at `requestAt`: unicast to the asker,
 * from the MAC of the receiving interface (RFC 826, packet reception; RFC 5227 2.1.1 for a sender of 0.0.0.0).
 */
export function writeArpReply(
  request: Uint8Array,
  requestAt: number,
  mac: Uint8Array,
  out: Uint8Array,
  at: number,
): number {
  const arpAt = at + ETHERNET_HEADER_BYTES;
  copyBytes(request, requestAt + ARP_SENDER_MAC_AT, out, at, 6);
  copyBytes(mac, 0, out, at + ETHERNET_SOURCE_AT, 6);
  write16(out, at + ETHER_TYPE_AT, ETHER_TYPE_ARP);
  writeArpHead(out, arpAt, ARP_REPLY);
  copyBytes(mac, 0, out, arpAt + ARP_SENDER_MAC_AT, 6);
  copyBytes(request, requestAt + ARP_TARGET_IP_AT, out, arpAt + ARP_SENDER_IP_AT, 4);
  copyBytes(request, requestAt + ARP_SENDER_MAC_AT, out, arpAt + ARP_TARGET_MAC_AT, 10);
  return at + ARP_FRAME_BYTES;
}

/** Whether the checked packet is a probe: it asks without telling a sender address (RFC 5227 section 1.1). */
export function isArpProbe(bytes: Uint8Array, at: number): boolean {
  return read32(bytes, at + ARP_SENDER_IP_AT) === 0;
}

function writeArpHead(out: Uint8Array, at: number, operation: number): void {
  write16(out, at, HARDWARE_TYPE);
  write16(out, at + 2, PROTOCOL_TYPE);
  write16(out, at + 4, LENGTHS);
  write16(out, at + ARP_OPERATION_AT, operation);
}
