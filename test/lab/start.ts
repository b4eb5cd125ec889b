import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BerthError } from "../../lib/runtime/errors.ts";
import { apiGet, readyNodes } from "./api-probe.ts";
import { type CgroupLayout, chooseCgroups, labGroup, programsGroup } from "./cgroups.ts";
import { cleanUp } from "./cleanup.ts";
import { controlPlanePrograms } from "./control-plane.ts";
import { createCredentials } from "./credentials.ts";
import { createNetwork } from "./network.ts";
import { containerdConfig, kubeletArguments, kubeletConfig, podNetwork, proxyArguments } from "./node-config.ts";
import { ensurePackages } from "./packages.ts";
import { dataDir, kubeconfigPath, kubectlPath, logDir, nodePaths, runDir } from "./paths.ts";
import { type LabNode, type LabOptions, planLab } from "./plan.ts";
import { identify } from "./processes.ts";
import {
  logPath,
  type ProgramSpec,
  programNames,
  programProcess,
  restartProgram,
  startProgram,
  stopProgram,
} from "./programs.ts";
import { inNamespace, must, run, waitFor } from "./run.ts";
import { bootId, type LabState, readState, refuseWhenUp, withLock, writeState } from "./state.ts";
import { prepareToolchain, type Say, type Toolchain } from "./toolchain.ts";
import { startWatchdog } from "./watchdog.ts";

function chooseLayout(): CgroupLayout {
  const layout = chooseCgroups(readFileSync("/proc/self/mountinfo", "utf8"));
  if (!layout.ok) throw new BerthError("os", layout.reason);
  return layout.value;
}

/**
 * The pods of all nodes are in one group beside this machine's other processes, where it would weigh as much as one of them: a busy
 * neighbour would starve a whole cluster. It weighs as much as eight.
 */
const WEIGHTS = { "cpu.shares": "8192", "cpu.weight": "800" } as const;

/** The group of the lab's programs, and one for the containers of each node in every hierarchy, as the kubelet expects. */
function createGroups(state: LabState): void {
  const { recordRoot, roots } = state.cgroups;
  mkdirSync(join(recordRoot, programsGroup), { recursive: true });
  for (const root of roots) {
    for (const group of [labGroup, ...state.plan.nodes.map((node) => `${labGroup}/${node.name}`)]) {
      mkdirSync(join(root, group), { recursive: true });
      // In version 1 a new cpuset group has no processor and no memory, and takes no process until it has.
      if (!existsSync(join(root, "cpuset.cpu_exclusive"))) continue;
      for (const file of ["cpuset.cpus", "cpuset.mems"])
        writeFileSync(join(root, group, file), readFileSync(join(root, file)));
    }
    for (const [file, weight] of Object.entries(WEIGHTS)) {
      const path = join(root, labGroup, file);
      if (existsSync(path)) writeFileSync(path, weight);
    }
  }
}

/** Imports a docker-archive or OCI archive into one node's containerd. */
export async function importImage(node: LabNode, tarPath: string): Promise<void> {
  const { socket } = nodePaths(node.name);
  await must(["ctr", "--address", socket, "--namespace", "k8s.io", "image", "import", tarPath], { timeoutMs: 180_000 });
}

async function startContainerd(state: LabState, node: LabNode): Promise<void> {
  const paths = nodePaths(node.name);
  for (const directory of [paths.dir, paths.stateDir, paths.cniDir, paths.kubeletDir])
    mkdirSync(directory, { recursive: true });
  const config = join(paths.dir, "containerd.toml");
  writeFileSync(config, containerdConfig(node));
  writeFileSync(join(paths.cniDir, "10-lab.conflist"), podNetwork(node));
  writeFileSync(join(paths.dir, "kubelet.json"), kubeletConfig(node));
  const name = `containerd-${node.name}`;
  startProgram({ name, namespace: node.namespace, argv: ["containerd", "--config", config] }, state.cgroups.recordRoot);
  await containerdAnswers(node);
  await importImage(node, state.toolchain.images);
}

/** The kubelet ends when it cannot reach its containerd as it starts. */
async function containerdAnswers({ name }: { readonly name: string }): Promise<void> {
  const { socket } = nodePaths(name);
  await waitFor(`containerd-${name} to answer`, async () => {
    const version = await run(["ctr", "--address", socket, "--timeout", "1s", "version"]);
    return version.code === 0 ? true : undefined;
  });
}

/** What makes a node of a network namespace, in the order in which it can start. */
const nodeProgramNames = (node: string): readonly string[] => [
  `containerd-${node}`,
  `kube-proxy-${node}`,
  `kubelet-${node}`,
];

/** Ends all programs of a node at once, as when the machine dies; its containers are not theirs and stay. */
export async function killNodePrograms(node: string): Promise<void> {
  await Promise.all(nodeProgramNames(node).map((name) => stopProgram(name, "SIGKILL")));
}

export async function restartNodePrograms(node: string, recordRoot: string): Promise<void> {
  const [containerd = "", ...others] = nodeProgramNames(node);
  restartProgram(containerd, recordRoot);
  await containerdAnswers({ name: node });
  for (const name of others) restartProgram(name, recordRoot);
}

function nodePrograms(state: LabState, node: LabNode): ProgramSpec[] {
  const { namespace } = node;
  const { cluster } = state.toolchain;
  return [
    { name: `kubelet-${node.name}`, namespace, argv: [cluster, ...kubeletArguments(node)] },
    { name: `kube-proxy-${node.name}`, namespace, argv: [cluster, ...proxyArguments(state.plan, node)] },
  ];
}

