/** docs/checklist.md says which test shows each item of MetalLB's checklist; here is shown that each item is there and each test exists. */
import { expect, test } from "@jest/globals";
import { problems, readPage, rowsOf } from "./tables.ts";

const between = (first: number, last: number): readonly string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
/** Of 1 to 52 those about layer 2: 9 is about metrics, 11 to 29 and 36 about allocation. */
const ITEMS = [...between(1, 8), "10", ...between(30, 35), ...between(37, 52)];

const rows = rowsOf(readPage("checklist.md"), 3).map(({ cells: [item = "", , cell = ""] }) => [item, cell] as const);

test("every item has one row", () => {
  const named = rows.map(([item]) => item);
  expect([...named].sort((one, other) => Number(one) - Number(other))).toEqual(ITEMS);
});

test.each(rows)("item %s", (_item, cell) => {
  expect(problems(cell)).toEqual([]);
});

test.each(rows)("item %s is shown in the lab", (_item, cell) => {
  expect(cell).toMatch(/`(e2e|bench)\//);
});
