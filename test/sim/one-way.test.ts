/**
 * A path between two nodes that carries one way: a bad member of a link aggregation between two switches. Each finds the other gone, and
 * everybody else hears both (election.md section 5, ADR 33).
 */
import { describe, expect, test } from "@jest/globals";
import { rendezvousOrder } from "../../speaker/rendezvous.ts";
import { brokenPaths } from "../../speaker/wire-view.ts";
import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { nodeObject, serviceAddress } from "./objects.ts";
import { FOR_LONG_MS, settled, unsound } from "./story.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** As of a holder that dies in a cluster without a fault (section 1 of the promises). */
const DEAD_MS = 500;
const SEEDS = [1, 2, 3];

interface Broken {
  readonly cluster: Cluster;
  /** The two ends of the path. What the first sends does not arrive at the second. */
  readonly ends: readonly [string, string];
  readonly third: string;
}

function brokenPath(seed: number, nodes: number): Broken {
  const { cluster, holder, others } = settled({ seed, nodes, addresses: 3 });
  const [other = "", third = ""] = others;
  cluster.wire.blocked.add(`${holder}>${other}`);
  return { cluster, ends: [holder, other], third };
}

function heldBy(cluster: Cluster, node: string): number {
  return [0, 1, 2].filter((index) => cluster.holder(serviceAddress(index)) === node).length;
}

/** The end that has taken from the other one: it has addresses to lose. */
function taker({ cluster, ends }: Broken): string {
  return ends.find((node) => cluster.moves.some((move) => move.node === node)) ?? "";
}

/** How often the address that moved most did. */
function mostMoves(cluster: Cluster): number {
  const counts = cluster.moves.map(({ name }) => cluster.moves.filter((other) => other.name === name).length);
  return Math.max(0, ...counts);
}

