/** The API server of the simulation: calls with latency and outages, lists that may be old, watches that lag, stay silent, or break. */
import type { Json } from "../../lib/kube/api.ts";
import type { ReflectorFailure } from "../../lib/kube/reflector-types.ts";
import type { SpeakerLease } from "../../lib/model/speaker-lease.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { Random } from "../../lib/runtime/random.ts";
import type { NodeObjectFacts } from "../../speaker/candidates.ts";
import type { ServiceEndpoints } from "../../speaker/desired.ts";
import type { HolderIntent, ReadResult, WriteResult } from "../../speaker/election/types.ts";
import type { Sabotage } from "./sabotage.ts";
import { type Change, type Kind, SimStore } from "./store.ts";
import type { Timeline } from "./timeline.ts";

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: Json;
  readonly resourceVersion: string;
}

export interface WatchHooks {
  readonly onEvent: (event: WatchEvent) => void;
  readonly onEnd: (failure: ReflectorFailure | undefined) => void;
}

interface Watcher {
  readonly node: string;
  readonly kind: Kind;
  readonly hooks: WatchHooks;
  /** Changes up to here are known to the client. */
  from: number;
  /** The server knows of it. */
  attached: boolean;
  open: boolean;
  /** Events of one connection stay in order. */
  lastAt: number;
  /** On their way, or stuck on a connection that nobody has closed. */
  readonly pending: WatchEvent[];
}

export interface List {
  readonly items: readonly Json[];
  readonly resourceVersion: string;
}

export interface ApiOptions {
  readonly latencyMsMax: number;
  readonly watchLagMsMax: number;
  readonly sabotage: Sabotage;
}

const TIMEOUT_MS = 2_000;
const BOOKMARK_MS = 55_000;
/** After an outage a list may come from a server that has not caught up. */
const UNSETTLED_MS = 5_000;
const UNANSWERED: ReflectorFailure = { kind: "unanswered", retryAfterMs: undefined };

export class SimApi {
  readonly store = new SimStore();
  /** Nodes that cannot reach the server. */
  readonly cut = new Set<string>();
  /** Nodes that are paused or off: what is sent to them waits, or is lost with the connection. */
  readonly away = new Set<string>();
  up = true;
  /** What every call takes longer, each way at most half of it. */
  slowMs = 0;
  /** Lists and watches come from a server that is so far behind; reads of one object do not. */
  laggingMs = 0;
  /** When the store was put back last. */
  putBackMs = Number.NEGATIVE_INFINITY;
  #watchers: Watcher[] = [];
  #settledMs = 0;

  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #options: ApiOptions;
  readonly #onRecord: (before: VirtualIP, after: VirtualIP, by: string) => void;

  constructor(
    timeline: Timeline,
    random: Random,
    options: ApiOptions,
    onRecord: (before: VirtualIP, after: VirtualIP, by: string) => void,
  ) {
    this.#timeline = timeline;
    this.#random = random;
    this.#options = options;
    this.#onRecord = onRecord;
  }

  get vips(): ReadonlyMap<string, VirtualIP> {
    return this.store.tables.vips;
  }
  get leases(): ReadonlyMap<string, SpeakerLease> {
    return this.store.tables.leases;
  }
  get nodes(): ReadonlyMap<string, NodeObjectFacts> {
    return this.store.tables.nodes;
  }
  get revision(): number {
    return this.store.revision;
  }

  reaches(node: string): boolean {
    return this.up && !this.cut.has(node) && !this.away.has(node);
  }

