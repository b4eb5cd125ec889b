import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { BerthError } from "../../lib/runtime/errors.ts";
import { labGroup } from "./cgroups.ts";
import { groupsBelow, membersOf } from "./cleanup.ts";
import { nodePaths } from "./paths.ts";
import { identify, isStopped, type ProcessId, signal } from "./processes.ts";
import { must, waitFor } from "./run.ts";

export interface ContainerRef {
  readonly node: string;
  readonly pod: string;
  /** Default: all containers of the pod (never its sandbox). */
  readonly container?: string;
  /** Default: any namespace. */
  readonly namespace?: string;
}

/** Processes (as this machine numbers them) of a pod's containers. Asks the node's runtime, not the API. Empty when none. */
export async function processesOf(recordRoot: string, ref: ContainerRef): Promise<ProcessId[]> {
  const filter = [
    'labels."io.cri-containerd.kind"==container',
    `labels."io.kubernetes.pod.name"==${ref.pod}`,
    ...(ref.container === undefined ? [] : [`labels."io.kubernetes.container.name"==${ref.container}`]),
    ...(ref.namespace === undefined ? [] : [`labels."io.kubernetes.pod.namespace"==${ref.namespace}`]),
  ].join(",");
  const { socket } = nodePaths(ref.node);
  const list = await must([
    "ctr",
    "--address",
    socket,
    "--namespace",
    "k8s.io",
    "containers",
    "list",
    "--quiet",
    filter,
  ]);
  const ids = new Set(list.split("\n").filter(Boolean));
  return groupsBelow(join(recordRoot, labGroup, ref.node))
    .filter((group) => ids.has(basename(group)))
    .flatMap(membersOf)
    .flatMap((pid) => identify(pid) ?? []);
}

async function some(recordRoot: string, ref: ContainerRef): Promise<ProcessId[]> {
  const found = await processesOf(recordRoot, ref);
  if (found.length === 0) throw new BerthError("not-found", `node ${ref.node} runs no container of pod ${ref.pod}`);
  return found;
}

/** Stops every process of a pod's containers where it stands (SIGSTOP); returns when all are stopped. */
export async function freezeContainers(recordRoot: string, ref: ContainerRef): Promise<void> {
  await waitFor(`pod ${ref.pod} to be frozen`, async () => {
    const processes = await some(recordRoot, ref);
    for (const target of processes) signal(target, "SIGSTOP");
    return processes.every(({ pid }) => isStopped(pid)) ? true : undefined;
  });
}

/** Lets a frozen pod go on (SIGCONT). */
export async function thawContainers(recordRoot: string, ref: ContainerRef): Promise<void> {
  for (const target of await some(recordRoot, ref)) signal(target, "SIGCONT");
}

/** Sends a signal to the first process of each of the pod's containers, or SIGKILL to all of their processes. */
export async function killContainers(recordRoot: string, ref: ContainerRef, name: NodeJS.Signals): Promise<void> {
  const processes = await some(recordRoot, ref);
  const first = (target: ProcessId): boolean => isFirstInNamespace(target.pid);
  for (const target of name === "SIGKILL" ? processes : processes.filter(first)) signal(target, name);
}

/** Field NSpid of /proc/PID/status: the last number is the one the process sees itself under. */
function isFirstInNamespace(pid: number): boolean {
  try {
    return /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
