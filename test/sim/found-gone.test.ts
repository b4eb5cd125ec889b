/**
 * A node that was found gone, and runs again: its peers took what it held, and were right. That is no broken path, and when one of them dies
 * later, this node finds it as fast as if nothing had happened (election.md section 5, ADR 33).
 */
import { describe, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import type { Sabotage } from "./sabotage.ts";
import { ADDRESS, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** What befalls the holder, and its end. */
type Happening = (cluster: Cluster, node: string) => () => void;

const CABLE: Happening = (cluster, node) => {
  cluster.unplug(node);
  return () => cluster.plug(node);
};
const SPLIT: Happening = (cluster, node) => {
  cluster.wire.sides.set(node, 1);
  return () => cluster.wire.sides.delete(node);
};
const PAUSE: Happening = (cluster, node) => {
  cluster.pause(node);
  return () => cluster.resume(node);
};

/** The API server by the same wire: a node that was cut off learns of the record when it is heard again. */
function withApi(happens: Happening): Happening {
  return (cluster, node) => {
    cluster.setReach(node, false);
    const mend = happens(cluster, node);
    return () => {
      mend();
      cluster.timeline.after(500, () => cluster.setReach(node, true));
    };
  };
}

/** Nobody is ever taken to be apart. */
const WITHOUT: Sabotage = { state: (state) => ({ ...state, apart: new Map() }) };

interface Options {
  readonly seed: number;
  readonly nodes: number;
  readonly sabotage?: Sabotage;
}

/** How long nobody answers when the taker dies `afterMs` later. */
function gapOf(happens: Happening, options: Options, afterMs: number): number {
  const { cluster, holder } = settled({ ...options, addresses: 3 });
  const mend = happens(cluster, holder);
  cluster.run(3_000);
  mend();
  cluster.run(afterMs);
  const taker = cluster.holder(ADDRESS) ?? "";
  expect(taker).not.toBe(holder);
  cluster.invariants.resetGaps();
  begin(cluster, "power", taker, FOR_LONG_MS);
  cluster.run(20_000);
  expect(unsound(cluster)).toEqual([]);
  return cluster.invariants.longestGapMs;
}

const SEEDS = IS_FULL ? [1, 2, 3, 4] : [1];
const EVERY = [3, 4, 6].flatMap((nodes) => SEEDS.map((seed) => [seed, nodes] as const));

describe.each([
  ["cable out, in", CABLE],
  ["cable out, in, and the API server is behind it", withApi(CABLE)],
  ["split and mended", SPLIT],
  ["split and mended, and the API server is behind it", withApi(SPLIT)],
  ["paused and resumed", PAUSE],
])("%s, then the taker dies", (_, happens) => {
  test.each(EVERY)("found as fast as without the history (seed %i, %i nodes)", (seed, nodes) => {
    const gapMs = gapOf(happens, { seed, nodes }, 4_000);
    expect(gapMs).toBeLessThan(gapOf(happens, { seed, nodes, sabotage: WITHOUT }, 4_000) + 50);
  });

  test.each(SEEDS)("so it is with two nodes and a gateway (seed %i)", (seed) => {
    const gapMs = gapOf(happens, { seed, nodes: 2 }, 4_000);
    expect(gapMs).toBeLessThan(gapOf(happens, { seed, nodes: 2, sabotage: WITHOUT }, 4_000) + 50);
  });
});
