/** What the controller knows: the ledger and the pools, fed from the caches and from its own writes. */
import type { IPPool } from "../../lib/model/ip-pool.ts";
import type { Namespace } from "../../lib/model/namespace.ts";
import { type Service, serviceKey } from "../../lib/model/service.ts";
import { speakerLeaseName } from "../../lib/model/speaker-lease.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { poolOf } from "../allocator.ts";
import {
  createLedger,
  type Ledger,
  recordedPools,
  setPools,
  setService,
  setSharer,
  setVip,
  vipsOfService,
} from "../ledger.ts";
import { activePools, type PoolEntry, type Pools, setPool } from "../pools.ts";
import type { World } from "../problems.ts";
import { judgedAnew, macOf } from "../quarantine.ts";
import { askedKey } from "../requests.ts";
import { sharerOf } from "../sharing.ts";
import { createView, type View } from "../view.ts";
import { ipOfName } from "../vip-names.ts";
import { isLeft, isOthers, mayServe, outsiders } from "../wakes.ts";
import type { Seen } from "./executor.ts";
import { type OffLimitCaches, OffLimitSource } from "./off-limit-source.ts";

/** A cache as the controller needs it; an Informer is one. */
export interface Cache<T> {
  get(key: string): T | undefined;
  list(): readonly T[];
}

export interface Caches extends OffLimitCaches {
  readonly services: Cache<Service>;
  readonly vips: Cache<VirtualIP>;
  readonly pools: Cache<IPPool>;
  readonly namespaces: Cache<Namespace>;
}

export interface BooksDeps extends Caches {
  /** Keys are `service:namespace/name`, `vip:name`, `pool:name`, `waiting` (the rules have changed) and `freed` (an address has). */
  enqueue(key: string): void;
}

export class Books {
  readonly services: View<Service>;
  readonly vips: View<VirtualIP>;
  ledger: Ledger = createLedger();
  pools: Pools = new Map();
  readonly #deps: BooksDeps;
  readonly #offLimits: OffLimitSource;
  readonly #asking: (name: string) => readonly string[];
  /** Pools or addresses that are off limits have changed: the allocator is built again before it is asked next. */
  #stale = false;
  /** What the off-limit addresses were last read from, by `node/…`, `lease/…` and `namespace/…`. BOUNDED by these objects. */
  readonly #read = new Map<string, string>();

  /** `asking` names the Services that wait for the address of a VirtualIP, by `namespace/name`. */
  constructor(deps: BooksDeps, asking: (name: string) => readonly string[]) {
    this.#deps = deps;
    this.#offLimits = new OffLimitSource(deps);
    this.#asking = asking;
    this.services = createView<Service>((key) => deps.services.get(key));
    this.vips = createView<VirtualIP>((name) => deps.vips.get(name));
  }

