/** From the text of an IPPool to the addresses it gives out, with every problem of the text named. */
import { type Family, formatIp, type Ip } from "../lib/address/ip.ts";
import { formatRange, type IpRange, isUsableRange, parseRange, rangesOverlap } from "../lib/address/range.ts";
import type { Drawers, IPPoolSpec, Sharing } from "../lib/model/ip-pool.ts";
import type { L2Rules } from "../lib/model/virtual-ip.ts";
import { addAll, type IntervalSet, type Run, removeAll, runs, size } from "./interval-set.ts";

/** What a pool may give out, by family. */
export interface Spaces {
  readonly 4: IntervalSet;
  readonly 6: IntervalSet;
}

export interface PoolConfig {
  readonly name: string;
  readonly autoAssign: boolean;
  /** The lowest first; undefined comes last. */
  readonly priority: number | undefined;
  readonly drawers: Drawers;
  /** How many addresses one namespace may hold; undefined: any number. */
  readonly quota: number | undefined;
  readonly sharing: Sharing;
  readonly l2: L2Rules;
  /** spec.addresses less what is never given out. */
  readonly spaces: Spaces;
  /** What `spaces` leaves out although the spec has it, for a message: the routers' addresses. A few are named, many are counted. */
  readonly leftOut: readonly string[];
  /** spec.addresses in canonical text, for the status. */
  readonly text: string;
}

export type PoolProblemReason =
  | "InvalidRange"
  | "UnusableAddresses"
  | "TooLarge"
  | "Empty"
  | "Duplicate"
  | "Overlap"
  /** The same seen from the pool that gives the addresses out. */
  | "OverlapWon"
  /** Addresses of Nodes and the ends of subnets. */
  | "Skipped"
  | "ReservedAddressInUse"
  | "Deleting";

export interface PoolProblem {
  readonly reason: PoolProblemReason;
  /** Names the field, the value and the way out. */
  readonly message: string;
}

export interface CompiledPool {
  /** undefined when the spec cannot be followed at all. */
  readonly config: PoolConfig | undefined;
  readonly problems: readonly PoolProblem[];
}

/** Routers' addresses that a message names; more are counted. */
const ROUTERS_NAMED_MAX = 3n;
/** Larger IPv4 pools with avoidBuggyIPs would be cut into more than 65,536 pieces. */
const AVOID_BUGGY_MAX = 1n << 24n;

/** Problems that the rest of the pool does not suffer from; any other one makes the spec unusable. */
export function isFatal(reason: PoolProblemReason): boolean {
  return reason === "InvalidRange" || reason === "UnusableAddresses" || reason === "TooLarge";
}

/** What is worth knowing and no fault. */
export function isNote(reason: PoolProblemReason): boolean {
  return reason === "Duplicate" || reason === "OverlapWon" || reason === "Skipped";
}

export function compilePool(name: string, pool: IPPoolSpec): CompiledPool {
  const addresses = pool.addresses.map((text, index) => readRange(`spec.addresses[${index}]`, text, true));
  const excluded = pool.excluded.map((text, index) => readRange(`spec.excluded[${index}]`, text, false));
  const problems = [...addresses, ...excluded].flatMap((read) => (read.problem === undefined ? [] : [read.problem]));
  const ranges = addresses.flatMap((read) => (read.range === undefined ? [] : [read.range]));
  problems.push(...duplicates(ranges));
  if (pool.avoidBuggyIPs && size(addAll(undefined, ofFamily(ranges, 4))) > AVOID_BUGGY_MAX) {
    problems.push({
      reason: "TooLarge",
      message: "spec.avoidBuggyIPs: the pool has more IPv4 addresses than a /8; split it or switch this off",
    });
  }
  if (problems.some((problem) => isFatal(problem.reason))) return { config: undefined, problems };
  const cutOut = excluded.flatMap((read) => (read.range === undefined ? [] : [read.range]));
  const left = {
    4: space(ofFamily(ranges, 4), ofFamily(cutOut, 4)),
    6: space(ofFamily(ranges, 6), ofFamily(cutOut, 6)),
  };
  const buggy = pool.avoidBuggyIPs ? buggyRuns(ofFamily(ranges, 4)) : [];
  const spaces = { 4: removeAll(left[4], buggy), 6: withoutRouters(left[6]) };
  const isEmpty = size(spaces[4]) + size(spaces[6]) === 0n;
  if (isEmpty) problems.push(...emptied(left));
  const { autoAssign, priority, drawers, quota, sharing, l2 } = pool;
  const text = ranges.map(formatRange).join(",");
  return {
    config: {
      ...{ name, autoAssign, priority, drawers, quota, sharing, l2, spaces, text },
      // Of an empty pool the problem says it.
      leftOut: isEmpty ? [] : routersTexts(left[6]),
    },
    problems,
  };
}

