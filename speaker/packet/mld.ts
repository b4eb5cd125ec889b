/**
 * Multicast listener discovery, version 2 (RFC 3810) and version 1 (RFC 2710), as a listener needs it: queries are read, reports
 * are written. All of them travel behind a hop-by-hop header with the router alert (RFC 2711), with hop limit 1.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+---------------+---------------+
 *  -8 | next hdr 58   |   length = 0  | router alert 5|  2            |   the hop-by-hop header
 *  -4 |  0 = MLD                      | PadN 1        |  0            |
 *     +---------------+---------------+---------------+---------------+
 *   0 | 130, 131, 132 |   code = 0    |           checksum            |   query, report and done of version 1
 *     +---------------+---------------+-------------------------------+
 *   4 |   maximum response code       |           reserved            |
 *     +-------------------------------+-------------------------------+
 *   8 |                     group (16 bytes) …                        |
 *     +-------+-+-----+---------------+-------------------------------+
 *  24 | resv  |S| QRV |     QQIC      |     number of sources         |   a query of version 2 has these, and the sources
 *     +-------+-+-----+---------------+-------------------------------+
 *
 *     +---------------+---------------+-------------------------------+
 *   0 |  type = 143   |   reserved    |           checksum            |   report of version 2
 *     +---------------+---------------+-------------------------------+
 *   4 |          reserved             |     number of records         |
 *     +---------------+---------------+-------------------------------+
 *   8 | record type   | aux words = 0 |  number of sources = 0        |   20 bytes for each group
 *     +---------------+---------------+-------------------------------+
 *  12 |                     group (16 bytes) …                        |
 *     +---------------------------------------------------------------+
 */
import { fail, ok, type Result } from "../../lib/runtime/result.ts";
import { addressBytes, copyBytes, fillBytes, isZero, macBytes, read16, write16 } from "./bytes.ts";
import { ETHER_TYPE_AT, ETHER_TYPE_IPV6, ETHERNET_HEADER_BYTES, ETHERNET_SOURCE_AT } from "./ethernet.ts";
import { ICMPV6_CHECKSUM_AT, icmpv6Checksum } from "./icmpv6.ts";
import {
  IPV6_DESTINATION_AT,
  IPV6_HEADER_BYTES,
  IPV6_HOP_LIMIT_AT,
  IPV6_NEXT_HEADER_AT,
  IPV6_PAYLOAD_LENGTH_AT,
  IPV6_SOURCE_AT,
  ipv6End,
  NEXT_HEADER_HOP_BY_HOP,
  NEXT_HEADER_ICMPV6,
  writeIpv6Head,
} from "./ipv6.ts";
import { isSolicitedNodeGroup } from "./ndp.ts";

export const MLD_QUERY = 130;
const MLD1_REPORT = 131;
const MLD1_DONE = 132;
const MLD2_REPORT = 143;
export const HOP_BY_HOP_BYTES = 8;
/** The header of an IPv6 packet with MLD in it. */
export const MLD_AT = IPV6_HEADER_BYTES + HOP_BY_HOP_BYTES;
const MLD1_BYTES = 24;
const MLD2_QUERY_BYTES = 28;
const MAX_RESPONSE_AT = 4;
const GROUP_AT = 8;
const RECORDS_AT = 8;
const RECORD_BYTES = 20;
const PAD1 = 0;
const ROUTER_ALERT = 5;
/** Every IPv6 link carries packets of 1,280 bytes (RFC 8200 section 5), so nobody's MTU has to be known. */
export const RECORDS_PER_REPORT = Math.floor((1280 - MLD_AT - RECORDS_AT) / RECORD_BYTES);
export const MLD_FRAME_BYTES_MAX = ETHERNET_HEADER_BYTES + MLD_AT + RECORDS_AT + RECORDS_PER_REPORT * RECORD_BYTES;

/** ff02::16, all routers that know version 2, and ff02::2, all routers, without their first two bytes. */
const ALL_ROUTERS_2 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16);
const ALL_ROUTERS = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);

export type MldDrop =
  | "mld-short"
  | "mld-version"
  | "mld-hop-by-hop"
  | "mld-router-alert"
  | "mld-hop-limit"
  | "mld-source"
  | "mld-type"
  | "mld-checksum"
  | "mld-group"
  | "mld-destination"
  | "mld-sources";

/** The low 24 bits of a solicited-node group (RFC 4291 section 2.7.1): Berth listens to no others. */
export type GroupBits = number;

export interface MldQuery {
  readonly version: 1 | 2;
  readonly maxResponseMs: number;
  /** "other": about a group that is not a solicited-node one. */
  readonly group: "all" | "other" | GroupBits;
  /** Querier's robustness variable and query interval; undefined in version 1, and where the field is zero. */
  readonly robustness: number | undefined;
  readonly queryIntervalMs: number | undefined;
}

