/** The addresses that a frame is looked up in: what this node answers for, and what it only listens for. */
import { ipToBytes, parseIp } from "../lib/address/ip.ts";
import { type MacSet, macSet } from "./mac-set.ts";
import type { TableEntry } from "./net/messages.ts";
import { read32, sameBytes } from "./packet/bytes.ts";

export interface Known {
  readonly address: string;
  readonly bytes: Uint8Array;
  /** The interfaces on which this node answers for it; empty when it only listens. */
  readonly interfaces: readonly string[];
  /** The main thread wants to hear who else announces it (false: only a probe of our own is under way). */
  readonly told: boolean;
}

/** Keys are signed 32-bit integers, which V8 looks up without an allocation. BOUNDED by the addresses of the last messages. */
export interface AddressIndex {
  readonly v4: ReadonlyMap<number, Known>;
  /** Addresses by a hash of their four words; the buckets have one or two members. */
  readonly v6: ReadonlyMap<number, readonly Known[]>;
  /** The bytes of each text, so that the next index need not read the texts again. */
  readonly bytes: ReadonlyMap<string, Uint8Array>;
  /** The nodes of the cluster, whose kernels must not learn who holds an address (docs/adr/0015). */
  readonly peers: MacSet;
}

export interface IndexInput {
  readonly entries: readonly TableEntry[];
  readonly listened: readonly string[];
  readonly probed: readonly string[];
  /** Addresses of the table that are not answered for the time being (announced by others during a gap). */
  readonly lost: ReadonlySet<string>;
  readonly peers?: MacSet;
}

export const EMPTY_INDEX: AddressIndex = { v4: new Map(), v6: new Map(), bytes: new Map(), peers: macSet([]) };

/** Builds the index; texts that are no address are named in `invalid` and left out. */
export function buildIndex(
  input: IndexInput,
  previous: AddressIndex = EMPTY_INDEX,
): { readonly index: AddressIndex; readonly invalid: readonly string[] } {
  const interfaces = interfacesByAddress(input);
  const told = new Set([...input.listened, ...interfaces.keys()]);
  const v4 = new Map<number, Known>();
  const v6 = new Map<number, Known[]>();
  const texts = new Map<string, Uint8Array>();
  const invalid: string[] = [];
  for (const address of new Set([...told, ...input.probed])) {
    const bytes = previous.bytes.get(address) ?? bytesOf(address);
    if (bytes === undefined) {
      invalid.push(address);
      continue;
    }
    texts.set(address, bytes);
    const known = { address, bytes, interfaces: interfaces.get(address) ?? [], told: told.has(address) };
    if (bytes.length === 4) {
      v4.set(read32(bytes, 0), known);
      continue;
    }
    const bucket = v6.get(hash6(bytes, 0));
    if (bucket === undefined) v6.set(hash6(bytes, 0), [known]);
    else bucket.push(known);
  }
  return { index: { v4, v6, bytes: texts, peers: input.peers ?? EMPTY_INDEX.peers }, invalid };
}

function interfacesByAddress(input: IndexInput): ReadonlyMap<string, readonly string[]> {
  const interfaces = new Map<string, string[]>();
  for (const entry of input.entries) {
    const names = interfaces.get(entry.address) ?? [];
    if (!input.lost.has(entry.address)) names.push(entry.interface);
    interfaces.set(entry.address, names);
  }
  return interfaces;
}

/** undefined for a text that is no address. */
export function bytesOf(address: string): Uint8Array | undefined {
  const ip = parseIp(address);
  return ip.ok ? ipToBytes(ip.value) : undefined;
}

/** The known address of the 4 bytes at `at`. Allocates nothing. */
export function findV4(index: AddressIndex, bytes: Uint8Array, at: number): Known | undefined {
  return index.v4.get(read32(bytes, at));
}

/** The known address of the 16 bytes at `at`. Allocates nothing. */
export function findV6(index: AddressIndex, bytes: Uint8Array, at: number): Known | undefined {
  const bucket = index.v6.get(hash6(bytes, at));
  if (bucket === undefined) return undefined;
  for (let place = 0; place < bucket.length; place++) {
    const known = bucket[place] as Known;
    if (sameBytes(known.bytes, 0, bytes, at, 16)) return known;
  }
  return undefined;
}

function hash6(bytes: Uint8Array, at: number): number {
  let hash = read32(bytes, at);
  hash = Math.imul(hash ^ read32(bytes, at + 4), 0x9e37_79b1);
  hash = Math.imul(hash ^ read32(bytes, at + 8), 0x85eb_ca77);
  return Math.imul(hash ^ (hash >>> 15) ^ read32(bytes, at + 12), 0xc2b2_ae3d);
}
