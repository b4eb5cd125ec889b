/** Reads the recorded frames beside this file. */
import { readFileSync } from "node:fs";

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/[\s:]/g, ""), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The frame in fixtures/NAME.hex: lines that begin with # tell how it was captured. */
export function frame(name: string): Uint8Array {
  const text = readFileSync(new URL(`./fixtures/${name}.hex`, import.meta.url), "utf8");
  return hex(text.replace(/^#.*$/gm, ""));
}
