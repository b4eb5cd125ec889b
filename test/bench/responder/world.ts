/**
 * Where the responder is measured: the shipped speaker in a network namespace, an interface to the namespace that asks, and
 * a third one whose kernel answers for an address of its own.
 *
 *     berth-bench-node: speaker, API ── eth0 ─── eth0 ── berth-bench-ask: generator ── eth1 ─── eth0 ── berth-bench-kernel
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { appDirectory, imageEnvironment, rootTree } from "../../../scripts/image/names.ts";
import { inNamespace, must, run, waitFor } from "../../lab/run.ts";
import { type ClusterOptions, INTERFACE, NAMESPACE, NODE, type Place } from "./cluster.ts";

const NODE_NS = "berth-bench-node";
const ASK_NS = "berth-bench-ask";
const KERNEL_NS = "berth-bench-kernel";
const ASK_CPU = 0;
const SPEAKER_CPU = 1;
const API_PORT = 6443;

export const NODE_MAC = "02:00:00:00:77:01";
const node: Place = { mac: NODE_MAC, address4: "10.77.0.1", linkLocal: "fe80::ff:fe00:7701" };
const peer: Place = { mac: "02:00:00:00:77:02", address4: "10.77.0.2", linkLocal: "fe80::ff:fe00:7702" };
export const KERNEL_ADDRESS = "10.78.0.1";
const KERNEL_ASKER = "10.78.0.2";
/** Who asks: nobody that a speaker knows, so a client among many. */
export const ASKERS = { arp: "10.77.0.9", nd: "fd77::9", kernel: KERNEL_ASKER } as const;

/**
 * The generator has its own processor, and the speaker, all its threads together, has another one. Both go before whatever else
 * runs on the machine: the figures are to be the responder's, not its neighbours'. On a machine with nothing to do this changes nothing.
 */
function onProcessor(cpu: number): readonly string[] {
  // Where sessions share the processor (sched(7), "The autogroup feature"), it is the session that has to go first.
  const first = 'echo -20 2>/dev/null >/proc/self/autogroup; exec "$@"';
  return ["setsid", "sh", "-c", first, "sh", "nice", "--adjustment=-20", "taskset", "--cpu-list", String(cpu)];
}

/** What runs the generator where it asks. */
export function asking(argv: readonly string[]): readonly string[] {
  return inNamespace(ASK_NS, [...onProcessor(ASK_CPU), ...argv]);
}

/** The three namespaces and the cables between them. What a run that was killed left behind goes first. */
export async function buildNamespaces(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("the responder is measured as root, for network namespaces");
  if (availableParallelism() < 2) throw new Error("the responder is measured on two processors or more");
  await removeNamespaces();
  for (const ns of [NODE_NS, ASK_NS, KERNEL_NS]) {
    await ip("netns", "add", ns);
    await must(inNamespace(ns, ["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"]));
    await ip("-n", ns, "link", "set", "lo", "up");
  }
  await cable([ASK_NS, "eth0", peer.mac], [NODE_NS, INTERFACE, node.mac]);
  await cable([ASK_NS, "eth1", "02:00:00:00:78:02"], [KERNEL_NS, "eth0", "02:00:00:00:78:01"]);
  await ip("-n", NODE_NS, "addr", "add", `${node.address4}/16`, "dev", INTERFACE);
  await ip("-n", NODE_NS, "addr", "add", "fd77::a/64", "dev", INTERFACE);
  await ip("-n", ASK_NS, "addr", "add", `${peer.address4}/16`, "dev", "eth0");
  await ip("-n", ASK_NS, "addr", "add", "fd77::b/64", "dev", "eth0");
  await ip("-n", ASK_NS, "addr", "add", `${KERNEL_ASKER}/16`, "dev", "eth1");
  await ip("-n", KERNEL_NS, "addr", "add", `${KERNEL_ADDRESS}/16`, "dev", "eth0");
}

export async function removeNamespaces(): Promise<void> {
  for (const ns of [NODE_NS, ASK_NS, KERNEL_NS]) await run(["ip", "netns", "del", ns]);
}

type End = readonly [namespace: string, interfaceName: string, mac: string];

async function cable([ns, name, mac]: End, [otherNs, other, otherMac]: End): Promise<void> {
  const peerEnd = ["peer", "name", other, "netns", otherNs, "address", otherMac];
  await ip("link", "add", name, "netns", ns, "address", mac, "type", "veth", ...peerEnd);
  await ip("-n", ns, "link", "set", name, "up");
  await ip("-n", otherNs, "link", "set", other, "up");
}

