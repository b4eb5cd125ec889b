/** Who may draw from which pool, and how much. */
import type { Family } from "../lib/address/ip.ts";
import type { Labels } from "../lib/model/meta.ts";
import { matchesSelector } from "../lib/model/selector.ts";
import { type Service, serviceKey } from "../lib/model/service.ts";
import type { LabelSelector } from "../lib/model/virtual-ip.ts";
import type { Allocator, DrawOrder, PoolSpace } from "./allocator.ts";
import { bitSet, common } from "./bit-set.ts";
import { type Ledger, vipsOfService } from "./ledger.ts";
import type { PoolConfig } from "./pool-config.ts";
import type { ActivePool } from "./pools.ts";
import { heldBy } from "./quota-use.ts";
import { askedPools } from "./requests.ts";
import { familyOfName } from "./vip-names.ts";

/** Of each namespace: of so many sets of labels it is remembered which pools they may draw from. */
const LABELS_MAX = 256;

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

/** Why a pool gives nothing to a Service, in words that its owner can act on. */
export interface DrawProblem {
  readonly reason: "PoolDeleting" | "PoolNotAllowed" | "QuotaExceeded";
  readonly message: string;
}

/** Why nothing of the pool may come to the Service, whatever it has already; undefined if it may. */
export function ruleProblem(world: DrawWorld, service: Service, pool: ActivePool): DrawProblem | undefined {
  if (pool.leaving) {
    return { reason: "PoolDeleting", message: `the IPPool ${pool.name} is being deleted: ask for another pool` };
  }
  const { namespace, labels } = service.meta;
  if (!allowsNamespace(world, pool, namespace)) {
    const message = `the IPPool ${pool.name} is not for the namespace ${namespace} (its namespaces and namespaceSelector)`;
    return { reason: "PoolNotAllowed", message };
  }
  if (matchesSelector(pool.drawers.serviceSelector, labels)) return undefined;
  const message = `the IPPool ${pool.name} is not for a Service with these labels (its serviceSelector)`;
  return { reason: "PoolNotAllowed", message };
}

/** Why the Service may take no address of the family there, although the rules allow it; undefined if it may. */
export function quotaProblem(
  world: DrawWorld,
  service: Service,
  family: Family,
  space: PoolSpace,
): DrawProblem | undefined {
  if (roomIn(world, service, space, [family]) > 0) return undefined;
  const { name, quota } = space.pool;
  const message = `the namespace ${service.meta.namespace} has its quota of ${quota} addresses of the IPPool ${name}: delete a Service, or raise the quota`;
  return { reason: "QuotaExceeded", message };
}

/** The places of the pools that a Service may draw from: those it names, in its order, else all that give without asking. */
export function drawOrder(world: DrawWorld, service: Service, named: readonly string[] | undefined): DrawOrder {
  const { allocator, drawn } = world.ledger;
  const { namespace, labels } = service.meta;
  if (named !== undefined) {
    const places = named.flatMap((name) => {
      const at = allocator.places.get(name);
      const pool = allocator.pools[at ?? -1];
      const open = pool !== undefined && !pool.leaving && allowsNamespace(world, pool, namespace);
      return at !== undefined && open ? [at] : [];
    });
    return { places, among: undefined, isWished: true };
  }
  const known = drawn.get(namespace) ?? openTo(world, namespace);
  drawn.set(namespace, known);
  return narrowed(allocator, known, labels);
}

/** The pools that give without being asked to Services of this namespace, whatever their labels. */
function openTo(world: DrawWorld, namespace: string): DrawOrder {
  const { pools } = world.ledger.allocator;
  const places = pools.flatMap((pool, at) =>
    pool.autoAssign && !pool.leaving && allowsNamespace(world, pool, namespace) ? [at] : [],
  );
  const names = new Set(places.flatMap((at) => labelNames(pools[at]?.drawers.serviceSelector)));
  return { ...inTheirOrder(places, pools.length), byLabels: { names, known: new Map() } };
}

/** Of so many pools those at these places, in the order of the pools. */
function inTheirOrder(places: Iterable<number>, pools: number): DrawOrder {
  return { places: [], among: bitSet(places, pools), isWished: false };
}

/** Without the pools that refuse a Service with these labels, so that they are not asked one by one for each Service. */
function narrowed({ pools }: Allocator, order: DrawOrder, labels: Labels): DrawOrder {
  const { among, byLabels } = order;
  if (among === undefined || byLabels === undefined || byLabels.names.size === 0) return order;
  const counted = Object.entries(labels).filter(([name]) => byLabels.names.has(name));
  const text = JSON.stringify(counted.sort(([left], [right]) => (left < right ? -1 : 1)));
  const known = byLabels.known.get(text);
  if (known !== undefined) return known;
  const places = [...common(among, among)].filter((at) => matchesSelector(pools[at]?.drawers.serviceSelector, labels));
  const left = inTheirOrder(places, pools.length);
  if (byLabels.known.size >= LABELS_MAX) byLabels.known.clear();
  byLabels.known.set(text, left);
  return left;
}

function labelNames(selector: LabelSelector | undefined): readonly string[] {
  if (selector === undefined) return [];
  return [...Object.keys(selector.matchLabels), ...selector.matchExpressions.map(({ key }) => key)];
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

/** Whether this Service or one of the others, by `namespace/name`, names the pool; one whose wish cannot be read may. */
export function asksFor(ledger: Ledger, pool: string, service: Service, others: readonly string[]): boolean {
  const sharers = others.map((key) => ledger.sharers.get(key)).filter((one) => one !== undefined);
  return [askedPools(service), ...sharers.map((one) => one.pools)].some((pools) => pools?.includes(pool) !== false);
}

function allowsNamespace(world: DrawWorld, { drawers }: PoolConfig, name: string): boolean {
  const { namespaces, namespaceSelector } = drawers;
  if (namespaces.length === 0 && namespaceSelector === undefined) return true;
  if (namespaces.includes(name)) return true;
  const labels = world.namespaceLabels(name);
  return namespaceSelector !== undefined && labels !== undefined && matchesSelector(namespaceSelector, labels);
}
