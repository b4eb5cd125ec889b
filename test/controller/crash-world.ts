/**
 * Controllers, an API server, a user and a speaker in one process, moved one small step at a time by a seed: an event
 * reaches a cache, a worker takes a key, a call is applied or answered, a process dies between the two.
 */
import { setImmediate as settled } from "node:timers/promises";
import type { Warning } from "../../controller/events.ts";
import { Controller } from "../../controller/shell/controller.ts";
import type { Json, KubeApi } from "../../lib/kube/api.ts";
import { KubeError } from "../../lib/kube/errors.ts";
import { WorkQueue } from "../../lib/kube/workqueue.ts";
import { fields } from "../../lib/model/decode.ts";
import { parseIPPool } from "../../lib/model/ip-pool.ts";
import { parseNamespace } from "../../lib/model/namespace.ts";
import { parseNodeAddresses } from "../../lib/model/node.ts";
import { parseService } from "../../lib/model/service.ts";
import { parseNetworksText } from "../../lib/model/speaker-lease.ts";
import { parseVirtualIP } from "../../lib/model/virtual-ip.ts";
import { BerthError } from "../../lib/runtime/errors.ts";
import { silentLogger } from "../../lib/runtime/log.ts";
import type { Random } from "../../lib/runtime/random.ts";
import { clientOf, type ScriptedApi } from "./scripted-api.ts";

interface PendingCall {
  readonly verb: string;
  readonly path: string;
  readonly run: () => Json;
  readonly resolve: (value: Json) => void;
  readonly reject: (thrown: unknown) => void;
  /** Set once it was applied: then only the answer is on its way. */
  settle: (() => void) | undefined;
}

const DEAF_STEPS_MAX = 2_000;

const parsers: Readonly<Record<string, (raw: Json) => unknown>> = {
  services: parseService,
  virtualips: parseVirtualIP,
  ippools: parseIPPool,
  namespaces: parseNamespace,
  nodes: parseNodeAddresses,
  leases: parseNetworksText,
};

/** One process: its caches as far as the watch has brought them, its queue, its calls under way. */
export class Process {
  readonly pending: PendingCall[] = [];
  /** Told of each call as it is sent: a plan is at most as old as its calls before this one. */
  onCall: ((verb: string, path: string, body: Json | undefined) => void) | undefined;
  leader = true;
  dead = false;
  readonly #api: ScriptedApi;
  readonly #now: () => number;
  readonly #random: Random;
  readonly #queue = new WorkQueue();
  readonly #caches = new Map<string, Map<string, unknown>>();
  readonly #controller: Controller;
  /** Each watch is a connection of its own: how far it has come, by resource. */
  readonly #seen = new Map<string, number>();

