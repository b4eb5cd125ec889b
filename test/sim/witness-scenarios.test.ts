/** Nodes that are off for good are neither witnesses nor watchers (hazards E16 and E17 of docs/election.md). */
import { describe, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { ADDRESS, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** Long enough for the Lease of a node that died to run out, and for more. */
const LONG_AGO_MS = 30_000;

function dieLongAgo(cluster: Cluster, nodes: readonly (string | undefined)[]): void {
  for (const node of nodes) if (node !== undefined) begin(cluster, "power", node, FOR_LONG_MS);
  cluster.run(LONG_AGO_MS);
  cluster.resetOutages();
  cluster.moves.length = 0;
}

function reasonsOf(cluster: Cluster): readonly string[] {
  return [...new Set(cluster.moves.map(({ reason }) => reason))];
}

describe("a node that died long ago", () => {
  test.each([1, 2, 3])("one of three: the next death is found by the wire as ever (seed %i)", (seed) => {
    const { cluster, holder, others } = settled({ seed, addresses: 4 });
    dieLongAgo(cluster, [others[0]]);
    begin(cluster, "power", holder, FOR_LONG_MS);
    cluster.run(15_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    expect(reasonsOf(cluster)).toEqual(["holder-unreachable"]);
    expect(unsound(cluster)).toEqual([]);
  });

  test("without a gateway: as of two nodes, the Lease must miss a renewal", () => {
    const { cluster, holder, others } = settled({ gateway: false });
    dieLongAgo(cluster, [others[0]]);
    begin(cluster, "power", holder, FOR_LONG_MS);
    cluster.run(15_000);
    expect(cluster.invariants.longestGapMs).toBeGreaterThan(900);
    expect(cluster.invariants.longestGapMs).toBeLessThan(7_500);
    expect(unsound(cluster)).toEqual([]);
  });

  test("is forgotten by a node whose own port dies as well, and that hears nobody: nothing moves", () => {
    const { cluster, others } = settled({ gateway: false });
    dieLongAgo(cluster, [others[0]]);
    begin(cluster, "dead-port", others[1] ?? "", 30_000);
    cluster.run(40_000);
    expect(cluster.moves).toEqual([]);
    expect(unsound(cluster)).toEqual([]);
  });

  test("stays without a say while the API server is away, and when it is back", () => {
    const { cluster, holder, others } = settled({ addresses: 4 });
    dieLongAgo(cluster, [others[0]]);
    cluster.setApi(false);
    cluster.run(30_000);
    cluster.setApi(true);
    cluster.run(4_000);
    begin(cluster, "power", holder, FOR_LONG_MS);
    cluster.run(15_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    expect(unsound(cluster)).toEqual([]);
  });

  test("has a say again when it is back: with it there are two against one", () => {
    const { cluster, holder, others } = settled({ gateway: false });
    begin(cluster, "power", others[0] ?? "", 60_000);
    cluster.run(75_000);
    cluster.resetOutages();
    cluster.moves.length = 0;
    begin(cluster, "power", holder, FOR_LONG_MS);
    cluster.run(3_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    expect(unsound(cluster)).toEqual([]);
  });

  test("five seconds before the holder: its Lease runs out first", () => {
    const { cluster, holder, others } = settled();
    begin(cluster, "power", others[0] ?? "", FOR_LONG_MS);
    cluster.run(5_000);
    begin(cluster, "power", holder, FOR_LONG_MS);
    cluster.run(15_000);
    expect(cluster.invariants.longestGapMs).toBeGreaterThan(500);
    expect(cluster.invariants.longestGapMs).toBeLessThan(6_500);
    expect(unsound(cluster)).toEqual([]);
  });

  test("one that lives, with its cable out here, is as one that is off", () => {
    const { cluster, holder, others } = settled({ addresses: 4 });
    begin(cluster, "unplug", others[0] ?? "", FOR_LONG_MS);
    cluster.run(20_000);
    cluster.resetOutages();
    begin(cluster, "power", cluster.holder(ADDRESS) ?? holder, FOR_LONG_MS);
    cluster.run(15_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    expect(unsound(cluster)).toEqual([]);
  });

  test.each([1, 2, 3])("three of five: found by the wire all the same (seed %i)", (seed) => {
    const { cluster, holder, others } = settled({ seed, nodes: 5, addresses: 2 });
    dieLongAgo(cluster, others.slice(0, 3));
    begin(cluster, "power", cluster.holder(ADDRESS) ?? holder, FOR_LONG_MS);
    cluster.run(15_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    expect(unsound(cluster)).toEqual([]);
  });
});

describe("a gateway that is off", () => {
  test("for a minute and more is no sign of a split: two of three nodes take at once", () => {
    const { cluster, holder } = settled({ addresses: 4 });
    cluster.wire.hasGateway = false;
    cluster.run(90_000);
    cluster.resetOutages();
    begin(cluster, "power", holder, FOR_LONG_MS);
    cluster.run(15_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    expect(unsound(cluster)).toEqual([]);
  });

  test("since the holder is: it may be where the holder lives, and waiting proves nothing else", () => {
    const { cluster, others } = settled();
    // The hosts that wait for answers stand on the holder's side, with the router.
    for (const node of others) cluster.wire.sides.set(node, 1);
    cluster.run(90_000);
    expect(cluster.moves).toEqual([]);
    cluster.heal();
    cluster.run(20_000);
    expect(unsound(cluster)).toEqual([]);
  });
});

describe("split in two with one API, some nodes being off: never do both sides take (E1)", () => {
  /** Every way to put four nodes on two sides; the gateway is on the first. Without one the sides are alike. */
  const SPLITS = Array.from({ length: 14 }, (_, index) => index + 1);
  const HALF = SPLITS.slice(0, 7);

  test.each([
    ["with a gateway", true, IS_FULL ? SPLITS : HALF],
    ["without one", false, IS_FULL ? HALF : HALF.slice(2, 5)],
  ] as const)("%s", (_, gateway, splits) => {
    for (const split of splits) {
      const { cluster } = settled({ nodes: 6, addresses: 6, gateway, hosts: false });
      const [living, off] = [cluster.names.slice(0, 4), cluster.names.slice(4)];
      dieLongAgo(cluster, off);
      const sides = new Map(living.map((node, index) => [node, (split >> index) & 1]));
      for (const [node, side] of sides) cluster.wire.sides.set(node, side);
      cluster.run(12_000);
      const takers = new Set(cluster.moves.map(({ node }) => sides.get(node)));
      expect([split, takers.size <= 1]).toEqual([split, true]);
      expect(cluster.invariants.violations).toEqual([]);
    }
  });

  test("nor where a node without a speaker answers on each side", () => {
    const { cluster } = settled({ nodes: 6, addresses: 6, gateway: false });
    const [left, right] = [cluster.names.slice(0, 3), cluster.names.slice(3)];
    for (const node of [left[0], right[0]]) begin(cluster, "crash", node ?? "", FOR_LONG_MS);
    cluster.run(LONG_AGO_MS);
    cluster.moves.length = 0;
    for (const node of right) cluster.wire.sides.set(node, 1);
    cluster.run(30_000);
    expect(cluster.moves).toEqual([]);
    cluster.heal();
    cluster.run(20_000);
    expect(unsound(cluster)).toEqual([]);
  });
});
