/** docs/wire.md says what shows each of its rows; here is shown that it exists. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";

const ROOT = new URL("../../", import.meta.url);
const text = readFileSync(new URL("docs/wire.md", ROOT), "utf8");

interface Row {
  readonly section: string;
  readonly clause: string;
  readonly does: string;
  readonly shownBy: string;
}

function rowsOf(page: string): readonly Row[] {
  let section = "";
  return page.split("\n").flatMap((line) => {
    if (line.startsWith("## ")) section = line.slice(3);
    const cells = line.split("|").map((cell) => cell.trim());
    if (cells.length !== 5 || cells[3] === "shown by" || /^-+$/.test(cells[1] ?? "")) return [];
    return [{ section, clause: cells[1] ?? "", does: cells[2] ?? "", shownBy: cells[3] ?? "" }];
  });
}

/** `file` "test" "test"; `file` … with paths under test/speaker. */
function references(shownBy: string): readonly { readonly file: string; readonly tests: readonly string[] }[] {
  return [...shownBy.matchAll(/(?:^|; )`([^`"]+)`((?: "[^"]+")*)/g)].map(([, file = "", tests = ""]) => ({
    file: `test/speaker/${file}`,
    tests: [...tests.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name),
  }));
}

/** What is wrong with the reference: a test must be written as a title or as the first cell of a table's row, in double quotes or backticks. */
function problems(file: string, tests: readonly string[]): readonly string[] {
  if (!existsSync(new URL(file, ROOT))) return [`${file} does not exist`];
  if (/\.(hex|txt)$/.test(file)) return [];
  if (!/\.(test|e2e)\.ts$/.test(file)) return [`${file} is no test`];
  if (tests.length === 0) return [`${file}: no test is named`];
  const code = readFileSync(new URL(file, ROOT), "utf8");
  return tests.filter((name) => !code.includes(`"${name}"`)).map((name) => `${file} has no test "${name}"`);
}

const rows = rowsOf(text);

test("the page has its tables", () => {
  const broken = text.split("\n").filter((line) => line.startsWith("|") && line.split("|").length !== 5);
  expect(broken).toEqual([]);
  const sections = new Set(rows.map((row) => row.section.split(":")[0]));
  expect([...sections]).toEqual(["RFC 826", "RFC 5227", "RFC 4861", "RFC 4862", "RFC 9131", "Interfaces"]);
  expect(rows.length).toBeGreaterThan(50);
  expect(new Set(rows.map((row) => `${row.section} ${row.clause}`)).size).toBe(rows.length);
});

test.each(rows.map((row): [string, Row] => [`${row.section}, ${row.clause}`, row]))("%s", (_name, row) => {
  const named = references(row.shownBy);
  // Every part of the cell is a reference: what cannot be read cannot be checked.
  const written = named.map(({ file, tests }) => [
    `\`${file.slice("test/speaker/".length)}\``,
    ...tests.map((one) => `"${one}"`),
  ]);
  expect(written.map((parts) => parts.join(" ")).join("; ")).toBe(row.shownBy);
  expect(named.flatMap(({ file, tests }) => problems(file, tests))).toEqual([]);
});

describe("the check itself", () => {
  test("finds a test that is gone, a file that is gone, and a file without a test", () => {
    const of = (cell: string) => references(cell).flatMap(({ file, tests }) => problems(file, tests));
    expect(of('`drops.test.ts` "nd-checksum"; `packet/fixtures/ns-dad.hex`')).toEqual([]);
    expect(of('`drops.test.ts` "nd-checksum" "nd-nonsense"; `gone.test.ts` "x"; `drops.test.ts`')).toEqual([
      'test/speaker/drops.test.ts has no test "nd-nonsense"',
      "test/speaker/gone.test.ts does not exist",
      "test/speaker/drops.test.ts: no test is named",
    ]);
  });
});
