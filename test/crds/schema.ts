/** Just enough of structural schemas to compare them with the model and to judge the examples. CEL is judged by a real API server (test/e2e/crds.cases.ts). */
import { readFileSync } from "node:fs";
import { parse, parseAllDocuments } from "yaml";
import type { Json } from "../../lib/kube/api.ts";

export interface Schema {
  readonly type: "object" | "array" | "string" | "integer" | "boolean";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly string[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-validations"?: readonly {
    readonly rule: string;
    readonly message?: string;
    readonly messageExpression?: string;
  }[];
}

export interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string; readonly shortNames: readonly string[] };
    readonly versions: readonly {
      readonly name: string;
      readonly subresources: { readonly status?: object };
      readonly additionalPrinterColumns: readonly { readonly name: string; readonly jsonPath: string }[];
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

const ROOT = new URL("../../", import.meta.url);

export function readCrd(file: string): Crd {
  return parse(readFileSync(new URL(`crds/${file}`, ROOT), "utf8"));
}

export function schemaOf(crd: Crd): Schema {
  const version = crd.spec.versions[0];
  if (version === undefined) throw new Error(`${crd.metadata.name} has no version`);
  return version.schema.openAPIV3Schema;
}

export function readDocuments(path: string): readonly Json[] {
  return parseAllDocuments(readFileSync(new URL(path, ROOT), "utf8")).map((document) => document.toJS());
}

/** Every field of spec and status as a path: `spec.services[].ports[].port`; a map of free keys ends in `{}`. */
export function schemaPaths(schema: Schema): readonly string[] {
  return ["spec", "status"].flatMap((part) => {
    const child = schema.properties?.[part];
    return child === undefined ? [] : childPaths(child, part);
  });
}

function childPaths(schema: Schema, path: string): readonly string[] {
  if (schema.items !== undefined) return childPaths(schema.items, `${path}[]`);
  if (schema.additionalProperties !== undefined) return [`${path}{}`];
  if (schema.properties === undefined) return [path];
  return Object.entries(schema.properties).flatMap(([name, child]) => childPaths(child, `${path}.${name}`));
}

/** An object with every field of the schema in it, one item per list. */
export function fullSample(schema: Schema): Json {
  switch (schema.type) {
    case "object":
      // Any object; that it is read at all is seen by a text in its place.
      if (schema["x-kubernetes-preserve-unknown-fields"] === true) return "text";
      return schema.additionalProperties === undefined
        ? Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, child]) => [name, fullSample(child)]))
        : { key: "value" };
    case "array":
      return schema.items === undefined ? [] : [fullSample(schema.items)];
    case "string":
      return schema.enum?.[0] ?? "text";
    case "integer":
      return 1;
    case "boolean":
      return true;
  }
}

/** What is wrong with the value, each with its path: types, required and unknown fields, enumerations, bounds. */
export function violations(schema: Schema, value: Json | undefined, path = ""): readonly string[] {
  if (value === undefined || value === null) return [`${path}: missing`];
  if (schema.type === "array") return arrayViolations(schema, value, path);
  if (schema.type === "object") return objectViolations(schema, value, path);
  if (schema.type === "string") {
    if (typeof value !== "string") return [`${path}: not a string`];
    if (schema.enum !== undefined && !schema.enum.includes(value))
      return [`${path}: ${value} is not one of ${schema.enum}`];
    return value.length > (schema.maxLength ?? Number.POSITIVE_INFINITY) ? [`${path}: too long`] : [];
  }
  if (schema.type === "boolean") return typeof value === "boolean" ? [] : [`${path}: not a boolean`];
  if (typeof value !== "number" || !Number.isInteger(value)) return [`${path}: not an integer`];
  return value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity)
    ? [`${path}: out of bounds`]
    : [];
}

function arrayViolations(schema: Schema, value: Json, path: string): readonly string[] {
  if (!Array.isArray(value)) return [`${path}: not a list`];
  const tooMany = value.length > (schema.maxItems ?? Infinity) || value.length < (schema.minItems ?? 0);
  const items = schema.items;
  const inside =
    items === undefined ? [] : value.flatMap((item, index) => violations(items, item, `${path}[${index}]`));
  return tooMany ? [`${path}: ${value.length} items`, ...inside] : inside;
}

function objectViolations(schema: Schema, value: Json, path: string): readonly string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path}: not an object`];
  if (schema.properties === undefined) return [];
  const missing = (schema.required ?? []).filter((name) => !(name in value)).map((name) => `${path}.${name}: missing`);
  const inside = Object.entries(value).flatMap(([name, child]) => {
    const known = schema.properties?.[name];
    return known === undefined ? [`${path}.${name}: unknown`] : violations(known, child, `${path}.${name}`);
  });
  return [...missing, ...inside];
}

/** Runs the parser on the sample and tells which fields it read, as paths like those of `schemaPaths`. */
export function pathsRead(sample: Json, parse: (raw: Json) => unknown): readonly string[] {
  const read = new Set<string>();
  const wrap = (value: unknown, path: string): unknown => {
    if (typeof value !== "object" || value === null) {
      read.add(path);
      return value;
    }
    const isMap = !Array.isArray(value) && Object.keys(value).join() === "key";
    return new Proxy(value, {
      get(target, property) {
        const child = Reflect.get(target, property);
        if (typeof property !== "string" || typeof child === "function" || property === "length") return child;
        return wrap(child, Array.isArray(target) ? `${path}[]` : isMap ? `${path}{}` : `${path}.${property}`);
      },
    });
  };
  parse(wrap(sample, "") as Json);
  return [...read].map((path) => path.slice(1)).filter((path) => !path.startsWith("metadata"));
}
