/** Puts the controller together: caches, queue, leader election. Only the leader acts; the standby keeps its caches warm. */
import type { KubeApi } from "../../lib/kube/api.ts";
import { createLoop, type Loop } from "../../lib/kube/loop.ts";
import { createLeader, LEADER_LEASE, type Leader, type LeaderNews } from "../../lib/lease/leader-loop.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import { assertNever } from "../../lib/runtime/errors.ts";
import type { Logger } from "../../lib/runtime/log.ts";
import type { Random } from "../../lib/runtime/random.ts";
import { type Scheduler, systemScheduler } from "../../lib/runtime/scheduler.ts";
import { Controller } from "./controller.ts";
import { createWarnings } from "./warnings.ts";
import { createWatches, type Watches } from "./watches.ts";

export interface AppOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly namespace: string;
  /** `<podUid>/<random>`, this process in the leader's Lease. */
  readonly identity: string;
  readonly podName: string;
  readonly classLess: boolean;
  readonly concurrency: number;
  readonly scheduler?: Scheduler;
}

const SWEEP_MS = 10_000;

export class App {
  readonly #options: AppOptions;
  readonly #watches: Watches;
  readonly #loop: Loop;
  readonly #leader: Leader;
  readonly #controller: Controller;
  /** The election was won and not lost since; work begins when the caches are complete too. */
  #elected = false;
  #working = false;

  constructor(options: AppOptions) {
    this.#options = options;
    const { api, clock, random, log } = options;
    const handlers = {
      onService: (key: string) => this.#controller.onService(key),
      onVip: (name: string) => this.#controller.onVip(name),
      onPool: (name: string) => this.#controller.onPool(name),
      onNamespace: (name: string) => this.#controller.onNamespace(name),
      onNode: (name: string) => this.#controller.onNode(name),
      onLease: (key: string) => this.#controller.onLease(key),
      onSynced: () => this.#workIfDue(),
    };
    this.#watches = createWatches(api, options.namespace, handlers, { clock, random, log });
    this.#loop = createLoop({
      name: "controller",
      concurrency: options.concurrency,
      reconcile: (key) => this.#controller.reconcile(key),
      clock,
      random,
      log,
    });
    this.#leader = createLeader({
      api,
      namespace: options.namespace,
      name: LEADER_LEASE,
      identity: options.identity,
      onNews: (news) => this.#onNews(news),
      clock,
      random,
      log,
    });
    this.#controller = new Controller({
      api,
      ...this.#watches,
      enqueue: (key) => this.#loop.add(key),
      clock,
      isLeader: () => this.#leader.isLeading(),
      warn: createWarnings({ api, clock, log, instance: options.podName || options.identity }),
      log,
      classLess: options.classLess,
      namespace: options.namespace,
    });
  }

  start(): void {
    this.#watches.start();
    this.#loop.start();
    this.#leader.start();
    this.#sweepLater();
  }

  /** Finishes what is under way, then gives up the Lease so that the other controller takes over at once. */
  async stop(): Promise<void> {
    this.#elected = false;
    await this.#loop.stop();
    this.#stopWorking();
    await this.#leader.stop();
    this.#watches.stop();
  }

  /** Why this process could not take over now; undefined when it could. */
  notReady(): string | undefined {
    const late = this.#watches.missing();
    return late.length === 0 ? undefined : `the first list is missing of: ${late.join(", ")}`;
  }

  #onNews(news: LeaderNews): void {
    switch (news.type) {
      case "leading":
        this.#elected = true;
        this.#workIfDue();
        return;
      case "not-leading":
        this.#elected = false;
        this.#stopWorking();
        return;
      case "rollback":
        this.#controller.rolledBack();
        this.#watches.relist();
        return;
      case "pulse":
        // The API server answers (every two seconds): a list that waits out a long back-off need not. After a restart of
        // the API server the first retries fail as well, so once is not enough.
        this.#watches.retryNow();
        return;
      case "pulse-lost":
      case "ended":
        return;
      default:
        assertNever(news);
    }
  }

  #workIfDue(): void {
    if (!this.#elected || this.#working || this.notReady() !== undefined) return;
    this.#working = true;
    this.#options.log.info(
      { services: this.#watches.services.list().length, virtualips: this.#watches.vips.list().length },
      "active",
    );
    this.#controller.begin();
  }

  #stopWorking(): void {
    if (!this.#working) return;
    this.#working = false;
    this.#controller.end();
  }

  #sweepLater(): void {
    const scheduler = this.#options.scheduler ?? systemScheduler;
    scheduler.after(SWEEP_MS, () => {
      this.#controller.sweep();
      this.#sweepLater();
    });
  }
}
