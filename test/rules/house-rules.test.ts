/** Holds the repository to its house rules (CONTRIBUTING.md). The rules have tests of their own in rules.test.ts. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { directions } from "./policy.ts";
import {
  deadFiles,
  describeViolation,
  importDirections,
  packageOwners,
  purity,
  registryNames,
  sizes,
  type Violation,
} from "./rules.ts";
import { readSource } from "./source.ts";

const root = join(import.meta.dirname, "../..");

/** What git has or would take: files that are ignored are nobody's business. */
const paths = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], { cwd: root })
  .toString()
  .split("\0")
  .filter((path) => path !== "" && existsSync(join(root, path)))
  .sort();
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");

const sources = paths
  .filter((path) => /\.(ts|mjs)$/.test(path) && (path.split("/")[0] ?? "") in directions)
  .map((path) => readSource(path, textOf(path)));

/** Fails with every violation in full, so that one run is enough to mend them all. */
function expectNone(violations: readonly Violation[]): void {
  expect(violations.map(describeViolation).join("\n\n")).toBe("");
}

describe("house rules", () => {
  test("there are sources to judge", () => {
    expect(sources.length).toBeGreaterThan(50);
  });

  test("imports point one way", () => {
    expectNone(sources.flatMap(importDirections));
  });

  test("packages have owners", () => {
    expectNone(sources.flatMap(packageOwners));
  });

  test("whatever is not a shell is pure", () => {
    expectNone(sources.flatMap(purity));
  });

  test("functions and files are short", () => {
    expectNone(sources.flatMap(sizes));
  });

  test("no file is dead", () => {
    expectNone(deadFiles(sources));
  });

  test("no package registry is named", () => {
    const isText = (path: string): boolean => !/\.(png|pcap|gz|bin)$/.test(path);
    expectNone(paths.filter(isText).flatMap((path) => registryNames(path, textOf(path))));
  });
});