describe("others hear both ends", () => {
  test.each(SEEDS.flatMap((seed) => [3, 4, 9].map((nodes) => [seed, nodes] as const)))(
    "an address moves once at most, and never back (seed %i, %i nodes)",
    (seed, nodes) => {
      const { cluster } = brokenPath(seed, nodes);
      cluster.run(3 * MINUTE_MS);
      expect(mostMoves(cluster)).toBeLessThanOrEqual(1);
      expect(unsound(cluster)).toEqual([]);
    },
  );

  test.each(SEEDS)("the one that has taken dies: the others take from it as fast as from anybody (seed %i)", (seed) => {
    const broken = brokenPath(seed, 3);
    const { cluster, third } = broken;
    cluster.run(20_000);
    const dead = taker(broken);
    expect(heldBy(cluster, dead)).toBeGreaterThan(0);
    cluster.invariants.resetGaps();
    begin(cluster, "power", dead, FOR_LONG_MS);
    cluster.run(20_000);
    expect(cluster.moves.at(-1)?.node).toBe(third);
    expect(cluster.invariants.longestGapMs).toBeLessThan(DEAD_MS);
    expect(unsound(cluster)).toEqual([]);
  });

  test.each(SEEDS)("so it is while the API server is away (seed %i)", (seed) => {
    const broken = brokenPath(seed, 3);
    const { cluster } = broken;
    cluster.run(20_000);
    const dead = taker(broken);
    cluster.setApi(false);
    cluster.run(5_000);
    expect(mostMoves(cluster)).toBe(1);
    cluster.invariants.resetGaps();
    begin(cluster, "power", dead, FOR_LONG_MS);
    cluster.run(10_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(DEAD_MS);
  });

  test.each(SEEDS)(
    "the path breaks while the API server is away: the record that comes when it is back decides (seed %i)",
    (seed) => {
      const { cluster, holder, others } = settled({ seed, addresses: 3 });
      cluster.setApi(false);
      cluster.run(3_000);
      cluster.wire.blocked.add(`${holder}>${others[0]}`);
      cluster.run(30_000);
      cluster.setApi(true);
      cluster.run(5_000);
      const before = cluster.moves.length;
      cluster.run(5 * MINUTE_MS);
      expect(cluster.moves.slice(before)).toEqual([]);
      expect(mostMoves(cluster)).toBeLessThanOrEqual(2);
      expect(unsound(cluster)).toEqual([]);
    },
  );

  test("a third one dies that only one of the ends watches: nobody goes back and forth", () => {
    for (const seed of SEEDS) {
      const { cluster, third } = brokenPath(seed, 5);
      cluster.run(20_000);
      begin(cluster, "power", third, FOR_LONG_MS);
      cluster.run(5 * MINUTE_MS);
      expect(mostMoves(cluster)).toBeLessThanOrEqual(2);
      expect(unsound(cluster)).toEqual([]);
    }
  });
});

/** What the nodes' metric and log say: "n1: n2 eth0". */
function toldBroken(cluster: Cluster): readonly string[] {
  const all = [...cluster.processes].flatMap(([node, running]) => running.map(({ state }) => ({ node, state })));
  return all.flatMap(({ node, state }) => brokenPaths(state).map((path) => `${node}: ${path}`)).sort();
}

describe("an operator is told", () => {
  test.each(SEEDS.flatMap((seed) => [2, 3, 4].map((nodes) => [seed, nodes] as const)))(
    "by each end that was taken from, until the path carries again (seed %i, %i nodes)",
    (seed, nodes) => {
      const broken = brokenPath(seed, nodes);
      const { cluster, ends } = broken;
      cluster.run(10_000);
      const takers = ends.filter((node) => cluster.moves.some((move) => move.node === node));
      const lost = takers.map((by) => `${ends.find((node) => node !== by)}: ${by} eth0`);
      expect(lost).not.toEqual([]);
      expect(toldBroken(cluster)).toEqual(lost.sort());
      cluster.wire.blocked.clear();
      cluster.run(3_000);
      expect(toldBroken(cluster)).toEqual([]);
    },
  );

  test.each(SEEDS)("nothing of a node that was off, or whose peer dies at once (seed %i)", (seed) => {
    const { cluster, holder } = settled({ seed, addresses: 3 });
    begin(cluster, "power", holder, 5_000);
    cluster.run(1_000);
    begin(cluster, "power", cluster.holder(serviceAddress(0)) ?? "", FOR_LONG_MS);
    for (let seconds = 0; seconds < 30; seconds++) {
      cluster.run(1_000);
      expect(toldBroken(cluster)).toEqual([]);
    }
  });
});

test.each(SEEDS)("the one that has taken is another process by then: it is found anew (seed %i)", (seed) => {
  const broken = brokenPath(seed, 3);
  const { cluster } = broken;
  cluster.run(20_000);
  begin(cluster, "rolling-update", taker(broken), FOR_LONG_MS);
  cluster.run(MINUTE_MS);
  expect(mostMoves(cluster)).toBeLessThanOrEqual(2);
  expect(unsound(cluster)).toEqual([]);
});

test.each(SEEDS)(
  "the one that has taken dies, and the only other candidate hears nobody: who was taken from takes again (seed %i)",
  (seed) => {
    const { cluster } = settled({ seed, nodes: 6, addresses: 2 });
    // They bear witness, and are no candidates.
    for (const node of ["n4", "n5", "n6"]) cluster.api.putNode(node, nodeObject({ excluded: true }));
    cluster.run(20_000);
    const address = serviceAddress(0);
    const holder = cluster.holder(address) ?? "";
    const [other = "", third = ""] = rendezvousOrder(
      address,
      ["n1", "n2", "n3"].filter((node) => node !== holder),
    );
    cluster.wire.blocked.add(`${holder}>${other}`);
    cluster.wire.blocked.add(`${other}>${holder}`);
    cluster.run(13_000);
    expect(cluster.holder(address)).toBe(other);
    begin(cluster, "dead-port", third, FOR_LONG_MS);
    cluster.run(15_000);
    cluster.resetOutages();
    // Its Lease is renewed by another way.
    begin(cluster, "dead-port", other, FOR_LONG_MS);
    cluster.run(60_000);
    expect(cluster.holder(address)).toBe(holder);
    expect(cluster.longestOutageMs).toBeLessThan(35_000);
  },
);

describe("two nodes and a gateway: nobody else could take", () => {
  test.each(SEEDS)("they leave each other alone for half a minute, and twice as long each time (seed %i)", (seed) => {
    const { cluster } = brokenPath(seed, 2);
    cluster.run(25_000);
    expect(mostMoves(cluster)).toBe(1);
    cluster.run(HOUR_MS);
    expect(mostMoves(cluster)).toBeLessThanOrEqual(14);
    expect(unsound(cluster)).toEqual([]);
  });

  test.each(SEEDS)("the one that has taken dies: its Lease misses a renewal (seed %i)", (seed) => {
    const broken = brokenPath(seed, 2);
    const { cluster } = broken;
    cluster.run(20_000);
    cluster.invariants.resetGaps();
    begin(cluster, "power", taker(broken), FOR_LONG_MS);
    cluster.run(20_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(7_000);
    expect(unsound(cluster)).toEqual([]);
  });

  test.each(SEEDS)("its port dies, and its Lease is renewed another way: half a minute at most (seed %i)", (seed) => {
    const broken = brokenPath(seed, 2);
    const { cluster } = broken;
    cluster.run(20_000);
    const dead = taker(broken);
    cluster.wire.deaf.add(dead);
    cluster.wire.mute.add(dead);
    cluster.run(32_000);
    expect(heldBy(cluster, dead)).toBe(0);
  });
});

test.each(SEEDS.flatMap((seed) => [2, 3].map((nodes) => [seed, nodes] as const)))(
  "the path is mended, and then one end dies: all is as before (seed %i, %i nodes)",
  (seed, nodes) => {
    const broken = brokenPath(seed, nodes);
    const { cluster } = broken;
    cluster.run(20_000);
    cluster.wire.blocked.clear();
    cluster.run(5_000);
    const dead = taker(broken);
    cluster.invariants.resetGaps();
    begin(cluster, "power", dead, FOR_LONG_MS);
    cluster.run(20_000);
    expect(heldBy(cluster, dead)).toBe(0);
    expect(cluster.invariants.longestGapMs).toBeLessThan(DEAD_MS);
    expect(unsound(cluster)).toEqual([]);
  },
);
