import { cleanUp } from "./cleanup.ts";
import { defaultOptions } from "./plan.ts";
import { startState } from "./start.ts";
import { withLock } from "./state.ts";

const t0 = performance.now();
const say = (line: string) => console.error(`[${((performance.now() - t0) / 1000).toFixed(1)} s] ${line}`);
if (process.argv[2] === "up") {
  await startState({ ...defaultOptions, keep: true, say });
  say("up");
} else {
  await withLock(cleanUp);
  say("down");
}
