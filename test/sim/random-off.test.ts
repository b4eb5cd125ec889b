import { describe } from "@jest/globals";
import { testRandomFaults } from "./random-seeds.ts";

describe("random faults among nodes of which some are off for good (E16, E17)", () => {
  testRandomFaults([
    {
      name: "four nodes, one off",
      first: 60_001,
      count: 3,
      options: { nodes: 4, gone: 1, addresses: 3, faults: 5 },
    },
    {
      name: "five nodes, three off, no gateway",
      first: 70_001,
      count: 2,
      options: { nodes: 5, gone: 3, addresses: 3, faults: 5, gateway: false },
    },
  ]);
});
