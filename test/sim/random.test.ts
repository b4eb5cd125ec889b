import { describe, expect, test } from "@jest/globals";
import { randomRun } from "./random-run.ts";
import { testRandomFaults } from "./random-seeds.ts";

describe("random faults", () => {
  testRandomFaults([
    { name: "three nodes, five faults", first: 1, count: 20, options: { nodes: 3, addresses: 3, faults: 5 } },
    { name: "two nodes, six faults", first: 30_001, count: 10, options: { nodes: 2, addresses: 2, faults: 6 } },
  ]);

  test("the same seed gives the same run", () => {
    const options = { seed: 4711, nodes: 3, addresses: 3, faults: 8 };
    expect(randomRun(options)).toEqual(randomRun(options));
  });
});
