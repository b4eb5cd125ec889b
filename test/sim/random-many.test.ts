import { describe } from "@jest/globals";
import { testRandomFaults } from "./random-seeds.ts";

const SLOW = { latencyMsMax: 150, watchLagMsMax: 500 };

describe("random faults, more of them", () => {
  testRandomFaults([
    { name: "three nodes, ten faults", first: 10_001, count: 15, options: { nodes: 3, addresses: 2, faults: 10 } },
    { name: "five nodes, ten faults", first: 20_001, count: 6, options: { nodes: 5, addresses: 4, faults: 10 } },
    {
      name: "slow API and lagging watches",
      first: 40_001,
      count: 6,
      options: { nodes: 3, addresses: 3, faults: 5, ...SLOW },
    },
  ]);
});
