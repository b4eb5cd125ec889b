/** Stories of broken rules about stops: what a stop, a full buffer or a silent main thread must end, and what is not believed after it (election.md section 6). */

import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { nodeObject } from "./objects.ts";
import { expected, nothingMoved, type SabotageStory, told } from "./sabotage-stories.ts";
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

/** The process of a node is stopped, and then reads what has come meanwhile, one after the other, as if each were the present. */
function stop(cluster: Cluster, node: string, forMs: number): void {
  for (const process of cluster.processes.get(node) ?? []) process.readsLater = true;
  begin(cluster, "freeze", node, forMs);
}

/** The record names a node that is stopped in this moment; a second later it names another one, which the stopped one reads last. */
export const namedWhileStopped: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  cluster.api.putNode(holder, nodeObject({ excluded: true }));
  for (let ran = 0; ran < 3_000 && cluster.holder(ADDRESS) === holder; ran += 1) cluster.run(1);
  const named = cluster.holder(ADDRESS) ?? "";
  stop(cluster, named, 3_000);
  cluster.run(15_000);
  const wrong = cluster.moves.some(({ node }) => node === named);
  return [...expected(!wrong, `begun by ${named}, too: ${told(cluster)}`), ...onceOnly(cluster)];
};

/** While one node is stopped, the process of the other one says that it leaves, and then has a next one on its node, to which it gives its place. */
export const saidToLeaveWhileStopped: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage, nodes: 2 });
  stop(cluster, others[0] ?? "", 4_000);
  cluster.run(500);
  begin(cluster, "sigterm", holder, FOR_LONG_MS);
  for (let ran = 0; ran < 1_000 && cluster.api.leases.get(holder)?.leaving !== true; ran += 1) cluster.run(1);
  const next = cluster.start(holder);
  cluster.run(15_000);
  const { instance } = cluster.api.leases.get(holder) ?? {};
  return [
    ...expected(instance === next.instance, `the Lease names ${instance}`),
    ...nothingMoved(cluster),
    ...onceOnly(cluster),
  ];
};
