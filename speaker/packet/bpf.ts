/**
 * The two in-kernel filters of an interface as classic BPF programs (Linux Documentation/networking/filter.rst), and
 * the small assembler that resolves their labels. They drop what must never reach the responder:
 * frames for other stations, which is also what a frame tagged for another VLAN is on an untagged interface, frames
 * that leave, frames that only pass through the interface to a device on top of it (a VLAN, a macvlan, a bond: the kernel shows
 * them to the sockets of both), and frames that carry a MAC of this node as their sender.
 *
 *     struct sock_filter: | u16 code | u8 jt | u8 jf | u32 k |   in the byte order of the host
 */
import { BerthError } from "../../lib/runtime/errors.ts";
import { ARP_OPERATION_AT, ARP_REPLY, ARP_REQUEST, ARP_SENDER_MAC_AT } from "./arp.ts";
import { macBytes, read16 } from "./bytes.ts";
import {
  ETHER_TYPE_ARP,
  ETHER_TYPE_AT,
  ETHER_TYPE_IPV6,
  ETHERNET_HEADER_BYTES,
  ETHERNET_SOURCE_AT,
} from "./ethernet.ts";
import {
  IPV6_HEADER_BYTES,
  IPV6_HOP_LIMIT_AT,
  IPV6_NEXT_HEADER_AT,
  NEXT_HEADER_HOP_BY_HOP,
  NEXT_HEADER_ICMPV6,
} from "./ipv6.ts";
import { MLD_AT, MLD_QUERY } from "./mld.ts";
import { NEIGHBOR_ADVERTISEMENT, NEIGHBOR_SOLICITATION } from "./ndp.ts";
import { ICMPV6_REDIRECT } from "./redirect.ts";

/** BPF_LD | BPF_ABS with the three widths, BPF_JMP | BPF_JEQ or BPF_JGT with BPF_K, BPF_RET | BPF_K. */
const CODES = { loadByte: 0x30, loadHalf: 0x28, loadWord: 0x20, jumpEqual: 0x15, jumpGreater: 0x25, return: 0x06 };
export const INSTRUCTION_BYTES = 8;
/** BPF_MAXINSNS of the kernel. */
const INSTRUCTIONS_MAX = 4096;
/** A node has one MAC per usable link; more than these are left to the check of the responder. */
export const OWN_MACS_MAX = 64;

/** SKF_AD_OFF + SKF_AD_PKTTYPE: the packet type of packet(7) instead of a byte of the frame. */
const PACKET_TYPE_AT = 0xffff_f004;
/** SKF_AD_OFF + SKF_AD_IFINDEX: the device that the kernel has given the frame to by now. */
const INTERFACE_INDEX_AT = 0xffff_f008;
/** PACKET_HOST 0, PACKET_BROADCAST 1 and PACKET_MULTICAST 2 pass; PACKET_OTHERHOST 3 and PACKET_OUTGOING 4 do not. */
const PACKET_MULTICAST = 2;
const PACKET_OUTGOING = 4;
/** No frame of these two protocols is longer than this. */
const ACCEPT_BYTES = 0x4_0000;

/** One line of a program. A jump without a label falls through to the next line. */
export type Line =
  | { readonly op: "load"; readonly bytes: 1 | 2 | 4; readonly at: number }
  | { readonly op: "equal" | "greater"; readonly value: number; readonly yes?: string; readonly no?: string }
  | { readonly op: "return"; readonly bytes: number }
  | { readonly op: "label"; readonly name: string };

/** Turns the lines into `struct sock_filter[]`. Unknown, backward and too distant labels are programming errors and throw. */
export function assemble(lines: readonly Line[]): Uint8Array<ArrayBuffer> {
  const labels = new Map<string, number>();
  const code: Exclude<Line, { op: "label" }>[] = [];
  for (const line of lines) {
    if (line.op === "label") labels.set(line.name, code.length);
    else code.push(line);
  }
  if (code.length > INSTRUCTIONS_MAX) throw new BerthError("internal", `BPF program of ${code.length} instructions`);
  const out = new Uint8Array(code.length * INSTRUCTION_BYTES);
  const view = new DataView(out.buffer);
  code.forEach((line, index) => {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, codeOf(line), true);
    if (line.op === "equal" || line.op === "greater") {
      out[at + 2] = distance(labels, line.yes, index);
      out[at + 3] = distance(labels, line.no, index);
    }
    view.setUint32(at + 4, line.op === "load" ? line.at : line.op === "return" ? line.bytes : line.value, true);
  });
  return out;
}

function codeOf(line: Exclude<Line, { op: "label" }>): number {
  switch (line.op) {
    case "load":
      return line.bytes === 1 ? CODES.loadByte : line.bytes === 2 ? CODES.loadHalf : CODES.loadWord;
    case "equal":
      return CODES.jumpEqual;
    case "greater":
      return CODES.jumpGreater;
    case "return":
      return CODES.return;
  }
}

function distance(labels: ReadonlyMap<string, number>, label: string | undefined, from: number): number {
  if (label === undefined) return 0;
  const to = labels.get(label);
  const jump = (to ?? -1) - from - 1;
  if (jump < 0 || jump > 255) throw new BerthError("internal", `BPF jump to ${label} from ${from} is out of reach`);
  return jump;
}

