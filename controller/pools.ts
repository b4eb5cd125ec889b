/** All pools together: the order, who wins an overlap, and the last configuration that could be followed. */
import type { Family } from "../lib/address/ip.ts";
import { formatRange } from "../lib/address/range.ts";
import type { IPPool } from "../lib/model/ip-pool.ts";
import { addAll, type IntervalSet, overlap, type Run, remove, runs } from "./interval-set.ts";
import { type CompiledPool, compilePool, isFatal, type PoolConfig, type PoolProblem } from "./pool-config.ts";

export interface PoolEntry {
  readonly pool: IPPool;
  readonly compiled: CompiledPool;
  /** The configuration in force: that of the spec, else the last valid one of this object that this process has seen. */
  readonly inForce: PoolConfig | undefined;
}

/** By name. BOUNDED by the IPPools of the cluster. */
export type Pools = ReadonlyMap<string, PoolEntry>;

/** A pool as the allocator sees it: what an earlier pool (by name) has is taken out. */
export interface ActivePool extends PoolConfig {
  readonly problems: readonly PoolProblem[];
}

/** The pools after one of them came, changed or went. An edit that cannot be followed keeps what was in force before. */
export function setPool(pools: Pools, name: string, pool: IPPool | undefined): Pools {
  const next = new Map(pools);
  if (pool === undefined) {
    next.delete(name);
    return next;
  }
  const before = pools.get(name);
  if (before !== undefined && sameSpec(before.pool, pool)) return next.set(name, { ...before, pool });
  const compiled = compilePool(pool);
  const kept = before?.pool.meta.uid === pool.meta.uid ? before.inForce : undefined;
  return next.set(name, { pool, compiled, inForce: compiled.config ?? kept });
}

/** Every pool that can give out addresses, sorted by name. Where two overlap, the first by name has the addresses. */
export function activePools(pools: Pools): readonly ActivePool[] {
  const earlier: { readonly name: string; readonly config: PoolConfig }[] = [];
  const active: ActivePool[] = [];
  for (const [name, entry] of sorted(pools)) {
    if (entry.inForce === undefined) continue;
    active.push(withoutEarlier(entry.inForce, earlier));
    earlier.push({ name, config: entry.inForce });
  }
  return active;
}

/** Whether the spec itself cannot be followed (an older one may still be in force). */
export function isInvalid(entry: PoolEntry): boolean {
  return entry.compiled.problems.some((problem) => isFatal(problem.reason));
}

function withoutEarlier(config: PoolConfig, earlier: readonly { name: string; config: PoolConfig }[]): ActivePool {
  const problems: PoolProblem[] = [];
  const cut = (family: Family): IntervalSet => {
    let space = config.spaces[family];
    for (const other of earlier) {
      const shared = sharedRuns(space, other.config.spaces[family]);
      if (shared.length === 0) continue;
      space = shared.reduce(remove, space);
      const text = shared.slice(0, 3).map((run) => formatRange({ family, ...run }));
      const more = shared.length > 3 ? ` and ${shared.length - 3} more` : "";
      const message = `${text.join(", ")}${more} also belongs to the pool ${other.name}, which gives it out (first by name); take it out of one of the two`;
      problems.push({ reason: "Overlap", message });
    }
    return space;
  };
  const spaces = { 4: cut(4), 6: cut(6) };
  return { ...config, spaces, problems };
}

function sharedRuns(left: IntervalSet, right: IntervalSet): readonly Run[] {
  if (left === undefined || right === undefined) return [];
  return runs(
    addAll(
      undefined,
      runs(right).flatMap((run) => overlap(left, run)),
    ),
  );
}

function sorted(pools: Pools): readonly (readonly [string, PoolEntry])[] {
  return [...pools].sort(([left], [right]) => (left < right ? -1 : 1));
}

function sameSpec(left: IPPool, right: IPPool): boolean {
  return left.meta.uid === right.meta.uid && left.meta.generation === right.meta.generation && left.meta.generation > 0;
}
