import { describe, expect, test } from "@jest/globals";
import { brokenRows, problems, rowsOf } from "./tables.ts";

const PAGE = [
  "## One",
  "| a | b |",
  "|---|---|",
  "| 1 | x |",
  "| 2 |",
  "## Two",
  "| 3 | y |",
  "no row | at all",
  "",
].join("\n");

describe("tables", () => {
  test("rows with their section, without heads", () => {
    expect(rowsOf(PAGE, 2)).toEqual([
      { section: "One", cells: ["1", "x"] },
      { section: "Two", cells: ["3", "y"] },
    ]);
    expect(brokenRows(PAGE, 2)).toEqual(["| 2 |"]);
  });

  test.each([
    ['`speaker/drops.test.ts` "nd-checksum"; `speaker/packet/fixtures/ns-dad.hex`', []],
    ['`speaker/drops.test.ts` "nd-nonsense"', ['test/speaker/drops.test.ts has no test "nd-nonsense"']],
    ['`gone.test.ts` "x"', ["test/gone.test.ts does not exist"]],
    ["`speaker/drops.test.ts`", ["test/speaker/drops.test.ts: no test is named"]],
    ['`speaker/drops.test.ts` "nd-checksum"; words', ['cannot be read: `speaker/drops.test.ts` "nd-checksum"; words']],
    ["`../package.json`", ["test/../package.json is no test"]],
  ])("%s", (cell, found) => {
    expect(problems(cell)).toEqual(found);
  });
});