  /** What a plan is made from, up to date. */
  world(): World {
    if (this.#stale) this.#rebuild();
    const { ledger, pools } = this;
    const { namespaces } = this.#deps;
    const serviceOf = (key: string) => this.services.get(key);
    return { ledger, pools, namespaceLabels: (name) => namespaces.get(name)?.labels, serviceOf };
  }

  /** Reads the caches, which must be complete, and queues everything. */
  open(): void {
    const { services, vips, pools, nodes, leases, namespaces, enqueue } = this.#deps;
    this.ledger = createLedger();
    const known: Pools = new Map([...this.pools].filter(([name]) => pools.get(name) !== undefined));
    this.pools = pools.list().reduce((all, pool) => setPool(all, pool.meta.name, pool), known);
    for (const vip of vips.list()) setVip(this.ledger, vip.meta.name, vip);
    for (const service of services.list()) {
      setService(this.ledger, serviceKey(service.meta), service);
      this.#noteSharer(serviceKey(service.meta), service);
    }
    for (const { name, addresses } of nodes.list()) this.#read.set(`node/${name}`, addresses.join());
    for (const { node, text } of leases.list()) this.#read.set(`lease/${speakerLeaseName(node)}`, text);
    for (const { name, labels } of namespaces.list()) this.#read.set(`namespace/${name}`, JSON.stringify(labels));
    this.#rebuild();
    for (const service of [...services.list()].sort(byTurn)) enqueue(`service:${serviceKey(service.meta)}`);
    for (const vip of vips.list()) this.onVip(vip.meta.name);
    for (const name of this.pools.keys()) enqueue(`pool:${name}`);
  }

  /** Forgets everything but the pools: what was in force once counts again should this process lead again. */
  close(): void {
    this.services.clear();
    this.vips.clear();
    this.ledger = createLedger();
    this.#offLimits.forget();
    this.#read.clear();
  }

  onService(key: string): void {
    // The echo of an own write: whoever wrote it has decided from it already.
    const isEcho = this.services.confirmed(key);
    this.#refreshService(key);
    if (isEcho) return;
    this.#deps.enqueue(`service:${key}`);
  }

  onVip(name: string): void {
    const before = this.ledger.vips.get(name);
    const isEcho = this.vips.confirmed(name);
    this.#refreshVip(name);
    this.#deps.enqueue(`vip:${name}`);
    const named = [...(before?.services ?? []), ...(this.ledger.vips.get(name)?.services ?? [])].map(serviceKey);
    const claimed = this.ledger.claims.get(name)?.keys() ?? [];
    const concerned = new Set([...named, ...claimed]);
    // Of a Service that is alone on its address, the pass that creates or wrote the VirtualIP goes on without being told, but for a conflict.
    const creator = this.ledger.reserved.get(name)?.key;
    const isQuiet = macOf(this.ledger.vips.get(name)) === "";
    if (isQuiet && concerned.size === 1 && (isEcho || (creator !== undefined && concerned.has(creator)))) return;
    for (const key of concerned) this.#deps.enqueue(`service:${key}`);
  }

  /** While another process leads: the last valid spec of a pool is remembered, should this one have to go on from it. */
  rememberPool(name: string): void {
    this.pools = setPool(this.pools, name, this.#deps.pools.get(name));
  }

  onPool(name: string): void {
    const before = this.pools.get(name);
    this.rememberPool(name);
    const after = this.pools.get(name);
    this.#deps.enqueue(`pool:${name}`);
    // The controller's own writes to the status come back as changes too; they alter nothing here.
    if (before?.compiled === after?.compiled && isLeaving(before) === isLeaving(after)) return;
    this.#changed();
    for (const [pool, use] of this.ledger.uses) {
      // The VirtualIPs of this pool carry a copy of its rules; those that their pool does not have may find a home in it.
      const own = this.pools.get(pool);
      const concerned = pool === name || own === undefined || isLeaving(own) ? use.names : use.strays;
      for (const vip of concerned) this.#wakeUsers(vip);
    }
  }

  /** Labels decide who may draw from a pool; what a Service has, it keeps. */
  onNamespace(name: string): void {
    const labels = this.#deps.namespaces.get(name)?.labels;
    if (!this.#differs(`namespace/${name}`, labels && JSON.stringify(labels))) return;
    this.ledger.drawn.delete(name);
    this.#deps.enqueue("waiting");
  }

  onNode(name: string): void {
    if (this.#differs(`node/${name}`, this.#deps.nodes.get(name)?.addresses.join())) this.#changed();
  }

  onLease(key: string): void {
    if (this.#differs(`lease/${key.slice(key.lastIndexOf("/") + 1)}`, this.#deps.leases.get(key)?.text))
      this.#changed();
  }

  /** What an own write or read has shown, believed before the watch delivers it. */
  saw(seen: Seen, now: number): void {
    if (seen.type === "service") {
      this.services.assume(seen.key, seen.service, now);
      this.#refreshService(seen.key);
    } else {
      this.vips.assume(seen.name, seen.vip, now);
      this.#refreshVip(seen.name);
    }
  }

  /** The address of this name is used or free other than before: its pool's counts may have changed. */
  countAgain(name: string): void {
    const ip = ipOfName(name);
    const pool = ip && poolOf(this.ledger.allocator, ip);
    if (pool !== undefined) this.#deps.enqueue(`pool:${pool.name}`);
  }

  /** Ends assumptions that the watch never confirmed, and what was held back for a while. */
  sweep(now: number): void {
    if (this.#offLimits.isDue()) this.#changed();
    for (const key of this.services.expire(now)) this.onService(key);
    for (const name of this.vips.expire(now)) this.onVip(name);
  }

  #changed(): void {
    this.#stale = true;
    this.#deps.enqueue("waiting");
    for (const pool of this.pools.keys()) this.#deps.enqueue(`pool:${pool}`);
  }

  #rebuild(): void {
    this.#stale = false;
    const before = outsiders(this.ledger);
    const { limits, blind } = this.#offLimits.read();
    setPools(this.ledger, activePools(this.pools, limits, blind));
    const after = outsiders(this.ledger);
    for (const name of after.keys()) if (!before.has(name)) this.#wakeUsers(name);
    // Their condition InPool, unless another pool has taken them over by then; what it says is another thing where the pool went.
    for (const name of new Set([...before.keys(), ...after.keys()])) {
      if (before.get(name) !== after.get(name)) this.#deps.enqueue(`vip:${name}`);
    }
  }

  /** The Services that have the address of this name, but for one of them. */
  #wakeUsers(name: string, besides = ""): void {
    const keys = (this.ledger.vips.get(name)?.services ?? []).map(serviceKey);
    for (const key of keys) if (key !== besides) this.#deps.enqueue(`service:${key}`);
  }

  /** Who asks for this address is told who has it now. */
  #wakeAsking(name: string): void {
    for (const key of this.#asking(name)) this.#deps.enqueue(`service:${key}`);
  }

  /** Whether the text is another one than at the last call with this key. */
  #differs(key: string, text: string | undefined): boolean {
    const before = this.#read.get(key);
    if (text === undefined) this.#read.delete(key);
    else this.#read.set(key, text);
    return before !== text;
  }

  #refreshService(key: string): void {
    this.#refreshSharer(key);
    const before = this.ledger.claimsOf.get(key) ?? [];
    const pools = recordedPools(this.ledger, key);
    if (setService(this.ledger, key, this.services.get(key))) this.#deps.enqueue("freed");
    const after = this.ledger.claimsOf.get(key) ?? [];
    for (const name of [...before, ...after]) {
      if (before.includes(name) && after.includes(name)) continue;
      this.countAgain(name);
      // Who has the address with it was told that they do not go together, and may be named in the VirtualIP alone by now.
      this.#wakeUsers(name, key);
      if (!before.includes(name)) this.#wakeAsking(name);
    }
    // A pool that is being deleted waits for the last record that names it.
    const left = recordedPools(this.ledger, key);
    for (const pool of pools) if (!left.includes(pool)) this.#deps.enqueue(`pool:${pool}`);
  }

  /** What the others that have the same address must know: ports come with the VirtualIP, the selector does not. */
  #refreshSharer(key: string): void {
    const service = this.services.get(key);
    if (!this.#noteSharer(key, service)) return;
    this.#deps.enqueue("freed");
    for (const vip of vipsOfService(this.ledger, key)) this.#wakeUsers(vip.meta.name);
  }

  /** One that has taken its key back counts on while it is among others. */
  #noteSharer(key: string, service: Service | undefined): boolean {
    const text = (service && askedKey(service)) ?? "";
    const isAmongOthers = () => vipsOfService(this.ledger, key).some((vip) => vip.services.length > 1);
    const counts = service !== undefined && (text !== "" || isAmongOthers());
    return setSharer(this.ledger, key, counts ? sharerOf(service, text) : undefined);
  }