  /** Runs `act` at the server and hands its result back; undefined for a call that was not answered, done or not. */
  call<T>(node: string, act: () => T, reply: (result: T | undefined) => void): void {
    const latency = () => 1 + this.#random() * (this.#options.latencyMsMax + this.slowMs / 2);
    this.#timeline.after(latency(), () => {
      if (!this.reaches(node)) {
        this.#timeline.after(TIMEOUT_MS, () => reply(undefined));
        return;
      }
      const result = act();
      this.#timeline.after(latency(), () => {
        if (this.reaches(node)) reply(result);
        else this.#timeline.after(TIMEOUT_MS, () => reply(undefined));
      });
    });
  }

  read(name: string): ReadResult {
    const vip = this.vips.get(name);
    return vip === undefined ? { kind: "gone" } : { kind: "found", vip };
  }

  /** The JSON patch of speaker/shell/records.ts and the CEL rule of the CRD. */
  compareAndSet(
    name: string,
    uid: string,
    fromEpoch: number | undefined,
    resourceVersion: string,
    holder: HolderIntent,
    by: string,
  ): WriteResult {
    const vip = this.vips.get(name);
    if (vip === undefined || vip.meta.uid !== uid) return { kind: "refused" };
    const epoch = vip.holder?.epoch;
    const matches = fromEpoch === undefined ? vip.meta.resourceVersion === resourceVersion : epoch === fromEpoch;
    const legal = epoch === undefined || holder.epoch > epoch;
    const { ignoresEpoch, forgetsFrom } = this.#options.sabotage;
    if (ignoresEpoch !== true && (!matches || !legal)) return { kind: "refused" };
    const from = forgetsFrom === true ? "" : holder.from;
    const after = this.putVip({ ...vip, holder: { ...holder, from, since: "" } });
    this.#onRecord(vip, after, by);
    return { kind: "ok", vip: after };
  }

  putVip(vip: VirtualIP): VirtualIP {
    const after = { ...vip, meta: { ...vip.meta, resourceVersion: String(this.store.next) } };
    this.#publish(this.store.commit("vips", vip.meta.name, after, this.#timeline.now));
    return after;
  }

  deleteVip(name: string): void {
    this.#publish(this.store.commit("vips", name, undefined, this.#timeline.now));
  }

  putLease(lease: SpeakerLease): SpeakerLease {
    const after = { ...lease, meta: { ...lease.meta, resourceVersion: String(this.store.next) } };
    this.#publish(this.store.commit("leases", lease.node, after, this.#timeline.now));
    return after;
  }

  deleteLease(node: string): void {
    this.#publish(this.store.commit("leases", node, undefined, this.#timeline.now));
  }

  putNode(name: string, node: NodeObjectFacts): void {
    this.#publish(this.store.commit("nodes", name, node, this.#timeline.now));
  }

  putEndpoints(service: string, endpoints: ServiceEndpoints): void {
    this.#publish(this.store.commit("endpoints", service, endpoints, this.#timeline.now));
  }

  /** A list without a resourceVersion; after an outage now and then from a server that has not caught up. */
  list(node: string, kind: Kind, reply: (list: List | undefined) => void): void {
    const act = (): List => {
      const { now } = this.#timeline;
      const isUnsettled = now < this.#settledMs + UNSETTLED_MS && this.#random() < 0.3;
      const behindMs = Math.max(this.laggingMs * this.#random(), isUnsettled ? this.#random() * 10_000 : 0);
      const revision = behindMs > 0 ? this.store.revisionAt(now - behindMs) : this.revision;
      const items = this.store.at(kind, revision).map(itemOf);
      return { items, resourceVersion: String(revision) };
    };
    this.call(node, act, reply);
  }

  /** Opens a watch at a revision; the returned function closes it, without a word to the client. */
  watch(node: string, kind: Kind, from: number, seconds: number, hooks: WatchHooks): () => void {
    const watcher: Watcher = { node, kind, hooks, from, attached: false, open: true, lastAt: 0, pending: [] };
    this.#watchers.push(watcher);
    this.#timeline.after(1 + this.#random() * this.#options.latencyMsMax, () => this.#attach(watcher));
    this.#timeline.quietly(seconds * 1_000, () => this.#end(watcher, undefined));
    this.#timeline.quietly(BOOKMARK_MS, () => this.#bookmark(watcher));
    return () => this.#drop(watcher);
  }

  /** The server has gone or come, or a path to it: what the connections make of it. */
  settleConnections(): void {
    this.#settledMs = this.#timeline.now;
    for (const watcher of [...this.#watchers]) {
      if (!this.up) this.#end(watcher, UNANSWERED);
      else if (!this.reaches(watcher.node)) continue;
      else if (!watcher.attached) this.#attach(watcher);
      else while (watcher.open && watcher.pending.length > 0) this.#arrive(watcher);
    }
  }

  /** Puts the store back. A server that went with it breaks its connections; else they stay, and stay silent (F7). */
  rollBack(revision: number, breaksConnections: boolean): void {
    this.putBackMs = this.#timeline.now;
    this.store.rollBack(Math.min(revision, this.revision));
    if (!breaksConnections) return;
    for (const watcher of [...this.#watchers]) this.#end(watcher, UNANSWERED);
  }

  /** What the node watches says nothing from here on and does not end; its calls get through, and so do new watches (F7). */
  hush(node: string): void {
    for (const watcher of this.#watchers) if (watcher.node === node) watcher.from = Number.POSITIVE_INFINITY;
  }

  /** What a node has open is forgotten on the way, by a router with a table of connections: nobody is told (F7). */
  loseConnections(node: string): void {
    this.#watchers = this.#watchers.filter((one) => one.node !== node);
  }

  #attach(watcher: Watcher): void {
    if (!watcher.open || watcher.attached) return;
    if (!this.up) {
      this.#end(watcher, UNANSWERED);
      return;
    }
    // A connection that never comes about says nothing; whoever has a pulse gives up.
    if (!this.reaches(watcher.node)) return;
    watcher.attached = true;
    for (const change of this.store.since(watcher.kind, watcher.from)) this.#send(watcher, change);
  }

  #publish(change: Change): void {
    for (const watcher of this.#watchers) {
      if (watcher.attached && watcher.kind === change.kind) this.#send(watcher, change);
    }
  }

  /** A watch that was opened above the server's revision gets nothing until the revisions have come there again (M13). */
  #send(watcher: Watcher, change: Change): void {
    if (change.revision <= watcher.from) return;
    watcher.from = change.revision;
    const type = change.value === undefined ? "DELETED" : "MODIFIED";
    this.#deliver(watcher, { type, object: itemOf(change), resourceVersion: String(change.revision) });
  }

  #bookmark(watcher: Watcher): void {
    if (!watcher.open) return;
    this.#timeline.quietly(BOOKMARK_MS, () => this.#bookmark(watcher));
    if (!watcher.attached || this.revision < watcher.from) return;
    watcher.from = this.revision;
    this.#deliver(watcher, { type: "BOOKMARK", object: null, resourceVersion: String(this.revision) });
  }

  #deliver(watcher: Watcher, event: WatchEvent): void {
    const lag = 1 + this.#random() * this.#options.watchLagMsMax + this.laggingMs * this.#random();
    watcher.lastAt = Math.max(watcher.lastAt, this.#timeline.now + lag);
    watcher.pending.push(event);
    this.#timeline.after(watcher.lastAt - this.#timeline.now, () => this.#arrive(watcher));
  }

  #arrive(watcher: Watcher): void {
    if (!watcher.open || !this.reaches(watcher.node)) return;
    const event = watcher.pending.shift();
    if (event !== undefined) watcher.hooks.onEvent(event);
  }

  #end(watcher: Watcher, failure: ReflectorFailure | undefined): void {
    if (!watcher.open) return;
    this.#drop(watcher);
    // The end of a connection that nobody can be told of is not told.
    if (!this.cut.has(watcher.node) && !this.away.has(watcher.node)) watcher.hooks.onEnd(failure);
  }

  #drop(watcher: Watcher): void {
    watcher.open = false;
    this.#watchers = this.#watchers.filter((one) => one !== watcher);
  }
}

/** The object as a list or a watch shows it: what the cache reads of it, and the narrow value itself. */
function itemOf({ kind, key, value, revision }: Change): Json {
  const uid = kind === "vips" ? (value as VirtualIP | undefined)?.meta.uid : "";
  const item = { metadata: { name: key, uid: uid ?? "", resourceVersion: String(revision) }, value };
  return item as unknown as Json;
}
