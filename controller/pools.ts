/** All pools together: the order, who wins an overlap, and the last configuration that could be followed. */
import { type Family, formatIp, type Ip, sameIp } from "../lib/address/ip.ts";
import { formatRange } from "../lib/address/range.ts";
import type { IPPool, IPPoolSpec } from "../lib/model/ip-pool.ts";
import { addAll, contains, type IntervalSet, overlap, type Run, remove, runs } from "./interval-set.ts";
import { type Blindness, guessedLimits, type OffLimit } from "./off-limits.ts";
import {
  type CompiledPool,
  compilePool,
  isFatal,
  isRouters,
  type PoolConfig,
  type PoolProblem,
  type Spaces,
  withoutRouters,
} from "./pool-config.ts";

/** How many ranges a message names. */
const NAMED_MAX = 3;
const SKIPPED_NAMED_MAX = 16;

export interface PoolEntry {
  readonly pool: IPPool;
  readonly compiled: CompiledPool;
  /** The configuration in force: that of the spec, else the last valid one of this object that is known. */
  readonly inForce: PoolConfig | undefined;
  /** The spec that `inForce` comes from, if that is not the present one. */
  readonly kept: IPPoolSpec | undefined;
}

/** By name. BOUNDED by the IPPools of the cluster. */
export type Pools = ReadonlyMap<string, PoolEntry>;

/** A pool as the allocator sees it: without what an earlier pool has. */
export interface ActivePool extends PoolConfig {
  /** What is its own, whether or not it is given out; `spaces` is this less `skipped`. */
  readonly whole: Spaces;
  readonly skipped: readonly OffLimit[];
  /** Being deleted: it keeps what is in use and gives nothing out. */
  readonly leaving: boolean;
  readonly problems: readonly PoolProblem[];
}

/**
 * The pools after one of them came, changed or went. An edit that cannot be followed keeps what was in force before: what
 * these pools have of the object, or, for who comes later, what its status has (ADR 23).
 */
export function setPool(pools: Pools, name: string, pool: IPPool | undefined): Pools {
  const next = new Map(pools);
  if (pool === undefined) {
    next.delete(name);
    return next;
  }
  const before = pools.get(name);
  const isKnown = before !== undefined && sameSpec(before.pool, pool);
  // Whoever led before may have written the last valid spec when this process had read the pool already.
  if (isKnown && (before.inForce !== undefined || pool.lastValid === undefined)) {
    return next.set(name, { ...before, pool });
  }
  const compiled = compilePool(name, pool);
  if (compiled.config !== undefined)
    return next.set(name, { pool, compiled, inForce: compiled.config, kept: undefined });
  const isSame = before?.pool.meta.uid === pool.meta.uid;
  if (isSame && before.inForce !== undefined) {
    return next.set(name, { pool, compiled, inForce: before.inForce, kept: before.kept ?? before.pool });
  }
  const inForce = pool.lastValid && compilePool(name, pool.lastValid).config;
  return next.set(name, { pool, compiled, inForce, kept: inForce && pool.lastValid });
}

/**
 * Every pool that has addresses, in the order in which they are drawn from: by priority, then pools that only some may
 * draw from before those for everybody, then by name; pools being deleted last. Where two overlap, the first has the
 * addresses. `blind`: not every speaker has told its subnets.
 */
export function activePools(
  pools: Pools,
  offLimits: readonly OffLimit[] = [],
  blind?: Blindness,
): readonly ActivePool[] {
  const earlier: { readonly entry: Ordered; readonly won: PoolProblem[] }[] = [];
  let taken: Spaces = { 4: undefined, 6: undefined };
  const active: { readonly pool: ActivePool; readonly won: readonly PoolProblem[] }[] = [];
  for (const entry of inOrder(pools)) {
    const { config, leaving } = entry;
    const collides = ([4, 6] as const).some((family) =>
      runs(config.spaces[family]).some((run) => overlap(taken[family], run).length > 0),
    );
    const { whole, problems } = collides ? cutOut(entry, earlier) : { whole: config.spaces, problems: [] };
    const known = offLimits.filter(({ ip }) => hasAddress({ whole }, ip));
    const guessed = blind === undefined ? [] : guessedLimits(runs(whole[4]), blind);
    const skipped = [...known, ...guessed.filter(({ ip }) => !known.some((one) => sameIp(one.ip, ip)))];
    const spaces = { 4: less(whole[4], 4, skipped), 6: less(whole[6], 6, skipped) };
    const won: PoolProblem[] = [];
    active.push({ pool: { ...config, spaces, whole, skipped, leaving, problems }, won });
    earlier.push({ entry, won });
    taken = { 4: addAll(taken[4], runs(config.spaces[4])), 6: addAll(taken[6], runs(config.spaces[6])) };
  }
  return active.map(({ pool, won }) => ({ ...pool, problems: [...pool.problems, ...won, ...skipNote(pool)] }));
}

