/** A source file as the house rules see it: its imports, its functions, its use of globals, each with a line. */
import { parseSync } from "@swc/core";

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `import type`, or only type specifiers: nothing of it runs. */
  readonly typeOnly: boolean;
  /** What is taken by name besides types, as the exporting file calls it; empty where all or nothing is named. */
  readonly names: readonly string[];
}

export interface FunctionSpan {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
  /** The callback of describe(): a chapter of tests, not a function. */
  readonly isChapter: boolean;
}

/** A member or a call of a plain name: `Date.now`, `setTimeout()`. The rules know which names are globals. */
export interface GlobalUse {
  readonly name: string;
  readonly line: number;
}

export interface Source {
  readonly path: string;
  readonly lines: number;
  /** Lines within tables: literals of data, without a function in them. */
  readonly tableLines: number;
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionSpan[];
  readonly globals: readonly GlobalUse[];
}

/** Any node of the syntax tree; only what is looked at is named. */
interface Node {
  readonly type: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly [key: string]: unknown;
}

const functionTypes = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
  "ClassMethod",
  "PrivateMethod",
  "Constructor",
  "MethodProperty",
  "GetterProperty",
  "SetterProperty",
]);

/** Reads a TypeScript or JavaScript source. Throws where the source does not parse. */
export function readSource(path: string, text: string): Source {
  const program = parseSync(text, { syntax: "typescript", target: "es2024" }) as unknown as Node;
  const lineOf = lineCounter(text);
  const found = { imports: [] as Import[], functions: [] as FunctionSpan[], globals: [] as GlobalUse[] };
  const inTables = new Set<number>();
  const parents: Node[] = [];
  const visit = (node: Node): void => {
    const line = lineOf(node.span?.start ?? 1);
    const specifier = importOf(node);
    if (specifier !== undefined) {
      found.imports.push({ ...specifier, line });
    }
    if (functionTypes.has(node.type)) {
      const lines = lineOf((node.span?.end ?? 1) - 1) - line + 1;
      found.functions.push({ name: nameOf(node, parents), line, lines, isChapter: isChapter(parents) });
    }
    const name = globalOf(node);
    if (name !== undefined) {
      found.globals.push({ name, line });
    }
    if (isTable(node, parents)) {
      for (let each = line + 1; each < lineOf((node.span?.end ?? 1) - 1); each++) {
        inTables.add(each);
      }
    }
    parents.push(node);
    for (const child of childrenOf(node)) {
      visit(child);
    }
    parents.pop();
  };
  visit(program);
  return { path, lines: text.trimEnd().split("\n").length, tableLines: inTables.size, ...found };
}

/** Positions of the parser are bytes, counted from 1. */
function lineCounter(text: string): (position: number) => number {
  const starts = [0];
  const bytes = Buffer.from(text);
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) {
    starts.push(at + 1);
  }
  return (position) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= position - 1) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low + 1;
  };
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** Children are nodes, arrays of nodes, or wrappers such as `{ spread, expression }` around them. */
function childrenOf(node: object): Node[] {
  return Object.values(node).flatMap((value: unknown): Node[] => {
    if (isNode(value)) return [value];
    if (Array.isArray(value)) return value.flatMap((each) => (isNode(each) ? [each] : childrenOf(each ?? {})));
    return typeof value === "object" && value !== null ? childrenOf(value) : [];
  });
}

function importOf(node: Node): Omit<Import, "line"> | undefined {
  const from = (value: unknown, typeOnly: boolean): Omit<Import, "line"> | undefined =>
    isNode(value) && value.type === "StringLiteral"
      ? { specifier: String(value["value"]), typeOnly, names: valueNames(node["specifiers"]) }
      : undefined;
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return from(node["source"], node["typeOnly"] === true || onlyTypes(node["specifiers"]));
    case "CallExpression": {
      const callee = node["callee"] as Node;
      const loads = callee.type === "Import" || callee["value"] === "require" || callee["value"] === "createRequire";
      return loads ? from(argument(node, 0), false) : undefined;
    }
    case "NewExpression": {
      // new URL("./worker.ts", import.meta.url): how a worker thread names its program.
      const isUrl = (node["callee"] as Node)["value"] === "URL";
      const imported = isUrl ? from(argument(node, 0), false) : undefined;
      return imported?.specifier.endsWith(".ts") ? imported : undefined;
    }
    default:
      return undefined;
  }
}

/** `a` of `import { a as b, type C } from`. A default or namespace import has no name that could be judged alone. */
function valueNames(specifiers: unknown): string[] {
  const all = Array.isArray(specifiers) ? (specifiers as Node[]) : [];
  return all
    .filter((each) => each.type === "ImportSpecifier" && each["isTypeOnly"] !== true)
    .map((each) => String(((each["imported"] ?? each["local"]) as Node)["value"]));
}

function onlyTypes(specifiers: unknown): boolean {
  const all = Array.isArray(specifiers) ? (specifiers as Node[]) : [];
  return all.length > 0 && all.every((each) => each["isTypeOnly"] === true);
}

function argument(call: Node, index: number): unknown {
  const args = call["arguments"];
  return Array.isArray(args) ? (args[index] as { expression?: unknown } | undefined)?.expression : undefined;
}

function nameOf(node: Node, parents: readonly Node[]): string {
  const own = node["identifier"] ?? node["key"];
  const parent = parents.at(-1);
  const given = parent?.type === "VariableDeclarator" ? parent["id"] : parent?.["key"];
  for (const each of [own, given]) {
    if (isNode(each) && typeof each["value"] === "string") return each["value"];
  }
  return node.type === "Constructor" ? "constructor" : "(anonymous)";
}

function isChapter(parents: readonly Node[]): boolean {
  const parent = parents.at(-1);
  if (parent?.type !== "CallExpression") return false;
  const first = (node: unknown): unknown => {
    if (!isNode(node)) return undefined;
    return node.type === "Identifier" ? node["value"] : first(node["callee"] ?? node["object"] ?? node["tag"]);
  };
  return first(parent["callee"]) === "describe";
}

/** `process.env` for a member of a name, `setTimeout()` for a call of a name, `new Date()` for the present time. */
function globalOf(node: Node): string | undefined {
  if (node.type === "MemberExpression") {
    const [object, property] = [node["object"], node["property"]];
    const isPlain = isNode(object) && object.type === "Identifier" && isNode(property);
    return isPlain ? `${String(object["value"])}.${String(property["value"] ?? "*")}` : undefined;
  }
  if (node.type === "NewExpression" && (node["callee"] as Node)["value"] === "Date") {
    const args = node["arguments"];
    return Array.isArray(args) && args.length > 0 ? undefined : "new Date()";
  }
  if (node.type === "CallExpression" && (node["callee"] as Node).type === "Identifier") {
    return `${String((node["callee"] as Node)["value"])}()`;
  }
  return undefined;
}

/** A table is an array of data anywhere, or an object of data that a module's constant names. */
function isTable(node: Node, parents: readonly Node[]): boolean {
  const atModuleLevel = parents.every((each) => !functionTypes.has(each.type));
  const literal = node.type === "ArrayExpression" || (node.type === "ObjectExpression" && atModuleLevel);
  return (literal && !holdsFunction(node)) || node.type === "TemplateLiteral";
}

function holdsFunction(node: Node): boolean {
  return functionTypes.has(node.type) || childrenOf(node).some(holdsFunction);
}
