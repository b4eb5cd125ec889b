/** Who may draw from which pool, and how much. */
import type { Family } from "../lib/address/ip.ts";
import type { Labels } from "../lib/model/meta.ts";
import { matchesSelector } from "../lib/model/selector.ts";
import { type Service, serviceKey } from "../lib/model/service.ts";
import type { DrawOrder, PoolSpace } from "./allocator.ts";
import { heldBy, type Ledger, vipsOfService } from "./ledger.ts";
import type { PoolConfig } from "./pool-config.ts";
import { familyOfName } from "./vip-names.ts";

/** What the rules are judged by. */
export interface DrawWorld {
  readonly ledger: Ledger;
  /** Labels of a Namespace; undefined while it is not known, which no selector matches. */
  readonly namespaceLabels: (name: string) => Labels | undefined;
  /** What the pass under way has decided for the Service already, in other families. */
  readonly decided?: readonly Decided[];
}

export interface Decided {
  readonly family: Family;
  /** The pool that the address counts in; undefined if it counts in none, since the namespace has it already. */
  readonly pool: string | undefined;
}

/** Which of the rules keeps a Service from a pool. */
export type DrawRefusal = "namespace" | "service";

export function drawRefusal(world: DrawWorld, service: Service, pool: PoolConfig): DrawRefusal | undefined {
  if (!allowsNamespace(world, pool, service.meta.namespace)) return "namespace";
  return matchesSelector(pool.drawers.serviceSelector, service.meta.labels) ? undefined : "service";
}

/** The places of the pools that a Service may draw from: those it names, in its order, else all that give without asking. */
export function drawOrder(world: DrawWorld, service: Service, named: readonly string[] | undefined): DrawOrder {
  const { allocator, drawn } = world.ledger;
  if (named !== undefined) {
    const places = named.flatMap((name) => {
      const at = allocator.places.get(name);
      const pool = allocator.spaces[at ?? -1]?.pool;
      const open = pool !== undefined && !pool.leaving && allowsNamespace(world, pool, service.meta.namespace);
      return at !== undefined && open ? [at] : [];
    });
    return { places, among: undefined, isWished: true };
  }
  const { namespace } = service.meta;
  const known = drawn.get(namespace);
  if (known !== undefined) return known;
  const places = allocator.spaces.flatMap(({ pool }, at) =>
    pool.autoAssign && !pool.leaving && allowsNamespace(world, pool, namespace) ? [at] : [],
  );
  const order: DrawOrder = { places, among: new Set(places), isWished: false };
  drawn.set(namespace, order);
  return order;
}

/** How many more addresses of these families the Service may take there; what it would give up for them does not count. */
export function roomIn(world: DrawWorld, service: Service, { pool }: PoolSpace, families: readonly Family[]): number {
  if (!matchesSelector(pool.drawers.serviceSelector, service.meta.labels)) return 0;
  if (pool.quota === undefined) return Number.POSITIVE_INFINITY;
  const { namespace } = service.meta;
  const { decided = [] } = world;
  const changed = [...decided.map(({ family }) => family), ...families];
  const given = vipsOfService(world.ledger, serviceKey(service.meta)).filter(
    (vip) =>
      vip.pool === pool.name &&
      changed.includes(familyOfName(vip.meta.name)) &&
      vip.services.every((one) => one.namespace !== namespace || one.uid === service.meta.uid),
  );
  const taken = decided.filter((one) => one.pool === pool.name);
  return pool.quota - heldBy(world.ledger, pool.name, namespace) + given.length - taken.length;
}

function allowsNamespace(world: DrawWorld, { drawers }: PoolConfig, name: string): boolean {
  const { namespaces, namespaceSelector } = drawers;
  if (namespaces.length === 0 && namespaceSelector === undefined) return true;
  if (namespaces.includes(name)) return true;
  const labels = world.namespaceLabels(name);
  return namespaceSelector !== undefined && labels !== undefined && matchesSelector(namespaceSelector, labels);
}
