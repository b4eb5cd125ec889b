/** Timers as the shells see them; a test gives one that it moves by hand. */
export interface Scheduler {
  /** Runs once after so many milliseconds; the returned function cancels, and does nothing afterwards. */
  after(delayMs: number, run: () => void): () => void;
}

/** Longer delays overflow Node's timers and would fire at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;

export const systemScheduler: Scheduler = {
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, Math.ceil(delayMs)), DELAY_MAX_MS));
    return () => clearTimeout(timer);
  },
};

/** One wake-up at a time: the shell of a machine tells it the `wakeAt` of each step. */
export class Alarm {
  readonly #scheduler: Scheduler;
  readonly #run: () => void;
  #at: number | undefined;
  #cancel: () => void = () => {};

  constructor(scheduler: Scheduler, run: () => void) {
    this.#scheduler = scheduler;
    this.#run = run;
  }

  /**
   * Wakes at `wakeAt`, or somewhat before: an earlier wake-up that is already set stays, since a machine that is woken
   * too early does nothing and says again when it wants to be. That saves a timer for each event of a watch.
   */
  set(wakeAt: number | undefined, now: number): void {
    if (wakeAt !== undefined && this.#at !== undefined && this.#at <= wakeAt) return;
    this.clear();
    if (wakeAt === undefined) return;
    this.#at = wakeAt;
    this.#cancel = this.#scheduler.after(wakeAt - now, () => {
      this.#at = undefined;
      this.#run();
    });
  }

  clear(): void {
    this.#cancel();
    this.#cancel = () => {};
    this.#at = undefined;
  }
}
