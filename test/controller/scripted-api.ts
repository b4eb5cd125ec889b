/**
 * An API server in memory with what the controller relies on: unique names, uid and resourceVersion preconditions,
 * finalizers, status subresources, merge and JSON patches. It keeps every event, so that each cache of a simulation can
 * lag behind as it likes. Tried against a real API server where they could differ (test/e2e).
 */
import type { Json, KubeApi } from "../../lib/kube/api.ts";
import { KubeError } from "../../lib/kube/errors.ts";
import type { JsonObject } from "../../lib/model/decode.ts";
import { asInteger, asText, fields, items } from "../../lib/model/decode.ts";

export interface StoredEvent {
  readonly resource: string;
  readonly key: string;
  /** undefined: gone. */
  readonly object: Json | undefined;
}

export interface Snapshot {
  /** Everything in the store, by `resource|key`. */
  readonly objects: ReadonlyMap<string, JsonObject>;
  readonly version: number;
}

type Call = { readonly verb: string; readonly path: string; readonly body?: Json | undefined; readonly patch?: string };

const AGE_START = Date.UTC(2026, 0, 1);

export class ScriptedApi {
  readonly events: StoredEvent[] = [];
  readonly #objects = new Map<string, JsonObject>();
  /** What is listed again and again between two events, and of which of them it is. */
  readonly #lists = new Map<string, readonly JsonObject[]>();
  #listedAt = 0;
  #version = 100;
  #born = 0;

  /** One request; throws a KubeError as the client would. */
  call({ verb, path, body, patch }: Call): Json {
    const where = parsePath(path);
    switch (verb) {
      case "get":
        return this.#need(where.id);
      case "create":
        return this.#create(where.resource, body);
      case "delete":
        return this.#delete(where, body);
      case "patch":
        return this.#store(where, this.#patched(where, patch ?? "", body ?? null));
      default:
        throw new KubeError("api-refused", `no ${verb} here`, { status: 405 });
    }
  }

