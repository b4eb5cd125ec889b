/** Loads that end by themselves: busy processors, an API server that takes two seconds for a call. */
import { spawn } from "node:child_process";
import { cpus } from "node:os";
import type { Lab } from "../../lab/lab.ts";

/** So many busy processes for each processor, for so many seconds. */
export async function busy(perCore: number, seconds: number): Promise<void> {
  const loop = ["timeout", String(seconds), "sh", "-c", "while :; do :; done"] as const;
  const [file, ...rest] = loop;
  const ended = Array.from({ length: perCore * cpus().length }, () => {
    const child = spawn(file, rest, { stdio: "ignore" });
    return new Promise<void>((resolve) => child.on("close", () => resolve()));
  });
  await Promise.all(ended);
}

const HELD_MS = 1_950;
const FREE_MS = 50;
/** Whoever forgets to end it must not leave a stopped API server behind. */
const ROUNDS_MAX = 60;

/** Holds the API server for two seconds and lets it run for a moment, again and again: every call takes up to two seconds. */
export function slowApi(lab: Lab): () => Promise<void> {
  const { pid } = lab.programProcess("kube-apiserver") ?? {};
  if (pid === undefined) throw new Error("the API server does not run");
  let over = false;
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const done = (async () => {
    for (let round = 0; round < ROUNDS_MAX && !over; round++) {
      process.kill(pid, "SIGSTOP");
      await sleep(HELD_MS);
      process.kill(pid, "SIGCONT");
      await sleep(FREE_MS);
    }
  })();
  return async () => {
    over = true;
    await done;
  };
}
