/** docs/allocation.md names the tests that show its rules; here is shown that they exist, and that none of MetalLB's items is left out. */
import { existsSync, readdirSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { brokenRows, problems, readPage, rowsOf } from "./tables.ts";

const ROOT = new URL("../../", import.meta.url);
const [, named = ""] = readPage("allocation.md").split("\n## What is tested, by name");
const [simulated = "", lab = ""] = named.split("And on a real API server");
/** Those of MetalLB's checklist that are about allocation (docs/checklist.md has the others). */
const ITEMS = [...Array.from({ length: 19 }, (_, index) => String(index + 11)), "36"];

const checklist = rowsOf(simulated, 3).map(({ cells: [item = "", , cell = ""] }) => [item, cell] as const);
const inLab = rowsOf(lab, 2).map(({ cells: [what = "", cell = ""] }) => [what, cell] as const);

describe("the checklist", () => {
  test("every item has one row", () => {
    expect(checklist.map(([item]) => item)).toEqual(ITEMS);
    expect(brokenRows(simulated, 3)).toEqual([]);
  });

  test.each(checklist)("item %s", (_item, cell) => {
    expect(problems(cell, "test/controller/scenarios/")).toEqual([]);
  });
});

describe("in the lab", () => {
  test("there are rows", () => {
    expect(inLab.length).toBeGreaterThan(10);
    expect(brokenRows(lab, 2)).toEqual([]);
  });

  test.each(inLab)("%s", (_what, cell) => {
    expect(problems(cell)).toEqual([]);
  });
});

test("the test files that the text between the tables names are there", () => {
  const scenarios = readdirSync(new URL("test/controller/scenarios", ROOT));
  const text = simulated.split("\n").filter((line) => !line.startsWith("|"));
  const files = [...text.join("\n").matchAll(/`([^`\s]+\.test\.ts)`/g)].map(([, file = ""]) => file);
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => !scenarios.includes(file) && !existsSync(new URL(file, ROOT)))).toEqual([]);
});
