/** Stories of nodes that leave: hundreds of addresses, an API server that takes seconds, and what is under way when a successor begins (F5). */
import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import type { Sabotage } from "./sabotage.ts";
import { expected, type SabotageStory } from "./sabotage-stories.ts";
import { ADDRESS, allOnFirst, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** One node holds everything and leaves; its successors may learn of that up to 100 ms late. */
export function manyLeave(options: {
  readonly sabotage?: Sabotage;
  readonly addresses: number;
  readonly slowMs: number;
}): Cluster {
  const cluster = allOnFirst({ seed: 7, watchLagMsMax: 100, ...options });
  cluster.api.slowMs = options.slowMs;
  begin(cluster, "sigterm", "n1", FOR_LONG_MS);
  return cluster;
}

export function leftWithSlowApi(sabotage: Sabotage, addresses = 300): readonly string[] {
  const cluster = manyLeave({ sabotage, addresses, slowMs: 2_000 });
  cluster.run(12_000);
  const isGone = !cluster.isUp("n1");
  cluster.run(25_000);
  const { longestGapMs, longestMs } = cluster.invariants;
  return [
    ...unsound(cluster),
    ...expected(isGone, "the one that leaves is still there"),
    ...expected(longestGapMs === 0, `nobody answered for ${Math.round(longestGapMs)} ms of a planned move`),
    ...expected(longestMs < 1_000, `two answered at once for ${Math.round(longestMs)} ms`),
  ];
}

/** The same with few addresses: a third that has heard the first in line begin leaves it the time that its record takes (S2). */
export const leftToTheFirst: SabotageStory = (sabotage) =>
  [10, 30].flatMap((addresses) => {
    const cluster = manyLeave({ sabotage, addresses, slowMs: 2_000 });
    cluster.run(37_000);
    const { longestMs } = cluster.invariants;
    return [...unsound(cluster), ...expected(longestMs < 100, `two answered at once for ${Math.round(longestMs)} ms`)];
  });

/**
 * The first in line for some of its addresses has died a moment ago, and nobody knows that yet. Those who have read the mark find out and
 * begin, while the one that leaves answers; it leaves the records to them, since its own would name the dead one.
 */
export const leavesAsAnotherDies: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage, nodes: 4, addresses: 12 });
  const { api, invariants } = cluster;
  const held = [...api.vips.values()].filter((vip) => vip.holder?.node === holder).map(({ address }) => address);
  let written = 0;
  const compareAndSet = api.compareAndSet.bind(api);
  api.compareAndSet = (name, uid, fromEpoch, resourceVersion, to, by) => {
    if (by === holder) written += 1;
    return compareAndSet(name, uid, fromEpoch, resourceVersion, to, by);
  };
  begin(cluster, "power", others[0] ?? "", FOR_LONG_MS);
  cluster.run(50);
  begin(cluster, "sigterm", holder, FOR_LONG_MS);
  cluster.run(12_000);
  const gap = Math.max(...held.map((address) => invariants.gapMsOf(address)));
  return [
    ...unsound(cluster),
    ...expected(written === 0, `${written} records written by the one that leaves`),
    ...expected(gap === 0, `nobody answered for ${Math.round(gap)} ms of a planned move`),
  ];
};

/** Runs until a successor of the holder begins; in that moment a round of the holder leaves. */
export function roundAsItBegins(cluster: Cluster, holder: string): readonly string[] {
  const { invariants, wire } = cluster;
  for (let ran = 0; ran < 5_000 && invariants.answering(ADDRESS).length < 2; ran += 0.1) cluster.run(0.1);
  if (invariants.answering(ADDRESS).length < 2) return ["nobody begins"];
  wire.announce(holder, ADDRESS, "request");
  return [];
}

/** Each hears the other: the one that leaves falls silent, as it should, and the one that begins in its place goes on; also when its record gets no answer. */
export const leavesInARound: SabotageStory = (sabotage) => {
  return [0, 3_000].flatMap((awayMs) => {
    const { cluster, holder } = settled({ sabotage });
    begin(cluster, "sigterm", holder, FOR_LONG_MS);
    const wrong = roundAsItBegins(cluster, holder);
    if (awayMs > 0) begin(cluster, "api-down", holder, awayMs);
    cluster.run(20_000);
    const gap = cluster.invariants.longestGapMs;
    return [...wrong, ...unsound(cluster), ...expected(gap === 0, `nobody answered for ${Math.round(gap)} ms`)];
  });
};
