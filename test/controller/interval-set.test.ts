import { describe, expect, test } from "@jest/globals";
import {
  add,
  contains,
  type IntervalSet,
  lowest,
  overlap,
  type Run,
  remove,
  runs,
  size,
} from "../../controller/interval-set.ts";
import { seededRandom } from "../../lib/runtime/random.ts";

const run = (first: number, last: number): Run => ({ first: BigInt(first), last: BigInt(last) });
const plain = (set: IntervalSet) => runs(set).map(({ first, last }) => [Number(first), Number(last)]);

describe("interval set", () => {
  test.each([
    { name: "one run", added: [[5, 9]], removed: [], left: [[5, 9]] },
    {
      name: "neighbours merge",
      added: [
        [5, 9],
        [10, 12],
        [3, 4],
      ],
      removed: [],
      left: [[3, 12]],
    },
    {
      name: "a gap stays",
      added: [
        [5, 9],
        [11, 12],
      ],
      removed: [],
      left: [
        [5, 9],
        [11, 12],
      ],
    },
    {
      name: "overlaps merge",
      added: [
        [5, 9],
        [20, 30],
        [8, 21],
      ],
      removed: [],
      left: [[5, 30]],
    },
    {
      name: "a hole",
      added: [[0, 10]],
      removed: [[4, 5]],
      left: [
        [0, 3],
        [6, 10],
      ],
    },
    {
      name: "the ends",
      added: [[0, 10]],
      removed: [
        [0, 0],
        [10, 10],
      ],
      left: [[1, 9]],
    },
    {
      name: "everything",
      added: [
        [0, 10],
        [20, 30],
      ],
      removed: [[0, 40]],
      left: [],
    },
    {
      name: "what is not in it",
      added: [[5, 6]],
      removed: [
        [0, 4],
        [7, 9],
      ],
      left: [[5, 6]],
    },
    {
      name: "across runs",
      added: [
        [0, 4],
        [6, 8],
        [10, 14],
      ],
      removed: [[3, 11]],
      left: [
        [0, 2],
        [12, 14],
      ],
    },
  ])("$name", ({ added, removed, left }) => {
    let set: IntervalSet;
    for (const [first = 0, last = 0] of added) set = add(set, run(first, last));
    for (const [first = 0, last = 0] of removed) set = remove(set, run(first, last));
    expect(plain(set)).toEqual(left);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("seed %d: agrees with a plain set, and equal sets are equal trees", (seed) => {
    const random = seededRandom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    let set: IntervalSet;
    const model = new Set<number>();
    for (let step = 0; step < 400; step++) {
      const first = below(120);
      const last = first + below(8);
      const adds = random() < 0.5;
      set = adds ? add(set, run(first, last)) : remove(set, run(first, last));
      for (let value = first; value <= last; value++) adds ? model.add(value) : model.delete(value);
      expect(Number(size(set))).toBe(model.size);
      expect(Number(lowest(set) ?? -1n)).toBe(model.size === 0 ? -1 : Math.min(...model));
      const probe = below(130);
      expect(contains(set, BigInt(probe))).toBe(model.has(probe));
    }
    const values = [...model].sort((left, right) => left - right);
    expect(
      plain(set).flatMap(([first = 0, last = 0]) => Array.from({ length: last - first + 1 }, (_, at) => first + at)),
    ).toEqual(values);
    const rebuilt = values.toReversed().reduce<IntervalSet>((all, value) => add(all, run(value, value)), undefined);
    expect(set).toEqual(rebuilt);
  });

  test("the part within a run", () => {
    const set = [run(0, 4), run(6, 8), run(10, 14)].reduce<IntervalSet>(add, undefined);
    expect(overlap(set, run(3, 11))).toEqual([run(3, 4), run(6, 8), run(10, 11)]);
    expect(overlap(set, run(5, 5))).toEqual([]);
  });

  test("a tree of 20,000 runs is not deep", () => {
    let set: IntervalSet;
    for (let value = 0; value < 20_000; value++) set = add(set, run(value * 2, value * 2));
    const depth = (at: IntervalSet): number => (at === undefined ? 0 : 1 + Math.max(depth(at.left), depth(at.right)));
    expect(depth(set)).toBeLessThan(60);
  });

  test("a whole /64 costs one run", () => {
    const set = remove(add(undefined, { first: 0n, last: (1n << 64n) - 1n }), run(7, 7));
    expect(size(set)).toBe((1n << 64n) - 1n);
    expect(runs(set)).toHaveLength(2);
  });
});
