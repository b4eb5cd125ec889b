/** Announcements by others of addresses that this node does not answer for: whoever is next in line waits for nobody twice. */
import type { Announcement } from "./messages.ts";

/** The same MAC for the same address says nothing new within this time. */
const REPEAT_MS = 1_000;
/** Addresses remembered; a segment with more of them announced within a second is under attack, and then all are told. */
const REMEMBERED_MAX = 16_384;

export class Announcements {
  /** BOUNDED by REMEMBERED_MAX. */
  #told = new Map<string, number>();
  #entries: Announcement[] = [];

  add(entry: Announcement, now: number): void {
    const key = `${entry.interface} ${entry.address} ${entry.mac}`;
    const before = this.#told.get(key);
    if (before !== undefined && now - before < REPEAT_MS) return;
    if (this.#told.size >= REMEMBERED_MAX) this.#told = new Map();
    this.#told.set(key, now);
    this.#entries.push(entry);
  }

  /** Those of this turn. BOUNDED by the frames of one turn. */
  take(): readonly Announcement[] {
    const entries = this.#entries;
    if (entries.length > 0) this.#entries = [];
    return entries;
  }
}
