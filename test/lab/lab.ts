import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { BerthError } from "../../lib/runtime/errors.ts";
import { apiGet } from "./api-probe.ts";
import { keepBusy } from "./busy.ts";
import { cleanUp } from "./cleanup.ts";
import { type ContainerRef, freezeContainers, killContainers, processesOf, thawContainers } from "./containers.ts";
import { changeFaults, type Fault, type FaultChange, lossFaults, partitionFaults, renderFaults } from "./faults.ts";
import { setCable } from "./network.ts";
import { faultsPath, kubeconfigPath, kubectlPath, logDir } from "./paths.ts";
import {
  bridgeName,
  defaultOptions,
  type LabNode,
  type LabOptions,
  type Station,
  stationsOf,
  switchNamespace,
} from "./plan.ts";
import type { ProcessId } from "./processes.ts";
import { noted, programProcess, restartProgram, stopProgram } from "./programs.ts";
import { inNamespace, must, type Output, type RunOptions, run, waitFor } from "./run.ts";
import { createSecondSegment, removeSecondSegment } from "./second-segment.ts";
import { Capture, Connecting, Spawned } from "./spawned.ts";
import { importImage, killNodePrograms, restartNodePrograms, startState } from "./start.ts";
import { type LabState, readState, standingOf, withLock } from "./state.ts";
import type { Say } from "./toolchain.ts";

export interface ConnectOptions {
  /** "http" (port 8080 of the backend) or "tcp" (9000): a connection per attempt; "stream": one TCP; "udp": one flow. */
  readonly mode?: "http" | "tcp" | "stream" | "udp";
  /** Default 10. */
  readonly everyMs?: number;
  /** Default 1000. */
  readonly timeoutMs?: number;
}

/** A running lab. Every method that names a station takes n1…, c1…, "cp" (the control plane) or "switch". */
export class Lab {
  readonly #state: LabState;
  readonly kubeconfigPath = kubeconfigPath;
  readonly kubectlPath = kubectlPath;
  readonly logDir = logDir;
  readonly waitFor = waitFor;

  constructor(state: LabState) {
    this.#state = state;
  }

  get nodes(): readonly LabNode[] {
    return this.#state.plan.nodes;
  }
  get clients(): readonly Station[] {
    return this.#state.plan.clients;
  }
  get controlPlane(): Station {
    return this.#state.plan.controlPlane;
  }
  get options(): LabOptions {
    return this.#state.plan.options;
  }
  /** The static program with `backend`, `connect` and `get`; runs in any namespace. */
  get toolsPath(): string {
    return this.#state.toolchain.tools;
  }

  /** BerthError "not-found" for a name the lab does not have. */
  station(name: string): Station {
    const found = stationsOf(this.#state.plan).find((station) => station.name === name);
    if (found === undefined) throw new BerthError("not-found", `the lab has no station named ${name}`);
    return found;
  }

  node(name: string): LabNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new BerthError("not-found", `the lab has no node named ${name}`);
    return found;
  }

  namespaceOf(name: string): string {
    return name === "switch" ? switchNamespace : this.station(name).namespace;
  }

  /** Runs a command to its end in a station's network namespace. */
  exec(name: string, argv: readonly string[], options: RunOptions = {}): Promise<Output> {
    return run(inNamespace(this.namespaceOf(name), argv), options);
  }

