/** The whole frames that Berth sends unasked: announcements and probes. */
import { formatIp, parseIp } from "../../lib/address/ip.ts";
import { formatMac } from "../../lib/address/mac.ts";
import { multicastMac, solicitedNodeGroup } from "../../lib/address/ndp.ts";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { LivenessProbe } from "../detector/types.ts";
import { encodeArp } from "./arp.ts";
import { BROADCAST_MAC, ETHER_TYPE_ARP, ETHER_TYPE_IPV6, encodeEthernet } from "./ethernet.ts";
import { ALL_NODES, encodeNd } from "./ndp-codec.ts";

const NO_MAC = "00:00:00:00:00:00";
const ALL_NODES_MAC = "33:33:00:00:00:01";

/** IPv4 is announced as a request and as a reply, IPv6 as an unsolicited advertisement. */
export type AnnouncementForm = "request" | "reply" | "advertisement";

/**
 * Writes an announcement and returns where it ends. ARP: RFC 5227 section 2.3 (THA 0) and the reply form with
 * THA = SHA, without which Linux waits for its lock time of 1 s. ND: RFC 4861 section 7.2.6 with S = 0 and O = 1.
 */
export function writeAnnouncement(
  form: AnnouncementForm,
  address: string,
  mac: string,
  out: Uint8Array,
  at: number,
): number {
  if (form === "advertisement")
    return writeAdvertisementTo({ mac: ALL_NODES_MAC, address: ALL_NODES }, address, mac, out, at);
  const arpAt = encodeEthernet({ destination: BROADCAST_MAC, source: mac, etherType: ETHER_TYPE_ARP }, out, at);
  const targetMac = form === "request" ? NO_MAC : mac;
  const packet = { operation: form, senderMac: mac, senderIp: address, targetMac, targetIp: address };
  return encodeArp(packet, out, arpAt);
}

/** Writes the unsolicited advertisement of `address` at `mac` to one station or group, and returns where it ends (RFC 4861 section 7.2.6). */
export function writeAdvertisementTo(
  to: { readonly mac: string; readonly address: string },
  address: string,
  mac: string,
  out: Uint8Array,
  at: number,
): number {
  const ipAt = encodeEthernet({ destination: to.mac, source: mac, etherType: ETHER_TYPE_IPV6 }, out, at);
  const flags = { router: false, solicited: false, override: true };
  const peers = { source: address, destination: to.address, target: address };
  return encodeNd({ type: "advertisement", ...peers, ...flags, linkLayer: mac }, out, ipAt);
}

/**
 * Writes the question whether anybody has the address and returns where it ends: an ARP probe (RFC 5227 section 2.1.1)
 * or the solicitation of duplicate address detection (RFC 4862 section 5.4.2). With `to` only the station with that MAC gets it; the
 * IPv6 destination stays the group, since a kernel would forward what comes for the address itself (W2).
 */
export function writeProbe(address: string, mac: string, out: Uint8Array, at: number, to?: string): number {
  const ip = parseIp(address);
  if (!ip.ok) throw new BerthError("internal", ip.reason);
  if (ip.value.family === 6) {
    const group = solicitedNodeGroup(ip.value);
    const destination = to ?? formatMac(multicastMac(group));
    const ipAt = encodeEthernet({ destination, source: mac, etherType: ETHER_TYPE_IPV6 }, out, at);
    const peers = { source: "::", destination: formatIp(group), target: address };
    return encodeNd({ type: "solicitation", ...peers }, out, ipAt);
  }
  const arpAt = encodeEthernet({ destination: to ?? BROADCAST_MAC, source: mac, etherType: ETHER_TYPE_ARP }, out, at);
  const packet = {
    operation: "request",
    senderMac: mac,
    senderIp: "0.0.0.0",
    targetMac: NO_MAC,
    targetIp: address,
  } as const;
  return encodeArp(packet, out, arpAt);
}

/**
 * Writes a question of the detector and returns where it ends. ARP: a request from the node's own address, unicast or to all
 * (RFC 826). ND: a solicitation with a source link-layer option (RFC 4861 section 4.3), to the station's link-local address or to
 * all nodes, never to the address that is asked for: the holder's kernel would forward it (hazard W2).
 */
export function writeLivenessProbe(probe: LivenessProbe, mac: string, out: Uint8Array, at: number): number {
  const { address, source } = probe;
  if (address.includes(":")) {
    const destination = probe.mac === "" ? ALL_NODES_MAC : probe.mac;
    const ipAt = encodeEthernet({ destination, source: mac, etherType: ETHER_TYPE_IPV6 }, out, at);
    const peers = { source, destination: probe.destination === "" ? ALL_NODES : probe.destination, target: address };
    return encodeNd({ type: "solicitation", ...peers, linkLayer: mac }, out, ipAt);
  }
  const destination = probe.mac === "" ? BROADCAST_MAC : probe.mac;
  const arpAt = encodeEthernet({ destination, source: mac, etherType: ETHER_TYPE_ARP }, out, at);
  const packet = {
    operation: "request",
    senderMac: mac,
    senderIp: source,
    targetMac: NO_MAC,
    targetIp: address,
  } as const;
  return encodeArp(packet, out, arpAt);
}
