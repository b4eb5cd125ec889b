import { readFileSync } from "node:fs";

/** USER_HZ, which Linux has fixed for all that read /proc. */
const TICKS_PER_S = 100;

/** Seconds of a processor that all threads of a process have used together, proc_pid_stat(5). */
export function processorTimeS(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) / TICKS_PER_S;
}