/** What a record says (RFC 3810 section 5.2.12): the state as asked for, or a change of it. Sources are of no interest to ND. */
export type RecordKind = "listening" | "joined" | "left";
const RECORD_TYPES: Readonly<Record<RecordKind, number>> = { listening: 2, joined: 4, left: 3 };

export interface MldRecord {
  readonly kind: RecordKind;
  readonly group: GroupBits;
}

/** Reads the IPv6 packet at `at`, which the filter takes for a query; the frame ends before `end` (RFC 3810 sections 5.1.14, 6.2, 8.1). */
export function decodeMldQuery(bytes: Uint8Array, at: number, end: number): Result<MldQuery, MldDrop> {
  const problem = queryProblem(bytes, at, end);
  if (problem !== undefined) return fail(problem);
  const mldAt = at + MLD_AT;
  const isNew = ipv6End(bytes, at) - mldAt >= MLD2_QUERY_BYTES;
  const code = read16(bytes, mldAt + MAX_RESPONSE_AT);
  const isAboutAll = isZero(bytes, mldAt + GROUP_AT, 16);
  const group = isAboutAll
    ? "all"
    : isSolicitedNodeGroup(bytes, mldAt + GROUP_AT)
      ? ((bytes[mldAt + GROUP_AT + 13] as number) << 16) | read16(bytes, mldAt + GROUP_AT + 14)
      : "other";
  if (!isNew) return ok({ version: 1, maxResponseMs: code, group, robustness: undefined, queryIntervalMs: undefined });
  // Large values are floating-point (RFC 3810 sections 5.1.3 and 5.1.9).
  const maxResponseMs = code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
  const qqic = bytes[mldAt + 25] as number;
  const seconds = qqic < 0x80 ? qqic : ((qqic & 0xf) | 0x10) << (((qqic >> 4) & 7) + 3);
  const robustness = (bytes[mldAt + 24] as number) & 7 || undefined;
  return ok({ version: 2, maxResponseMs, group, robustness, queryIntervalMs: seconds * 1000 || undefined });
}

function queryProblem(bytes: Uint8Array, at: number, end: number): MldDrop | undefined {
  if (end - at < MLD_AT + MLD1_BYTES) return "mld-short";
  if ((bytes[at] as number) >> 4 !== 6) return "mld-version";
  const payloadBytes = read16(bytes, at + IPV6_PAYLOAD_LENGTH_AT);
  if (payloadBytes > end - at - IPV6_HEADER_BYTES) return "mld-short";
  const mldBytes = payloadBytes - HOP_BY_HOP_BYTES;
  // 24 bytes are version 1, 28 and more version 2, all others are ignored (RFC 3810 section 8.1).
  if (mldBytes < MLD1_BYTES || (mldBytes > MLD1_BYTES && mldBytes < MLD2_QUERY_BYTES)) return "mld-short";
  const options = hopByHopProblem(bytes, at);
  if (options !== undefined) return options;
  if (bytes[at + IPV6_HOP_LIMIT_AT] !== 1) return "mld-hop-limit";
  if ((read16(bytes, at + IPV6_SOURCE_AT) & 0xffc0) !== 0xfe80) return "mld-source";
  const mldAt = at + MLD_AT;
  if (bytes[mldAt] !== MLD_QUERY) return "mld-type";
  if (icmpv6Checksum(bytes, at, HOP_BY_HOP_BYTES) !== 0) return "mld-checksum";
  const isAboutAll = isZero(bytes, mldAt + GROUP_AT, 16);
  if (!isAboutAll && bytes[mldAt + GROUP_AT] !== 0xff) return "mld-group";
  if (!isForListeners(bytes, at, isAboutAll)) return "mld-destination";
  if (mldBytes === MLD1_BYTES) return undefined;
  return MLD2_QUERY_BYTES + 16 * read16(bytes, mldAt + 26) > mldBytes ? "mld-sources" : undefined;
}

/** The router alert is among the options (RFC 3810 section 6.2); the filter has seen to the header's length. */
function hopByHopProblem(bytes: Uint8Array, at: number): MldDrop | undefined {
  const header = at + IPV6_HEADER_BYTES;
  if (bytes[at + IPV6_NEXT_HEADER_AT] !== NEXT_HEADER_HOP_BY_HOP) return "mld-hop-by-hop";
  if (bytes[header] !== NEXT_HEADER_ICMPV6 || bytes[header + 1] !== 0) return "mld-hop-by-hop";
  for (let option = header + 2; option < header + HOP_BY_HOP_BYTES; ) {
    const type = bytes[option] as number;
    if (type === PAD1) {
      option++;
      continue;
    }
    const length = bytes[option + 1] as number;
    if (option + 2 + length > header + HOP_BY_HOP_BYTES) return "mld-hop-by-hop";
    if (type === ROUTER_ALERT && length === 2 && read16(bytes, option + 2) === 0) return undefined;
    option += 2 + length;
  }
  return "mld-router-alert";
}

