/** The API server of the simulation: objects with revisions, calls with latency and outages, watches that lag and start again. */
import type { SpeakerLease } from "../../lib/model/speaker-lease.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { Random } from "../../lib/runtime/random.ts";
import type { NodeObjectFacts } from "../../speaker/candidates.ts";
import type { ServiceEndpoints } from "../../speaker/desired.ts";
import type { HolderIntent, ReadResult, WriteResult } from "../../speaker/election/types.ts";
import type { Timeline } from "./timeline.ts";

export type WatchEvent =
  | { readonly type: "vip"; readonly vip: VirtualIP | undefined; readonly name: string }
  | { readonly type: "lease"; readonly lease: SpeakerLease }
  | { readonly type: "node"; readonly name: string; readonly node: NodeObjectFacts }
  | { readonly type: "endpoints"; readonly service: string; readonly endpoints: ServiceEndpoints };

interface Watcher {
  readonly node: string;
  readonly deliver: (event: WatchEvent) => void;
  connected: boolean;
  /** Events of one connection stay in order. */
  lastAt: number;
  open: boolean;
}

export interface ApiOptions {
  readonly latencyMsMax: number;
  readonly watchLagMsMax: number;
  /** Sabotage: the compare of the compare-and-set is left out. */
  readonly ignoreEpoch: boolean;
}

const TIMEOUT_MS = 2_000;

export class SimApi {
  readonly vips = new Map<string, VirtualIP>();
  readonly leases = new Map<string, SpeakerLease>();
  readonly nodes = new Map<string, NodeObjectFacts>();
  readonly endpoints = new Map<string, ServiceEndpoints>();
  /** Nodes that cannot reach the server. */
  readonly cut = new Set<string>();
  up = true;
  /** What every call takes longer, each way at most half of it. */
  slowMs = 0;
  revision = 1;
  readonly #watchers: Watcher[] = [];
  /** The state of each VirtualIP before its last change, for a server that lags behind. */
  readonly #former = new Map<string, VirtualIP>();

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

  reaches(node: string): boolean {
    return this.up && !this.cut.has(node);
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
    if (!this.#options.ignoreEpoch && (!matches || !legal)) return { kind: "refused" };
    const after = this.putVip({ ...vip, holder: { ...holder, since: "" } });
    this.#onRecord(vip, after, by);
    return { kind: "ok", vip: after };
  }

  putVip(vip: VirtualIP): VirtualIP {
    const before = this.vips.get(vip.meta.name);
    if (before !== undefined) this.#former.set(vip.meta.name, before);
    this.revision += 1;
    const after = { ...vip, meta: { ...vip.meta, resourceVersion: String(this.revision) } };
    this.vips.set(vip.meta.name, after);
    this.#publish({ type: "vip", name: vip.meta.name, vip: after });
    return after;
  }

  deleteVip(name: string): void {
    this.vips.delete(name);
    this.#former.delete(name);
    this.#publish({ type: "vip", name, vip: undefined });
  }

  putLease(lease: SpeakerLease): SpeakerLease {
    this.revision += 1;
    const after = { ...lease, meta: { ...lease.meta, resourceVersion: String(this.revision) } };
    this.leases.set(lease.node, after);
    this.#publish({ type: "lease", lease: after });
    return after;
  }

  putNode(name: string, node: NodeObjectFacts): void {
    this.nodes.set(name, node);
    this.#publish({ type: "node", name, node });
  }

  putEndpoints(service: string, endpoints: ServiceEndpoints): void {
    this.endpoints.set(service, endpoints);
    this.#publish({ type: "endpoints", service, endpoints });
  }

  /** Opens a watch that begins with everything there is; the returned function ends it. */
  watch(node: string, deliver: (event: WatchEvent) => void): () => void {
    const watcher: Watcher = { node, deliver, connected: false, lastAt: 0, open: true };
    this.#watchers.push(watcher);
    this.#connect(watcher, false);
    return () => {
      watcher.open = false;
      this.#watchers.splice(this.#watchers.indexOf(watcher), 1);
    };
  }

  /** Connections to those who cannot reach the server break; those who can again list everything anew, some from a laggard. */
  settleConnections(): void {
    for (const watcher of this.#watchers) {
      if (!this.reaches(watcher.node)) watcher.connected = false;
      else if (!watcher.connected) this.#connect(watcher, this.#random() < 0.3);
    }
  }

  #connect(watcher: Watcher, stale: boolean): void {
    if (!this.reaches(watcher.node)) return;
    watcher.connected = true;
    if (stale) for (const [name, vip] of this.#former) this.#send(watcher, { type: "vip", name, vip });
    for (const [name, node] of this.nodes) this.#send(watcher, { type: "node", name, node });
    for (const [service, endpoints] of this.endpoints) this.#send(watcher, { type: "endpoints", service, endpoints });
    for (const lease of this.leases.values()) this.#send(watcher, { type: "lease", lease });
    for (const [name, vip] of this.vips) this.#send(watcher, { type: "vip", name, vip });
  }

  #publish(event: WatchEvent): void {
    for (const watcher of this.#watchers) if (watcher.connected) this.#send(watcher, event);
  }

  #send(watcher: Watcher, event: WatchEvent): void {
    const lag = 1 + this.#random() * this.#options.watchLagMsMax;
    watcher.lastAt = Math.max(watcher.lastAt, this.#timeline.now + lag);
    this.#timeline.after(watcher.lastAt - this.#timeline.now, () => {
      if (watcher.open && watcher.connected) watcher.deliver(event);
    });
  }
}
