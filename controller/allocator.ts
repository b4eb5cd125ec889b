/** Which addresses are free, and which one a Service gets: the lowest of the first pool by name that has one. */
import type { Family, Ip } from "../lib/address/ip.ts";
import { add, contains, type IntervalSet, lowest, remove } from "./interval-set.ts";
import type { ActivePool } from "./pools.ts";

export interface PoolSpace {
  readonly pool: ActivePool;
  readonly free: { readonly 4: IntervalSet; readonly 6: IntervalSet };
}

/** Sorted by name; no address is in two of them. BOUNDED by the IPPools of the cluster. */
export type Allocator = readonly PoolSpace[];

export interface Choice {
  readonly ip: Ip;
  readonly pool: ActivePool;
}

/** Everything is free but what is in use. O((pools + in use) × log). */
export function buildAllocator(pools: readonly ActivePool[], inUse: Iterable<Ip>): Allocator {
  let allocator: Allocator = pools.map((pool) => ({ pool, free: pool.spaces }));
  for (const ip of inUse) allocator = occupy(allocator, ip);
  return allocator;
}

/** The address is in use from now on; no change if no pool has it. */
export function occupy(allocator: Allocator, ip: Ip): Allocator {
  return change(allocator, ip, remove);
}

/** The address is free from now on, if a pool has it. */
export function vacate(allocator: Allocator, ip: Ip): Allocator {
  return change(allocator, ip, add);
}

/** The pool that gives out this address, whether or not it is free. */
export function poolOf(allocator: Allocator, ip: Ip): ActivePool | undefined {
  return allocator.find(({ pool }) => contains(pool.spaces[ip.family], ip.value))?.pool;
}

export function isFree(allocator: Allocator, ip: Ip): boolean {
  return allocator.some(({ free }) => contains(free[ip.family], ip.value));
}

/**
 * A free address for each family, as far as there are any. `pool` narrows it to one pool, whatever its autoAssign. One
 * pool with an address of every family comes before two pools with one each, so that both lie in one network plan.
 */
export function choose(
  allocator: Allocator,
  families: readonly Family[],
  pool: string | undefined,
): ReadonlyMap<Family, Choice> {
  const open = allocator.filter((space) => (pool === undefined ? space.pool.autoAssign : space.pool.name === pool));
  const whole = open.find((space) => families.every((family) => space.free[family] !== undefined));
  const choices = new Map<Family, Choice>();
  for (const family of families) {
    const space = whole ?? open.find((one) => one.free[family] !== undefined);
    const value = space && lowest(space.free[family]);
    if (space !== undefined && value !== undefined) choices.set(family, { ip: { family, value }, pool: space.pool });
  }
  return choices;
}

function change(allocator: Allocator, ip: Ip, how: typeof add): Allocator {
  const at = allocator.findIndex(({ pool }) => contains(pool.spaces[ip.family], ip.value));
  const space = allocator[at];
  if (space === undefined) return allocator;
  const changed = how(space.free[ip.family], { first: ip.value, last: ip.value });
  return allocator.with(at, { ...space, free: { ...space.free, [ip.family]: changed } });
}
