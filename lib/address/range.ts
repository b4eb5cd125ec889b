import { fail, ok, type Result } from "../runtime/result.ts";
import { type Family, formatIp, type Ip, parseIp, UNUSABLE_BLOCKS } from "./ip.ts";

/** A run of addresses of one family, both ends included. */
export interface IpRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

export interface Cidr {
  readonly address: Ip;
  readonly prefixLength: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/** Reads `address/length` (RFC 4632 section 3.1, RFC 4291 section 2.3). Host bits may be set, as in an interface's address. */
export function parseCidr(text: string): Result<Cidr> {
  const [addressText = "", lengthText = "", ...more] = text.split("/");
  const address = parseIp(addressText);
  if (!address.ok) return address;
  const bits = BITS[address.value.family];
  if (more.length > 0 || !/^(0|[1-9][0-9]{0,2})$/.test(lengthText) || Number(lengthText) > bits) {
    return fail(`${JSON.stringify(text)} needs a prefix length of 0 to ${bits}`);
  }
  return ok({ address: address.value, prefixLength: Number(lengthText) });
}

/**
 * Reads `first-last` or a CIDR. A CIDR with host bits set is refused: whoever writes 10.0.0.200/24 rarely means all of
 * 10.0.0.0/24, and giving out a router's address is an outage. The reason says what to write.
 */
export function parseRange(text: string): Result<IpRange> {
  if (text.includes("-")) return parseFirstLast(text);
  if (!text.includes("/")) return loneAddress(text);
  const cidr = parseCidr(text);
  if (!cidr.ok) return cidr;
  const range = cidrRange(cidr.value);
  if (range.first === cidr.value.address.value) return ok(range);
  const network = formatIp({ family: range.family, value: range.first });
  const self = formatIp(cidr.value.address);
  return fail(
    `${JSON.stringify(text)} has host bits set: write ${network}/${cidr.value.prefixLength} for the whole network or ${self}/${BITS[range.family]} for one address`,
  );
}

function parseFirstLast(text: string): Result<IpRange> {
  const ends = text.split("-");
  if (ends.length !== 2) return fail(`${JSON.stringify(text)} is neither a CIDR nor first-last`);
  const first = parseIp(ends[0]?.trim() ?? "");
  if (!first.ok) return first;
  const last = parseIp(ends[1]?.trim() ?? "");
  if (!last.ok) return last;
  if (first.value.family !== last.value.family) return fail(`${JSON.stringify(text)} mixes IPv4 and IPv6`);
  if (first.value.value > last.value.value) {
    return fail(`${JSON.stringify(text)} ends before it begins: swap the two addresses`);
  }
  return ok({ family: first.value.family, first: first.value.value, last: last.value.value });
}

function loneAddress(text: string): Result<IpRange> {
  const ip = parseIp(text);
  if (!ip.ok) return ip;
  return fail(
    `${JSON.stringify(text)} is neither a CIDR nor first-last: write ${text}/${BITS[ip.value.family]} for one address`,
  );
}

/** Every address of the network that the CIDR lies in. */
export function cidrRange(cidr: Cidr): IpRange {
  const hostBits = BigInt(BITS[cidr.address.family] - cidr.prefixLength);
  const first = (cidr.address.value >> hostBits) << hostBits;
  return { family: cidr.address.family, first, last: first + (1n << hostBits) - 1n };
}

export function rangeContains(range: IpRange, ip: Ip): boolean {
  return range.family === ip.family && range.first <= ip.value && ip.value <= range.last;
}

export function rangesOverlap(left: IpRange, right: IpRange): boolean {
  return left.family === right.family && left.first <= right.last && right.first <= left.last;
}

/** How many addresses the range has: 1 to 2^128. */
export function rangeSize(range: IpRange): bigint {
  return range.last - range.first + 1n;
}

/** `first-last` in canonical text. */
export function formatRange(range: IpRange): string {
  const { family } = range;
  return `${formatIp({ family, value: range.first })}-${formatIp({ family, value: range.last })}`;
}

/** Whether `ip` lies in the network of `prefixLength` bits around `network`. */
export function subnetContains(network: Ip, prefixLength: number, ip: Ip): boolean {
  if (network.family !== ip.family) return false;
  const hostBits = BigInt(BITS[network.family] - prefixLength);
  return network.value >> hostBits === ip.value >> hostBits;
}

/** Refuses a range that touches a block no Service can be reached by (loopback, link-local, multicast and so on). */
export function isUsableRange(range: IpRange): Result<IpRange> {
  const found = UNUSABLE_BLOCKS.find((block) => rangesOverlap(range, block));
  if (found === undefined) return ok(range);
  return fail(`${formatRange(range)} contains ${found.name} addresses (${formatRange(found)})`);
}
