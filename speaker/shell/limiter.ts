/** Records that a speaker reads and writes at a time (election.md section 5): when a node dies its hundreds must not crowd out the Leases. */
export const RECORDS_MAX = 32;

/** At most so many calls at a time; the rest wait in order. */
export class Limiter {
  readonly #max: number;
  #running = 0;
  /** In the order in which they came. BOUNDED by the keys, which name what a call is about. */
  readonly #waiting = new Map<string, () => Promise<void>>();

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * The call must not reject: whoever makes it turns its failure into an input. One that still waits under the same key is not made any
   * more, for this one says what is so by now; it takes the other's place. A call that is under way is left alone.
   */
  run(key: string, call: () => Promise<void>): void {
    this.#waiting.set(key, call);
    this.#next();
  }

  #next(): void {
    if (this.#running >= this.#max) return;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const [key, call] = first;
    this.#waiting.delete(key);
    this.#running += 1;
    call().finally(() => {
      this.#running -= 1;
      this.#next();
    });
  }
}
