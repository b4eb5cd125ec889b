/** The parsed objects of one list, and what a delivery of the reflector changes in them. */
import { asText, fields } from "../model/decode.ts";
import { assertNever } from "../runtime/errors.ts";
import type { Json } from "./api.ts";
import { objectKey } from "./path.ts";
import type { Delivery } from "./reflector-types.ts";

interface Entry<T> {
  readonly value: T;
  /** uid and resourceVersion: the object is the same if this is. */
  readonly version: string;
}

export interface CacheChange {
  /** Keys that came, changed or went, sorted and without repeats. */
  readonly changed: readonly string[];
  /** Keys of objects that could not be read ("" for one without a name). */
  readonly unreadable: readonly string[];
}

export class ObjectCache<T> {
  readonly #parse: (raw: Json) => T | undefined;
  /** BOUNDED by the size of the collection in the API server. */
  #entries = new Map<string, Entry<T>>();
  #sorted: readonly T[] | undefined = [];

  constructor(parse: (raw: Json) => T | undefined) {
    this.#parse = parse;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  /** All objects, sorted by key; the same array until something changes. */
  list(): readonly T[] {
    this.#sorted ??= [...this.#entries]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, entry]) => entry.value);
    return this.#sorted;
  }

  apply(delivery: Delivery): CacheChange {
    const change = this.#change(delivery);
    if (change.changed.length > 0) this.#sorted = undefined;
    return change;
  }

  #change(delivery: Delivery): CacheChange {
    switch (delivery.type) {
      case "replace":
        return this.#replace(delivery.items, delivery.rolledBack);
      case "upsert":
        return this.#upsert(delivery.object);
      case "delete":
        return this.#delete(delivery.object);
      default:
        return assertNever(delivery);
    }
  }

  /**
   * What is not in the list is gone: its deletion happened while nobody watched. After a rollback of the API server a version
   * that is known may be given a second time, to something else.
   */
  #replace(items: readonly Json[], rolledBack: boolean): CacheChange {
    const before = this.#entries;
    const changed = new Set<string>();
    const unreadable: string[] = [];
    this.#entries = new Map();
    for (const raw of items) {
      const { key, version } = identify(raw);
      const known = before.get(key);
      const isSame = !rolledBack && known?.version === version;
      const value = isSame ? known.value : this.#read(key, raw);
      if (value === undefined) unreadable.push(key);
      const entry = value === undefined ? known : { value, version };
      if (entry === undefined) continue;
      this.#entries.set(key, entry);
      if (!isSame && entry !== known) changed.add(key);
    }
    for (const key of before.keys()) if (!this.#entries.has(key)) changed.add(key);
    return { changed: [...changed].sort(), unreadable };
  }

  #upsert(raw: Json): CacheChange {
    const { key, version } = identify(raw);
    if (this.#entries.get(key)?.version === version) return { changed: [], unreadable: [] };
    const value = this.#read(key, raw);
    if (value === undefined) return { changed: [], unreadable: [key] };
    this.#entries.set(key, { value, version });
    return { changed: [key], unreadable: [] };
  }

  #delete(raw: Json): CacheChange {
    const { key } = identify(raw);
    return { changed: this.#entries.delete(key) ? [key] : [], unreadable: [] };
  }

  #read(key: string, raw: Json): T | undefined {
    return key === "" ? undefined : this.#parse(raw);
  }
}

function identify(raw: Json): { readonly key: string; readonly version: string } {
  const meta = fields(fields(raw)["metadata"]);
  const name = asText(meta["name"]) ?? "";
  const key = name === "" ? "" : objectKey(asText(meta["namespace"]) ?? "", name);
  return { key, version: `${asText(meta["uid"]) ?? ""}@${asText(meta["resourceVersion"]) ?? ""}` };
}
