/**
 * Runs the tests: `test.ts check` or `test.ts all`. Every stage streams to the terminal; the numbers of all of them are
 * added up, failures are printed again, and the summary is the last line of the standard output.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { allStages, checkStages, root, type Stage } from "./testing/stages.ts";
import { add, failure, nothing, ofJest, single, summaryLine, type Tally } from "./testing/tally.ts";

const killAfterMs = 30_000;

/** Runs one command to its end; undefined standard input, so that nothing waits for a person. */
function run(stage: Stage): Promise<number | null> {
  const [program = "", ...args] = stage.command;
  const child = spawn(program, args, {
    cwd: root,
    // What jest and the lab say of their progress goes to one place, the error output, so that it stays in order.
    stdio: ["ignore", stage.report === undefined ? "inherit" : 2, "inherit"],
    env: { ...process.env, FORCE_COLOR: process.stderr.isTTY ? "1" : "0" },
  });
  const stop = setTimeout(() => child.kill("SIGTERM"), stage.limitMinutes * 60_000);
  const kill = setTimeout(() => child.kill("SIGKILL"), stage.limitMinutes * 60_000 + killAfterMs);
  return new Promise((resolve) => {
    const done = (exitCode: number | null): void => {
      clearTimeout(stop);
      clearTimeout(kill);
      resolve(exitCode);
    };
    child.on("error", (error) => {
      console.error(`${program}: ${error.message}`);
      done(127);
    });
    child.on("close", done);
  });
}

/** @param failedStages names of the stages before this one that had a failure */
async function runStage(stage: Stage, failedStages: ReadonlySet<string>): Promise<Tally> {
  if (stage.rootFiles?.length === 0) {
    return failure(`${stage.name}: has no test`);
  }
  if (stage.rootFiles !== undefined && process.getuid?.() !== 0) {
    return leaveOut(stage.name, stage.rootFiles);
  }
  if (stage.needs !== undefined && failedStages.has(stage.needs)) {
    return failure(`${stage.name}: not run, since ${stage.needs} failed`);
  }
  if (stage.report === undefined) {
    return single(stage.name, await run(stage));
  }
  mkdirSync(dirname(stage.report), { recursive: true });
  rmSync(stage.report, { force: true });
  const exitCode = await run(stage);
  return ofJest(stage.name, existsSync(stage.report) ? readFileSync(stage.report, "utf8") : undefined, exitCode);
}

/** Without root nothing on real interfaces runs; it is said which files, and each counts as one skipped test. */
function leaveOut(stage: string, files: readonly string[]): Tally {
  console.log(`Skipped, for want of root (${stage}):${files.map((file) => `\n  ${file}`).join("")}`);
  return { ...nothing, skipped: files.length };
}

async function main(): Promise<void> {
  const suites: Record<string, () => readonly Stage[]> = { check: checkStages, all: allStages };
  const suite = suites[process.argv[2] ?? ""];
  if (suite === undefined) {
    console.error("usage: test.ts check|all");
    process.exitCode = 2;
    return;
  }
  let total = nothing;
  const failedStages = new Set<string>();
  for (const stage of suite()) {
    const startedAtMs = performance.now();
    console.log(`== ${stage.name}`);
    const tally = await runStage(stage, failedStages);
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
    console.log(`== ${stage.name}: ${summaryLine(tally)} (${seconds} s)`);
    if (tally.failed > 0) {
      failedStages.add(stage.name);
    }
    total = add(total, tally);
  }
  for (const text of total.failures) {
    console.log(`\nFAILED ${text}`);
  }
  console.log(summaryLine(total));
  process.exitCode = total.failed === 0 ? 0 : 1;
}

await main();
