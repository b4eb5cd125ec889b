/** Berth's speaker: reads its flags, starts the parts, and hands everything over when told to go. */
import { randomUUID } from "node:crypto";
import { networkInterfaces } from "node:os";
import { createKubeApi, loadKubeConfig } from "../lib/kube/client.ts";
import { createHeartbeat, type Heartbeat, type HeartbeatNews } from "../lib/lease/heartbeat-loop.ts";
import { instanceId, type SpeakerLease } from "../lib/model/speaker-lease.ts";
import { systemClock } from "../lib/runtime/clock.ts";
import { BerthError } from "../lib/runtime/errors.ts";
import { startHealthServer } from "../lib/runtime/health.ts";
import { createLogger, type Logger } from "../lib/runtime/log.ts";
import { systemRandom } from "../lib/runtime/random.ts";
import { onShutdown } from "../lib/runtime/shutdown.ts";
import { readSpeakerFlags, type SpeakerFlags } from "./flags.ts";
import { FramePort } from "./net/frame-port.ts";
import { endProcess } from "./net/libc.ts";
import { newsInputs } from "./shell/news.ts";
import { startProxyMonitor } from "./shell/proxy-monitor.ts";
import { SpeakerShell } from "./shell/speaker-shell.ts";
import { startUplinkMonitor } from "./shell/uplink-monitor.ts";
import { createWatches, type Watches } from "./shell/watches.ts";
import { uplinkTargets } from "./uplink.ts";

const ARP_IGNORE_POLL_MS = 5_000;
const flags = readSpeakerFlags(process.argv);
const log = createLogger({ name: "berth-speaker", level: flags.logLevel });
start(flags, log).catch((thrown) => {
  log.error({ error: BerthError.from(thrown) }, "the speaker cannot start");
  process.exit(1);
});

async function start(options: SpeakerFlags, log: Logger): Promise<void> {
  const node = options.nodeName;
  const instance = instanceId(options.podUid, randomUUID());
  const config = loadKubeConfig(options.kubeconfig);
  const api = createKubeApi({ config, userAgent: "berth-speaker" });
  const frames = new FramePort();
  const heartbeat = createHeartbeat({
    api,
    namespace: options.namespace,
    node,
    instance,
    clock: systemClock,
    random: systemRandom,
    log,
    onNews: (news) => onNews(news, shell, watches),
  });
  const shell = new SpeakerShell({
    node,
    instance,
    namespace: options.namespace,
    podName: options.podName,
    api,
    clock: systemClock,
    log,
    frames,
    heartbeat: {
      setFacts: (facts) => heartbeat.facts(facts),
      tell: (input) => {
        if (input === "shutdown") heartbeat.shutdown();
        else if (input === "release") heartbeat.release();
        else heartbeat.fenceAnswered();
      },
    },
    doubt: (all) => watches.doubt(all),
    onReady: () => begin(shell, heartbeat, options.uplinkCheck, log),
  });
  const watches = createWatches({
    api,
    namespace: options.namespace,
    deps: { clock: systemClock, random: systemRandom, log },
    post: (input) => shell.post(input),
    onLease: (name: string, lease: SpeakerLease | undefined) => {
      shell.post({
        type: "lease",
        input: lease === undefined ? { type: "gone", node: name } : { type: "lease", lease },
      });
      if (name === node) heartbeat.observed(lease);
    },
  });
  shell.onLost(async () => {
    // Another process acts for this node, or the frame worker is gone or hangs: this one starts again.
    await frames.close();
    endProcess(1);
  });
  await startHealthServer({
    port: options.healthPort,
    host: options.healthHost,
    ready: () => shell.notReady(),
    alive: () => shell.notAlive(),
    log,
  });
  watchKernel(shell, log);
  onShutdown(async () => {
    await shell.leave();
    await frames.close();
  }, log);
  log.info({ node, instance, namespace: options.namespace }, "the speaker starts");
  watches.start();
}

/** The Lease is asked for after the step that learns what was lost before this process: it must not say that such an uplink is whole. */
function begin(shell: SpeakerShell, heartbeat: Heartbeat, uplinkCheck: boolean, log: Logger): void {
  if (uplinkCheck) watchUplink(shell, log);
  setImmediate(() => heartbeat.start());
}

/** Both end with the process. */
function watchKernel(shell: SpeakerShell, log: Logger): void {
  const onReady = (ready: boolean): void => shell.post({ type: "proxy", ready });
  startProxyMonitor({ clock: systemClock, log, addresses: ownAddresses, onReady });
  setInterval(() => shell.readKernel(), ARP_IGNORE_POLL_MS);
}

/** Ends with the process, too. */
function watchUplink(shell: SpeakerShell, log: Logger): void {
  const { node, peers } = shell.state;
  startUplinkMonitor({
    log,
    former: peers.peers.get(node)?.lease.facts.uplinkLost ?? [],
    interfaces: () => shell.state.interfaces.map((one) => one.name),
    targets: () => uplinkTargets(shell.state.listening.interfaces, shell.state.gateways),
    onLost: (interfaces) => shell.post({ type: "uplink", lost: interfaces }),
  });
}

/** The node's own addresses, without loopback and link-local ones; asked for again each time, for they change. */
function ownAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter((one) => !one.internal && !one.address.startsWith("fe80:")).map((one) => one.address);
}

function onNews(news: HeartbeatNews, shell: SpeakerShell, watches: Watches): void {
  for (const input of newsInputs(news)) shell.post(input);
  if (news.type === "pulse" && news.restored) watches.retryNow();
  if (news.type === "rollback") watches.relist();
}
