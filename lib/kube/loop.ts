/** The shell of the work queue: runs a reconcile function over its keys, a bounded number at a time. */

import type { Clock } from "../runtime/clock.ts";
import { assertNever, BerthError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { counter, gauge, histogram } from "../runtime/metrics.ts";
import type { Random } from "../runtime/random.ts";
import { Alarm, type Scheduler, systemScheduler } from "../runtime/scheduler.ts";
import { KubeError } from "./errors.ts";
import { type Backoff, WorkQueue } from "./workqueue.ts";

/** What became of one key; a closed set. */
export type Outcome =
  | { readonly type: "done" }
  /** Nothing failed, but look again after this time. */
  | { readonly type: "requeue"; readonly afterMs: number }
  /** Failed; again after the key's back-off. What a reconcile function throws counts as this. */
  | { readonly type: "retry"; readonly error: BerthError }
  /** Failed in a way that only a change of the object can mend: not tried again until somebody adds the key. */
  | { readonly type: "terminal"; readonly error: BerthError };

export interface LoopOptions {
  /** For logs and metrics: "service", "pool". */
  readonly name: string;
  /** How many keys may be worked on at once. */
  readonly concurrency: number;
  /** Brings one key in order, from whatever the caches say now; it never learns which event woke it. */
  readonly reconcile: (key: string) => Promise<Outcome>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly backoff?: Backoff;
  readonly scheduler?: Scheduler;
}

export interface Loop {
  add(key: string): void;
  addAfter(key: string, delayMs: number): void;
  /** Keys may be added before; nothing runs until then. */
  start(): void;
  /** No further key is begun; resolves when those under way are finished. */
  stop(): Promise<void>;
  /** Keys waiting or being worked on, delayed ones not counted. */
  readonly size: number;
}

const outcomes = counter("berth_reconcile_total", "Keys worked on, by outcome.", ["queue", "outcome"]);
const seconds = histogram("berth_reconcile_seconds", "Time one key was worked on.", ["queue"]);
const waits = histogram("berth_queue_wait_seconds", "Time a key waited after it was due.", ["queue"]);
const depth = gauge("berth_queue_depth", "Keys that wait for a worker.", ["queue"]);

export function createLoop(options: LoopOptions): Loop {
  return new ReconcileLoop(options);
}

class ReconcileLoop implements Loop {
  readonly #options: LoopOptions;
  readonly #queue: WorkQueue;
  readonly #log: Logger;
  readonly #alarm: Alarm;
  #state: "new" | "running" | "stopped" = "new";
  #active = 0;
  /** What the gauge shows: it is set on changes only, since every key comes by here several times. */
  #toldDepth = -1;
  #drained: (() => void) | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#queue = new WorkQueue(options.backoff);
    this.#log = options.log.child({ queue: options.name });
    this.#alarm = new Alarm(options.scheduler ?? systemScheduler, () => this.#fill());
  }

  get size(): number {
    return this.#queue.depth + this.#active;
  }

  add(key: string): void {
    this.#queue.add(key, this.#now());
    this.#fill();
  }

  addAfter(key: string, delayMs: number): void {
    this.#queue.addAfter(key, delayMs, this.#now());
    this.#fill();
  }

  start(): void {
    if (this.#state !== "new") return;
    this.#state = "running";
    this.#fill();
  }

  stop(): Promise<void> {
    this.#state = "stopped";
    this.#alarm.clear();
    if (this.#active === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#drained;
    this.#drained = () => {
      before?.();
      resolve();
    };
    return promise;
  }

  #now(): number {
    return this.#options.clock.monotonicMs();
  }

  /** Gives work to free workers, and sets the alarm for what becomes due later. */
  #fill(): void {
    if (this.#state !== "running") return;
    while (this.#active < this.#options.concurrency) {
      const taken = this.#queue.take(this.#now());
      if (taken === undefined) break;
      this.#active++;
      waits.observe({ queue: this.#options.name }, taken.waitedMs / 1000);
      void this.#run(taken.key);
    }
    if (this.#queue.depth !== this.#toldDepth) {
      this.#toldDepth = this.#queue.depth;
      depth.set({ queue: this.#options.name }, this.#toldDepth);
    }
    const isFull = this.#active >= this.#options.concurrency;
    this.#alarm.set(isFull ? undefined : this.#queue.wakeAt(), this.#now());
  }

  async #run(key: string): Promise<void> {
    const started = this.#now();
    let outcome: Outcome;
    try {
      outcome = await this.#options.reconcile(key);
    } catch (thrown) {
      outcome = { type: "retry", error: BerthError.from(thrown) };
    }
    seconds.observe({ queue: this.#options.name }, (this.#now() - started) / 1000);
    outcomes.inc({ queue: this.#options.name, outcome: outcome.type });
    this.#settle(key, outcome);
    this.#queue.finish(key);
    this.#active--;
    if (this.#active === 0) this.#drained?.();
    this.#fill();
  }

  #settle(key: string, outcome: Outcome): void {
    switch (outcome.type) {
      case "done":
        this.#queue.forget(key);
        return;
      case "requeue":
        this.#queue.forget(key);
        this.#queue.addAfter(key, outcome.afterMs, this.#now());
        return;
      case "retry": {
        const { error } = outcome;
        const atLeastMs = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
        const delayMs = this.#queue.retry(key, this.#now(), this.#options.random(), atLeastMs);
        // A conflict is how two writers meet, not a failure of anything.
        const level = error.code === "conflict" ? "debug" : "warn";
        this.#log[level]({ key, error, delayMs: Math.round(delayMs) }, "failed, tried again");
        return;
      }
      case "terminal":
        this.#queue.forget(key);
        this.#log.error({ key, error: outcome.error }, "failed, not tried again until it changes");
        return;
      default:
        assertNever(outcome);
    }
  }
}
