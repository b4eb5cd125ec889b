/** Stories of broken rules of the frame worker: what a stop, a full buffer or a silent main thread must end (election.md section 6). */

import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { expected, type SabotageStory } from "./sabotage-stories.ts";
import { ADDRESS, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** More than the buffer of a socket holds (M8). */
const FLOOD = 300;

/** Nobody was ever answered by two, not even for the time of a frame. */
function onceOnly(cluster: Cluster): readonly string[] {
  const { longestMs } = cluster.invariants;
  return [...unsound(cluster), ...expected(longestMs === 0, `two answered for ${longestMs.toFixed(1)} ms`)];
}

/** The main thread of a holder stands still for good: what it does not know by now its worker must not answer by. */
export const mainStandsStill: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, addresses: 3 });
  begin(cluster, "stuck-main", holder, FOR_LONG_MS);
  cluster.run(3_600);
  const answers = cluster.invariants.answering(ADDRESS).includes(holder);
  return expected(!answers, `${holder} answers though nobody has told it anything for 3 s`);
};

/**
 * Stopped for less than five seconds, while hosts ask so much that the announcements of its successor find no room in the buffer; and
 * cut off from the API server, so that the wire alone could tell it.
 */
export const stoppedInAFlood: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  begin(cluster, "cut-off", holder, 8_000);
  begin(cluster, "freeze", holder, 4_000);
  for (const worker of cluster.wire.workers) {
    if (worker.node !== holder) continue;
    for (let index = 0; index < FLOOD; index++) worker.onRequest(cluster.wire, ADDRESS, () => {});
  }
  cluster.run(15_000);
  return onceOnly(cluster);
};

/**
 * The machine sleeps, its network card too: nothing is in the buffer when it wakes, and the announcements of its successor are over; the
 * API server is not reached yet.
 */
export const asleep: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  cluster.wire.off.add(holder);
  begin(cluster, "cut-off", holder, 10_000);
  begin(cluster, "freeze", holder, 8_000);
  cluster.timeline.after(8_000, () => cluster.wire.off.delete(holder));
  cluster.run(20_000);
  return onceOnly(cluster);
};

/** A node has just taken an address and announces it, five rounds over 4.4 s; then it is stopped, and the address is another one's. */
export const stoppedWhileItAnnounces: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, addresses: 6 });
  begin(cluster, "power", holder, FOR_LONG_MS);
  cluster.run(1_000);
  const taker = cluster.holder(ADDRESS) ?? "";
  begin(cluster, "freeze", taker, 3_000);
  cluster.run(12_000);
  return [...expected(cluster.holder(ADDRESS) !== taker, `${taker} was not replaced`), ...onceOnly(cluster)];
};
