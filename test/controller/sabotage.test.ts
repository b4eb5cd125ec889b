/**
 * Tests that cannot find a broken rule prove nothing: each rule of allocation is broken once on purpose, by another module in the
 * place of the real one, and a scenario or a random run must fail for it.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import type { Broken } from "./sabotage/broken.ts";
import { BROKEN } from "./sabotage/table.ts";

const ROOT = join(import.meta.dirname, "../..");
/** A rule is broken in a process of its own, which takes a second or two; the part that runs in `make check` shows that the means work. */
const RULES = IS_FULL ? BROKEN : BROKEN.slice(0, 2);
/** For a machine under load. */
const LIMIT_MS = 180_000;

interface Report {
  readonly numFailedTests: number;
  readonly numTotalTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

/** The test file of this rule, with the rule broken. */
function run({ rule, finder }: Broken): Promise<Report> {
  const setup = join(ROOT, "test/controller/sabotage/setup.ts");
  const jest = join(ROOT, "node_modules/jest/bin/jest.js");
  const file = `test/controller/${finder}\\.test\\.ts$`;
  const args = ["--experimental-vm-modules", jest, "--setupFilesAfterEnv", setup, "--json", "--silent", file];
  const env = { ...process.env, BERTH_SABOTAGE: rule };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env, cwd: ROOT, maxBuffer: 1 << 26, timeout: LIMIT_MS }, (error, out, told) => {
      try {
        resolve(JSON.parse(out) as Report);
      } catch {
        reject(new Error(`${error?.message ?? "no report"}: ${told.slice(-2_000)}`));
      }
    });
  });
}

describe("a rule broken on purpose is found", () => {
  test.each(RULES)(
    "$rule",
    async (broken) => {
      const report = await run(broken);
      expect(report).toMatchObject({ numRuntimeErrorTestSuites: 0 });
      expect(report.numFailedTests).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );
});
