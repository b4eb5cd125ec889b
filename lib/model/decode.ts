/** Narrowing of API objects. A field of the wrong type reads as absent; what must be there is checked by each parser. */
import type { Json } from "../kube/api.ts";
import type { Labels, ObjectMeta } from "./meta.ts";

export type JsonObject = { readonly [key: string]: Json | undefined };

export function asObject(raw: Json | undefined): JsonObject | undefined {
  return typeof raw === "object" && raw !== null && !isList(raw) ? raw : undefined;
}

/** The object's fields, or none. */
export function fields(raw: Json | undefined): JsonObject {
  return asObject(raw) ?? {};
}

export function asText(raw: Json | undefined): string | undefined {
  return typeof raw === "string" ? raw : undefined;
}

export function asInteger(raw: Json | undefined): number | undefined {
  return typeof raw === "number" && Number.isSafeInteger(raw) ? raw : undefined;
}

export function asBoolean(raw: Json | undefined): boolean | undefined {
  return typeof raw === "boolean" ? raw : undefined;
}

/** The items of a list, or none. */
export function items(raw: Json | undefined): readonly Json[] {
  return isList(raw) ? raw : [];
}

/** The strings of a list; anything else in it is left out. */
export function texts(raw: Json | undefined): readonly string[] {
  return items(raw).filter((item) => typeof item === "string");
}

/** The string values of an object, as labels and annotations are. */
export function textMap(raw: Json | undefined): Labels {
  const entries = Object.entries(fields(raw)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(entries);
}

/** Every item through `parse`; undefined when one of them cannot be read. */
export function parseAll<T>(raw: Json | undefined, parse: (item: Json) => T | undefined): readonly T[] | undefined {
  const parsed = items(raw).map(parse);
  return parsed.every((item) => item !== undefined) ? (parsed as readonly T[]) : undefined;
}

/** metadata of any object (Kubernetes API conventions, "Metadata"); undefined without a name. */
export function parseMeta(raw: Json): ObjectMeta | undefined {
  const meta = fields(fields(raw)["metadata"]);
  const name = asText(meta["name"]);
  if (name === undefined || name === "") return undefined;
  return {
    name,
    namespace: asText(meta["namespace"]) ?? "",
    uid: asText(meta["uid"]) ?? "",
    resourceVersion: asText(meta["resourceVersion"]) ?? "",
    generation: asInteger(meta["generation"]) ?? 0,
    creationTimestamp: asText(meta["creationTimestamp"]) ?? "",
    deletionTimestamp: asText(meta["deletionTimestamp"]),
    labels: textMap(meta["labels"]),
    annotations: textMap(meta["annotations"]),
    finalizers: texts(meta["finalizers"]),
  };
}

/** The value as text with the keys of every object in order: the same for equal values, however whoever stores them orders keys. */
export function sortedJson(raw: Json | undefined): string {
  const inOrder = (_key: string, value: Json): Json => {
    const object = asObject(value);
    return object === undefined
      ? value
      : Object.fromEntries(Object.entries(object).sort(([left], [right]) => (left < right ? -1 : 1)));
  };
  return JSON.stringify(raw, inOrder) ?? "";
}

function isList(raw: Json | undefined): raw is readonly Json[] {
  return Array.isArray(raw);
}
