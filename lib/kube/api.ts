/** What the programs ask of the API server. lib/kube/client.ts implements it; tests give a scripted one. */
import type { BerthError } from "../runtime/errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

export type PatchType = "json" | "merge" | "apply";

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string>>;
  /** Milliseconds until the request fails with code "api-timeout". Default 10,000. */
  readonly timeoutMs?: number;
}

/**
 * Plain calls on paths (`/api/v1/services`), with plain JSON. Every method rejects with a KubeError: code "not-found"
 * (404), "conflict" (409), "gone" (410), "api-refused" (any other status), "api-timeout", "api-unreachable".
 */
export interface KubeApi {
  get(path: string, options?: RequestOptions): Promise<Json>;
  create(path: string, body: Json, options?: RequestOptions): Promise<Json>;
  replace(path: string, body: Json, options?: RequestOptions): Promise<Json>;
  /** "apply" is server-side apply; give fieldManager (and force) in the query. */
  patch(path: string, type: PatchType, body: Json, options?: RequestOptions): Promise<Json>;
  delete(path: string, body?: Json, options?: RequestOptions): Promise<Json>;
  /** Opens a watch; `onEnd` is called exactly once, after which no event comes. */
  watch(path: string, query: Readonly<Record<string, string>>, handlers: WatchHandlers): WatchHandle;
  /** Closes every connection, watches included: the pulse of the API has failed (election.md section 2). */
  closeConnections(): void;
}

export interface WatchHandlers {
  readonly onEvent: (type: string, object: Json) => void;
  readonly onEnd: (error: BerthError | undefined) => void;
}

export interface WatchHandle {
  close(): void;
}

/** A cache of one list of the API server, kept by a reflector. Handlers must not throw; keys are `namespace/name` or `name`. */
export interface Informer<T> {
  start(): void;
  stop(): void;
  /** True once the first list has arrived; never false again. */
  readonly synced: boolean;
  get(key: string): T | undefined;
  /** All objects, sorted by key. */
  list(): readonly T[];
  /** Lists again without a resourceVersion (the API server was rolled back, or a connection died). */
  relist(): void;
  /** The same because the watch is late or dead: a list that is under way goes on. */
  doubt(): void;
  /** The API server was heard elsewhere: end a back-off now. Does nothing while a list or a watch is under way. */
  retryNow(): void;
}

export interface InformerOptions<T> {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Narrows the object; undefined for one that Berth cannot read (logged and counted, the last good one stays). */
  readonly parse: (raw: Json) => T | undefined;
  /** Called with the key of each object that came, changed or went; for those of the first list before onSynced. */
  readonly onChange: (key: string) => void;
  /** Called once, when everything of the first list is in the cache. */
  readonly onSynced: () => void;
}
