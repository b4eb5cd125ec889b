/**
 * The work queue of a controller, by the contract of client-go's util/workqueue: a key is waiting (dirty), being
 * worked on (processing), or neither. A key added while it is worked on is worked on once more afterwards; so nothing
 * runs twice at once, and nothing is lost. Besides: add after a time, and back-off per key.
 *
 * Decides by its inputs alone (time and randomness come as parameters), but changes itself in place: a burst of
 * thousands of keys must not copy thousands of keys for each step.
 */
export interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
}

/** The first retry soon, since most failures are conflicts; the last ones rarely, since a person must act. */
export const DEFAULT_BACKOFF: Backoff = { minMs: 20, maxMs: 30_000 };

export interface Taken {
  readonly key: string;
  /** How long the key waited after it was due. */
  readonly waitedMs: number;
}

export interface QueueSnapshot {
  readonly waiting: readonly string[];
  readonly processing: readonly string[];
  readonly delayed: readonly (readonly [key: string, atMs: number])[];
  readonly failures: readonly (readonly [key: string, count: number])[];
}

/** All maps are BOUNDED by the keys that exist: those of objects in the informers, and of the just deleted ones. */
export class WorkQueue {
  readonly #backoff: Backoff;
  /** In the order of arrival, with the time of it. A key that is processed stays here without being in #order. */
  readonly #dirty = new Map<string, number>();
  #order: string[] = [];
  #head = 0;
  readonly #processing = new Set<string>();
  readonly #delayed = new Map<string, number>();
  #nextDelayedMs = Number.POSITIVE_INFINITY;
  readonly #failures = new Map<string, number>();

  constructor(backoff: Backoff = DEFAULT_BACKOFF) {
    this.#backoff = backoff;
  }

  /** Keys that wait for a worker, delayed ones not counted. */
  get depth(): number {
    return this.#dirty.size;
  }

  /** The key is to be worked on as soon as there is a worker; at once even if it is in a back-off. */
  add(key: string, now: number): void {
    if (this.#dirty.has(key)) return;
    this.#dirty.set(key, now);
    if (!this.#processing.has(key)) this.#order.push(key);
  }

  /** The key is to be worked on when so many milliseconds have passed; of two such times the earlier one counts. */
  addAfter(key: string, delayMs: number, now: number): void {
    const at = now + Math.max(0, delayMs);
    if (at <= now) {
      this.add(key, now);
      return;
    }
    this.#delayed.set(key, Math.min(at, this.#delayed.get(key) ?? at));
    this.#nextDelayedMs = Math.min(this.#nextDelayedMs, at);
  }

  /** The next key, which is processed until `finish` is called for it; undefined when nothing waits. */
  take(now: number): Taken | undefined {
    this.#release(now);
    const key = this.#order[this.#head];
    if (key === undefined) return undefined;
    this.#head++;
    if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    const since = this.#dirty.get(key) ?? now;
    this.#dirty.delete(key);
    this.#processing.add(key);
    return { key, waitedMs: Math.max(0, now - since) };
  }

  /** The work on a key is over; if it was added meanwhile it waits again. */
  finish(key: string): void {
    if (this.#processing.delete(key) && this.#dirty.has(key)) this.#order.push(key);
  }

  /**
   * The work failed: adds the key after its back-off (doubling from minMs to maxMs, of which half to all is waited),
   * or after `atLeastMs` if that is longer. Returns the delay.
   */
  retry(key: string, now: number, random: number, atLeastMs = 0): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const full = Math.min(this.#backoff.maxMs, this.#backoff.minMs * 2 ** Math.min(failures, 40));
    const delayMs = Math.max(full * (0.5 + random / 2), atLeastMs);
    this.addAfter(key, delayMs, now);
    return delayMs;
  }

  /** The work succeeded, or retrying it is of no use: the next failure starts from the shortest back-off. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** When `take` has more to give by time alone; undefined if never. */
  wakeAt(): number | undefined {
    return Number.isFinite(this.#nextDelayedMs) ? this.#nextDelayedMs : undefined;
  }

  snapshot(): QueueSnapshot {
    return {
      waiting: [...this.#dirty.keys()],
      processing: [...this.#processing].sort(),
      delayed: [...this.#delayed].sort(([left], [right]) => (left < right ? -1 : 1)),
      failures: [...this.#failures].sort(([left], [right]) => (left < right ? -1 : 1)),
    };
  }

  /** Moves what is due among the waiting, the earliest first. */
  #release(now: number): void {
    if (now < this.#nextDelayedMs) return;
    const due = [...this.#delayed].filter(([, at]) => at <= now).sort(([, left], [, right]) => left - right);
    for (const [key, at] of due) {
      this.#delayed.delete(key);
      this.add(key, at);
    }
    this.#nextDelayedMs = this.#delayed.values().reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY);
  }
}
