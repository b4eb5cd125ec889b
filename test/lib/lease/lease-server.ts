/**
 * The Leases of an API server in memory: create, read and JSON patch with `test`, resourceVersions that grow, and a
 * store that can be put back. Only what the machines of lib/lease use; the lab runs them against a real one.
 */
import type { Json } from "../../../lib/kube/api.ts";
import { KubeError } from "../../../lib/kube/errors.ts";

export type Tree = { [key: string]: Json | undefined };

export interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: Json;
}

export class LeaseServer {
  #version = 100;
  #objects = new Map<string, Json>();
  #saved: { version: number; objects: Map<string, Json> } | undefined;

  has(path: string): boolean {
    return this.#objects.has(path);
  }

  read(path: string): Json {
    const found = this.#objects.get(path);
    if (found === undefined) throw new KubeError("not-found", "no such lease", { status: 404, reason: "NotFound" });
    return structuredClone(found) as Json;
  }

  create(collection: string, body: Json): Json {
    const object = structuredClone(body) as Tree;
    const path = `${collection}/${String((object["metadata"] as Tree)["name"])}`;
    if (this.#objects.has(path)) throw new KubeError("conflict", "exists", { status: 409, reason: "AlreadyExists" });
    return this.#store(path, { ...object, metadata: { ...(object["metadata"] as Tree), uid: "lease-uid" } });
  }

  patch(path: string, operations: readonly Operation[]): Json {
    const object = this.read(path) as Tree;
    for (const operation of operations) applyOperation(object, operation);
    return this.#store(path, object);
  }

  /** Somebody else's edit. */
  edit(path: string, change: (object: Tree) => void): Json {
    const object = this.read(path) as Tree;
    change(object);
    return this.#store(path, object);
  }

  delete(path: string): void {
    this.#objects.delete(path);
    this.#version++;
  }

  /** Remembers the store as a backup does. */
  save(): void {
    this.#saved = { version: this.#version, objects: new Map(this.#objects) };
  }

  /** Puts the store back to the backup: the version, too. */
  restore(): void {
    if (this.#saved === undefined) throw new Error("nothing was saved");
    this.#version = this.#saved.version;
    this.#objects = new Map(this.#saved.objects);
  }

  #store(path: string, object: Tree): Json {
    this.#version++;
    const metadata = { ...(object["metadata"] as Tree), resourceVersion: String(this.#version) };
    const stored: Json = { ...object, metadata };
    this.#objects.set(path, stored);
    return structuredClone(stored) as Json;
  }
}

/** One operation of a JSON patch (RFC 6902) in place; a `test` that fails throws as the API server answers. */
export function applyOperation(object: Tree, operation: Operation): void {
  const steps = operation.path
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = steps.pop() ?? "";
  let parent: Tree | undefined = object;
  for (const step of steps) parent = parent?.[step] as Tree | undefined;
  if (parent === undefined || typeof parent !== "object") refuse(operation);
  switch (operation.op) {
    case "test":
      if (JSON.stringify(parent[last]) !== JSON.stringify(operation.value)) refuse(operation);
      return;
    case "add":
      parent[last] = operation.value;
      return;
    case "remove":
      if (!(last in parent)) refuse(operation);
      delete parent[last];
      return;
    default:
      throw new Error(`unknown operation ${operation.op}`);
  }
}

function refuse(operation: Operation): never {
  const message = `the ${operation.op} of ${operation.path} failed`;
  throw new KubeError("api-refused", message, { status: 422, reason: "Invalid" });
}
