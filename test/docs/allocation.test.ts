/** docs/allocation.md names the tests that show its rules in the lab; here is shown that they exist. */
import { expect, test } from "@jest/globals";
import { problems, readPage, rowsOf } from "./tables.ts";

const [, lab = ""] = readPage("allocation.md").split("And on a real API server");
const rows = rowsOf(lab, 2).map(({ cells: [what = "", cell = ""] }) => [what, cell] as const);

test("there are rows", () => {
  expect(rows.length).toBeGreaterThan(10);
});

test.each(rows)("%s", (_what, cell) => {
  expect(problems(cell)).toEqual([]);
});
