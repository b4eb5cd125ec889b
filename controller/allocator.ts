/**
 * Which addresses are free, and which one a Service gets: the lowest of the first pool that has one. Finding the pool of
 * an address is O(log runs), taking and giving back is O(log runs), whatever the sizes of the pools.
 */
import type { Family, Ip } from "../lib/address/ip.ts";
import { add, contains, type IntervalSet, lowest, remove, runs } from "./interval-set.ts";
import type { ActivePool } from "./pools.ts";

export interface PoolSpace {
  readonly pool: ActivePool;
  readonly free: { readonly 4: IntervalSet; readonly 6: IntervalSet };
}

export interface Allocator {
  /** In the order in which they are drawn from; no address is in two of them. BOUNDED by the IPPools of the cluster. */
  readonly spaces: readonly PoolSpace[];
  /** Which pool has an address, given out or not: disjoint runs in ascending order. */
  readonly homes: Readonly<Record<Family, readonly Home[]>>;
  /** Index into `spaces`, by name. */
  readonly places: ReadonlyMap<string, number>;
  /** The places that have a free address of the family, in ascending order: full pools cost nothing. */
  readonly open: Readonly<Record<Family, readonly number[]>>;
}

/** Some of the places, in the order in which they are tried. */
export interface DrawOrder {
  readonly places: readonly number[];
  /** The same, if the order is ascending, to be asked about one of them. */
  readonly among: ReadonlySet<number> | undefined;
  /** A user wrote it: his order holds for each family by itself. */
  readonly isWished: boolean;
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
  const spaces = pools.map((pool, at) => ({ pool, free: { 4: free(pool, at, 4), 6: free(pool, at, 6) } }));
  const openOf = (family: Family) => spaces.flatMap(({ free: left }, at) => (left[family] === undefined ? [] : [at]));
  return { spaces, homes, places, open: { 4: openOf(4), 6: openOf(6) } };
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
  return at === undefined ? undefined : allocator.spaces[at]?.pool;
}

export function spaceOf(allocator: Allocator, name: string): PoolSpace | undefined {
  return allocator.spaces[allocator.places.get(name) ?? -1];
}

export function isFree(allocator: Allocator, ip: Ip): boolean {
  const at = find(allocator.homes[ip.family], ip.value);
  return at !== undefined && contains(allocator.spaces[at]?.free[ip.family], ip.value);
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

/** The first that has a free address of the family and fits: of those in the order, or of those that are open, whichever are fewer. */
function first(
  { spaces, open }: Allocator,
  { places, among }: DrawOrder,
  family: Family,
  fits: (space: PoolSpace) => boolean,
): PoolSpace | undefined {
  const fewer = among !== undefined && open[family].length < places.length;
  for (const at of fewer ? open[family] : places) {
    const space = spaces[at];
    if (space === undefined || space.free[family] === undefined || (fewer && !among.has(at))) continue;
    if (fits(space)) return space;
  }
  return undefined;
}

function hasAll({ free }: PoolSpace, families: readonly Family[]): boolean {
  for (const family of families) if (free[family] === undefined) return false;
  return true;
}

function change(allocator: Allocator, ip: Ip, how: typeof add): Allocator {
  const at = find(allocator.homes[ip.family], ip.value);
  const space = at === undefined ? undefined : allocator.spaces[at];
  if (at === undefined || space === undefined || !contains(space.pool.spaces[ip.family], ip.value)) return allocator;
  const changed = how(space.free[ip.family], { first: ip.value, last: ip.value });
  const free = { ...space.free, [ip.family]: changed };
  const spaces = allocator.spaces.with(at, { ...space, free });
  const flips = (changed === undefined) !== (space.free[ip.family] === undefined);
  const open = flips ? { ...allocator.open, [ip.family]: toggled(allocator.open[ip.family], at) } : allocator.open;
  return { ...allocator, spaces, open };
}

function toggled(sorted: readonly number[], at: number): readonly number[] {
  const rest = sorted.filter((one) => one !== at);
  return rest.length < sorted.length ? rest : [...sorted, at].sort((left, right) => left - right);
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
