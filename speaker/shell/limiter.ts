/** At most so many calls at a time; the rest wait in order. BOUNDED: each address has one record call and one condition at a time. */
export class Limiter {
  readonly #max: number;
  #running = 0;
  readonly #waiting: (() => Promise<void>)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** The call must not reject: whoever makes it turns its failure into an input. */
  run(call: () => Promise<void>): void {
    this.#waiting.push(call);
    this.#next();
  }

  #next(): void {
    if (this.#running >= this.#max) return;
    const call = this.#waiting.shift();
    if (call === undefined) return;
    this.#running += 1;
    call().finally(() => {
      this.#running -= 1;
      this.#next();
    });
  }
}