/** Names of programs that should run and do not. */
export function deadPrograms(): string[] {
  return programNames().filter((name) => programProcess(name) === undefined);
}

/** Waits, but not for what can no longer come: BerthError "os" with the end of its log when a program has died. */
async function waitAlive<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs = 60_000): Promise<T> {
  const outcome = await waitFor<{ value: T } | { dead: string }>(
    what,
    async () => {
      const dead = deadPrograms()[0];
      if (dead !== undefined) return { dead };
      const value = await probe();
      return value === undefined ? undefined : { value };
    },
    { timeoutMs, everyMs: 150 },
  );
  if ("value" in outcome) return outcome.value;
  const tail = readFileSync(logPath(outcome.dead), "utf8").trim().split("\n").slice(-8).join("\n");
  throw new BerthError("os", `${outcome.dead} ended while the lab waited for ${what}:\n${tail}`);
}

async function proxyHealthy(node: LabNode): Promise<boolean> {
  const probe = ["curl", "--silent", "--fail", "--max-time", "1", `http://${node.ipv4}:10256/healthz`];
  return (await run(inNamespace(node.namespace, probe))).code === 0;
}

async function waitForNodes(state: LabState, say: Say): Promise<void> {
  const { nodes } = state.plan;
  let told: string[] = [];
  await waitAlive("all nodes to be Ready", async () => {
    const ready = readyNodes(await apiGet("/api/v1/nodes"));
    for (const name of ready.filter((name) => !told.includes(name))) say(`node ${name} is Ready`);
    told = ready;
    return ready.length === nodes.length ? true : undefined;
  });
  await waitAlive("kube-proxy to be healthy on all nodes", async () => {
    const healthy = await Promise.all(nodes.map(proxyHealthy));
    return healthy.every(Boolean) ? true : undefined;
  });
}

/** Always the lab's cluster: a KUBECONFIG or a proxy of the caller's must not send a test's commands to another one. */
function writeKubectl(toolchain: Toolchain): void {
  const environment = `KUBECONFIG=${kubeconfigPath} KUBECACHEDIR=${join(runDir, "kube-cache")} NO_PROXY='*'`;
  writeFileSync(kubectlPath, `#!/bin/sh\n${environment} exec ${toolchain.cluster} kubectl "$@"\n`, { mode: 0o755 });
}

/** Like Promise.all, but a failure is thrown only when all have ended: nothing may go on behind a clean-up. */
async function together(work: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(work);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

async function bringUp(state: LabState, say: Say): Promise<void> {
  const { plan, cgroups, toolchain } = state;
  const start = (spec: ProgramSpec): unknown => startProgram(spec, cgroups.recordRoot);
  await together([createNetwork(plan), createCredentials(plan)]);
  say("network and keys made");
  const programs = controlPlanePrograms(plan, toolchain.cluster);
  programs.first.forEach(start);
  const containerds = together(plan.nodes.map((node) => startContainerd(state, node)));
  const api = waitAlive("the API server", async () => ((await apiGet("/readyz")) === "ok" ? true : undefined)).then(
    () => {
      say("API server ready");
      programs.second.forEach(start);
    },
  );
  await together([containerds.then(() => say("containerd up on all nodes, images loaded")), api]);
  for (const node of plan.nodes) nodePrograms(state, node).forEach(start);
  await waitForNodes(state, say);
  // The Node admission lets no kubelet give itself this label.
  const labelled = plan.nodes.filter((node) => node.controlPlane).map((node) => node.name);
  if (labelled.length > 0)
    await must([kubectlPath, "label", "node", ...labelled, "node-role.kubernetes.io/control-plane="]);
}

export interface StartOptions extends LabOptions {
  /** The lab stays when this process ends; otherwise it belongs to this process, and is ended soon after it. */
  readonly keep: boolean;
  readonly say: Say;
}

/** Starts the machine's lab. BerthError "conflict" when one is up; a cut-off one is cleaned away first. */
export function startState(options: StartOptions): Promise<LabState> {
  const { keep, say, ...labOptions } = options;
  const plan = planLab(labOptions);
  if (process.getuid?.() !== 0)
    throw new BerthError("os", "the lab needs root: it makes network namespaces and mounts");
  return withLock(async () => {
    refuseWhenUp(readState());
    await ensurePackages(say);
    const toolchain = await prepareToolchain(say);
    await cleanUp();
    const owner = identify(process.pid);
    if (owner === undefined) throw new BerthError("os", "/proc is not mounted");
    const starting: LabState = { phase: "starting", bootId: bootId(), owner, plan, cgroups: chooseLayout(), toolchain };
    writeState(starting);
    try {
      rmSync(logDir, { recursive: true, force: true });
      for (const directory of [logDir, dataDir, runDir]) mkdirSync(directory, { recursive: true });
      startWatchdog(owner);
      createGroups(starting);
      writeKubectl(toolchain);
      await bringUp(starting, say);
    } catch (thrown) {
      say(`the lab did not come up; the logs of all its programs are in ${logDir}`);
      await cleanUp();
      throw thrown;
    }
    const { owner: _, ...kept } = starting;
    const up: LabState = { ...(keep ? kept : starting), phase: "up" };
    writeState(up);
    return up;
  });
}
