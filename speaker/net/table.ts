/** What this node answers for and listens to, and the index that frames are looked up in. */
import { type AddressIndex, buildIndex, EMPTY_INDEX } from "../address-index.ts";
import type { ProbeRequest } from "../prober.ts";
import type { LostAddress } from "./fence.ts";
import type { TableEntry, ToWorker } from "./messages.ts";

export class HeldTable {
  #entries: readonly TableEntry[] = [];
  #listenedInterfaces: readonly string[] = [];
  #listened: readonly string[] = [];
  #recognised: readonly string[] = [];
  /** Addresses under probe, by the id of the probe. BOUNDED by the prober. */
  readonly #probed = new Map<number, string>();
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
    for (const { id, address } of requests) this.#probed.set(id, address);
    this.#stale = true;
  }

  /** Addresses that are only to be recognised: the detector's. */
  recognise(addresses: readonly string[]): void {
    this.#recognised = addresses;
    this.#stale = true;
  }

  forgetProbe(id: number): void {
    this.#probed.delete(id);
    this.#stale = true;
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

  get entries(): readonly TableEntry[] {
    return this.#entries;
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
    const probed = [...this.#probed.values(), ...this.#recognised];
    const input = { entries: this.#entries, listened: this.#listened, probed, lost };
    const { index, invalid } = buildIndex(input, this.#index);
    this.#index = index;
    this.#invalid = invalid;
    const bad = new Set(invalid);
    const held = this.#entries.filter((entry) => !lost.has(entry.address) && !bad.has(entry.address));
    this.#held = new Set(held.map((entry) => `${entry.interface} ${entry.address}`));
    this.#stale = false;
  }
}
