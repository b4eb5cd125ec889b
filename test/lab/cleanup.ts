import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { BerthError } from "../../lib/runtime/errors.ts";
import { chooseCgroups, labGroup, mountsBelow } from "./cgroups.ts";
import { removeNetwork } from "./network.ts";
import { podNetworkName } from "./node-config.ts";
import { dataDir, runDir, statePath } from "./paths.ts";
import { identify, signal } from "./processes.ts";
import { run, waitFor } from "./run.ts";
import { readState, writeState } from "./state.ts";

function mountinfo(): string {
  return readFileSync("/proc/self/mountinfo", "utf8");
}

/** All groups below a directory, children before their parents. */
export function groupsBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...children.flatMap((child) => groupsBelow(join(directory, child.name))), directory];
}

export function membersOf(group: string): number[] {
  try {
    return readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Processes in the groups of the lab, which holds all it started and all they started, and nobody else. */
export function labProcesses(recordRoot: string, below = labGroup): number[] {
  return groupsBelow(join(recordRoot, below)).flatMap(membersOf);
}

async function endProcesses(recordRoot: string): Promise<void> {
  await waitFor(
    "the lab's processes to end",
    () => {
      const pids = labProcesses(recordRoot).filter((pid) => pid !== process.pid);
      for (const pid of pids) {
        const target = identify(pid);
        if (target !== undefined) signal(target, "SIGKILL");
      }
      return pids.length === 0 ? true : undefined;
    },
    { timeoutMs: 20_000, everyMs: 30 },
  );
}

async function unmountAll(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const mounts = mountsBelow(mountinfo(), [runDir, dataDir]);
    if (mounts.length === 0) return;
    await run(["umount", "--lazy", ...mounts]);
  }
  const left = mountsBelow(mountinfo(), [runDir, dataDir]);
  // Deleting on would delete through the mounts, into directories that are not ours.
  if (left.length > 0) throw new BerthError("os", `cannot unmount ${left.join(" ")}; nothing below was deleted`);
}

async function removeGroups(roots: readonly string[]): Promise<void> {
  await waitFor("the lab's cgroups to empty", () => {
    for (const group of roots.flatMap((root) => groupsBelow(join(root, labGroup)))) {
      try {
        rmdirSync(group);
      } catch {
        // Still busy: a dead process leaves its group a little later.
      }
    }
    return roots.some((root) => existsSync(join(root, labGroup))) ? undefined : true;
  });
}

function filesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
}

/** Bundles of all containers that the nodes' runtimes have, by their state directories. */
function bundles(): string[] {
  return filesIn(runDir).flatMap((node) =>
    filesIn(join(node, "containerd", "io.containerd.runtime.v2.task", "k8s.io")),
  );
}

/** The few names that containerd, CNI and the kubelet write outside of the lab's directories whatever they are told. */
function removeStrayNames(): void {
  const ids = new Set(bundles().map((bundle) => basename(bundle)));
  for (const bundle of bundles()) {
    const address = join(bundle, "address");
    if (!existsSync(address)) continue;
    const socket = readFileSync(address, "utf8")
      .trim()
      .replace(/^unix:\/\//, "");
    if (socket.startsWith("/run/containerd/s/")) rmSync(socket, { force: true });
  }
  for (const path of filesIn("/var/lib/cni/results")) {
    const [, loopbackOf = ""] = /^cni-loopback-(.*)-lo$/.exec(basename(path)) ?? [];
    if (basename(path).startsWith(`${podNetworkName}-`) || ids.has(loopbackOf)) rmSync(path, { force: true });
  }
  for (const path of filesIn("/var/log/containers")) {
    try {
      if (readlinkSync(path).startsWith(`${dataDir}/`)) rmSync(path, { force: true });
    } catch {
      // Not a link: not the kubelet's.
    }
  }
}

/**
 * Removes whatever a lab left in the machine, whole or cut off at any moment, logs apart: processes (those in the lab's
 * cgroup), namespaces, mounts, groups, files. Fine when there is nothing. BerthError when something cannot be removed.
 */
export async function cleanUp(): Promise<void> {
  const layout = chooseCgroups(mountinfo());
  if (!layout.ok) throw new BerthError("os", layout.reason);
  const state = readState();
  // From here on it is no longer a lab, even if this clean-up is cut off too.
  if (state !== undefined) writeState({ ...state, phase: "ending" });
  await endProcesses(layout.value.recordRoot);
  removeStrayNames();
  await unmountAll();
  await removeNetwork();
  await removeGroups(layout.value.roots);
  // The state goes last: while anything is left, it tells the next run that there was a lab.
  rmSync(dataDir, { recursive: true, force: true });
  for (const path of filesIn(runDir)) if (path !== statePath) rmSync(path, { recursive: true, force: true });
  rmSync(runDir, { recursive: true, force: true });
}
