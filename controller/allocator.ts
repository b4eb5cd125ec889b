/**
 * Which addresses are free, and which one a Service gets: the lowest of the first pool that has one. Finding the pool of
 * an address is O(log runs), taking and giving back is O(log runs), whatever the sizes of the pools.
 */
import type { Family, Ip } from "../lib/address/ip.ts";
import { type BitSet, bitSet, common, flipped } from "./bit-set.ts";
import { add, contains, type IntervalSet, lowest, remove, runs } from "./interval-set.ts";
import { entryAt, type PersistentList, persistentList, withEntry } from "./persistent-list.ts";
import type { ActivePool } from "./pools.ts";

export interface PoolSpace {
  readonly pool: ActivePool;
  readonly free: { readonly 4: IntervalSet; readonly 6: IntervalSet };
}

export interface Allocator {
  /** In the order in which they are drawn from; no address is in two of them. BOUNDED by the IPPools of the cluster. */
  readonly pools: readonly ActivePool[];
  /** What each of them has left, by its place in `pools`. */
  readonly free: Readonly<Record<Family, PersistentList<IntervalSet>>>;
  /** Which pool has an address, given out or not: disjoint runs in ascending order. */
  readonly homes: Readonly<Record<Family, readonly Home[]>>;
  /** Index into `pools`, by name. */
  readonly places: ReadonlyMap<string, number>;
  /** The places that have a free address of the family: full pools cost nothing. */
  readonly open: Readonly<Record<Family, BitSet>>;
}

/** Some of the places, in the order in which they are tried. */
export interface DrawOrder {
  /** As a user wrote them. */
  readonly places: readonly number[];
  /** Instead of them, if the order is that of the pools. */
  readonly among: BitSet | undefined;
  /** A user wrote it: his order holds for each family by itself. */
  readonly isWished: boolean;
  /** What is left of it for Services with certain labels. */
  readonly byLabels?: ByLabels;
}

export interface ByLabels {
  /** The labels that a rule of one of the pools asks for: others make no difference. */
  readonly names: ReadonlySet<string>;
  /** By the names and values of those that a Service has. */
  readonly known: Map<string, DrawOrder>;
}

interface Home {
  readonly first: bigint;
  readonly last: bigint;
  readonly at: number;
}

export interface Choice {
  readonly ip: Ip;
  readonly pool: ActivePool;
}

/** Everything is free but what is in use. O((pools + in use) × log). */
export function buildAllocator(pools: readonly ActivePool[], inUse: Iterable<Ip>): Allocator {
  const homesOf = (family: Family): readonly Home[] => {
    const all = pools.flatMap((pool, at) => runs(pool.whole[family]).map((run) => ({ ...run, at })));
    return all.sort((left, right) => (left.first < right.first ? -1 : 1));
  };
  const homes = { 4: homesOf(4), 6: homesOf(6) };
  const places = new Map(pools.map((pool, at) => [pool.name, at]));
  const used = new Map<string, Ip[]>();
  for (const ip of inUse) {
    const at = find(homes[ip.family], ip.value);
    if (at === undefined) continue;
    const key = `${at}/${ip.family}`;
    const known = used.get(key);
    if (known === undefined) used.set(key, [ip]);
    else known.push(ip);
  }
  const free = (pool: ActivePool, at: number, family: Family): IntervalSet =>
    (used.get(`${at}/${family}`) ?? []).reduce(without, pool.spaces[family]);
  const left = { 4: pools.map((pool, at) => free(pool, at, 4)), 6: pools.map((pool, at) => free(pool, at, 6)) };
  const openOf = (family: Family): BitSet => {
    const some = left[family].flatMap((one, at) => (one === undefined ? [] : [at]));
    return bitSet(some, pools.length);
  };
  return {
    pools,
    homes,
    places,
    free: { 4: persistentList(left[4]), 6: persistentList(left[6]) },
    open: { 4: openOf(4), 6: openOf(6) },
  };
}

/** The address is in use from now on; no change if no pool has it. */
export function occupy(allocator: Allocator, ip: Ip): Allocator {
  return change(allocator, ip, remove);
}

