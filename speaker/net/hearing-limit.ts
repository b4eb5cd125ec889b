import type { HeardHow } from "./messages.ts";

/** What was heard is told to the main thread at most so often in a second, so that no flood of frames becomes one of messages. */
export interface HearingLimits {
  readonly perAddress: number;
  readonly inAll: number;
}

/** Of addresses that this node answers for. */
export const HELD_LIMITS: HearingLimits = { perAddress: 10, inAll: 1000 };
/** Announcements of others: two speakers that take everything from dead ones may announce at full pace. */
export const ANNOUNCED_LIMITS: HearingLimits = { perAddress: 10, inAll: 2000 };
const WINDOW_MS = 1000;

/**
 * The nodes of the cluster and all others have a limit each: no stranger can talk so much that a peer is not heard. So have questions:
 * several candidates that ask at once must not hide the announcement of the one that takes over.
 */
export class HearingLimit {
  readonly #peers: Window;
  readonly #strangers: Window;
  readonly #probes: Window;

  constructor(limits: HearingLimits) {
    this.#peers = new Window(limits);
    this.#strangers = new Window(limits);
    this.#probes = new Window(limits);
  }

  /** Whether one more of this address may be told now; if so, it counts. */
  admits(address: string, how: HeardHow, isPeer: boolean, now: number): boolean {
    const window = how === "probe" ? this.#probes : isPeer ? this.#peers : this.#strangers;
    return window.admits(address, now);
  }
}

class Window {
  readonly #limits: HearingLimits;
  #since = Number.NEGATIVE_INFINITY;
  #total = 0;
  /** How often each address was told in this window. BOUNDED by the limit in all. */
  readonly #told = new Map<string, number>();

  constructor(limits: HearingLimits) {
    this.#limits = limits;
  }

  admits(address: string, now: number): boolean {
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#total = 0;
      this.#told.clear();
    }
    const times = this.#told.get(address) ?? 0;
    if (times >= this.#limits.perAddress || this.#total >= this.#limits.inAll) return false;
    this.#told.set(address, times + 1);
    this.#total++;
    return true;
  }
}
