/** A set of MAC addresses that is asked for every frame. */
import { MAC_BYTES, parseMac } from "../lib/address/mac.ts";
import { read32, sameBytes } from "./packet/bytes.ts";

/** By the last four bytes, which tell most interfaces apart, as the small integers that V8 looks up without an allocation. */
export type MacSet = ReadonlyMap<number, readonly Uint8Array[]>;

const KEY_AT = MAC_BYTES - 4;

/** Texts that are no MAC address are left out: nothing on the wire can be from them. */
export function macSet(texts: Iterable<string>): MacSet {
  const set = new Map<number, Uint8Array[]>();
  for (const text of new Set(texts)) {
    const mac = parseMac(text);
    if (!mac.ok) continue;
    const key = read32(mac.value, KEY_AT);
    set.set(key, [...(set.get(key) ?? []), mac.value]);
  }
  return set;
}

/** Whether the six bytes at `at` are in the set. Allocates nothing. */
export function hasMac(set: MacSet, bytes: Uint8Array, at: number): boolean {
  const bucket = set.get(read32(bytes, at + KEY_AT));
  if (bucket === undefined) return false;
  for (let place = 0; place < bucket.length; place++) {
    if (sameBytes(bucket[place] as Uint8Array, 0, bytes, at, MAC_BYTES)) return true;
  }
  return false;
}
