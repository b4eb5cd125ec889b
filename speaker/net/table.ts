/** What this node answers for and listens to, and the index that frames are looked up in. */
import { type AddressIndex, buildIndex, bytesOf, EMPTY_INDEX } from "../address-index.ts";
import type { Announced } from "../announcer.ts";
import { macSet } from "../mac-set.ts";
import type { ProbeRequest } from "../prober.ts";
import type { LostAddress } from "./fence.ts";
import { groupKey } from "./group-plan.ts";
import type { TableEntry, ToWorker } from "./messages.ts";

/** A probe that ends well is followed by the table with its address: so long its group is kept, not to be left and joined again. */
const PROBED_GROUP_MS = 3_000;

export class HeldTable {
  #entries: readonly TableEntry[] = [];
  #listenedInterfaces: readonly string[] = [];
  #listened: readonly string[] = [];
  #recognised: readonly string[] = [];
  #peers = EMPTY_INDEX.peers;
  /** Addresses under probe, by the id of the probe. BOUNDED by the prober. */
  readonly #probed = new Map<number, TableEntry>();
  /** Probes that have ended, and until when their groups are kept. BOUNDED by the probes of PROBED_GROUP_MS. */
  readonly #lingering = new Map<number, { readonly entry: TableEntry; readonly untilMs: number }>();
  /** Number of the loss of each address that is lost. BOUNDED: the next table that knows of the loss ends it. */
  readonly #lost = new Map<string, number>();
  #losses = 0;
  /** "INTERFACE ADDRESS" of what is answered. */
  #held: ReadonlySet<string> = new Set();
  #index: AddressIndex = EMPTY_INDEX;
  #stale = false;
  #invalid: readonly string[] = [];

  /** Built when first needed after a change, so that a turn with many messages builds it once. */
  get index(): AddressIndex {
    if (this.#stale) this.#build();
    return this.#index;
  }

  replace(message: Extract<ToWorker, { type: "table" }>): void {
    this.#entries = message.entries;
    const seen = message.lossSeen ?? Number.POSITIVE_INFINITY;
    for (const [address, loss] of this.#lost) if (loss <= seen) this.#lost.delete(address);
    this.#stale = true;
  }

  listen(interfaces: readonly string[], addresses: readonly string[]): void {
    this.#listenedInterfaces = interfaces;
    this.#listened = addresses;
    this.#stale = true;
  }

  probe(requests: readonly ProbeRequest[]): void {
    for (const { id, address, interface: name } of requests) this.#probed.set(id, { address, interface: name });
    this.#stale = true;
  }

  /** What the detector asks for, and of whom: addresses that are only to be recognised, and the MACs of the other nodes. */
  recognise(addresses: readonly string[], peers: Iterable<string>): void {
    this.#recognised = addresses;
    this.#peers = macSet(peers);
    this.#stale = true;
  }

  forgetProbe(id: number, now: number): void {
    const entry = this.#probed.get(id);
    if (entry !== undefined) this.#lingering.set(id, { entry, untilMs: now + PROBED_GROUP_MS });
    this.#probed.delete(id);
    this.#stale = true;
  }

  /** True when the group of a probe is not needed any more. */
  tidy(now: number): boolean {
    const before = this.#lingering.size;
    for (const [id, { untilMs }] of this.#lingering) if (untilMs <= now) this.#lingering.delete(id);
    return this.#lingering.size < before;
  }

  /**
   * The keys of the solicited-node groups to be in: of what is probed, which come first (RFC 4862 section 5.4.2: joined before the first
   * question), and of what is held, lost addresses too, for most come back.
   */
  groupKeys(wire: { station(name: string): { readonly index: number } | undefined }): ReadonlySet<number> {
    const keys = new Set<number>();
    const ended = [...this.#lingering.values()].map((one) => one.entry);
    for (const { address, interface: name } of [...this.#probed.values(), ...this.#entries, ...ended]) {
      if (!address.includes(":")) continue;
      const bytes = this.index.bytes.get(address) ?? bytesOf(address);
      const index = wire.station(name)?.index;
      if (bytes?.length === 16 && index !== undefined) keys.add(groupKey(index, bytes));
    }
    return keys;
  }

  /** Stops to answer for these and returns the number of this loss. */
  lose(addresses: readonly LostAddress[]): number {
    this.#losses++;
    for (const { address } of addresses) this.#lost.set(address, this.#losses);
    this.#stale = true;
    return this.#losses;
  }

  isHeld(address: string, name: string): boolean {
    if (this.#stale) this.#build();
    return this.#held.has(`${name} ${address}`);
  }

  /** What is answered on this interface. */
  heldOn(name: string): readonly Announced[] {
    const entries = this.#entries.filter((entry) => entry.interface === name && this.isHeld(entry.address, name));
    return entries.map((entry) => ({ ...entry, family: entry.address.includes(":") ? 6 : 4 }));
  }

  /** The interfaces that need sockets. */
  interfaces(): ReadonlySet<string> {
    return new Set([...this.#listenedInterfaces, ...this.#entries.map((entry) => entry.interface)]);
  }

  /** Texts in the last messages that are no address, once. */
  takeInvalid(): readonly string[] {
    if (this.#stale) this.#build();
    const invalid = this.#invalid;
    this.#invalid = [];
    return invalid;
  }

  #build(): void {
    const lost = new Set(this.#lost.keys());
    const probed = [...[...this.#probed.values()].map((entry) => entry.address), ...this.#recognised];
    const input = { entries: this.#entries, listened: this.#listened, probed, lost, peers: this.#peers };
    const { index, invalid } = buildIndex(input, this.#index);
    this.#index = index;
    this.#invalid = invalid;
    const bad = new Set(invalid);
    const held = this.#entries.filter((entry) => !lost.has(entry.address) && !bad.has(entry.address));
    this.#held = new Set(held.map((entry) => `${entry.interface} ${entry.address}`));
    this.#stale = false;
  }
}
