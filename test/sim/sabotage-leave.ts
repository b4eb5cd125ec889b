/** A planned move of hundreds of addresses, while each call of the API server takes seconds (F5). */
import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import type { Sabotage } from "./sabotage.ts";
import { expected, type SabotageStory } from "./sabotage-stories.ts";
import { allOnFirst, FOR_LONG_MS, unsound } from "./story.ts";

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

export function leftWithSlowApi(sabotage: Sabotage): readonly string[] {
  const cluster = manyLeave({ sabotage, addresses: 300, slowMs: 2_000 });
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
