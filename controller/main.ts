/** Berth's controller: reads its flags, starts the parts, and acts while it is the leader. */
import { randomUUID } from "node:crypto";
import { createKubeApi, loadKubeConfig } from "../lib/kube/client.ts";
import { createLoop } from "../lib/kube/loop.ts";
import { createLeader, LEADER_LEASE, type LeaderNews } from "../lib/lease/leader-loop.ts";
import { instanceId } from "../lib/model/speaker-lease.ts";
import { systemClock } from "../lib/runtime/clock.ts";
import { assertNever, BerthError } from "../lib/runtime/errors.ts";
import { startHealthServer } from "../lib/runtime/health.ts";
import { createLogger, type Logger } from "../lib/runtime/log.ts";
import { systemRandom } from "../lib/runtime/random.ts";
import { onShutdown } from "../lib/runtime/shutdown.ts";
import { type ControllerFlags, readControllerFlags } from "./flags.ts";
import { Controller } from "./shell/controller.ts";
import { createWarnings } from "./shell/warnings.ts";
import { createWatches, type Watches } from "./shell/watches.ts";

const SWEEP_MS = 10_000;

const flags = readControllerFlags(process.argv);
const log = createLogger({ name: "berth-controller", level: flags.logLevel });
start(flags, log).catch((thrown) => {
  log.error({ error: BerthError.from(thrown) }, "the controller cannot start");
  process.exit(1);
});

async function start(options: ControllerFlags, log: Logger): Promise<void> {
  const identity = instanceId(options.podUid, randomUUID());
  const api = createKubeApi({ config: loadKubeConfig(options.kubeconfig), userAgent: "berth-controller", log });
  const deps = { clock: systemClock, random: systemRandom, log };
  const watches: Watches = createWatches(
    api,
    {
      onService: (key) => controller.onService(key),
      onVip: (name) => controller.onVip(name),
      onPool: (name) => controller.onPool(name),
      onSynced: () => {
        log.info({}, "all lists are complete");
        if (leader.isLeading()) controller.begin();
      },
    },
    deps,
  );
  const loop = createLoop({
    ...deps,
    name: "controller",
    concurrency: options.concurrency,
    reconcile: (key) => controller.reconcile(key),
  });
  const leader = createLeader({
    ...deps,
    api,
    namespace: options.namespace,
    name: LEADER_LEASE,
    identity,
    onNews: (news) => onNews(news, controller, watches, log),
  });
  const controller = new Controller({
    api,
    clock: systemClock,
    log,
    namespace: options.namespace,
    classLess: options.classLess,
    services: watches.services,
    vips: watches.vips,
    pools: watches.pools,
    enqueue: (key) => loop.add(key),
    isLeader: () => leader.isLeading(),
    warn: createWarnings({
      api,
      clock: systemClock,
      log,
      instance: options.podName === "" ? identity : options.podName,
      newName: () => `berth-${randomUUID()}`,
    }),
  });
  await startHealthServer({
    port: options.healthPort,
    host: options.healthHost,
    ready: () => (watches.synced ? undefined : "the first lists are not complete"),
    alive: () => undefined,
    log,
  });
  const sweep = setInterval(() => controller.sweep(), SWEEP_MS);
  onShutdown(async () => {
    clearInterval(sweep);
    // What is under way is finished first: the next leader may start the moment the Lease is free.
    await loop.stop();
    controller.end();
    await leader.stop();
    watches.stop();
  }, log);
  log.info({ identity, namespace: options.namespace, classLess: options.classLess }, "the controller starts");
  watches.start();
  leader.start();
  loop.start();
}

function onNews(news: LeaderNews, controller: Controller, watches: Watches, log: Logger): void {
  switch (news.type) {
    case "leading":
      log.info({}, "this controller leads");
      if (watches.synced) controller.begin();
      return;
    case "not-leading":
      log.warn({ reason: news.reason }, "this controller no longer leads");
      controller.end();
      return;
    case "pulse":
      watches.retryNow();
      return;
    case "rollback":
      watches.relist();
      return;
    case "pulse-lost":
    case "ended":
      return;
    default:
      assertNever(news);
  }
}