  /** Starts a command in a station's namespace that runs until it is stopped. */
  spawn(name: string, argv: readonly string[]): Spawned {
    return new Spawned(noted(this.#state.cgroups.recordRoot, inNamespace(this.namespaceOf(name), argv)));
  }

  /** Runs kubectl as the cluster's admin. Gives its output whatever its exit code. */
  kubectl(args: readonly string[], options: RunOptions = {}): Promise<Output> {
    return run([kubectlPath, ...args], { timeoutMs: 60_000, ...options });
  }

  /** GET as the cluster's admin, parsed; BerthError "api-unreachable" or "api-refused". A busy server may take seconds for hundreds of objects. */
  async get<T>(path: string): Promise<T> {
    return JSON.parse(await apiGet(path, 10_000)) as T;
  }

  /** Applies a manifest: a file's path, or YAML text. */
  async apply(manifest: string): Promise<void> {
    const isFile = !manifest.includes("\n") && existsSync(manifest);
    const source = isFile ? [manifest] : ["-"];
    await must([kubectlPath, "apply", "-f", ...source], { timeoutMs: 60_000, ...(isFile ? {} : { input: manifest }) });
  }

  /** Loads a docker-archive or OCI archive into all nodes; pods use it with imagePullPolicy Never. */
  async loadImage(tarPath: string): Promise<void> {
    await Promise.all(this.nodes.map((node) => importImage(node, tarPath)));
  }

  /** So many busy processes for each processor, for so many seconds, each as heavy as all pods of a node together. */
  keepBusy(perCore: number, seconds: number): Promise<void> {
    return keepBusy(this.#state.cgroups.roots, perCore, seconds);
  }

  pullCable(name: string): Promise<void> {
    return setCable(this.station(name), false);
  }
  plugCable(name: string): Promise<void> {
    return setCable(this.station(name), true);
  }

  /** A second segment for every node and client, as eth1; test/lab/second-segment.ts. */
  addSecondSegment(): Promise<void> {
    return createSecondSegment([...this.nodes, ...this.clients]);
  }
  removeSecondSegment(): Promise<void> {
    return removeSecondSegment([...this.nodes, ...this.clients]);
  }

  processesOf(ref: ContainerRef): Promise<ProcessId[]> {
    return processesOf(this.#state.cgroups.recordRoot, ref);
  }
  /** Stops all processes of a pod's containers where they stand; the kubelet may kill the container in time. */
  freeze(ref: ContainerRef): Promise<void> {
    return freezeContainers(this.#state.cgroups.recordRoot, ref);
  }
  thaw(ref: ContainerRef): Promise<void> {
    return thawContainers(this.#state.cgroups.recordRoot, ref);
  }
  /** Kills a pod's containers as a crash would; the kubelet starts them again. */
  kill(ref: ContainerRef, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    return killContainers(this.#state.cgroups.recordRoot, ref, signal);
  }

  /** The rules by which the switch loses frames now. */
  faults(): readonly Fault[] {
    return existsSync(faultsPath) ? (JSON.parse(readFileSync(faultsPath, "utf8")) as Fault[]) : [];
  }

  async #change(change: FaultChange): Promise<void> {
    const faults = changeFaults(this.faults(), change);
    await must(inNamespace(switchNamespace, ["nft", "-f", "-"]), { input: renderFaults(faults) });
    writeFileSync(`${faultsPath}.new`, JSON.stringify(faults));
    renameSync(`${faultsPath}.new`, faultsPath);
  }

  /** Makes the switch lose frames; rules with the same labels are replaced. */
  addFaults(faults: readonly Fault[]): Promise<void> {
    for (const name of faults.flatMap((fault) => [...(fault.from ?? []), ...(fault.to ?? [])])) this.station(name);
    return this.#change({ kind: "add", faults });
  }
  removeFaults(label: string): Promise<void> {
    return this.#change({ kind: "remove", label });
  }

  /** Nothing but ARP passes between the node (its pods too) and the control plane; the rest of its network is whole. */
  cutFromApi(name: string): Promise<void> {
    const match = "ether type { ip, ip6 }";
    const faults = partitionFaults(`api ${this.node(name).name}`, [name], [this.controlPlane.name]);
    return this.addFaults(faults.map((fault) => ({ ...fault, match })));
  }
  restoreApi(name: string): Promise<void> {
    return this.removeFaults(`api ${this.node(name).name}`);
  }

  /** The two groups no longer hear each other. Stations in neither group hear both. Replaces an earlier partition. */
  partition(groupA: readonly string[], groupB: readonly string[]): Promise<void> {
    return this.addFaults(partitionFaults("partition", groupA, groupB));
  }
  /** Takes all faults of the switch away (partitions, losses, cuts) and plugs every cable. */
  async heal(): Promise<void> {
    await this.#change({ kind: "clear" });
    await Promise.all(stationsOf(this.#state.plan).map((station) => setCable(station, true)));
  }
  /** A share of all frames (or of those that match) on a station's cable is lost, each way; 0 ends it. */
  lose(name: string, percent: number, match?: string): Promise<void> {
    const faults = lossFaults(this.station(name).name, percent, match);
    return percent <= 0 ? this.removeFaults(`loss ${name}`) : this.addFaults(faults);
  }

  /** Ends a program of the lab (kube-apiserver, kubelet-n1, kube-proxy-n1, containerd-n1, etcd…) and waits for its end. */
  stopProgram(name: string, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    return stopProgram(name, signal);
  }
  /** Starts a program again that was stopped, as it was. */
  startProgram(name: string): void {
    restartProgram(name, this.#state.cgroups.recordRoot);
  }
  /** Kills a node's kubelet, kube-proxy and containerd in the same instant; its containers go on. */
  killNodePrograms(name: string): Promise<void> {
    return killNodePrograms(this.node(name).name);
  }
  /** Starts them again, each when what it needs is there. */
  restartNodePrograms(name: string): Promise<void> {
    return restartNodePrograms(this.node(name).name, this.#state.cgroups.recordRoot);
  }
  programProcess(name: string): ProcessId | undefined {
    return programProcess(name);
  }

  /** Default SIGKILL: connections are reset, as when the machine of the API server crashes. */
  stopApiServer(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    return this.stopProgram("kube-apiserver", signal);
  }
  async startApiServer(): Promise<void> {
    this.startProgram("kube-apiserver");
    const ready = async (): Promise<true | undefined> => ((await apiGet("/readyz")) === "ok" ? true : undefined);
    await waitFor("the API server to be ready again", ready, { timeoutMs: 60_000 });
  }
  async restartApiServer(options: { readonly downMs?: number; readonly signal?: NodeJS.Signals } = {}): Promise<void> {
    await this.stopApiServer(options.signal);
    await new Promise((resolve) => setTimeout(resolve, options.downMs ?? 0));
    await this.startApiServer();
  }

  /** Starts to capture: at a station's eth0 or another device ("n1%eth1"), at the switch's end of its cable ("port:n1"), or at the whole "switch". */
  async capture(where: string, filter = ""): Promise<Capture> {
    const port = /^port:(.*)$/.exec(where)?.[1];
    const [station = "", own = station === "switch" ? bridgeName : "eth0"] = where.split("%");
    const device = port === undefined ? own : this.station(port).port;
    const namespace = port === undefined ? this.namespaceOf(station) : switchNamespace;
    // Frames that are longer than these are cut, or each takes the room of a segmented one: 32 fit (tried), and a burst of announcements is lost.
    const options = "-n -U --immediate-mode -s 2048 -B 16384 -w -".split(" ");
    const tcpdump = ["tcpdump", "-i", device, ...options, ...filter.split(" ")];
    const argv = inNamespace(namespace, tcpdump.filter(Boolean));
    const capture = new Capture(noted(this.#state.cgroups.recordRoot, argv));
    await capture.ready();
    return capture;
  }

  /** Starts an outside client that keeps connecting to ADDRESS:PORT (IPv6 in brackets) until it is finished. */
  connect(client: string, target: string, options: ConnectOptions = {}): Connecting {
    const { mode = "http", everyMs = 10, timeoutMs = 1000 } = options;
    const flags = [`--mode=${mode}`, `--every=${everyMs}`, `--timeout=${timeoutMs}`, "--lines"];
    return new Connecting(this.spawn(client, [this.toolsPath, "connect", ...flags, target]));
  }

  /** Ends the lab and removes all of it; the logs stay in logDir. */
  stop(): Promise<void> {
    return stopLab();
  }
}

/** Ends the machine's lab, whole or cut off; fine when there is none. BerthError "conflict" while one is being started. */
export function stopLab(): Promise<void> {
  return withLock(cleanUp);
}

export interface StartLabOptions extends Partial<LabOptions> {
  /** Default false: the lab belongs to this process, and is ended soon after this process is gone. */
  readonly keep?: boolean;
  /** Hears a line for every step; default: standard error, with the seconds since the start. */
  readonly say?: Say;
}

function sayWithSeconds(): Say {
  const startedAt = performance.now();
  return (line) =>
    process.stderr.write(`lab ${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${line}\n`);
}

/** Starts the machine's one lab and returns when all nodes are Ready. BerthError "conflict" when one is up already. */
export async function startLab(options: StartLabOptions = {}): Promise<Lab> {
  return new Lab(await startState({ ...defaultOptions, keep: false, say: sayWithSeconds(), ...options }));
}

/** Connects to the running lab; BerthError "not-found" when none is up. */
export function attach(): Lab {
  const state = readState();
  const standing = standingOf(state);
  if (state === undefined || state.phase !== "up" || standing === "none" || standing === "left-over") {
    throw new BerthError("not-found", "no lab is up; start one with `make lab-up`");
  }
  return new Lab(state);
}
