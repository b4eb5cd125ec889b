/**
 * Inputs of a machine, handled one after the other: one that comes from a callback while the effects of another are executed
 * waits for its turn, so that no step begins from a state that a running step is about to replace.
 */
export class OneAtATime<Input> {
  readonly #handle: (input: Input) => void;
  /** BOUNDED: one per callback of the effects of the input that is handled. */
  readonly #waiting: Input[] = [];
  #running = false;

  constructor(handle: (input: Input) => void) {
    this.#handle = handle;
  }

  /** Handles it now, or after what is being handled. What `handle` throws comes out here; the rest waits for the next call. */
  put(input: Input): void {
    this.#waiting.push(input);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#handle(next);
    } finally {
      this.#running = false;
    }
  }
}