/** Whether the address is the pool's own, given out or not. */
export function hasAddress({ whole }: Pick<ActivePool, "whole">, ip: Ip): boolean {
  return contains(whole[ip.family], ip.value);
}

/** Why the pool gives this address to nobody new, if it leaves it out by itself. */
export function skippedIn(pool: ActivePool, ip: Ip): OffLimit | undefined {
  return pool.skipped.find((one) => sameIp(one.ip, ip));
}

/** Whether only some Services may draw from the pool. */
export function isRestricted({ drawers }: Pick<PoolConfig, "drawers">): boolean {
  const { namespaces, namespaceSelector, serviceSelector } = drawers;
  return namespaces.length > 0 || namespaceSelector !== undefined || serviceSelector !== undefined;
}

/** Whether the spec itself cannot be followed (an older one may still be in force). */
export function isInvalid(entry: PoolEntry): boolean {
  return entry.compiled.problems.some((problem) => isFatal(problem.reason));
}

interface Ordered {
  readonly config: PoolConfig;
  readonly leaving: boolean;
}

function inOrder(pools: Pools): readonly Ordered[] {
  const all = [...pools.values()].flatMap(({ pool, inForce }) =>
    inForce === undefined ? [] : [{ config: inForce, leaving: pool.meta.deletionTimestamp !== undefined }],
  );
  return all.sort(comparePools);
}

function comparePools(left: Ordered, right: Ordered): number {
  const keys = [left, right].map(({ config, leaving }) => [
    Number(leaving),
    config.priority ?? Number.POSITIVE_INFINITY,
    Number(!isRestricted(config)),
  ]);
  const at = [0, 1, 2].find((index) => keys[0]?.[index] !== keys[1]?.[index]);
  if (at !== undefined) return (keys[0]?.[at] ?? 0) < (keys[1]?.[at] ?? 0) ? -1 : 1;
  return left.config.name < right.config.name ? -1 : 1;
}

/** Takes out what earlier pools have, and tells both sides. */
function cutOut(
  { config }: Ordered,
  earlier: readonly { readonly entry: Ordered; readonly won: PoolProblem[] }[],
): { readonly whole: Spaces; readonly problems: readonly PoolProblem[] } {
  const problems: PoolProblem[] = [];
  const cut = (family: Family): IntervalSet => {
    let space = config.spaces[family];
    for (const { entry, won } of earlier) {
      const shared = sharedRuns(space, entry.config.spaces[family]);
      if (shared.length === 0) continue;
      space = shared.reduce(remove, space);
      const text = rangesText(shared, family);
      const { name } = entry.config;
      const message = `${text} also belongs to the IPPool ${name}, which comes first and gives it out; take it out of one of the two`;
      problems.push({ reason: "Overlap", message });
      const wonMessage = `${text} also belongs to the IPPool ${config.name}; this one comes first and gives it out`;
      won.push({ reason: "OverlapWon", message: wonMessage });
    }
    return space;
  };
  return { whole: { 4: cut(4), 6: withoutRouters(cut(6)) }, problems };
}

function rangesText(all: readonly Run[], family: Family): string {
  const text = all.slice(0, NAMED_MAX).map((run) => formatRange({ family, ...run }));
  return `${text.join(", ")}${all.length > NAMED_MAX ? ` and ${all.length - NAMED_MAX} more` : ""}`;
}

function skipNote({ leftOut, skipped }: Pick<ActivePool, "leftOut" | "skipped">): readonly PoolProblem[] {
  // Those of routers are told already, whether or not a speaker has told their subnet.
  const others = skipped.filter(({ ip }) => !isRouters(ip));
  if (leftOut.length + others.length === 0) return [];
  const named = others.slice(0, SKIPPED_NAMED_MAX).map(({ ip, what }) => `${formatIp(ip)} (${what})`);
  const more = others.length > SKIPPED_NAMED_MAX ? ` and ${others.length - SKIPPED_NAMED_MAX} more` : "";
  return [{ reason: "Skipped", message: `not given out: ${[...leftOut, ...named].join(", ")}${more}` }];
}

function less(space: IntervalSet, family: Family, skipped: readonly OffLimit[]): IntervalSet {
  const values = skipped.filter(({ ip }) => ip.family === family);
  return values.reduce((rest, { ip }) => remove(rest, { first: ip.value, last: ip.value }), space);
}

function sharedRuns(left: IntervalSet, right: IntervalSet): readonly Run[] {
  if (left === undefined || right === undefined) return [];
  const shared = runs(right).flatMap((run) => overlap(left, run));
  return runs(addAll(undefined, shared));
}

/** Uid and generation alone do not tell: a store that went back counts the generations a second time. */
function sameSpec(left: IPPool, right: IPPool): boolean {
  const isNumbered = left.meta.generation === right.meta.generation && left.meta.generation > 0;
  return left.meta.uid === right.meta.uid && isNumbered && JSON.stringify(left.raw) === JSON.stringify(right.raw);
}
