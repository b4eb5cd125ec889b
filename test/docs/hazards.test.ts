/** docs/hazards.md says which test shows each hazard; here is shown that each label is there and each test exists. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";

const ROOT = new URL("../../", import.meta.url);
const text = readFileSync(new URL("docs/hazards.md", ROOT), "utf8");

const LABELS = [
  ...Array.from({ length: 15 }, (_, index) => `E${index + 1}`),
  ...Array.from({ length: 13 }, (_, index) => `F${index + 1}`),
  ...Array.from({ length: 7 }, (_, index) => `W${index + 1}`),
  ...Array.from({ length: 7 }, (_, index) => `A${index + 1}`),
];

const [shown = "", untested = ""] = text.split("## Without a test of their own");
const rows = rowsOf(shown, 3);

/** The rows of the tables with so many columns, without their heads. */
function rowsOf(page: string, columns: number): readonly (readonly string[])[] {
  return page.split("\n").flatMap((line) => {
    const cells = line.split("|").map((cell) => cell.trim());
    if (cells.length !== columns + 2 || cells[1] === "label" || /^-+$/.test(cells[1] ?? "")) return [];
    return [cells.slice(1, -1)];
  });
}

function problems(cell: string): readonly string[] {
  return cell.split(/; (?=`)/).flatMap((part) => {
    const [, file = "", names = ""] = /^`([^`"]+)`((?: "[^"]+")+)$/.exec(part) ?? [];
    if (file === "") return [`cannot be read: ${part}`];
    const url = new URL(`test/${file}`, ROOT);
    if (!existsSync(url)) return [`test/${file} does not exist`];
    const code = readFileSync(url, "utf8");
    const all = [...names.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name);
    return all.filter((name) => !code.includes(`"${name}"`)).map((name) => `test/${file} has no "${name}"`);
  });
}

test("every label stands in one of the two tables", () => {
  const without = rowsOf(untested, 2).map(([label = ""]) => label);
  expect(without.length).toBeGreaterThan(0);
  const named = new Set([...rows.map(([label = ""]) => label), ...without.map((label) => label.split(",")[0] ?? "")]);
  expect(LABELS.filter((label) => !named.has(label))).toEqual([]);
  expect(new Set(rows.map(([label]) => label)).size).toBe(rows.length);
});

test.each(rows.map(([label = "", , cell = ""]) => [label, cell] as const))("%s", (_label, cell) => {
  expect(problems(cell)).toEqual([]);
});

describe("the check itself", () => {
  test("finds a file and a name that are gone", () => {
    expect(problems('`sim/gone.test.ts` "x"; `sim/scenarios.test.ts` "no such test"; nonsense')).toEqual([
      "test/sim/gone.test.ts does not exist",
      'cannot be read: `sim/scenarios.test.ts` "no such test"; nonsense',
    ]);
    expect(problems('`sim/scenarios.test.ts` "no such test"')).toEqual([
      'test/sim/scenarios.test.ts has no "no such test"',
    ]);
  });
});
