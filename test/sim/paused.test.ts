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

test("frozen, it comes back while the API is away, and the server answers again within a second or two: neither is confirmed in time, and one of the two goes on", () => {
  const { cluster, holder } = settled({ seed: 35 });
  const [process] = cluster.processes.get(holder) ?? [];
  cluster.setApi(false);
  cluster.run(1_000);
  process?.freeze();
  cluster.run(6_000);
  expect(cluster.invariants.answering(ADDRESS)).not.toContain(holder);
  process?.thaw();
  cluster.run(2_000);
  cluster.api.slowMs = 2_000;
  cluster.setApi(true);
  cluster.resetOutages();
  cluster.run(10_000);
  // Both were silent for a moment (rule Y).
  expect(cluster.invariants.longestMs).toBeGreaterThan(200);
  expect(cluster.invariants.longestGapMs).toBeGreaterThan(0);
  expect(cluster.invariants.longestGapMs).toBeLessThan(500);
  expect(unsound(cluster)).toEqual([]);
});

test("its main thread alone stood still, and reads in one go that the holder is gone and who has taken the address since: it takes nothing", () => {
  // One of these moments has the verdict before the fence of the worker (3 s), and the announcement after it.
  for (let beforeMs = 2_700; beforeMs <= 3_100; beforeMs += 50) {
    const { cluster, holder, others } = settled({ seed: 1 });
    const [first = "", second = ""] = rendezvousOrder(ADDRESS, others);
    const [process] = cluster.processes.get(first) ?? [];
    cluster.setApi(false);
    process?.stick();
    cluster.run(beforeMs);
    begin(cluster, "power", holder, FOR_LONG_MS);
    cluster.run(4_000);
    process?.thaw();
    cluster.run(8_000);
    expect(cluster.moves.map(({ node }) => node)).toEqual([second]);
    expect(cluster.invariants.violations).toEqual([]);
  }
});

test("a machine that is paused while the main thread stands still goes on as before, and answers again when that does", () => {
  const { cluster, holder } = settled({ seed: 1, nodes: 1 });
  const [process] = cluster.processes.get(holder) ?? [];
  process?.stick();
  cluster.run(4_000);
  cluster.pause(holder);
  cluster.run(500);
  cluster.resume(holder);
  cluster.run(10_000);
  process?.thaw();
  cluster.run(30_000);
  expect(unsound(cluster)).toEqual([]);
});