function ip(...args: readonly string[]): Promise<string> {
  return must(["ip", ...args]);
}

type FromInside =
  | { readonly allocatedBytes: number }
  | { readonly blockingSinceMs: number }
  | { readonly blockedFromMs: number; readonly blockedToMs: number };

/** A speaker of the built image with so many addresses of each family, and the API server that it speaks to. */
export class MeasuredSpeaker {
  readonly #directory = mkdtempSync(join(tmpdir(), "berth-bench-"));
  readonly #api: ChildProcess;
  #speaker: ChildProcess | undefined;
  #said: string[] = [];

  private constructor(addresses: number) {
    const options: ClusterOptions & { readonly port: number } = { port: API_PORT, addresses, node, peer };
    const file = fileURLToPath(new URL("api.ts", import.meta.url));
    const [command = "", ...args] = inNamespace(NODE_NS, [process.execPath, file, JSON.stringify(options)]);
    this.#api = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  }

  static async start(addresses: number): Promise<MeasuredSpeaker> {
    const speaker = new MeasuredSpeaker(addresses);
    try {
      await speaker.#start();
      return speaker;
    } catch (thrown) {
      await speaker.stop();
      throw thrown;
    }
  }

  async #start(): Promise<void> {
    let listening = false;
    this.#api.stdout?.once("data", () => {
      listening = true;
    });
    await waitFor("the API server", () => (listening ? true : undefined));
    const kubeconfig = join(this.#directory, "kubeconfig");
    writeFileSync(kubeconfig, JSON.stringify(kubeconfigObject()));
    const [command = "", ...args] = inNamespace(NODE_NS, speakerCommand(kubeconfig));
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...imageEnvironment, PATH: process.env["PATH"] },
    });
    this.#speaker = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#said = [...this.#said, text].slice(-20);
      });
    }
  }

  /** The process. Throws with its last words when it has ended. */
  get pid(): number {
    const child = this.#speaker;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the speaker has ended: ${this.#said.join("")}`);
    }
    return child.pid;
  }

  /** Bytes that the frame worker has allocated on its heap since it began. */
  async allocatedBytes(): Promise<number> {
    const answer = this.#heard("allocatedBytes");
    this.#speaker?.send({ heap: true });
    return (await answer).allocatedBytes;
  }

  /** Blocks the main thread; resolves when that has begun. `ended` tells from when to when it was. */
  async block(blockMs: number) {
    const ended = this.#heard("blockedToMs", blockMs + 10_000);
    const begun = this.#heard("blockingSinceMs");
    this.#speaker?.send({ blockMs });
    await begun;
    return { ended };
  }

  async #heard<Key extends string>(key: Key, timeoutMs = 10_000) {
    type Fitting = Extract<FromInside, Readonly<Record<Key, number>>>;
    return new Promise<Fitting>((resolve, reject) => {
      const child = this.#speaker;
      const timer = setTimeout(() => reject(new Error(`the speaker did not say ${key}`)), timeoutMs);
      const listen = (message: unknown): void => {
        if (typeof message !== "object" || message === null || !(key in message)) return;
        clearTimeout(timer);
        child?.off("message", listen);
        resolve(message as Fitting);
      };
      child?.on("message", listen);
    });
  }

  async stop(): Promise<void> {
    for (const child of [this.#speaker, this.#api]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** As in deploy/parts/speaker.yaml: root without any capability except NET_RAW, and the same flags of Node. */
function speakerCommand(kubeconfig: string): string[] {
  const inside = fileURLToPath(new URL("inside.mjs", import.meta.url));
  const flags = ["--node-name", NODE, "--namespace", NAMESPACE, "--kubeconfig", kubeconfig];
  return [
    ...onProcessor(SPEAKER_CPU),
    ...["setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw", "--no-new-privs"],
    ...[join(rootTree, "usr/local/bin/node"), "--max-semi-space-size=1", "--max-old-space-size=192"],
    ...["--import", inside, join(rootTree, appDirectory, "speaker.js"), ...flags],
  ];
}

function kubeconfigObject(): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    // The client refuses plain HTTP unless the cluster says that TLS is not to be checked.
    clusters: [
      { name: "bench", cluster: { server: `http://127.0.0.1:${API_PORT}`, "insecure-skip-tls-verify": true } },
    ],
    users: [{ name: "bench", user: { token: "bench" } }],
    contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
    "current-context": "bench",
  };
}
