/** Stories of broken rules about two nodes whose path is broken (election.md section 5, ADR 33). */
import type { ApartMap } from "../../speaker/apart.ts";
import type { SpeakerState } from "../../speaker/state.ts";
import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { expected, type SabotageStory, told } from "./sabotage-stories.ts";
import { FOR_LONG_MS, settled, unsound } from "./story.ts";

interface Pair {
  readonly cluster: Cluster;
  /** It has taken what the other one held. */
  readonly taker: string;
  /** Moves until then. */
  readonly moves: number;
}

/** What the holder sends does not arrive at the other one, and ten seconds have passed. */
function apart(options: Parameters<typeof settled>[0]): Pair {
  const { cluster, holder, others } = settled({ addresses: 3, seed: 1, ...options });
  cluster.wire.blocked.add(`${holder}>${others[0]}`);
  cluster.run(10_000);
  const moves = cluster.moves.length;
  cluster.invariants.resetGaps();
  return { cluster, taker: cluster.moves[0]?.node ?? "", moves };
}

function nothingMovedSince({ cluster, moves }: Pair): readonly string[] {
  return expected(cluster.moves.length === moves, `moved again: ${told(cluster)}`);
}

/** A third node hears both. */
export const heardByAThird: SabotageStory = (sabotage) => {
  const pair = apart({ sabotage });
  pair.cluster.run(60_000);
  return [...nothingMovedSince(pair), ...unsound(pair.cluster)];
};

/** Nobody else is there, and each lets the other one have what it took. */
export const heardByNobodyElse: SabotageStory = (sabotage) => {
  const pair = apart({ sabotage, nodes: 2 });
  pair.cluster.run(15_000);
  return [...nothingMovedSince(pair), ...unsound(pair.cluster)];
};

/** Nobody else is there, and the one that has taken is behind a dead port, while its Lease is renewed by another way. */
export const takerFallsSilent: SabotageStory = (sabotage) => {
  const { cluster, taker } = apart({ sabotage, nodes: 2 });
  cluster.wire.deaf.add(taker);
  cluster.wire.mute.add(taker);
  cluster.run(32_000);
  const left = [...cluster.api.vips.values()].filter((vip) => vip.holder?.node === taker).length;
  return expected(left === 0, `${left} addresses are left to ${taker}, which nobody hears`);
};

/** The path is mended, and then one of the two dies. */
export const mendedBefore: SabotageStory = (sabotage) => {
  const { cluster, taker } = apart({ sabotage, nodes: 2 });
  cluster.wire.blocked.clear();
  cluster.run(5_000);
  begin(cluster, "power", taker, FOR_LONG_MS);
  cluster.run(10_000);
  const gap = cluster.invariants.longestGapMs;
  return expected(gap < 500, `nobody answered for ${Math.round(gap)} ms`);
};

/** Nobody else is there, and a cable was out while the API server was behind it; then the one that has taken dies. */
export const foundGoneBefore: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ addresses: 3, seed: 1, nodes: 2, sabotage });
  cluster.setReach(holder, false);
  cluster.unplug(holder);
  cluster.run(3_000);
  cluster.plug(holder);
  cluster.run(500);
  cluster.setReach(holder, true);
  cluster.run(4_000);
  cluster.invariants.resetGaps();
  begin(cluster, "power", others[0] ?? "", FOR_LONG_MS);
  cluster.run(10_000);
  const gap = cluster.invariants.longestGapMs;
  return expected(gap < 500, `nobody answered for ${Math.round(gap)} ms`);
};

/** Sabotage: whom it has once found apart a node takes to be so for good. */
export function apartForGood(): (state: SpeakerState) => SpeakerState {
  const found = new Map<string, ApartMap>();
  return (state) => {
    if (state.apart.size > 0) found.set(state.node, state.apart);
    return { ...state, apart: found.get(state.node) ?? state.apart };
  };
}
