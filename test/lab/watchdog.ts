import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cleanUp } from "./cleanup.ts";
import { isAlive, type ProcessId } from "./processes.ts";
import { logPath } from "./programs.ts";
import { readState, withLock } from "./state.ts";

/** Whether the lab that is there is still the one that this process owns. */
function owns(owner: ProcessId): boolean {
  const current = readState()?.owner;
  return current?.pid === owner.pid && current.startTicks === owner.startTicks;
}

/**
 * Starts a process that ends the lab soon after its owner has died, however it died: an interrupted test run leaves no
 * cluster behind. It ends by itself when the lab is gone or has become one that is kept.
 */
export function startWatchdog(owner: ProcessId): void {
  const log = openSync(logPath("watchdog"), "a");
  const script = fileURLToPath(import.meta.url);
  const argv = ["--no-warnings", script, String(owner.pid), String(owner.startTicks)];
  // Not below jest's own flags and environment: only what runs this file.
  const child = spawn(process.execPath, argv, { detached: true, stdio: ["ignore", log, log], cwd: "/" });
  closeSync(log);
  child.on("error", () => {});
  child.unref();
}

async function watch(owner: ProcessId): Promise<void> {
  while (owns(owner) && isAlive(owner)) await new Promise((resolve) => setTimeout(resolve, 500));
  if (!owns(owner)) return;
  await withLock(async () => {
    if (owns(owner) && !isAlive(owner)) await cleanUp();
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // No await at the top level: jest loads its global setup by require(), which refuses a graph with one.
  watch({ pid: Number(process.argv[2]), startTicks: Number(process.argv[3]) }).catch((thrown) => {
    console.error(thrown);
    process.exitCode = 1;
  });
}
