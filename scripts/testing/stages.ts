/** The stages of a test run, in order: the cheap ones first, each a command of its own. */
import { globSync } from "node:fs";
import { join, relative } from "node:path";

export const root = join(import.meta.dirname, "../..");
const bin = join(root, "node_modules/.bin");

export interface Stage {
  readonly name: string;
  readonly command: readonly string[];
  /** Where jest writes its report; absent for a stage that counts as one test. */
  readonly report?: string;
  /** The test files that need root, relative to the repository; named and counted as skipped without it. */
  readonly rootFiles?: readonly string[];
  /** Later stages in which nothing can pass if this one failed. */
  readonly needs?: string;
  /** A stage that runs longer is ended and counts as failed: CI has nobody who would notice that it hangs. */
  readonly limitMinutes: number;
}

/** What `make check` runs; it needs no root and leaves nothing behind. The simulation is a part of the whole one. */
export function checkStages(simulation: "part" | "full" = "part"): readonly Stage[] {
  const unit = jest("unit", "test/**/*.test.ts", ["--maxWorkers=2"], 15);
  // The second run looks only at what has changed since, by the contents of the files and the version of tsc.
  const again = ["--incremental", "--tsBuildInfoFile", join(root, "build/test/types.tsbuildinfo")];
  return [
    { name: "types", command: [join(bin, "tsc"), "-p", root, ...again], limitMinutes: 5 },
    { name: "lint", command: [join(bin, "biome"), "check", "--error-on-warnings", root], limitMinutes: 5 },
    { ...unit, command: ["env", `BERTH_SIM=${simulation}`, ...unit.command] },
  ];
}

/**
 * What `make test` runs: also every `*.e2e.ts` under test/. Those under test/e2e use the lab cluster and the installed
 * image; all others make their own network namespaces and need no cluster.
 */
export function allStages(): readonly Stage[] {
  const files = globSync("test/**/*.e2e.ts", { cwd: root }).sort();
  const lab = files.filter((file) => file.startsWith("test/e2e/"));
  const wire = files.filter((file) => !lab.includes(file));
  const oneByOne = ["--runInBand", "--testTimeout=120000"];
  const oneLab = ["--globalSetup", "./test/lab/jest-setup.ts", "--globalTeardown", "./test/lab/jest-teardown.ts"];
  const image = [process.execPath, join(root, "scripts/image.ts")];
  return [
    ...checkStages("full"),
    { ...jest("wire", "test/!(e2e)/**/*.e2e.ts", oneByOne, 15), rootFiles: wire },
    { name: "image", command: image, limitMinutes: 10 },
    { ...jest("lab", "test/e2e/**/*.e2e.ts", [...oneByOne, ...oneLab], 60), rootFiles: lab, needs: "image" },
    iptables(jest("iptables", firstStory, [...oneByOne, ...oneLab], 15)),
  ];
}

/** The first story holds whatever kube-proxy does its work with; the others do not depend on it. */
const firstStory = "test/e2e/first-light.e2e.ts";

function iptables(stage: Stage): Stage {
  const command = ["env", "BERTH_LAB_PROXY=iptables", ...stage.command];
  return { ...stage, command, rootFiles: [firstStory], needs: "image" };
}

function jest(name: string, match: string, options: readonly string[], limitMinutes: number): Stage {
  const report = join(root, `build/test/${name}.json`);
  const program = [process.execPath, "--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
  const what = ["--testMatch", `<rootDir>/${match}`, "--json", "--outputFile", report];
  return {
    name,
    command: [...program, join(relative(process.cwd(), bin), "jest"), "--rootDir", root, "--ci", ...what, ...options],
    report,
    limitMinutes,
  };
}
