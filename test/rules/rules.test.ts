/** The rules themselves: each must find what it is for, at its line, and leave the rest alone. */
import { describe, expect, test } from "@jest/globals";
import { registryHosts } from "./policy.ts";
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

const found = (violations: readonly Violation[]): string[] => violations.map(({ line, rule }) => `${line}: ${rule}`);
const lines = (count: number, text: string): string => Array.from({ length: count }, () => text).join("\n");

describe("importDirections", () => {
  test.each([
    ["lib/a.ts", 'import "./b.ts";', []],
    ["controller/a.ts", 'import { b } from "../lib/b.ts";', []],
    ["test/a.ts", 'import { b } from "../speaker/b.ts";', []],
    ["lib/a.ts", '\nimport { b } from "../speaker/b.ts";', ["2: lib/ may not import speaker/ (speaker/b.ts)"]],
    ["lib/a.ts", 'import type { B } from "../speaker/b.ts";', ["1: lib/ may not import speaker/ (speaker/b.ts)"]],
    [
      "speaker/net/a.ts",
      'export * from "../../controller/b.ts";',
      ["1: speaker/ may not import controller/ (controller/b.ts)"],
    ],
    ["controller/a.ts", 'await import("../test/b.ts");', ["1: controller/ may not import test/ (test/b.ts)"]],
    [
      "controller/a.ts",
      'export { b } from "../scripts/b.ts";',
      ["1: controller/ may not import scripts/ (scripts/b.ts)"],
    ],
  ])("%s: %s", (path, text, expected) => {
    expect(found(importDirections(readSource(path, text)))).toEqual(expected);
  });
});

describe("packageOwners", () => {
  test.each([
    ["lib/kube/client.ts", 'import { Watch } from "@kubernetes/client-node";', []],
    [
      "lib/kube/informer.ts",
      'import type { V1Node } from "@kubernetes/client-node";',
      ["1: @kubernetes/client-node is imported by lib/kube/client.ts only"],
    ],
    ["speaker/net/socket.ts", 'import koffi from "koffi";', []],
    ["speaker/main.ts", 'const koffi = require("koffi");', ["1: koffi is imported by speaker/net/** only"]],
    ["speaker/loop.ts", 'import { connect } from "node:net";', ["1: node:net is imported by speaker/net/** only"]],
    [
      "controller/plan.ts",
      'import { Address4 } from "ip-address";',
      ["1: ip-address is imported by lib/address/** only"],
    ],
    ["controller/flags.ts", 'import { Command } from "commander";', []],
    ["lib/kube/a.ts", 'import pino from "pino/file.js";', ["1: pino is imported by lib/runtime/** only"]],
    ["lib/kube/a.ts", 'import _ from "lodash";', ["1: no shipped file imports lodash"]],
    ["lib/kube/a.ts", 'import { readFileSync } from "node:fs";', []],
    ["test/a.ts", 'import _ from "lodash";', []],
  ])("%s: %s", (path, text, expected) => {
    expect(found(packageOwners(readSource(path, text)))).toEqual(expected);
  });
});

describe("purity", () => {
  test.each([
    ["const t = Date.now();", ["1: a pure file may not use Date.now"]],
    ["const now = Date.now;", ["1: a pure file may not use Date.now"]],
    ["const t = new Date();", ["1: a pure file may not use new Date()"]],
    ["const t = new Date(text);", []],
    ["const t = performance.now();", ["1: a pure file may not use performance.now"]],
    ["const x = Math.max(1, 2);", []],
    ["const x = Math.random();", ["1: a pure file may not use Math.random"]],
    ["setTimeout(f, 1);", ["1: a pure file may not use setTimeout()"]],
    ["// é\nif (process.env['X']) f();", ["2: a pure file may not use process.env"]],
    ["console.log(1);", ["1: a pure file may not use console.log"]],
    ["f({ console: 1, process: 2 }.process);", []],
    ['import { b } from "./b.ts";', []],
    ['import { ok } from "../lib/runtime/result.ts";', []],
    ['import { systemClock } from "../lib/runtime/clock.ts";', ["1: a pure file may not import lib/runtime/clock.ts"]],
    ['import type { Clock } from "../lib/runtime/clock.ts";', []],
    [
      'import { type Clock, systemClock } from "../lib/runtime/clock.ts";',
      ["1: a pure file may not import lib/runtime/clock.ts"],
    ],
    ['import { drawRandom as draw, type Random } from "../lib/runtime/random.ts";', []],
    [
      'import { drawRandom, systemRandom } from "../lib/runtime/random.ts";',
      ["1: a pure file may not import lib/runtime/random.ts"],
    ],
    ['import * as random from "../lib/runtime/random.ts";', ["1: a pure file may not import lib/runtime/random.ts"]],
    ['import { readFileSync } from "node:fs";', ["1: a pure file may not import node:fs"]],
    ['import data from "./main.ts";', ["1: a pure file may not import controller/main.ts"]],
  ])("%s", (text, expected) => {
    expect(found(purity(readSource("controller/plan.ts", text)))).toEqual(expected);
  });

  test.each(["controller/main.ts", "lib/runtime/clock.ts", "test/a.ts", "scripts/a.ts"])("%s may", (path) => {
    expect(purity(readSource(path, "setTimeout(f, Date.now());"))).toEqual([]);
  });
});