  list(resource: string): readonly JsonObject[] {
    // Whatever changes an object is an event.
    if (this.#listedAt !== this.events.length) this.#lists.clear();
    this.#listedAt = this.events.length;
    const known = this.#lists.get(resource) ?? this.#sorted(resource);
    this.#lists.set(resource, known);
    return known;
  }

  #sorted(resource: string): readonly JsonObject[] {
    const all = [...this.#objects].filter(([id]) => id.startsWith(`${resource}|`));
    return all.sort(([left], [right]) => (left < right ? -1 : 1)).map(([, object]) => object);
  }

  get(resource: string, key: string): JsonObject | undefined {
    return this.#objects.get(`${resource}|${key}`);
  }

  snapshot(): Snapshot {
    return { objects: new Map(this.#objects), version: this.#version };
  }

  /**
   * The store as it was. Versions go on from here, as after a restore with a bumped revision, and caches learn what differs; or
   * they go back, so that one is given a second time to something else, and caches take every object for new, as lib/kube does
   * when it reads a list that is older than what it knows.
   */
  restore({ objects, version }: Snapshot, versions: "go on" | "go back"): void {
    const before = new Map(this.#objects);
    if (versions === "go back") this.#version = version;
    for (const id of new Set([...before.keys(), ...objects.keys()])) {
      const object = objects.get(id);
      if (versions === "go on" && before.get(id) === object) continue;
      const at = id.indexOf("|");
      const [resource, key] = [id.slice(0, at), id.slice(at + 1)];
      if (versions === "go on") this.#version++;
      if (object === undefined) this.#objects.delete(id);
      else this.#objects.set(id, object);
      this.events.push({ resource, key, object });
    }
  }

  #need(id: string): JsonObject {
    const object = this.#objects.get(id);
    if (object === undefined) throw new KubeError("not-found", `${id} not found`, { status: 404 });
    return object;
  }

  #create(resource: string, body: Json | undefined): Json {
    const { status: _, ...rest } = fields(body);
    const meta = fields(rest["metadata"]);
    const key = keyOf(meta);
    const id = `${resource}|${key}`;
    if (this.#objects.has(id))
      throw new KubeError("conflict", `${id} exists`, { status: 409, reason: "AlreadyExists" });
    this.#born++;
    const creationTimestamp = new Date(AGE_START + this.#born * 1000).toISOString();
    const metadata = { ...meta, uid: `uid-${this.#born}`, creationTimestamp, generation: 1 };
    return this.#put(resource, key, { ...rest, metadata });
  }

  #delete({ id, resource, key }: Where, body: Json | undefined): Json {
    const object = this.#need(id);
    const meta = fields(object["metadata"]);
    const wanted = fields(fields(body)["preconditions"]);
    for (const field of ["uid", "resourceVersion"]) {
      if (wanted[field] !== undefined && wanted[field] !== meta[field])
        throw new KubeError("conflict", `another ${field}`, { status: 409 });
    }
    if (items(meta["finalizers"]).length === 0) return this.#remove(resource, key, object);
    if (meta["deletionTimestamp"] !== undefined) return object;
    return this.#put(resource, key, { ...object, metadata: { ...meta, deletionTimestamp: "2026-02-01T00:00:00Z" } });
  }

  #patched({ id, subresource }: Where, patch: string, body: Json): JsonObject {
    const object = this.#need(id);
    if (patch === "json") return applyJsonPatch(object, items(body));
    const meta = fields(object["metadata"]);
    const asked = fields(fields(body)["metadata"]);
    if (asked["uid"] !== undefined && asked["uid"] !== meta["uid"])
      throw new KubeError("conflict", "uid", { status: 409 });
    if (asked["resourceVersion"] !== undefined && asked["resourceVersion"] !== meta["resourceVersion"]) {
      throw new KubeError("conflict", "the object has been modified", { status: 409 });
    }
    const merged = patch === "apply" ? applied(object, body) : fields(mergePatch(object, body));
    const metadata = { ...fields(merged["metadata"]), uid: meta["uid"] };
    // The status subresource takes finalizers and status; the main resource everything but status.
    return subresource === "status"
      ? { ...object, metadata, status: merged["status"] }
      : { ...merged, metadata, status: object["status"] };
  }

  #store({ resource, key }: Where, object: JsonObject): Json {
    const meta = fields(object["metadata"]);
    const before = this.#objects.get(`${resource}|${key}`);
    if (before !== undefined && JSON.stringify(before["spec"]) !== JSON.stringify(object["spec"])) {
      const metadata = { ...meta, generation: (asInteger(meta["generation"]) ?? 0) + 1 };
      return this.#put(resource, key, { ...object, metadata });
    }
    const over = meta["deletionTimestamp"] !== undefined && items(meta["finalizers"]).length === 0;
    return over ? this.#remove(resource, key, object) : this.#put(resource, key, object);
  }

  #put(resource: string, key: string, object: JsonObject): Json {
    this.#version++;
    const metadata = { ...fields(object["metadata"]), resourceVersion: String(this.#version) };
    const stored = { ...object, metadata };
    this.#objects.set(`${resource}|${key}`, stored);
    this.events.push({ resource, key, object: stored });
    return stored;
  }

  #remove(resource: string, key: string, object: JsonObject): Json {
    this.#version++;
    this.#objects.delete(`${resource}|${key}`);
    this.events.push({ resource, key, object: undefined });
    return object;
  }
}

interface Where {
  readonly resource: string;
  readonly key: string;
  readonly id: string;
  readonly subresource: string;
}

function parsePath(path: string): Where {
  const parts = path.split("/").slice(path.startsWith("/apis/") ? 4 : 3);
  const namespaced = parts[0] === "namespaces" && parts.length > 2;
  const [resource = "", name = "", subresource = ""] = namespaced ? parts.slice(2) : parts;
  const key = namespaced ? `${parts[1]}/${name}` : name;
  return { resource, key, id: `${resource}|${key}`, subresource };
}

function keyOf(meta: JsonObject): string {
  const namespace = asText(meta["namespace"]) ?? "";
  return namespace === "" ? `${meta["name"]}` : `${namespace}/${meta["name"]}`;
}

/**
 * A server-side apply on the status. That of a pool has one manager: what it leaves out is gone. The conditions of VirtualIPs
 * have one each: the others stay.
 */
function applied(object: JsonObject, body: Json): JsonObject {
  const { kind, status } = fields(body);
  if (kind !== "VirtualIP") return { ...object, status };
  const given = items(fields(status)["conditions"]);
  const types = given.map((one) => fields(one)["type"]);
  const others = items(fields(object["status"])["conditions"]).filter((one) => !types.includes(fields(one)["type"]));
  const merged = { ...fields(object["status"]), ...fields(status), conditions: [...others, ...given] };
  return { ...object, status: merged };
}

/** RFC 7396. */
function mergePatch(target: Json | undefined, patch: Json | undefined): Json {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch ?? null;
  const result: { [key: string]: Json | undefined } = { ...fields(target) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** RFC 6902, the two operations that the controller uses, on paths of one or two steps. */
function applyJsonPatch(object: JsonObject, operations: readonly Json[]): JsonObject {
  let result = object;
  for (const operation of operations) {
    const { op, path, value } = fields(operation);
    const [first = "", second] = (asText(path) ?? "").split("/").slice(1);
    const found = second === undefined ? result[first] : fields(result[first])[second];
    if (op === "test" && found !== value) throw new KubeError("api-refused", "test failed", { status: 422 });
    if (op === "replace") result = { ...result, [first]: value };
  }
  return result;
}

/** The client that hands every call to `send`; nothing is watched. */
export function clientOf(send: (verb: string, path: string, body?: Json, patch?: string) => Promise<Json>): KubeApi {
  return {
    get: (path) => send("get", path),
    create: (path, body) => send("create", path, body),
    replace: (path, body) => send("replace", path, body),
    patch: (path, type, body) => send("patch", path, body, type),
    delete: (path, body) => send("delete", path, body),
    watch: () => ({ close: () => {} }),
    closeConnections: () => {},
  };
}
