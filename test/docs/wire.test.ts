/** docs/wire.md says what shows each of its rows; here is shown that it exists. */
import { expect, test } from "@jest/globals";
import { brokenRows, problems, readPage, rowsOf } from "./tables.ts";

const text = readPage("wire.md");
const rows = rowsOf(text, 3).map(
  ({ section, cells: [clause = "", , shownBy = ""] }) => [`${section}, ${clause}`, section, shownBy] as const,
);

test("the page has its tables", () => {
  expect(brokenRows(text, 3)).toEqual([]);
  const sections = new Set(rows.map(([, section]) => section.split(":")[0]));
  expect([...sections]).toEqual([
    "RFC 826",
    "RFC 5227",
    "RFC 4861",
    "RFC 4862",
    "RFC 9131",
    "RFC 3810",
    "RFC 2710",
    "Interfaces",
  ]);
  expect(rows.length).toBeGreaterThan(50);
  expect(new Set(rows.map(([name]) => name)).size).toBe(rows.length);
});

test.each(rows)("%s", (_name, _section, shownBy) => {
  expect(problems(shownBy, "test/speaker/")).toEqual([]);
});