describe("sizes", () => {
  const body = (count: number): string => `{\n${lines(count - 2, "  g();")}\n}`;

  test.each([
    ["70 lines", `function f() ${body(70)}`, []],
    ["71 lines", `function f() ${body(71)}`, ["1: f has 71 lines, of 70 at most"]],
    ["an arrow function", `\nconst f = () => ${body(71)};`, ["2: f has 71 lines, of 70 at most"]],
    ["a method", `class C { m() ${body(71)} }`, ["1: m has 71 lines, of 70 at most"]],
    ["a method of an object", `const o = { m() ${body(71)} };`, ["1: m has 71 lines, of 70 at most"]],
    ["a chapter of tests", `describe("x", () => ${body(90)});`, []],
    ["a chapter with a table", `describe.each([1])("x", () => ${body(90)});`, []],
    ["a long test", `test("x", () => ${body(90)});`, ["1: (anonymous) has 90 lines, of 70 at most"]],
    ["300 lines", lines(300, "g();"), []],
    ["301 lines", lines(301, "g();"), ["300: the file has 301 lines besides its tables, of 300 at most"]],
    ["a table", `const t = [\n${lines(400, "  { a: 1 },")}\n];`, []],
    [
      "functions in an array",
      `const t = [\n${lines(400, "  () => g(),")}\n];`,
      ["300: the file has 402 lines besides its tables, of 300 at most"],
    ],
  ])("%s", (_name, text, expected) => {
    expect(found(sizes(readSource("controller/plan.ts", text)))).toEqual(expected);
  });
});

describe("deadFiles", () => {
  const files = (entries: Record<string, string>): Violation[] =>
    deadFiles(Object.entries(entries).map(([path, text]) => readSource(path, text)));

  test("follows imports, re-exports and the URL of a worker from the programs", () => {
    const dead = files({
      "controller/main.ts": 'import "./a.ts"; new Worker(new URL("./w.ts", import.meta.url));',
      "controller/a.ts": 'export * from "../lib/b.ts";',
      "lib/b.ts": "",
      "controller/w.ts": "",
      "lib/c.ts": 'import "./d.ts";',
      "lib/d.ts": 'import "./c.ts";',
    });
    expect(dead.map(({ file }) => file)).toEqual(["lib/c.ts", "lib/d.ts"]);
  });

  test("a test keeps its helpers, but what is shipped must be used by a program", () => {
    const dead = files({
      "test/x/a.test.ts": 'import "../../lib/a.ts"; import "./help.ts";',
      "test/x/help.ts": "",
      "test/x/forgotten.ts": "",
      "lib/a.ts": "",
    });
    expect(dead.map(({ file, rule }) => `${file}: ${rule}`)).toEqual([
      "test/x/forgotten.ts: nothing imports this file",
      "lib/a.ts: only tests and scripts import this file",
    ]);
  });
});

test("registryNames finds each of the hosts, at its line", () => {
  for (const host of registryHosts) {
    expect(found(registryNames("a.md", `fine\nfrom https://${host}/x`))).toEqual([`2: ${host} is a package registry`]);
  }
  expect(registryNames("a.md", "docs.npmjs.com\nkubernetes.io")).toEqual([]);
});

test("a violation says file, line, rule, reason and the way out", () => {
  const violation = { file: "a.ts", line: 3, rule: "R", reason: "because", wayOut: "so" };
  expect(describeViolation(violation)).toBe("a.ts:3: R\n  why: because\n  way out: so");
});