/** The address is free from now on, if a pool gives it out. */
export function vacate(allocator: Allocator, ip: Ip): Allocator {
  return change(allocator, ip, add);
}

/** The pool that has this address, whether or not it is free or ever given out. */
export function poolOf(allocator: Allocator, ip: Ip): ActivePool | undefined {
  const at = find(allocator.homes[ip.family], ip.value);
  return at === undefined ? undefined : allocator.pools[at];
}

export function spaceOf(allocator: Allocator, name: string): PoolSpace | undefined {
  const at = allocator.places.get(name);
  return at === undefined ? undefined : spaceAt(allocator, at);
}

export function isFree(allocator: Allocator, ip: Ip): boolean {
  const at = find(allocator.homes[ip.family], ip.value);
  return at !== undefined && contains(entryAt(allocator.free[ip.family], at), ip.value);
}

/**
 * A free address for each family, as far as there are any, from the pools at these places, in this order. `room` says how
 * many addresses may be taken from one of them if those of some families are changed. One pool with an address of every
 * family comes before two pools with one each, so that both lie in one network plan; but not in a user's own list, whose
 * first choice comes first: each family has its address from the first pool that has one.
 */
export function choose(
  allocator: Allocator,
  order: DrawOrder,
  families: readonly Family[],
  room: (space: PoolSpace, families: readonly Family[]) => number,
): ReadonlyMap<Family, Choice> {
  const choices = new Map<Family, Choice>();
  const [some] = families;
  if (some === undefined) return choices;
  const fits = (space: PoolSpace) => hasAll(space, families) && room(space, families) >= families.length;
  const whole = order.isWished ? undefined : first(allocator, order, some, fits);
  for (const family of families) {
    const chosen = (space: PoolSpace) => [...choices.values()].filter(({ pool }) => pool === space.pool).length;
    const space =
      whole ?? first(allocator, order, family, (one) => room(one, [...choices.keys(), family]) > chosen(one));
    const value = space && lowest(space.free[family]);
    if (space !== undefined && value !== undefined) choices.set(family, { ip: { family, value }, pool: space.pool });
  }
  return choices;
}

/** The first that has a free address of the family and fits. */
function first(
  allocator: Allocator,
  { places, among }: DrawOrder,
  family: Family,
  fits: (space: PoolSpace) => boolean,
): PoolSpace | undefined {
  for (const at of among === undefined ? places : common(among, allocator.open[family])) {
    const space = spaceAt(allocator, at);
    if (space?.free[family] !== undefined && fits(space)) return space;
  }
  return undefined;
}

function spaceAt({ pools, free }: Allocator, at: number): PoolSpace | undefined {
  const pool = pools[at];
  return pool && { pool, free: { 4: entryAt(free[4], at), 6: entryAt(free[6], at) } };
}

function hasAll({ free }: PoolSpace, families: readonly Family[]): boolean {
  for (const family of families) if (free[family] === undefined) return false;
  return true;
}

function change(allocator: Allocator, { family, value }: Ip, how: typeof add): Allocator {
  const at = find(allocator.homes[family], value);
  if (at === undefined || !contains(allocator.pools[at]?.spaces[family], value)) return allocator;
  const before = entryAt(allocator.free[family], at);
  const changed = how(before, { first: value, last: value });
  const free = { ...allocator.free, [family]: withEntry(allocator.free[family], at, changed) };
  const flips = (changed === undefined) !== (before === undefined);
  const open = flips ? { ...allocator.open, [family]: flipped(allocator.open[family], at) } : allocator.open;
  return { ...allocator, free, open };
}

function without(set: IntervalSet, { value }: Ip): IntervalSet {
  return remove(set, { first: value, last: value });
}

/** Binary search. */
function find(homes: readonly Home[], value: bigint): number | undefined {
  let low = 0;
  let high = homes.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const home = homes[middle];
    if (home === undefined) return undefined;
    if (value < home.first) high = middle - 1;
    else if (value > home.last) low = middle + 1;
    else return home.at;
  }
  return undefined;
}
