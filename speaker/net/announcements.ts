/** Announcements by others of addresses that this node does not answer for: whoever is next in line waits for nobody twice. */
import type { Counters } from "./counters.ts";
import { ANNOUNCED_LIMITS, HearingLimit } from "./hearing-limit.ts";
import type { Announcement } from "./messages.ts";

/** Who announced an address last, and does so again within this time, says nothing new. */
const REPEAT_MS = 1_000;
/** Addresses remembered; a segment with more of them within a second is under attack, and then repeats are told until the limit. */
const REMEMBERED_MAX = 16_384;

export class Announcements {
  readonly #counters: Counters;
  readonly #limit = new HearingLimit(ANNOUNCED_LIMITS);
  /** BOUNDED by REMEMBERED_MAX. */
  #told = new Map<string, { readonly mac: string; readonly atMs: number }>();
  #entries: Announcement[] = [];

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  add(entry: Announcement, isPeer: boolean, now: number): void {
    const key = `${entry.interface} ${entry.address}`;
    const last = this.#told.get(key);
    // Not so where another one has announced in between: who was heard last is believed, and of two that begin at once only one goes on.
    if (last !== undefined && last.mac === entry.mac && now - last.atMs < REPEAT_MS) return;
    if (!this.#limit.admits(entry.address, "announcement", isPeer, now)) {
      this.#counters.add("heard-not-told");
      return;
    }
    if (this.#told.size >= REMEMBERED_MAX) this.#told = new Map();
    this.#told.set(key, { mac: entry.mac, atMs: now });
    this.#entries.push(entry);
  }

  /** Those of this turn. BOUNDED by the frames of one turn, and by the limit. */
  take(): readonly Announcement[] {
    const entries = this.#entries;
    if (entries.length > 0) this.#entries = [];
    return entries;
  }
}