interface ReadRange {
  readonly range?: IpRange;
  readonly problem?: PoolProblem;
}

function readRange(field: string, text: string, mustBeUsable: boolean): ReadRange {
  const range = parseRange(text);
  if (!range.ok) return { problem: { reason: "InvalidRange", message: `${field}: ${range.reason}` } };
  const usable = mustBeUsable ? isUsableRange(range.value) : range;
  if (!usable.ok) return { problem: { reason: "UnusableAddresses", message: `${field}: ${usable.reason}` } };
  return { range: range.value };
}

function duplicates(ranges: readonly IpRange[]): readonly PoolProblem[] {
  return ranges.flatMap((range, index) => {
    const earlier = ranges.slice(0, index).find((other) => rangesOverlap(other, range));
    if (earlier === undefined) return [];
    const message = `spec.addresses[${index}]: ${formatRange(range)} repeats addresses of ${formatRange(earlier)}; each is given out once`;
    return [{ reason: "Duplicate" as const, message }];
  });
}

function ofFamily(ranges: readonly IpRange[], family: Family): readonly IpRange[] {
  return ranges.filter((range) => range.family === family);
}

function space(ranges: readonly Run[], less: readonly Run[]): IntervalSet {
  return removeAll(addAll(undefined, ranges), less);
}

/** Every pair x.255, (x+1).0 that touches the ranges. BOUNDED by AVOID_BUGGY_MAX / 256 per range. */
function buggyRuns(ranges: readonly Run[]): readonly Run[] {
  return ranges.flatMap(({ first, last }) => {
    const found: Run[] = [];
    for (let net = first >> 8n; net <= last >> 8n; net++) found.push({ first: (net << 8n) - 1n, last: net << 8n });
    found.push({ first: last | 0xffn, last: (last | 0xffn) + 1n });
    return found;
  });
}

/** Why a pool gives nothing; `left` is what `spec.excluded` leaves of it. */
function emptied(left: Spaces): readonly PoolProblem[] {
  const texts =
    left[4] === undefined && left[6] === undefined ? ["spec.excluded: it takes out every address of the pool"] : [];
  if (left[4] !== undefined) {
    texts.push("spec.avoidBuggyIPs: every IPv4 address of the pool ends in .0 or .255; add others, or switch this off");
  }
  if (left[6] !== undefined) {
    texts.push(
      "spec.addresses: every IPv6 address of the pool is the routers' address of a subnet (the first of its /64), which no Service can have; add others",
    );
  }
  return texts.map((message) => ({ reason: "Empty" as const, message }));
}

/**
 * The address of a /64 whose interface identifier is zero is every router's own there (subnet-router anycast, RFC 4291
 * section 2.6.1): each node would take it for local.
 */
export function isRouters({ family, value }: Ip): boolean {
  return family === 6 && BigInt.asUintN(64, value) === 0n;
}

/** What the routers' address is, to end the sentence "… is …". */
export function routersText(ip: Ip): string {
  return `the routers' address of the subnet ${formatIp(ip)}/64`;
}

function routersTexts(set: IntervalSet): readonly string[] {
  // A run of prefixes for each run of addresses that has the first address of a /64.
  const prefixes = runs(set)
    .map(({ first, last }) => ({ first: (first + (1n << 64n) - 1n) >> 64n, last: last >> 64n }))
    .filter(({ first, last }) => first <= last);
  const count = prefixes.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
  if (count > ROUTERS_NAMED_MAX)
    return [`the first address of each of ${count} IPv6 subnets (the routers' address of a /64)`];
  return prefixes.flatMap(({ first, last }) =>
    Array.from({ length: Number(last - first) + 1 }, (_, at) => {
      const ip: Ip = { family: 6, value: (first + BigInt(at)) << 64n };
      return `${formatIp(ip)} (${routersText(ip)})`;
    }),
  );
}

/** One for each run of addresses is enough: the next is 2^64 addresses further on, and who asks for it by name is refused. */
export function withoutRouters(set: IntervalSet): IntervalSet {
  const found = runs(set).map(({ first }) => {
    const at = ((first + (1n << 64n) - 1n) >> 64n) << 64n;
    return { first: at, last: at };
  });
  return removeAll(set, found);
}
