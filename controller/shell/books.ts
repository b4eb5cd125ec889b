/** What the controller knows: the ledger and the pools, fed from the caches and from its own writes. */
import type { IPPool } from "../../lib/model/ip-pool.ts";
import { type Service, serviceKey } from "../../lib/model/service.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { createLedger, type Ledger, setPools, setService, setVip } from "../ledger.ts";
import { activePools, type Pools, setPool } from "../pools.ts";
import { createView, type View } from "../view.ts";
import type { Seen } from "./executor.ts";

/** A cache as the controller needs it; an Informer is one. */
export interface Cache<T> {
  get(key: string): T | undefined;
  list(): readonly T[];
}

export interface BooksDeps {
  readonly services: Cache<Service>;
  readonly vips: Cache<VirtualIP>;
  readonly pools: Cache<IPPool>;
  /** Keys are `service:namespace/name`, `vip:name`, `pool:name` and `waiting`. */
  enqueue(key: string): void;
}

export class Books {
  readonly services: View<Service>;
  readonly vips: View<VirtualIP>;
  ledger: Ledger = createLedger();
  pools: Pools = new Map();
  readonly #deps: BooksDeps;

  constructor(deps: BooksDeps) {
    this.#deps = deps;
    this.services = createView<Service>((key) => deps.services.get(key));
    this.vips = createView<VirtualIP>((name) => deps.vips.get(name));
  }

  /** Reads the caches, which must be complete, and queues everything. */
  open(): void {
    const { services, vips, pools, enqueue } = this.#deps;
    this.ledger = createLedger();
    this.pools = pools.list().reduce((all: Pools, pool) => setPool(all, pool.meta.name, pool), new Map());
    for (const vip of vips.list()) setVip(this.ledger, vip.meta.name, vip);
    for (const service of services.list()) setService(this.ledger, serviceKey(service.meta), service);
    setPools(this.ledger, activePools(this.pools));
    for (const service of [...services.list()].sort(byTurn)) enqueue(`service:${serviceKey(service.meta)}`);
    for (const vip of vips.list()) this.onVip(vip.meta.name);
    for (const name of this.pools.keys()) enqueue(`pool:${name}`);
  }

  close(): void {
    this.services.clear();
    this.vips.clear();
    this.ledger = createLedger();
    this.pools = new Map();
  }

  onService(key: string): void {
    this.#refreshService(key);
    this.#deps.enqueue(`service:${key}`);
  }

  onVip(name: string): void {
    const before = this.ledger.vips.get(name);
    this.#refreshVip(name);
    this.#deps.enqueue(`vip:${name}`);
    const named = [...(before?.services ?? []), ...(this.ledger.vips.get(name)?.services ?? [])].map(serviceKey);
    const claimed = this.ledger.claims.get(name)?.keys() ?? [];
    for (const key of new Set([...named, ...claimed])) this.#deps.enqueue(`service:${key}`);
  }

  onPool(name: string): void {
    const before = this.pools.get(name);
    this.pools = setPool(this.pools, name, this.#deps.pools.get(name));
    const after = this.pools.get(name);
    // The controller's own writes to the status come back as changes too; they alter nothing here.
    if (before?.compiled === after?.compiled) {
      this.#deps.enqueue(`pool:${name}`);
      return;
    }
    setPools(this.ledger, activePools(this.pools));
    this.#deps.enqueue("waiting");
    for (const pool of this.pools.keys()) this.#deps.enqueue(`pool:${pool}`);
    this.#deps.enqueue(`pool:${name}`);
    for (const vip of this.ledger.vips.values()) {
      // The VirtualIPs of this pool carry a copy of its rules; those of a pool that is gone may find a home in it.
      if (vip.pool !== name && this.pools.has(vip.pool)) continue;
      for (const one of vip.services) this.#deps.enqueue(`service:${serviceKey(one)}`);
    }
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

  /** Ends assumptions that the watch never confirmed. */
  sweep(now: number): void {
    for (const key of this.services.expire(now)) this.onService(key);
    for (const name of this.vips.expire(now)) this.onVip(name);
  }

  #refreshService(key: string): void {
    if (setService(this.ledger, key, this.services.get(key))) this.#deps.enqueue("waiting");
  }

  #refreshVip(name: string): void {
    const before = this.ledger.vips.get(name);
    const vip = this.vips.get(name);
    if (setVip(this.ledger, name, vip)) this.#deps.enqueue("waiting");
    for (const pool of new Set([before?.pool, vip?.pool])) if (pool !== undefined) this.#deps.enqueue(`pool:${pool}`);
  }
}

/** Services with addresses first, so that they are confirmed before new ones are given; then the older first. */
function byTurn(left: Service, right: Service): number {
  const bare = Number(left.ingress.length === 0) - Number(right.ingress.length === 0);
  if (bare !== 0) return bare;
  const textOf = (service: Service) => `${service.meta.creationTimestamp} ${serviceKey(service.meta)}`;
  return textOf(left) < textOf(right) ? -1 : 1;
}