/** For the ETH_P_ARP socket: IPv4 over Ethernet, requests and replies by other stations to this one or to all. */
export function arpFilter(interfaceIndex: number, ownMacs: readonly string[]): Uint8Array<ArrayBuffer> {
  const arp = ETHERNET_HEADER_BYTES;
  return assemble([
    ...forThisStation(interfaceIndex),
    ...must(ETHER_TYPE_AT, 2, [ETHER_TYPE_ARP], "type"),
    ...must(arp, 4, [0x0001_0800], "protocol"),
    ...must(arp + 4, 2, [0x0604], "lengths"),
    ...must(arp + ARP_OPERATION_AT, 2, [ARP_REQUEST, ARP_REPLY], "operation"),
    ...notFrom(ownMacs, ETHERNET_SOURCE_AT, "ethernet"),
    ...notFrom(ownMacs, arp + ARP_SENDER_MAC_AT, "arp"),
    { op: "return", bytes: ACCEPT_BYTES },
  ]);
}

/**
 * For the ETH_P_IPV6 socket: neighbour solicitations and advertisements by other stations; and queries of multicast listener
 * discovery behind the shortest hop-by-hop header, by anybody, since a bridge of this node may be the querier.
 */
export function ndFilter(interfaceIndex: number, ownMacs: readonly string[]): Uint8Array<ArrayBuffer> {
  const ip = ETHERNET_HEADER_BYTES;
  return assemble([
    ...forThisStation(interfaceIndex),
    ...must(ETHER_TYPE_AT, 2, [ETHER_TYPE_IPV6], "type"),
    { op: "load", bytes: 1, at: ip + IPV6_NEXT_HEADER_AT },
    { op: "equal", value: NEXT_HEADER_ICMPV6, yes: "neighbour" },
    { op: "equal", value: NEXT_HEADER_HOP_BY_HOP, yes: "options" },
    { op: "return", bytes: 0 },
    { op: "label", name: "options" },
    ...must(ip + IPV6_HEADER_BYTES, 2, [NEXT_HEADER_ICMPV6 << 8], "length"),
    ...must(ip + MLD_AT, 1, [MLD_QUERY], "query"),
    ...must(ip + IPV6_HOP_LIMIT_AT, 1, [1], "link"),
    { op: "return", bytes: ACCEPT_BYTES },
    { op: "label", name: "neighbour" },
    ...must(ip + IPV6_HEADER_BYTES, 1, [NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT], "nd"),
    ...notFrom(ownMacs, ETHERNET_SOURCE_AT, "ethernet"),
    { op: "return", bytes: ACCEPT_BYTES },
  ]);
}

/** For the socket of all protocols: ICMPv6 redirects that leave the interface. */
export function redirectFilter(interfaceIndex: number): Uint8Array<ArrayBuffer> {
  const ip = ETHERNET_HEADER_BYTES;
  return assemble([
    ...must(PACKET_TYPE_AT, 1, [PACKET_OUTGOING], "outgoing"),
    ...must(INTERFACE_INDEX_AT, 4, [interfaceIndex], "interface"),
    ...must(ETHER_TYPE_AT, 2, [ETHER_TYPE_IPV6], "type"),
    ...must(ip + IPV6_NEXT_HEADER_AT, 1, [NEXT_HEADER_ICMPV6], "next"),
    ...must(ip + IPV6_HEADER_BYTES, 1, [ICMPV6_REDIRECT], "redirect"),
    { op: "return", bytes: ACCEPT_BYTES },
  ]);
}

function forThisStation(interfaceIndex: number): Line[] {
  return [
    ...must(INTERFACE_INDEX_AT, 4, [interfaceIndex], "interface"),
    { op: "load", bytes: 1, at: PACKET_TYPE_AT },
    { op: "greater", value: PACKET_MULTICAST, no: "station" },
    { op: "return", bytes: 0 },
    { op: "label", name: "station" },
  ];
}

/** The field has one of the values, or the frame is dropped. */
function must(at: number, bytes: 1 | 2 | 4, values: readonly number[], name: string): Line[] {
  return [
    { op: "load", bytes, at },
    ...values.map((value): Line => ({ op: "equal", value, yes: `${name} ok` })),
    { op: "return", bytes: 0 },
    { op: "label", name: `${name} ok` },
  ];
}

/** The low four bytes differ most between the MACs of a node, so they are compared first. */
function notFrom(ownMacs: readonly string[], at: number, name: string): Line[] {
  return [...new Set(ownMacs)].slice(0, OWN_MACS_MAX).flatMap((text, index): Line[] => {
    const mac = macBytes(text);
    const next = `${name} not ${index}`;
    const low = ((read16(mac, 2) << 16) | read16(mac, 4)) >>> 0;
    return [
      { op: "load", bytes: 4, at: at + 2 },
      { op: "equal", value: low, no: next },
      { op: "load", bytes: 2, at },
      { op: "equal", value: read16(mac, 0), no: next },
      { op: "return", bytes: 0 },
      { op: "label", name: next },
    ];
  });
}
