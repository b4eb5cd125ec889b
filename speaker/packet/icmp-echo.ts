/**
 * Echo of ICMP (RFC 792) and ICMPv6 (RFC 4443 section 4), as raw sockets of Linux see it: an IPv4 packet arrives with
 * its IP header, an IPv6 packet without; the checksum of ICMPv6 is the kernel's work, that of ICMP ours.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------------+
 *   0 | 8/128 asks,   |   code = 0    |           checksum            |
 *     | 0/129 answers |               |                               |
 *     +---------------+---------------+-------------------------------+
 *   4 |          identifier           |        sequence number        |
 *     +-------------------------------+-------------------------------+
 */
import { read16, write16 } from "./bytes.ts";

export const ECHO_BYTES = 8;
const TYPES = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;
const IPV4_HEADER_BYTES = 20;

export interface Echo {
  readonly family: 4 | 6;
  /** 16 bits each. */
  readonly identifier: number;
  readonly sequence: number;
}

export function encodeEchoRequest(echo: Echo): Uint8Array {
  const bytes = new Uint8Array(ECHO_BYTES);
  bytes[0] = TYPES[echo.family].request;
  write16(bytes, 4, echo.identifier);
  write16(bytes, 6, echo.sequence);
  if (echo.family === 4) write16(bytes, 2, internetChecksum(bytes, 0, bytes.length));
  return bytes;
}

/** Whether what a raw socket received is the answer to this request. */
export function isEchoReply(bytes: Uint8Array, echo: Echo): boolean {
  const at = echo.family === 6 ? 0 : ipv4HeaderBytes(bytes);
  if (bytes.length - at < ECHO_BYTES) return false;
  if (bytes[at] !== TYPES[echo.family].reply || bytes[at + 1] !== 0) return false;
  if (echo.family === 4 && internetChecksum(bytes, at, bytes.length) !== 0) return false;
  return read16(bytes, at + 4) === echo.identifier && read16(bytes, at + 6) === echo.sequence;
}

/** RFC 791 section 3.1: the low four bits of the first byte count words. */
function ipv4HeaderBytes(bytes: Uint8Array): number {
  return Math.max(IPV4_HEADER_BYTES, ((bytes[0] ?? 0) & 0xf) * 4);
}

/** RFC 1071: the complemented ones' complement sum of the words from `at` to `end`. */
function internetChecksum(bytes: Uint8Array, at: number, end: number): number {
  let sum = 0;
  for (let index = at; index < end; index += 2)
    sum += ((bytes[index] as number) << 8) | (index + 1 < end ? (bytes[index + 1] as number) : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
