/** Simulated time: what is planned runs in order of its time, and equal times in the order in which they were planned. */
interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  /** It cannot change who answers or what a record says by itself: nothing needs to be checked after it. */
  readonly isQuiet: boolean;
}

/** What a process sees of the time. */
export interface Time {
  readonly now: number;
  after(delayMs: number, run: () => void): void;
  quietly(delayMs: number, run: () => void): void;
}

/** The clocks of one machine. The monotonic one runs a little fast or slow, the wall clock is set by others. */
export interface Clocks {
  /** Milliseconds of this clock in one true millisecond. */
  readonly rate: number;
  readonly offsetMs: number;
  /** How far the wall clock was set ahead. */
  wallJumpMs: number;
}

export const TRUE_CLOCKS: Clocks = { rate: 1, offsetMs: 0, wallJumpMs: 0 };

/** 2026-01-01, where the wall clocks of the simulation begin. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** The time as a process sees it: a pause of the whole machine leaves no trace in it (F2). */
export class MachineTime implements Time {
  readonly #timeline: Time;
  readonly #clocks: Clocks;
  #missedMs = 0;

  constructor(timeline: Time, clocks: Clocks = TRUE_CLOCKS) {
    this.#timeline = timeline;
    this.#clocks = clocks;
  }

  get now(): number {
    return this.#clocks.offsetMs + (this.#timeline.now - this.#missedMs) * this.#clocks.rate;
  }

  /** What the machine's wall clock shows, as the API server is told it. */
  get wallText(): string {
    return new Date(Math.round(EPOCH_MS + this.now - this.#clocks.offsetMs + this.#clocks.wallJumpMs)).toISOString();
  }

  /** `ms` by its own clock. */
  miss(ms: number): void {
    this.#missedMs += ms / this.#clocks.rate;
  }

  after(delayMs: number, run: () => void): void {
    this.#timeline.after(delayMs / this.#clocks.rate, run);
  }

  quietly(delayMs: number, run: () => void): void {
    this.#timeline.quietly(delayMs / this.#clocks.rate, run);
  }
}

const NOTHING = (): void => {};

export class Timeline implements Time {
  now = 0;
  #order = 0;
  /** A binary heap by (at, order). */
  readonly #heap: Entry[] = [];

  after(delayMs: number, run: () => void): void {
    this.#push({ at: this.now + Math.max(0, delayMs), order: this.#order++, run, isQuiet: false });
  }

  /** The same for the many small things of a wire: a question of the detector, its answer. */
  quietly(delayMs: number, run: () => void): void {
    this.#push({ at: this.now + Math.max(0, delayMs), order: this.#order++, run, isQuiet: true });
  }

  /** Runs everything up to and including `until`; `check` after each, or `glance` after what is quiet. Returns how much was run. */
  runUntil(until: number, check: () => void, glance: () => void = NOTHING): number {
    let count = 0;
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop();
      this.now = next.at;
      next.run();
      if (next.isQuiet) glance();
      else check();
      count += 1;
    }
    this.now = until;
    return count;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent] as Entry)) break;
      heap[at] = heap[parent] as Entry;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!before(heap[child] as Entry, last)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
  }
}

function before(left: Entry, right: Entry): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
