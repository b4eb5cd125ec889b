/** Asks the gateways, on and on, and tells which interfaces have lost their way out. What the answers mean is uplink.ts's. */
import { type Ip, parseIp } from "../../lib/address/ip.ts";
import type { Logger } from "../../lib/runtime/log.ts";
import type { Result } from "../../lib/runtime/result.ts";
import { type Scheduler, systemScheduler } from "../../lib/runtime/scheduler.ts";
import { type PingFailure, type Pong, ping } from "../net/ping.ts";
import {
  formerUplinks,
  freshUplink,
  lostWithoutTarget,
  stepUplink,
  UPLINK_PERIOD_MS,
  UPLINK_TIMEOUT_MS,
  type Uplink,
  type UplinkTarget,
} from "../uplink.ts";
import { uplinkLost, uplinksKnown } from "./metrics.ts";

export interface UplinkMonitorOptions {
  readonly log: Logger;
  /** Asked for anew each time, for they change. */
  readonly targets: () => readonly UplinkTarget[];
  /** Those that the node has, asked for or not. */
  readonly interfaces: () => readonly string[];
  /** What the Lease of this node says was lost when this process began. */
  readonly former: readonly string[];
  /** Names of interfaces, sorted; on each change, and at once if there are former ones. */
  readonly onLost: (interfaces: readonly string[]) => void;
  readonly scheduler?: Scheduler;
  readonly ask?: (target: Ip, timeoutMs: number, name: string) => Promise<Result<Pong, PingFailure>>;
}

/** Asks at once, and a second after each round again; the returned function stops. */
export function startUplinkMonitor(options: UplinkMonitorOptions): () => void {
  const { log, scheduler = systemScheduler, ask = ping } = options;
  let uplinks = formerUplinks(options.former);
  let told = "";
  let stopped = false;
  let cancel = (): void => {};
  const askOne = async (target: UplinkTarget): Promise<readonly [string, Uplink]> => {
    const { interface: name, gateway } = target;
    const ip = parseIp(gateway);
    const pong = ip.ok ? await ask(ip.value, UPLINK_TIMEOUT_MS, name) : undefined;
    const before = uplinks.get(name);
    // Without the right to ask nothing is known, and nobody is blamed for it.
    if (pong === undefined || (!pong.ok && pong.reason === "not-permitted")) return [name, freshUplink(gateway)];
    return [name, stepUplink(before, gateway, pong.ok)];
  };
  const tell = (): void => {
    uplinksKnown.set({}, [...uplinks.values()].filter((one) => one.isKnown).length);
    const lost = [...uplinks].filter(([, one]) => one.isLost).map(([name]) => name);
    lost.sort();
    if (lost.join() === told) return;
    told = lost.join();
    uplinkLost.set({}, lost.length);
    const gateways = lost.map((name) => `${name}: ${uplinks.get(name)?.gateway || "as before the start"}`);
    if (lost.length > 0)
      log.warn({ gateways }, "the gateway does not answer any more: another node is the better holder");
    else log.info({}, "every gateway answers again");
    options.onLost(lost);
  };
  const round = async (): Promise<void> => {
    const targets = options.targets();
    const asked = await Promise.all(targets.map(askOne));
    if (stopped) return;
    uplinks = new Map([...lostWithoutTarget(uplinks, targets, options.interfaces()), ...asked]);
    tell();
    cancel = scheduler.after(UPLINK_PERIOD_MS, () => void round());
  };
  tell();
  void round();
  return () => {
    stopped = true;
    cancel();
  };
}
