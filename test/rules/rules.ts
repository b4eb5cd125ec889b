/** The house rules: each takes sources and tells what breaks it, where, why, and the way out. Pure. */
import { matchesGlob, posix } from "node:path";
import {
  directions,
  entryPoints,
  fileLinesMax,
  functionLinesMax,
  impure,
  owners,
  productParts,
  programs,
  pureImports,
  registryHosts,
  shells,
} from "./policy.ts";
import type { Import, Source } from "./source.ts";

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly reason: string;
  readonly wayOut: string;
}

export function describeViolation({ file, line, rule, reason, wayOut }: Violation): string {
  return `${file}:${line}: ${rule}\n  why: ${reason}\n  way out: ${wayOut}`;
}

const partOf = (path: string): string => path.split("/")[0] ?? "";
const isProduct = (path: string): boolean => productParts.includes(partOf(path));
const matchesAny = (path: string, globs: readonly string[]): boolean => globs.some((glob) => matchesGlob(path, glob));
const isShell = (path: string): boolean => matchesAny(path, shells);

/** The file an import names, relative to the repository; undefined for a package or a module of Node. */
export function targetOf(from: string, { specifier }: Import): string | undefined {
  return specifier.startsWith(".") ? posix.join(posix.dirname(from), specifier) : undefined;
}

/** Parts import one way: programs use lib, never each other; nothing shipped uses tests or scripts. */
export function importDirections({ path, imports }: Source): Violation[] {
  const allowed = directions[partOf(path)];
  return imports.flatMap((each) => {
    const target = targetOf(path, each);
    if (target === undefined || allowed === undefined || allowed.includes(partOf(target))) return [];
    return {
      file: path,
      line: each.line,
      rule: `${partOf(path)}/ may not import ${partOf(target)}/ (${target})`,
      reason: "imports point one way, so that each program can be read, tested and shipped without the others",
      wayOut: "move what both need to lib/, or pass it as a parameter",
    };
  });
}

/** Packages, and the modules of Node that do I/O, each have an owner among the shipped files. */
export function packageOwners({ path, imports }: Source): Violation[] {
  if (!isProduct(path)) return [];
  return imports.flatMap((each) => {
    const name = packageOf(each.specifier);
    const owner = name === undefined ? undefined : owners[name];
    if (name === undefined || (owner === undefined && name.startsWith("node:"))) return [];
    if (owner !== undefined && matchesAny(path, owner.files)) return [];
    const files = owner?.files.join(", ");
    return {
      file: path,
      line: each.line,
      rule: files ? `${name} is imported by ${files} only` : `no shipped file imports ${name}`,
      reason: owner?.reason ?? "a package of the shipped programs is a decision, with an owner named for it",
      wayOut: files ? `use what ${files} exports` : "do without it, or name its owner in test/rules/policy.ts",
    };
  });
}

/** "a/b" of "a/b/c" for scoped packages, "a" of "a/b" for others; undefined for a relative path. */
function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith(".") || specifier.startsWith("/")) return undefined;
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** A shipped file that is no shell imports only pure files, and touches no clock, timer, random source or log. */
export function purity({ path, imports, globals }: Source): Violation[] {
  if (!isProduct(path) || isShell(path)) return [];
  const wayOut = (how: string): string => `${how}; if this file is a shell, name it in test/rules/policy.ts`;
  const fromImports = imports.flatMap((each) => {
    const target = targetOf(path, each) ?? packageOf(each.specifier) ?? "";
    const isPure = target.endsWith(".ts") && isProduct(target) && !isShell(target);
    const allowed = pureImports[target] ?? [];
    const isAllowed =
      allowed === "all" || (each.names.length > 0 && each.names.every((name) => allowed.includes(name)));
    if (each.typeOnly || isPure || isAllowed) return [];
    return {
      file: path,
      line: each.line,
      rule: `a pure file may not import ${target}`,
      reason: "the core is (state, input, now) → {state, effects, wakeAt}: what it imports must be as replayable",
      wayOut: wayOut("take it by parameter, or import only its types (`import type`)"),
    };
  });
  const fromGlobals = globals.flatMap(({ name, line }) => {
    const how = impure[name] ?? impure[`${name.split(".")[0]}.`];
    if (how === undefined) return [];
    return {
      file: path,
      line,
      rule: `a pure file may not use ${name}`,
      reason: "equal state, input and time must give equal decisions, in a test as in a cluster",
      wayOut: wayOut(how),
    };
  });
  return [...fromImports, ...fromGlobals];
}

/** Functions and files of a size that is read at once. Tables do not count towards a file. */
export function sizes({ path, lines, tableLines, functions }: Source): Violation[] {
  const long = functions.flatMap((each) => {
    if (each.isChapter || each.lines <= functionLinesMax) return [];
    return {
      file: path,
      line: each.line,
      rule: `${each.name} has ${each.lines} lines, of ${functionLinesMax} at most`,
      reason: "a function is read on one screen",
      wayOut: "branch in the parent and move each branch's work to a function of its own",
    };
  });
  const counted = lines - tableLines;
  if (counted <= fileLinesMax) return long;
  const big: Violation = {
    file: path,
    line: fileLinesMax,
    rule: `the file has ${counted} lines besides its tables, of ${fileLinesMax} at most`,
    reason: "a file has one subject, the one it is named for",
    wayOut: "split it by subject",
  };
  return [...long, big];
}

/** A file that nothing starts and nothing imports is not part of the project; one that only tests use is not shipped. */
export function deadFiles(sources: readonly Source[]): Violation[] {
  const shipped = reachedFrom(programs, sources);
  const used = reachedFrom(entryPoints, sources);
  return sources.flatMap(({ path }) => {
    // Declarations are found by the compiler, not by an import.
    if (path.endsWith(".d.ts")) return [];
    if (isProduct(path) ? shipped.has(path) : used.has(path)) return [];
    return {
      file: path,
      line: 1,
      rule: used.has(path) ? "only tests and scripts import this file" : "nothing imports this file",
      reason: "dead code is read, kept and believed like living code",
      wayOut: "import it from a program, move it to test/, or delete it; entry points stand in test/rules/policy.ts",
    };
  });
}

/** The files that a walk through the imports reaches from those that match the globs, themselves included. */
function reachedFrom(globs: readonly string[], sources: readonly Source[]): ReadonlySet<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  // Bounded: every file is expanded once.
  const queue = [...byPath.keys()].filter((path) => matchesAny(path, globs));
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    queue.push(...source.imports.flatMap((each) => targetOf(source.path, each) ?? []));
  }
  return reached;
}

/** No registry is named: which one serves the packages is the machine's configuration. */
export function registryNames(path: string, text: string): Violation[] {
  return text.split("\n").flatMap((content, index) => {
    const host = registryHosts.find((each) => content.includes(each));
    if (host === undefined) return [];
    return {
      file: path,
      line: index + 1,
      rule: `${host} is a package registry`,
      reason: "machines reach registries through mirrors of their own",
      wayOut: "name the package and let the client's configuration find it",
    };
  });
}
