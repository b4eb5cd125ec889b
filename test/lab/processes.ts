import { readFileSync } from "node:fs";

/** A process for certain: numbers are used again, the pair of number and start time is not. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks after boot: field 22 of /proc/PID/stat. */
  readonly startTicks: number;
}

/** Field 22 of a stat line; the name in field 2 may itself hold spaces and brackets, so counting starts at its end. */
export function startTicksOf(stat: string): number | undefined {
  const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(afterName[19]);
  return Number.isSafeInteger(ticks) && ticks > 0 ? ticks : undefined;
}

/** One letter as in proc_pid_stat(5): R, S, D, T (stopped), Z (zombie)… */
export function stateOf(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[0];
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
}

/** The process that has this number now, or undefined when nobody has it. */
export function identify(pid: number): ProcessId | undefined {
  const stat = readStat(pid);
  const startTicks = stat === undefined ? undefined : startTicksOf(stat);
  return startTicks === undefined ? undefined : { pid, startTicks };
}

/** Whether exactly this process still runs; a zombie does not. */
export function isAlive(process: ProcessId): boolean {
  const stat = readStat(process.pid);
  return stat !== undefined && startTicksOf(stat) === process.startTicks && stateOf(stat) !== "Z";
}

/** Whether this number stands for a stopped (frozen) process now. */
export function isStopped(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stateOf(stat) === "T";
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signal(target: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, name);
    return true;
  } catch {
    return false;
  }
}