/** To all nodes, to the group in question, or to an address of this station (RFC 3810 section 5.1.15). */
function isForListeners(bytes: Uint8Array, at: number, isAboutAll: boolean): boolean {
  const destination = at + IPV6_DESTINATION_AT;
  if (bytes[destination] !== 0xff) return true;
  if (read16(bytes, destination) === 0xff02 && isZero(bytes, destination + 2, 13) && bytes[destination + 15] === 1)
    return true;
  if (isAboutAll) return false;
  for (let index = 0; index < 16; index++)
    if (bytes[destination + index] !== bytes[at + MLD_AT + GROUP_AT + index]) return false;
  return true;
}

/**
 * Writes the frame that tells of the groups, at most RECORDS_PER_REPORT, and returns where it ends (RFC 3810 section 5.2): to all
 * routers that know version 2, ff02::16. `source` is the interface's link-local address, or `::` while it has none.
 */
export function writeMldReport(
  records: readonly MldRecord[],
  source: string,
  mac: string,
  out: Uint8Array,
  at: number,
): number {
  const ipAt = writeMldHead(RECORDS_AT + records.length * RECORD_BYTES, source, mac, out, at);
  writeGroup(out, at, ipAt, ALL_ROUTERS_2);
  const mldAt = ipAt + MLD_AT;
  out[mldAt] = MLD2_REPORT;
  write16(out, mldAt + 6, records.length);
  records.forEach(({ kind, group }, index) => {
    const recordAt = mldAt + RECORDS_AT + index * RECORD_BYTES;
    out[recordAt] = RECORD_TYPES[kind];
    write16(out, recordAt + 4, 0xff02);
    copyBytes(solicitedNodeTail(group), 0, out, recordAt + 6, 14);
  });
  return finish(out, ipAt);
}

/** The same of one group in the older form (RFC 2710 section 3): a report goes to the group, done to all routers, ff02::2. */
export function writeMld1(record: MldRecord, source: string, mac: string, out: Uint8Array, at: number): number {
  const isDone = record.kind === "left";
  const ipAt = writeMldHead(MLD1_BYTES, source, mac, out, at);
  const tail = solicitedNodeTail(record.group);
  writeGroup(out, at, ipAt, isDone ? ALL_ROUTERS : tail);
  const mldAt = ipAt + MLD_AT;
  out[mldAt] = isDone ? MLD1_DONE : MLD1_REPORT;
  write16(out, mldAt + GROUP_AT, 0xff02);
  copyBytes(tail, 0, out, mldAt + GROUP_AT + 2, 14);
  return finish(out, ipAt);
}

/** Everything but the destination and the message, whose bytes are zero from here on. Returns where the IPv6 packet begins. */
function writeMldHead(mldBytes: number, source: string, mac: string, out: Uint8Array, at: number): number {
  const ipAt = at + ETHERNET_HEADER_BYTES;
  copyBytes(macBytes(mac), 0, out, at + ETHERNET_SOURCE_AT, 6);
  write16(out, at + ETHER_TYPE_AT, ETHER_TYPE_IPV6);
  writeIpv6Head(out, ipAt, HOP_BY_HOP_BYTES + mldBytes);
  out[ipAt + IPV6_NEXT_HEADER_AT] = NEXT_HEADER_HOP_BY_HOP;
  out[ipAt + IPV6_HOP_LIMIT_AT] = 1;
  copyBytes(addressBytes(source, 16), 0, out, ipAt + IPV6_SOURCE_AT, 16);
  const options = [NEXT_HEADER_ICMPV6, 0, ROUTER_ALERT, 2, 0, 0, 1, 0];
  options.forEach((byte, index) => {
    out[ipAt + IPV6_HEADER_BYTES + index] = byte;
  });
  fillBytes(out, ipAt + MLD_AT, mldBytes, 0);
  return ipAt;
}

/** The destination ff02:…, whose last 14 bytes are given, and the MAC that goes with it (RFC 2464 section 7). */
function writeGroup(out: Uint8Array, at: number, ipAt: number, tail: Uint8Array): void {
  write16(out, ipAt + IPV6_DESTINATION_AT, 0xff02);
  copyBytes(tail, 0, out, ipAt + IPV6_DESTINATION_AT + 2, 14);
  write16(out, at, 0x3333);
  copyBytes(out, ipAt + IPV6_DESTINATION_AT + 12, out, at + 2, 4);
}

/** ff02::1:ffXX:XXXX without its first two bytes. */
function solicitedNodeTail(group: GroupBits): Uint8Array {
  const low = [(group >>> 16) & 0xff, (group >>> 8) & 0xff, group & 0xff];
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...low);
}

function finish(out: Uint8Array, ipAt: number): number {
  write16(out, ipAt + MLD_AT + ICMPV6_CHECKSUM_AT, icmpv6Checksum(out, ipAt, HOP_BY_HOP_BYTES));
  return ipv6End(out, ipAt);
}
