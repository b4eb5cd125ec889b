import { fail, ok, type Result } from "../runtime/result.ts";

/** Length of an IEEE 802 MAC address in bytes. */
export const MAC_BYTES = 6;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Reads six pairs of hexadecimal digits joined by ":". */
export function parseMac(text: string): Result<Uint8Array> {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) {
    return fail(`${JSON.stringify(text.slice(0, 40))} is not a MAC address such as 02:00:5e:10:00:01`);
  }
  return ok(Uint8Array.from(text.split(":"), (pair) => Number.parseInt(pair, 16)));
}

/** Lower-case text of the six bytes at `offset`. Fewer bytes than that are a programming error and throw. */
export function formatMac(bytes: Uint8Array, offset = 0): string {
  if (bytes.length < offset + MAC_BYTES) throw new RangeError(`a MAC address has ${MAC_BYTES} bytes`);
  return Array.from(bytes.subarray(offset, offset + MAC_BYTES), (byte) => HEX[byte]).join(":");
}
