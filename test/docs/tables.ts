/** The tables of docs/*.md that name tests: their rows, and what is wrong with a reference to a test. */
import { existsSync, readFileSync } from "node:fs";

const ROOT = new URL("../../", import.meta.url);

export interface Reference {
  readonly file: string;
  readonly tests: readonly string[];
}

export interface Row {
  /** The heading above the table. */
  readonly section: string;
  readonly cells: readonly string[];
}

export function readPage(name: string): string {
  return readFileSync(new URL(`docs/${name}`, ROOT), "utf8");
}

/** The rows of the tables with so many columns, without their heads: a head is the row above the dashes. */
export function rowsOf(page: string, columns: number): readonly Row[] {
  let section = "";
  const lines = page.split("\n");
  return lines.flatMap((line, index) => {
    if (line.startsWith("## ")) section = line.slice(3);
    const cells = cellsOf(line);
    if (cells.length !== columns || isRuler(line) || isRuler(lines[index + 1] ?? "")) return [];
    return [{ section, cells }];
  });
}

/** Lines that begin as a row of a table, but have another number of columns: rowsOf would pass over them. */
export function brokenRows(page: string, columns: number): readonly string[] {
  return page.split("\n").filter((line) => line.startsWith("|") && cellsOf(line).length !== columns);
}

function cellsOf(line: string): readonly string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function isRuler(line: string): boolean {
  const cells = cellsOf(line);
  return cells.length > 0 && cells.every((cell) => /^:?-+:?$/.test(cell));
}

/** `file` "test" "test"; `file` …: undefined where a part is written in another way, since what cannot be read cannot be checked. */
export function references(cell: string): readonly Reference[] | undefined {
  const parts = cell.split(/; (?=`)/).map((part) => /^`([^`"]+)`((?: "[^"]+")*)$/.exec(part));
  const found = parts.flatMap((part) =>
    part === null
      ? []
      : [{ file: part[1] ?? "", tests: [...(part[2] ?? "").matchAll(/"([^"]+)"/g)].map(([, one = ""]) => one) }],
  );
  return found.length === parts.length ? found : undefined;
}

/**
 * What is wrong with a cell of references, with paths under `base`. A test must stand in its file in double quotes, as a title or as the first
 * cell of a table's row; a capture (.hex, .txt) must only be there.
 */
export function problems(cell: string, base = "test/"): readonly string[] {
  const named = references(cell);
  if (named === undefined) return [`cannot be read: ${cell}`];
  return named.flatMap(({ file, tests }) => {
    const path = `${base}${file}`;
    const url = new URL(path, ROOT);
    if (!existsSync(url)) return [`${path} does not exist`];
    if (/\.(hex|txt)$/.test(file)) return [];
    if (!file.endsWith(".ts")) return [`${path} is no test`];
    if (tests.length === 0) return [`${path}: no test is named`];
    const code = readFileSync(url, "utf8");
    return tests.filter((name) => !code.includes(`"${name}"`)).map((name) => `${path} has no test "${name}"`);
  });
}
