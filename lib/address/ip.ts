/** IP addresses as numbers. Text is read and written by the package ip-address; nothing else in Berth imports it. */
import { Address4, Address6 } from "ip-address";
import { fail, ok, type Result } from "../runtime/result.ts";

export type Family = 4 | 6;

export interface Ip {
  readonly family: Family;
  /** The address as an unsigned integer in network order, below 2^32 or 2^128. */
  readonly value: bigint;
}

const BYTES = { 4: 4, 6: 16 } as const;
/** The longest text of an address: eight groups of four digits, or six of them and a dotted quad. */
const TEXT_MAX = 45;

/** Reads an address without prefix length, zone, brackets or blanks (RFC 4291 section 2.2; dotted quads without leading zeroes). */
export function parseIp(text: string): Result<Ip> {
  if (text.length > TEXT_MAX) return fail(`${quote(text.slice(0, TEXT_MAX))}… is too long for an IP address`);
  if (text.includes("%")) return fail(`${quote(text)} has a zone; write the address without "%…"`);
  const quad = parseQuad(text);
  if (quad !== undefined) return ok({ family: 4, value: quad });
  try {
    if (/^[0-9.]+$/.test(text)) return ok({ family: 4, value: new Address4(text).bigInt() });
    if (/^[0-9a-fA-F:.]+$/.test(text)) return ok({ family: 6, value: new Address6(text).bigInt() });
  } catch {
    // The package throws for every malformed text; at this border that is an ordinary outcome.
  }
  return fail(`${quote(text)} is not an IP address`);
}

/** The canonical text: dotted quad, or RFC 5952 section 4 (lower case, longest run of zero groups as "::"). */
export function formatIp(ip: Ip): string {
  return ip.family === 4 ? formatQuad(Number(ip.value)) : Address6.fromBigInt(ip.value).correctForm();
}

/** The allocator reads and writes dotted quads by the ten thousand, at a tenth of what the package takes for one. */
function parseQuad(text: string): bigint | undefined {
  const quad = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text);
  if (quad === null) return undefined;
  const bytes = quad.slice(1).map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return BigInt(bytes.reduce((value, byte) => value * 256 + byte, 0));
}

function formatQuad(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** The 4 or 16 bytes of the address in network order. */
export function ipToBytes(ip: Ip): Uint8Array {
  const bytes = new Uint8Array(BYTES[ip.family]);
  let rest = ip.value;
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** Reads 4 or 16 bytes in network order. Any other length is a programming error and throws. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

/** The name of the VirtualIP of this address: dotted quad, or all 32 digits in eight groups joined by "-". */
export function virtualIpName(ip: Ip): string {
  if (ip.family === 4) return formatIp(ip);
  return (ip.value.toString(16).padStart(32, "0").match(/.{4}/g) ?? []).join("-");
}

export function sameIp(left: Ip, right: Ip): boolean {
  return left.family === right.family && left.value === right.value;
}

/** IPv4 before IPv6, then by value. */
export function compareIps(left: Ip, right: Ip): number {
  if (left.family !== right.family) return left.family - right.family;
  return left.value < right.value ? -1 : left.value > right.value ? 1 : 0;
}

export interface AddressBlock {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
  /** What the block is, to end the sentence "… is a … address". */
  readonly name: string;
}

/** What no Service can be reached by (RFC 6890, RFC 4291 sections 2.4 and 2.5.5.2): sorted by family and first address. */
export const UNUSABLE_BLOCKS: readonly AddressBlock[] = [
  block("unspecified", 4, 0n, 24),
  block("loopback", 4, 0x7f00_0000n, 24),
  block("link-local", 4, 0xa9fe_0000n, 16),
  block("multicast", 4, 0xe000_0000n, 28),
  block("broadcast", 4, 0xffff_ffffn, 0),
  block("unspecified", 6, 0n, 0),
  block("loopback", 6, 1n, 0),
  block("v4-mapped", 6, 0xffffn << 32n, 32),
  block("link-local", 6, 0xfe80n << 112n, 118),
  block("multicast", 6, 0xff00n << 112n, 120),
];

function block(name: string, family: Family, first: bigint, hostBits: number): AddressBlock {
  return { family, first, last: first + (1n << BigInt(hostBits)) - 1n, name };
}

/** Whether a Service can have this address: not unspecified, loopback, link-local, multicast, broadcast or v4-mapped. */
export function isUsable(ip: Ip): Result<Ip> {
  const found = UNUSABLE_BLOCKS.find((b) => b.family === ip.family && b.first <= ip.value && ip.value <= b.last);
  return found === undefined ? ok(ip) : fail(`${formatIp(ip)} is ${article(found.name)} ${found.name} address`);
}

function article(word: string): string {
  return /^[aeiou]/.test(word) ? "an" : "a";
}

function quote(text: string): string {
  return JSON.stringify(text);
}
