/** Puts the controller together: caches, queue, leader election. Only the leader acts; the standby keeps its caches warm. */
import type { Informer, Json, KubeApi } from "../../lib/kube/api.ts";
import { createInformer } from "../../lib/kube/informer.ts";
import { createLoop, type Loop } from "../../lib/kube/loop.ts";
import { apiPath } from "../../lib/kube/path.ts";
import { createLeader, LEADER_LEASE, type Leader, type LeaderNews } from "../../lib/lease/leader-loop.ts";
import { type IPPool, parseIPPool } from "../../lib/model/ip-pool.ts";
import { API_VERSION } from "../../lib/model/meta.ts";
import { parseService, type Service } from "../../lib/model/service.ts";
import { parseVirtualIP, type VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import { assertNever } from "../../lib/runtime/errors.ts";
import type { Logger } from "../../lib/runtime/log.ts";
import type { Random } from "../../lib/runtime/random.ts";
import { type Scheduler, systemScheduler } from "../../lib/runtime/scheduler.ts";
import { Controller } from "./controller.ts";
import { createWarnings } from "./warnings.ts";

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
  readonly #services: Informer<Service>;
  readonly #vips: Informer<VirtualIP>;
  readonly #pools: Informer<IPPool>;
  readonly #loop: Loop;
  readonly #leader: Leader;
  readonly #controller: Controller;
  /** The election was won and not lost since; work begins when the caches are complete too. */
  #elected = false;
  #working = false;

  constructor(options: AppOptions) {
    this.#options = options;
    const { api, clock, random, log } = options;
    this.#services = this.#informer(apiPath("v1", "services"), parseService, (key) => this.#controller.onService(key));
    this.#vips = this.#informer(apiPath(API_VERSION, "virtualips"), parseVirtualIP, (key) =>
      this.#controller.onVip(key),
    );
    this.#pools = this.#informer(apiPath(API_VERSION, "ippools"), parseIPPool, (key) => this.#controller.onPool(key));
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
      services: this.#services,
      vips: this.#vips,
      pools: this.#pools,
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
    for (const informer of this.#informers()) informer.start();
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
    for (const informer of this.#informers()) informer.stop();
  }

  /** Why this process could not take over now; undefined when it could. */
  notReady(): string | undefined {
    const late = [
      this.#services.synced ? "" : "services",
      this.#vips.synced ? "" : "virtualips",
      this.#pools.synced ? "" : "ippools",
    ].filter((text) => text !== "");
    return late.length === 0 ? undefined : `the first list is missing of: ${late.join(", ")}`;
  }

  #informers(): readonly Informer<unknown>[] {
    return [this.#services, this.#vips, this.#pools];
  }

  #informer<T>(path: string, parse: (raw: Json) => T | undefined, onChange: (key: string) => void): Informer<T> {
    const { api, clock, random, log } = this.#options;
    return createInformer(api, { path, parse, onChange, onSynced: () => this.#workIfDue() }, { clock, random, log });
  }

  #onNews(news: LeaderNews): void {
    switch (news.type) {
      case "leading":
        this.#elected = true;
        return this.#workIfDue();
      case "not-leading":
        this.#elected = false;
        return this.#stopWorking();
      case "rollback":
        for (const informer of this.#informers()) informer.relist();
        return;
      case "pulse":
      case "pulse-lost":
      case "ended":
        return;
      default:
        return assertNever(news);
    }
  }

  #workIfDue(): void {
    if (!this.#elected || this.#working || this.notReady() !== undefined) return;
    this.#working = true;
    this.#options.log.info({ services: this.#services.list().length, virtualips: this.#vips.list().length }, "active");
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
