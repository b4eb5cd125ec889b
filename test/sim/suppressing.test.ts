/** E12: a switch or an access point that answers what is asked of everybody, in the name of who had the address last (EVPN, proxy ARP). */
import { describe, expect, test } from "@jest/globals";
import { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { macOf } from "./objects.ts";
import { ADDRESS, expectSound } from "./settled.ts";

function settled(seed: number) {
  const cluster = new Cluster({ seed, nodes: 3, addresses: 1 });
  cluster.wire.suppressing = new Map();
  cluster.run(12_000);
  const holder = cluster.holder(ADDRESS) ?? "";
  expect(cluster.wire.suppressing.get(ADDRESS)).toBe(macOf(holder));
  cluster.invariants.resetGaps();
  cluster.moves.length = 0;
  return { cluster, holder };
}

describe("E12: a switch answers in the name of the holder", () => {
  test.each([1, 2, 3, 4, 5])("the holder dies: its Lease decides, not the switch (seed %i)", (seed) => {
    const { cluster, holder } = settled(seed);
    begin(cluster, "power", holder, 60_000);
    cluster.run(20_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(13_000);
    expect(cluster.moves.map(({ reason }) => reason)).toEqual(["holder-lease-expired"]);
    expectSound(cluster);
  });

  test.each([1, 2, 3, 4, 5])("one that comes to wait on the dead holder's node renews nothing (seed %i)", (seed) => {
    const { cluster, holder } = settled(seed);
    cluster.kill(holder);
    cluster.run(6_000);
    // The Lease names another pod, whose process it cannot know to be dead: it writes its name beside that.
    cluster.start(holder);
    cluster.run(14_000);
    expect(cluster.invariants.longestGapMs).toBeLessThan(13_000);
    expectSound(cluster);
  });

  test.each([1, 2, 3, 4, 5])("E10: the holder is cut off from the API only, and nothing moves (seed %i)", (seed) => {
    const { cluster, holder } = settled(seed);
    cluster.wire.loss = 0.1;
    cluster.setReach(holder, false);
    cluster.run(35_000);
    expect(cluster.moves).toEqual([]);
    cluster.wire.loss = 0;
    cluster.setReach(holder, true);
    cluster.run(10_000);
    expectSound(cluster);
  });
});
