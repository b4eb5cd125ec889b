import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BerthError } from "../../lib/runtime/errors.ts";
import { programsGroup } from "./cgroups.ts";
import { logDir, programsDir } from "./paths.ts";
import { identify, isAlive, type ProcessId, signal } from "./processes.ts";
import { inNamespace, searchPath, waitFor } from "./run.ts";

/** A program of the lab that outlives the process that started it. */
export interface ProgramSpec {
  readonly name: string;
  readonly namespace: string;
  readonly argv: readonly string[];
}

interface ProgramRecord extends ProgramSpec {
  readonly process: ProcessId;
}

/**
 * Wraps an argv so that the process puts itself into the lab's cgroup before it becomes the program. From then on the
 * kernel knows it and all its descendants as the lab's, whatever happens to whoever started it.
 */
export function noted(recordRoot: string, argv: readonly string[]): string[] {
  return ["sh", "-c", 'echo 0 >"$0" && exec "$@"', join(recordRoot, programsGroup, "cgroup.procs"), ...argv];
}

function recordPath(name: string): string {
  return join(programsDir, `${name}.json`);
}

export function logPath(name: string): string {
  return join(logDir, `${name}.log`);
}

/** Nothing of the caller's: a proxy or a KUBECONFIG of his would reach every program of the cluster. */
const programEnvironment = { PATH: searchPath, HOME: "/root" };

/** Starts a program in its namespace, in a session of its own, with its output appended to its log. */
export function startProgram(spec: ProgramSpec, recordRoot: string): ProcessId {
  mkdirSync(programsDir, { recursive: true });
  const log = openSync(logPath(spec.name), "a");
  const [file = "", ...rest] = noted(recordRoot, inNamespace(spec.namespace, spec.argv));
  const child = spawn(file, rest, { detached: true, stdio: ["ignore", log, log], cwd: "/", env: programEnvironment });
  closeSync(log);
  child.on("error", () => {});
  child.unref();
  const process = child.pid === undefined ? undefined : identify(child.pid);
  if (process === undefined) throw new BerthError("os", `${spec.name} could not be started, see ${logPath(spec.name)}`);
  writeFileSync(recordPath(spec.name), JSON.stringify({ ...spec, process } satisfies ProgramRecord));
  return process;
}

function readRecord(name: string): ProgramRecord {
  try {
    return JSON.parse(readFileSync(recordPath(name), "utf8")) as ProgramRecord;
  } catch (thrown) {
    throw new BerthError("not-found", `the lab has no program named ${name}`, { cause: thrown });
  }
}

/** Names of all programs the running lab has started. */
export function programNames(): string[] {
  return readdirSync(programsDir)
    .map((file) => file.replace(/\.json$/, ""))
    .sort();
}

/** The program's process, or undefined when it does not run. */
export function programProcess(name: string): ProcessId | undefined {
  const { process } = readRecord(name);
  return isAlive(process) ? process : undefined;
}

/** Ends a program with the signal; when it has not gone after `graceMs`, with SIGKILL. Returns once it is gone. */
export async function stopProgram(name: string, name_: NodeJS.Signals = "SIGTERM", graceMs = 5000): Promise<void> {
  const { process } = readRecord(name);
  const gone = (): true | undefined => (isAlive(process) ? undefined : true);
  signal(process, name_);
  try {
    await waitFor(`${name} to end`, gone, { timeoutMs: graceMs, everyMs: 20 });
  } catch {
    signal(process, "SIGKILL");
    await waitFor(`${name} to be killed`, gone, { timeoutMs: 5000, everyMs: 20 });
  }
}

/** Starts a program again exactly as it was started first. No-op when it runs. */
export function restartProgram(name: string, recordRoot: string): void {
  const { namespace, argv, process } = readRecord(name);
  if (!isAlive(process)) startProgram({ name, namespace, argv }, recordRoot);
}
