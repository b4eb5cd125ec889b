/** docs/hazards.md says which test shows each hazard; here is shown that each label is there and each test exists. */
import { expect, test } from "@jest/globals";
import { problems, readPage, rowsOf } from "./tables.ts";

const LABELS = [
  ...Array.from({ length: 17 }, (_, index) => `E${index + 1}`),
  ...Array.from({ length: 13 }, (_, index) => `F${index + 1}`),
  ...Array.from({ length: 7 }, (_, index) => `W${index + 1}`),
  ...Array.from({ length: 7 }, (_, index) => `A${index + 1}`),
];

const [shown = "", untested = ""] = readPage("hazards.md").split("## Without a test of their own");
const rows = rowsOf(shown, 3).map(({ cells: [label = "", , cell = ""] }) => [label, cell] as const);

test("every label stands in one of the two tables", () => {
  const without = rowsOf(untested, 2).map(({ cells: [label = ""] }) => label);
  expect(without.length).toBeGreaterThan(0);
  const named = new Set([...rows.map(([label]) => label), ...without.map((label) => label.split(",")[0] ?? "")]);
  expect(LABELS.filter((label) => !named.has(label))).toEqual([]);
  expect(new Set(rows.map(([label]) => label)).size).toBe(rows.length);
});

test.each(rows)("%s", (_label, cell) => {
  expect(problems(cell)).toEqual([]);
});
