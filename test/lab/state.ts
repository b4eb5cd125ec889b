import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { CgroupLayout } from "./cgroups.ts";
import { runDir, statePath } from "./paths.ts";
import type { LabPlan } from "./plan.ts";
import { isAlive, type ProcessId } from "./processes.ts";
import type { Toolchain } from "./toolchain.ts";

/** What a later process must know to use or to end the lab. */
export interface LabState {
  readonly phase: "starting" | "up" | "ending";
  /** /proc/sys/kernel/random/boot_id of the boot it was started in: no lab outlives that. */
  readonly bootId: string;
  /** The process the lab lives for; a lab without an owner is kept until it is taken down. */
  readonly owner?: ProcessId;
  readonly plan: LabPlan;
  readonly cgroups: CgroupLayout;
  readonly toolchain: Toolchain;
}

export function writeState(state: LabState): void {
  mkdirSync(runDir, { recursive: true });
  // By rename, so that whoever reads finds a whole file whenever the writer is killed.
  writeFileSync(`${statePath}.new`, JSON.stringify(state));
  renameSync(`${statePath}.new`, statePath);
}

/** The state that the last start wrote, or undefined when there is none (or none that can be read). */
export function readState(): LabState | undefined {
  try {
    return JSON.parse(readFileSync(statePath, "utf8")) as LabState;
  } catch {
    return undefined;
  }
}

export type Standing = "none" | "kept" | "owned" | "left-over";

export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** What the standing of a lab depends on beside its state. */
export interface Machine {
  readonly bootId: string;
  readonly alive: (owner: ProcessId) => boolean;
}

function thisMachine(): Machine {
  return { bootId: bootId(), alive: isAlive };
}

/** Whose the lab is that the state tells of; a lab that was cut off (its owner dead, half ended, rebooted) may be taken over. */
export function standingOf(
  state: LabState | undefined,
  machine: { readonly bootId: string; readonly alive: (owner: ProcessId) => boolean } = {
    bootId: bootId(),
    alive: isAlive,
  },
): Standing {
  if (state === undefined) return "none";
  if (state.bootId !== machine.bootId || state.phase === "ending") return "left-over";
  if (state.owner === undefined) return state.phase === "up" ? "kept" : "left-over";
  return machine.alive(state.owner) ? "owned" : "left-over";
}

const lockName = "\0berth-lab-lock";

function tryLock(): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(lockName, () => resolve(server));
  });
}

/**
 * Runs `work` while holding the machine's one lab lock: an abstract socket, which the kernel takes back the moment its
 * holder dies. Waits a little for whoever is ending a lab; BerthError "conflict" when the lock is held for longer.
 */
export async function withLock<T>(work: () => Promise<T>): Promise<T> {
  let server = await tryLock();
  for (let attempt = 0; server === undefined && attempt < 30; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    server = await tryLock();
  }
  if (server === undefined) {
    throw new BerthError("conflict", "another process is starting or ending the lab just now; wait for it");
  }
  try {
    return await work();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** BerthError "conflict" when a lab is up that somebody uses; it says how to end it. */
export function refuseWhenUp(state: LabState | undefined, machine: Machine = thisMachine()): void {
  const standing = standingOf(state, machine);
  if (standing === "kept") {
    throw new BerthError("conflict", "a lab is already up; end it with `make lab-down`, or use it with BERTH_LAB=keep");
  }
  if (standing === "owned") {
    throw new BerthError(
      "conflict",
      `a lab is already up, it belongs to process ${state?.owner?.pid}; it ends soon after that process, or with \`make lab-down\``,
    );
  }
}
