/** Stories of broken rules about who counts and who watches when nodes are off, or the gateway is (E16, E17). */
import type { WatchPlan } from "../../speaker/detector/types.ts";
import { watchedBy } from "../../speaker/watch-plan.ts";
import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { addressOf } from "./objects.ts";
import { expected, type SabotageStory, told } from "./sabotage-stories.ts";
import { ADDRESS, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** A Lease has run out after this. */
const LONG_AGO_MS = 15_000;

function killLongAgo(cluster: Cluster, fault: "power" | "crash", nodes: readonly (string | undefined)[]): void {
  for (const node of nodes) if (node !== undefined) begin(cluster, fault, node, FOR_LONG_MS);
  cluster.run(LONG_AGO_MS);
  cluster.resetOutages();
  cluster.moves.length = 0;
}

/** The holder dies last; what became of that. */
function lastDeath(cluster: Cluster): readonly string[] {
  begin(cluster, "power", cluster.holder(ADDRESS) ?? "", FOR_LONG_MS);
  cluster.run(12_000);
  const gap = cluster.invariants.longestGapMs;
  return [...unsound(cluster), ...expected(gap < 500, `nobody answered for ${Math.round(gap)} ms`)];
}

function nothingMoves(cluster: Cluster, forMs: number): readonly string[] {
  cluster.run(forMs);
  return expected(cluster.moves.length === 0, `moved: ${told(cluster)}`);
}

export const oneOfThreeIsOff: SabotageStory = (sabotage) => {
  const { cluster, others } = settled({ sabotage });
  killLongAgo(cluster, "power", [others[0]]);
  return lastDeath(cluster);
};

/** Two living nodes on each side, and two that are off: neither side is the greater one. */
export const twoAgainstTwo: SabotageStory = (sabotage) => {
  const { cluster } = settled({ sabotage, nodes: 6, addresses: 6, gateway: false });
  killLongAgo(cluster, "power", cluster.names.slice(4));
  for (const node of cluster.names.slice(0, 2)) cluster.wire.sides.set(node, 1);
  return nothingMoves(cluster, 15_000);
};

/** The same, and on each side a node whose kernel answers though its speaker is gone: each side could count its own. */
export const oneBesideOnEachSide: SabotageStory = (sabotage) => {
  const { cluster } = settled({ sabotage, nodes: 6, addresses: 6, gateway: false });
  const [left, right] = [cluster.names.slice(0, 3), cluster.names.slice(3)];
  killLongAgo(cluster, "crash", [left[0], right[0]]);
  for (const node of right) cluster.wire.sides.set(node, 1);
  return nothingMoves(cluster, 15_000);
};

export const gatewayIsOff: SabotageStory = (sabotage) => {
  const { cluster } = settled({ sabotage });
  cluster.wire.hasGateway = false;
  cluster.run(70_000);
  cluster.resetOutages();
  return lastDeath(cluster);
};

/** The holder stands alone with the gateway and the hosts. */
export const gatewayStaysWithTheHolder: SabotageStory = (sabotage) => {
  const { cluster, others } = settled({ sabotage });
  for (const node of others) cluster.wire.sides.set(node, 1);
  return nothingMoves(cluster, 15_000);
};

/** Whoever holds, all who would follow it in a ring of all six are off. */
export const followersAreOff: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, nodes: 6 });
  const others = cluster.names.filter((name) => name !== holder);
  const followers = others.filter((name) =>
    watchedBy(
      name,
      cluster.names.filter((other) => other !== name),
    ).has(holder),
  );
  killLongAgo(cluster, "power", followers);
  return lastDeath(cluster);
};

/** The plan of a node that has all the others in its ring. */
export function ringOfAll(plan: WatchPlan, names: readonly string[]): WatchPlan {
  const segments = plan.segments.map((segment) => {
    const own = names.find((name) => addressOf(name) === segment.address4) ?? "";
    const others = segment.stations.map((one) => one.node).filter((node) => node !== "");
    const watched = watchedBy(own, [...new Set(others)]);
    return { ...segment, stations: segment.stations.map((one) => ({ ...one, watched: watched.has(one.node) })) };
  });
  return { segments };
}
