/**
 * The Ethernet II header (IEEE 802.3 clause 3, RFC 894).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------------------------------------------------------+-------+
 *   0 |                  destination (6 bytes)                        |
 *     +                               +-------------------------------+
 *   4 |                               |                               |
 *     +-------------------------------+                               +
 *   8 |                    source (6 bytes)                           |
 *     +-------------------------------+-------------------------------+
 *  12 |           EtherType           |  payload …
 *     +-------------------------------+
 */
import { fail, ok, type Result } from "../../lib/runtime/result.ts";
import { copyBytes, isZero, macBytes, macText, read16, write16 } from "./bytes.ts";

export const ETHERNET_HEADER_BYTES = 14;
export const ETHERNET_DESTINATION_AT = 0;
export const ETHERNET_SOURCE_AT = 6;
export const ETHER_TYPE_AT = 12;
export const ETHER_TYPE_ARP = 0x0806;
export const ETHER_TYPE_IPV6 = 0x86dd;
export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";

export interface EthernetHeader {
  readonly destination: string;
  readonly source: string;
  readonly etherType: number;
}

export type EthernetDrop = "ethernet-short";

/** Reads the header at `at`; the frame ends before `end`. */
export function decodeEthernet(bytes: Uint8Array, at: number, end: number): Result<EthernetHeader, EthernetDrop> {
  if (end - at < ETHERNET_HEADER_BYTES) return fail("ethernet-short");
  return ok({
    destination: macText(bytes, at),
    source: macText(bytes, at + ETHERNET_SOURCE_AT),
    etherType: read16(bytes, at + ETHER_TYPE_AT),
  });
}

/** Writes the header at `at` and returns where the payload begins. Malformed MACs throw. */
export function encodeEthernet(header: EthernetHeader, out: Uint8Array, at: number): number {
  copyBytes(macBytes(header.destination), 0, out, at, 6);
  copyBytes(macBytes(header.source), 0, out, at + ETHERNET_SOURCE_AT, 6);
  write16(out, at + ETHER_TYPE_AT, header.etherType);
  return at + ETHERNET_HEADER_BYTES;
}

/** Whether one station can have this MAC: neither a group address (the I/G bit) nor all zeroes. */
export function isStationMac(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at] as number) & 1) === 0 && !isZero(bytes, at, 6);
}
