/** Safety always, liveness after healing, over random faults. A failing run prints its seed; BERTH_SIM_SEED runs one alone. */
import { describe, expect, test } from "@jest/globals";
import { Cluster } from "./cluster.ts";
import { begin, FAULTS } from "./faults.ts";
import { describeRun, randomRun } from "./random-run.ts";

const alone = process.env["BERTH_SIM_SEED"];
const seedsFrom = (first: number, count: number): readonly number[] =>
  alone === undefined ? Array.from({ length: count }, (_, index) => first + index) : [Number(alone)];

describe("random faults", () => {
  test.each([
    ["three nodes, five faults", 1, 150, { nodes: 3, addresses: 3, faults: 5 }],
    ["three nodes, ten faults", 10_001, 100, { nodes: 3, addresses: 2, faults: 10 }],
    ["five nodes, ten faults", 20_001, 50, { nodes: 5, addresses: 4, faults: 10 }],
    ["two nodes, six faults", 30_001, 50, { nodes: 2, addresses: 2, faults: 6 }],
    [
      "slow API and lagging watches",
      40_001,
      50,
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

/** The small world in full: each fault on the holder and beside it, short and long, alone and followed by another one. */
describe("every fault, and every pair of faults", () => {
  test.each(FAULTS)("%s first", (fault) => {
    const wrong: string[] = [];
    for (const second of [undefined, ...FAULTS]) {
      for (const lastMs of [400, 14_000]) {
        for (const where of ["holder", "other"] as const) {
          const cluster = new Cluster({ seed: 99, nodes: 3, addresses: 1 });
          cluster.run(5_000);
          const holder = cluster.holder("10.0.0.100") ?? "";
          const other = cluster.names.find((name) => name !== holder) ?? "";
          begin(cluster, fault, where === "holder" ? holder : other, lastMs);
          cluster.run(1_500);
          if (second !== undefined) begin(cluster, second, where === "holder" ? other : holder, lastMs);
          cluster.run(40_000);
          cluster.heal();
          cluster.run(40_000);
          const found = [...cluster.invariants.violations, ...cluster.invariants.converged()];
          wrong.push(...found.map((what) => `${fault}, ${second ?? "nothing"}, ${lastMs} ms, ${where}: ${what}`));
        }
      }
    }
    expect(wrong.slice(0, 10).join("\n")).toBe("");
  });
});

/** A simulation that cannot find a broken rule proves nothing. */
describe("a rule broken on purpose is found", () => {
  test.each(["ignore-epoch", "never-yield", "deaf"] as const)("%s", (sabotage) => {
    const found = Array.from({ length: 40 }, (_, index) => 50_001 + index).some(
      (seed) => randomRun({ seed, nodes: 3, addresses: 2, faults: 8, sabotage }).wrong.length > 0,
    );
    expect(found).toBe(true);
  });
});
