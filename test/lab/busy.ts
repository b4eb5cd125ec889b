/** Processors that are busy for a while, in the way of the pods. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { labGroup } from "./cgroups.ts";

const LOOP = "while :; do :; done";
/** The first argument is how many seconds, the others are the files that take the process into its group. */
const IN_GROUP = `seconds=$1; shift; for file; do echo $$ > "$file" || exit 1; done; exec timeout "$seconds" sh -c '${LOOP}'`;
/** Of a group that the scheduler weighs: version 1, version 2. */
const WEIGHT_FILES = ["cpu.shares", "cpu.weight"];
/** What \`timeout\` says when it ended what it ran. */
const TIMED_OUT = 124;

/**
 * So many busy processes for each processor, for so many seconds, each in a group of its own beside those of the nodes: each weighs as
 * much as all pods of a node together. Outside the lab's group they would starve the API server, and the pods hardly at all.
 */
export async function keepBusy(roots: readonly string[], perCore: number, seconds: number): Promise<void> {
  const weighed = roots
    .map((root) => join(root, labGroup))
    .filter((group) => WEIGHT_FILES.some((file) => existsSync(join(group, file))));
  const ended = Array.from({ length: perCore * cpus().length }, (_, index) => {
    const groups = weighed.map((group) => join(group, `busy-${index}`));
    for (const group of groups) mkdirSync(group, { recursive: true });
    const files = groups.map((group) => join(group, "cgroup.procs"));
    const child = spawn("sh", ["-c", IN_GROUP, "busy", String(seconds), ...files], { stdio: "ignore" });
    return new Promise<void>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) =>
        code === TIMED_OUT ? resolve() : reject(new Error(`a busy process ended with code ${code}`)),
      );
    });
  });
  await Promise.all(ended);
}
