/** Safety always, liveness after healing, over random faults. A failing run prints its seed; BERTH_SIM_SEED runs one alone. */
import { describe, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import { describeRun, randomRun } from "./random-run.ts";

const alone = process.env["BERTH_SIM_SEED"];
/** `make test` runs twelve times as many as `make check`, beside thousands of runs of the small world and the pairs. */
const times = IS_FULL ? 6 : 0.5;
const seedsFrom = (first: number, count: number): readonly number[] =>
  alone === undefined ? Array.from({ length: count * times }, (_, index) => first + index) : [Number(alone)];

describe("random faults", () => {
  test.each([
    ["three nodes, five faults", 1, 40, { nodes: 3, addresses: 3, faults: 5 }],
    ["three nodes, ten faults", 10_001, 30, { nodes: 3, addresses: 2, faults: 10 }],
    ["five nodes, ten faults", 20_001, 12, { nodes: 5, addresses: 4, faults: 10 }],
    ["two nodes, six faults", 30_001, 20, { nodes: 2, addresses: 2, faults: 6 }],
    [
      "slow API and lagging watches",
      40_001,
      12,
      { nodes: 3, addresses: 3, faults: 5, latencyMsMax: 150, watchLagMsMax: 500 },
    ],
  ])("%s", (_name, first, count, options) => {
    const wrong = seedsFrom(first, count)
      .map((seed) => randomRun({ seed, ...options }))
      .filter((run) => run.wrong.length > 0);
    expect(wrong.slice(0, 3).map(describeRun).join("\n\n")).toBe("");
  });

  test("the same seed gives the same run", () => {
    const options = { seed: 4711, nodes: 3, addresses: 3, faults: 8 };
    expect(randomRun(options)).toEqual(randomRun(options));
  });
});
