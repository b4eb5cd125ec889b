/** An API server that takes up to two seconds for a call; it ends by itself. */
import type { Lab } from "../../lab/lab.ts";

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
