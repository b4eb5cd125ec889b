/** Announcements by others of addresses that this node does not answer for: whoever is next in line waits for nobody twice. */
import type { Counters } from "./counters.ts";
import { ANNOUNCED_LIMITS, HearingLimit } from "./hearing-limit.ts";
import type { Announcement } from "./messages.ts";

/** The same MAC for the same address says nothing new within this time. */
const REPEAT_MS = 1_000;
/** Announcements remembered; a segment with more of them within a second is under attack, and then repeats are told until the limit. */
const REMEMBERED_MAX = 16_384;

export class Announcements {
  readonly #counters: Counters;
  readonly #limit = new HearingLimit(ANNOUNCED_LIMITS);
  /** BOUNDED by REMEMBERED_MAX. */
  #told = new Map<string, number>();
  #entries: Announcement[] = [];

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  add(entry: Announcement, isPeer: boolean, now: number): void {
    const key = `${entry.interface} ${entry.address} ${entry.mac}`;
    const before = this.#told.get(key);
    if (before !== undefined && now - before < REPEAT_MS) return;
    if (!this.#limit.admits(entry.address, "announcement", isPeer, now)) {
      this.#counters.add("heard-not-told");
      return;
    }
    if (this.#told.size >= REMEMBERED_MAX) this.#told = new Map();
    this.#told.set(key, now);
    this.#entries.push(entry);
  }

  /** Those of this turn. BOUNDED by the frames of one turn, and by the limit. */
  take(): readonly Announcement[] {
    const entries = this.#entries;
    if (entries.length > 0) this.#entries = [];
    return entries;
  }
}