  /** `asOf`: its caches are from before this event of the API server and what came after it, which the watches have yet to bring. */
  constructor(
    api: ScriptedApi,
    now: () => number,
    random: Random,
    warn: (warning: Warning) => void = () => {},
    asOf?: number,
    classLess = true,
  ) {
    this.#api = api;
    this.#now = now;
    this.#random = random;
    for (const [resource, parse] of Object.entries(parsers)) {
      const known = asOf === undefined ? listed(api, resource) : replayed(api, resource, asOf);
      this.#caches.set(resource, new Map([...known].map(([key, raw]) => [key, parse(raw)])));
      this.#seen.set(resource, asOf ?? api.events.length);
    }
    this.#controller = new Controller({
      api: this.#client(),
      services: this.#cache("services"),
      vips: this.#cache("virtualips"),
      pools: this.#cache("ippools"),
      namespaces: this.#cache("namespaces"),
      nodes: this.#cache("nodes"),
      leases: this.#cache("leases"),
      enqueue: (key) => this.#queue.add(key, now()),
      clock: { monotonicMs: now, wallMs: () => Date.UTC(2026, 5, 1) + now() },
      isLeader: () => this.leader && !this.dead,
      warn,
      log: silentLogger,
      classLess,
      namespace: "berth-system",
    });
    this.#controller.begin();
  }

  /** What its cache has, which may be late. */
  cached<T>(resource: string, key: string): T | undefined {
    return this.#cache<T>(resource).get(key);
  }

  /** Watches that have something to deliver, of what happened before that event of the API server. */
  lag(before = Number.POSITIVE_INFINITY): number {
    return this.dead ? 0 : [...this.#seen.keys()].filter((one) => (this.#next(one) ?? before) < before).length;
  }

  get idle(): boolean {
    return this.dead || (this.pending.length === 0 && this.#queue.snapshot().waiting.length === 0 && this.lag() === 0);
  }

  get wakeAt(): number | undefined {
    return this.dead ? undefined : this.#queue.wakeAt();
  }

  /** The next event of one watch, drawn at random, reaches its cache. */
  deliver(): void {
    const resources = [...this.#seen.keys()];
    const resource = resources[Math.floor(this.#random() * resources.length)] ?? "";
    const at = this.dead ? undefined : this.#next(resource);
    const event = this.#api.events[at ?? -1];
    if (at === undefined || event === undefined) return;
    this.#seen.set(resource, at + 1);
    const cache = this.#caches.get(event.resource);
    const parse = parsers[event.resource];
    if (cache === undefined || parse === undefined) return;
    if (event.object === undefined) cache.delete(event.key);
    else cache.set(event.key, parse(event.object));
    this.#tell(event.resource, event.key);
  }

  /** A worker takes a key; it goes on by itself until its first call. */
  work(): void {
    const taken = this.dead ? undefined : this.#queue.take(this.#now());
    if (taken === undefined) return;
    const { key } = taken;
    this.#controller.reconcile(key).then(
      (outcome) => {
        if (outcome.type === "requeue") this.#queue.addAfter(key, outcome.afterMs, this.#now());
        else if (outcome.type === "retry") this.#queue.retry(key, this.#now(), this.#random());
        else this.#queue.forget(key);
        this.#queue.finish(key);
      },
      (thrown) => {
        if (BerthError.from(thrown).code === "internal") throw thrown;
        this.#queue.retry(key, this.#now(), this.#random());
        this.#queue.finish(key);
      },
    );
  }

  /** The first call under way. */
  get next(): { readonly verb: string; readonly path: string } | undefined {
    return this.pending[0];
  }

  /** The first call under way is a write that has not reached the API server yet. */
  get isAboutToWrite(): boolean {
    const [call] = this.pending;
    return call !== undefined && call.settle === undefined && call.verb !== "get";
  }

  /** The next call under way reaches the API server, and a second time after that: its connection broke before the answer. */
  sendTwice(): void {
    const [call] = this.pending;
    if (call?.settle === undefined) call?.run();
  }

  /** Every connection breaks: whatever is under way does not arrive any more, and what has arrived is not answered. */
  cut(): void {
    for (const call of this.pending.splice(0)) {
      call.reject(new KubeError("api-unreachable", `${call.verb} ${call.path}: the connection broke`));
    }
  }

  /** The API server went back to an older state, and the process has learned it. */
  rolledBack(): void {
    if (!this.dead) this.#controller.rolledBack();
  }

  /** All watches broke: what they had yet to bring never comes, a list does. It may be an older one, so every object counts as new. */
  relist(): void {
    if (this.dead) return;
    for (const [resource, parse] of Object.entries(parsers)) {
      const cache = this.#caches.get(resource) ?? new Map<string, unknown>();
      const gone = [...cache.keys()];
      cache.clear();
      for (const [key, raw] of listed(this.#api, resource)) cache.set(key, parse(raw));
      this.#seen.set(resource, this.#api.events.length);
      for (const key of new Set([...gone, ...cache.keys()])) this.#tell(resource, key);
    }
  }

  /** Goes on with what it knows until it has nothing to do; the watches bring nothing meanwhile. */
  async actDeaf(): Promise<void> {
    for (let steps = 0; this.pending.length > 0 || this.#queue.snapshot().waiting.length > 0; steps++) {
      if (steps > DEAF_STEPS_MAX) throw new Error("the controller does not come to rest without its watches");
      this.work();
      this.proceed(0);
      await settled();
    }
  }

  /** One call goes one step on: to the API server, or back from it. */
  proceed(at: number): void {
    const call = this.pending[at];
    if (call === undefined) return;
    if (call.settle === undefined) {
      call.settle = applied(call);
      return;
    }
    this.pending.splice(at, 1);
    call.settle();
  }

  /** Housekeeping that comes every ten seconds. */
  sweep(): void {
    if (!this.dead) this.#controller.sweep();
  }

  /** Another one is the leader now, and this one has learned it. */
  resign(): void {
    this.leader = false;
    this.#controller.end();
  }

  /** The process is gone: nothing of it goes on, not even what it has sent but what was not yet applied. */
  die(): void {
    this.dead = true;
    this.pending.length = 0;
  }

  #tell(resource: string, key: string): void {
    const controller = this.#controller;
    if (resource === "services") controller.onService(key);
    else if (resource === "virtualips") controller.onVip(key);
    else if (resource === "ippools") controller.onPool(key);
    else if (resource === "namespaces") controller.onNamespace(key);
    else if (resource === "nodes") controller.onNode(key);
    else controller.onLease(key);
  }

  #next(resource: string): number | undefined {
    const { events } = this.#api;
    for (let at = this.#seen.get(resource) ?? 0; at < events.length; at++) {
      if (events[at]?.resource === resource) return at;
    }
    // Nothing so far: the next look begins at what comes.
    this.#seen.set(resource, events.length);
    return undefined;
  }

  #cache<T>(resource: string) {
    const cache = (this.#caches.get(resource) ?? new Map()) as Map<string, T>;
    return {
      get: (key: string) => cache.get(key),
      list: () => [...cache].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, object]) => object),
    };
  }

  #client(): KubeApi {
    return clientOf((verb, path, body, patch) => this.#send(verb, path, body, patch));
  }

  #send(verb: string, path: string, body: Json | undefined, patch: string | undefined): Promise<Json> {
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const call = { verb, path, body, ...(patch === undefined ? {} : { patch }) };
    if (this.dead) return promise;
    this.onCall?.(verb, path, body);
    this.pending.push({ verb, path, run: () => this.#api.call(call), resolve, reject, settle: undefined });
    return promise;
  }
}

function applied(call: PendingCall): () => void {
  try {
    const value = structuredClone(call.run());
    return () => call.resolve(value);
  } catch (thrown) {
    return () => call.reject(thrown);
  }
}

function listed(api: ScriptedApi, resource: string): ReadonlyMap<string, Json> {
  return new Map(api.list(resource).map((raw) => [keyOf(raw), raw]));
}

/** What there was before this event. */
function replayed(api: ScriptedApi, resource: string, before: number): ReadonlyMap<string, Json> {
  const found = new Map<string, Json>();
  for (const event of api.events.slice(0, before)) {
    if (event.resource !== resource) continue;
    if (event.object === undefined) found.delete(event.key);
    else found.set(event.key, event.object);
  }
  return found;
}

function keyOf(raw: Json): string {
  const { namespace, name } = fields(fields(raw)["metadata"]);
  return typeof namespace === "string" && namespace !== "" ? `${namespace}/${name}` : `${name}`;
}