  #refreshVip(name: string): void {
    const before = this.ledger.vips.get(name);
    const vip = this.vips.get(name);
    const freed = setVip(this.ledger, name, vip);
    if (freed || mayServe(before, vip)) this.#deps.enqueue("freed");
    // Who has left has written this, so its echo tells nobody.
    if (isLeft(before, vip)) this.#wakeUsers(name);
    for (const other of judgedAnew(this.ledger, before, vip)) this.#wakeUsers(other);
    if (freed || before === undefined) this.countAgain(name);
    if (before === undefined || isOthers(before, vip)) this.#wakeAsking(name);
    for (const pool of new Set([before?.pool, vip?.pool])) if (pool !== undefined) this.#deps.enqueue(`pool:${pool}`);
  }
}

function isLeaving(entry: PoolEntry | undefined): boolean {
  return entry?.pool.meta.deletionTimestamp !== undefined;
}

/** Services with addresses first, so that they are confirmed before new ones are given; then the older first. */
function byTurn(left: Service, right: Service): number {
  const bare = Number(left.ingress.length === 0) - Number(right.ingress.length === 0);
  if (bare !== 0) return bare;
  const textOf = (service: Service) => `${service.meta.creationTimestamp} ${serviceKey(service.meta)}`;
  return textOf(left) < textOf(right) ? -1 : 1;
}
