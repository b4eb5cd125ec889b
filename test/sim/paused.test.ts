/** A machine that was paused, and comes back without the API server: no clock shows a gap, and all it knows is of before (F2). */
import { describe, expect, test } from "@jest/globals";
import { rendezvousOrder } from "../../speaker/rendezvous.ts";
import { begin } from "./faults.ts";
import { ADDRESS, FOR_LONG_MS, settled, unsound } from "./story.ts";

const SEEDS = [4, 6, 7];

describe("meanwhile the holder died and another one took over", () => {
  test.each(SEEDS)(
    "first in line, it finds the holder gone, and that its address is answered instead (seed %i)",
    (seed) => {
      const { cluster, holder, others } = settled({ seed, nodes: 4 });
      const [first = ""] = rendezvousOrder(ADDRESS, others);
      cluster.pause(first);
      cluster.run(5_000);
      begin(cluster, "power", holder, FOR_LONG_MS);
      cluster.run(15_000);
      const taker = cluster.holder(ADDRESS);
      expect([holder, first]).not.toContain(taker);
      cluster.setReach(first, false);
      cluster.resume(first);
      cluster.run(5_000);
      // It took the address for the dead one's, and announced it until the taker's second round.
      expect(cluster.invariants.longestMs).toBe(0);
      expect(cluster.moves.map(({ node }) => node)).toEqual([taker]);
      cluster.setReach(first, true);
      cluster.run(20_000);
      expect(cluster.holder(ADDRESS)).toBe(taker);
      expect(unsound(cluster)).toEqual([]);
    },
  );
});
