/** Reading and writing of big-endian fields at an offset, without an object per field. Callers have checked the bounds. */
import { formatIp, ipFromBytes, ipToBytes, parseIp } from "../../lib/address/ip.ts";
import { formatMac, parseMac } from "../../lib/address/mac.ts";
import { BerthError } from "../../lib/runtime/errors.ts";

export function read16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** As a signed 32-bit integer: V8 keeps those without an allocation, so they serve as keys on the hot path. */
export function read32(bytes: Uint8Array, at: number): number {
  return (read16(bytes, at) << 16) | read16(bytes, at + 2);
}

export function write16(out: Uint8Array, at: number, value: number): void {
  out[at] = (value >>> 8) & 0xff;
  out[at + 1] = value & 0xff;
}

/** A loop, because `set` on a subarray costs an object and these are at most 16 bytes. */
export function copyBytes(from: Uint8Array, fromAt: number, out: Uint8Array, at: number, length: number): void {
  for (let index = 0; index < length; index++) out[at + index] = from[fromAt + index] as number;
}

export function fillBytes(out: Uint8Array, at: number, length: number, value: number): void {
  for (let index = 0; index < length; index++) out[at + index] = value;
}

export function sameBytes(
  left: Uint8Array,
  leftAt: number,
  right: Uint8Array,
  rightAt: number,
  length: number,
): boolean {
  for (let index = 0; index < length; index++) {
    if (left[leftAt + index] !== right[rightAt + index]) return false;
  }
  return true;
}

export function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let index = 0; index < length; index++) if (bytes[at + index] !== 0) return false;
  return true;
}

/** The canonical text of the 4 or 16 bytes at `at`. */
export function addressText(bytes: Uint8Array, at: number, length: 4 | 16): string {
  return formatIp(ipFromBytes(bytes.subarray(at, at + length)));
}

export function macText(bytes: Uint8Array, at: number): string {
  return formatMac(bytes, at);
}

/** The bytes of an address that the program itself wrote down. A wrong text is a programming error and throws. */
export function addressBytes(text: string, length: 4 | 16): Uint8Array {
  const ip = parseIp(text);
  if (!ip.ok) throw new BerthError("internal", ip.reason);
  const bytes = ipToBytes(ip.value);
  if (bytes.length !== length) throw new BerthError("internal", `${text} is of the other address family`);
  return bytes;
}

/** The bytes of a MAC that the program itself wrote down. A wrong text is a programming error and throws. */
export function macBytes(text: string): Uint8Array {
  const mac = parseMac(text);
  if (!mac.ok) throw new BerthError("internal", mac.reason);
  return mac.value;
}
