/**
 * A set of integers as disjoint runs, in a treap whose priorities come from the runs themselves: equal sets are equal
 * trees, whatever the order of the changes. Every operation is O(log runs), so a /64 costs no more than a /30. Values
 * are never changed in place.
 */
export interface Run {
  readonly first: bigint;
  readonly last: bigint;
}

interface RunNode extends Run {
  readonly priority: number;
  /** How many integers this node and those below it hold. */
  readonly total: bigint;
  readonly left: IntervalSet;
  readonly right: IntervalSet;
}

/** undefined is the empty set. */
export type IntervalSet = RunNode | undefined;

export function size(set: IntervalSet): bigint {
  return set?.total ?? 0n;
}

/** The lowest integer, or undefined in an empty set. */
export function lowest(set: IntervalSet): bigint | undefined {
  return firstRun(set)?.first;
}

export function contains(set: IntervalSet, value: bigint): boolean {
  let at = set;
  while (at !== undefined) {
    if (value < at.first) at = at.left;
    else if (value > at.last) at = at.right;
    else return true;
  }
  return false;
}

/** Adds first to last, both included, whether or not some are in it. */
export function add(set: IntervalSet, run: Run): IntervalSet {
  const [below, above] = cut(set, run);
  const before = lastRun(below);
  const after = firstRun(above);
  const touchesBefore = before !== undefined && before.last + 1n === run.first;
  const touchesAfter = after !== undefined && run.last + 1n === after.first;
  const merged = {
    first: touchesBefore ? before.first : run.first,
    last: touchesAfter ? after.last : run.last,
  };
  const left = touchesBefore ? split(below, before.first)[0] : below;
  const right = touchesAfter ? split(above, after.last + 1n)[1] : above;
  return join(join(left, node(merged)), right);
}

/** Takes first to last out, both included, whether or not they are in it. */
export function remove(set: IntervalSet, run: Run): IntervalSet {
  const [below, above] = cut(set, run);
  return join(below, above);
}

/** The runs in ascending order; no two of them touch. */
export function runs(set: IntervalSet): readonly Run[] {
  const sorted: Run[] = [];
  const visit = (at: IntervalSet): void => {
    if (at === undefined) return;
    visit(at.left);
    sorted.push({ first: at.first, last: at.last });
    visit(at.right);
  };
  visit(set);
  return sorted;
}

export function addAll(set: IntervalSet, more: readonly Run[]): IntervalSet {
  return more.reduce(add, set);
}

export function removeAll(set: IntervalSet, less: readonly Run[]): IntervalSet {
  return less.reduce(remove, set);
}

/** The runs of the set that lie within `run`. */
export function overlap(set: IntervalSet, run: Run): readonly Run[] {
  const found: Run[] = [];
  const visit = (at: IntervalSet): void => {
    if (at === undefined) return;
    if (run.first < at.first) visit(at.left);
    if (at.first <= run.last && run.first <= at.last) {
      found.push({ first: larger(at.first, run.first), last: smaller(at.last, run.last) });
    }
    if (run.last > at.last) visit(at.right);
  };
  visit(set);
  return found;
}

/** What lies below the run and what lies above it; the parts of a run that is cut through stay on their side. */
function cut(set: IntervalSet, { first, last }: Run): readonly [IntervalSet, IntervalSet] {
  const [low, rest] = split(set, first);
  const [middle, high] = split(rest, last + 1n);
  const crossing = lastRun(low);
  const inside = lastRun(middle);
  const end = larger(crossing?.last ?? -1n, inside?.last ?? -1n);
  const below =
    crossing !== undefined && crossing.last >= first
      ? join(split(low, crossing.first)[0], node({ first: crossing.first, last: first - 1n }))
      : low;
  const above = end > last ? join(node({ first: last + 1n, last: end }), high) : high;
  return [below, above];
}

/** The runs that begin before `value`, and the others. */
function split(set: IntervalSet, value: bigint): readonly [IntervalSet, IntervalSet] {
  if (set === undefined) return [undefined, undefined];
  if (set.first < value) {
    const [low, high] = split(set.right, value);
    return [node(set, set.left, low), high];
  }
  const [low, high] = split(set.left, value);
  return [low, node(set, high, set.right)];
}

/** Every run of `low` lies before every run of `high`. */
function join(low: IntervalSet, high: IntervalSet): IntervalSet {
  if (low === undefined) return high;
  if (high === undefined) return low;
  if (low.priority > high.priority || (low.priority === high.priority && low.first < high.first)) {
    return node(low, low.left, join(low.right, high));
  }
  return node(high, join(low, high.left), high.right);
}

function node({ first, last }: Run, left?: IntervalSet, right?: IntervalSet): RunNode {
  const total = last - first + 1n + size(left) + size(right);
  return { first, last, priority: priorityOf(first), total, left, right };
}

/** Multiplicative mixing of the low and high halves: neighbouring addresses get unrelated priorities. */
function priorityOf(first: bigint): number {
  const folded = Number((first ^ (first >> 32n) ^ (first >> 64n) ^ (first >> 96n)) & 0xffff_ffffn);
  let mixed = Math.imul(folded ^ (folded >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function firstRun(set: IntervalSet): Run | undefined {
  let at = set;
  while (at?.left !== undefined) at = at.left;
  return at;
}

function lastRun(set: IntervalSet): Run | undefined {
  let at = set;
  while (at?.right !== undefined) at = at.right;
  return at;
}

function larger(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}

function smaller(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}
