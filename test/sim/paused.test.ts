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

describe("meanwhile its address was taken, by a process that is another one by now and pursues nobody", () => {
  test.each(["crash-and-restart", "rolling-update"] as const)(
    "%s: it is heard by the question of every second",
    (fault) => {
      for (const seed of [1, 2, 3, 4, 5]) {
        const { cluster, holder } = settled({ seed });
        cluster.pause(holder);
        cluster.run(5_000);
        const taker = cluster.holder(ADDRESS) ?? "";
        begin(cluster, fault, taker, 0);
        cluster.run(15_000);
        cluster.setReach(holder, false);
        cluster.resume(holder);
        cluster.run(5_000);
        // The question, and a read that is not answered, by clocks that drift by two in a hundred.
        expect(cluster.invariants.longestMs).toBeLessThanOrEqual(1_230);
        expect(cluster.invariants.answering(ADDRESS)).toEqual([taker]);
        cluster.setReach(holder, true);
        cluster.run(20_000);
        expect(unsound(cluster)).toEqual([]);
      }
    },
  );
});
