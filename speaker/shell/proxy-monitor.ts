/** Asks kube-proxy of this node for its health, on and on, and tells what changes. What the answers mean is proxy-health.ts's. */
import type { Clock } from "../../lib/runtime/clock.ts";
import { probeHealth } from "../../lib/runtime/health-probe.ts";
import type { Logger } from "../../lib/runtime/log.ts";
import { type Scheduler, systemScheduler } from "../../lib/runtime/scheduler.ts";
import {
  initialProxyHealth,
  PROXY_POLL_MS,
  PROXY_PORT,
  PROXY_TIMEOUT_MS,
  type ProxyAnswer,
  type ProxyHealth,
  stepProxyHealth,
} from "../proxy-health.ts";

export interface ProxyMonitorOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The node's own addresses, for a kube-proxy that listens on one of them alone. */
  readonly addresses: () => readonly string[];
  /** Once at the start, and on each change. */
  readonly onReady: (ready: boolean) => void;
  readonly scheduler?: Scheduler;
  readonly ask?: (host: string) => Promise<ProxyAnswer>;
}

const LOOPBACKS: readonly string[] = ["127.0.0.1", "::1"];
/** BOUNDED: a node has a handful of addresses that kube-proxy could be bound to. */
const ADDRESSES_MAX = 8;

/** Asks at once, and 5 s after each round again; the returned function stops. */
export function startProxyMonitor(options: ProxyMonitorOptions): () => void {
  const { clock, log, onReady, scheduler = systemScheduler } = options;
  const ask = options.ask ?? ((host) => probeHealth(host, PROXY_PORT, "/healthz", PROXY_TIMEOUT_MS));
  let health: ProxyHealth = initialProxyHealth(clock.monotonicMs());
  let stopped = false;
  let cancel = (): void => {};
  const round = async (): Promise<void> => {
    const hosts = [...LOOPBACKS, ...options.addresses().slice(0, ADDRESSES_MAX)];
    const answers = await Promise.all(hosts.map(ask));
    if (stopped) return;
    const before = health;
    health = stepProxyHealth(before, answers, clock.monotonicMs());
    if (health.ready !== before.ready) {
      log.info({ ready: health.ready, present: health.present }, "kube-proxy's health changed");
      onReady(health.ready);
    }
    cancel = scheduler.after(PROXY_POLL_MS, () => void round());
  };
  onReady(health.ready);
  void round();
  return () => {
    stopped = true;
    cancel();
  };
}
