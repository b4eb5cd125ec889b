/** The first in line announces at its pace, and the second, a tenth of a second later, has not heard all of it yet: two answer, unrecorded. */
import { expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import { begin } from "./faults.ts";
import { ADDRESS, allOnFirst, FOR_LONG_MS, settled, unsound } from "./story.ts";

test.each(IS_FULL ? [1, 2, 3] : [1])(
  "F5, E7: 200 addresses, an API of two seconds a call: one of the two goes on answering (seed %i)",
  (seed) => {
    const cluster = allOnFirst({ seed, addresses: 200 });
    cluster.api.slowMs = 2_000;
    begin(cluster, "power", "n1", FOR_LONG_MS);
    cluster.run(20_000);
    // Otherwise there is nothing to see here.
    expect(cluster.moves.length).toBeGreaterThan(200);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    expect(cluster.invariants.longestMs).toBeLessThan(250);
    expect(unsound(cluster)).toEqual([]);
  },
);

test("E7: a round of the lost holder between two of its taker's: a third that cannot read the record believes the taker, who spoke last", () => {
  const { cluster, holder } = settled();
  const { wire } = cluster;
  const order = cluster.processes.get(holder)?.[0]?.state.places.get(ADDRESS)?.ordered ?? [];
  const [taker = "", third = ""] = order.map(({ node }) => node).filter((node) => node !== holder);
  cluster.setReach(third, false);
  wire.deaf.add(holder);
  wire.mute.add(holder);
  cluster.run(500);
  expect(cluster.moves).toMatchObject([{ node: taker, reason: "holder-unreachable" }]);
  // It hears nobody, but is heard again; the taker reads the record, is confirmed, and says so once more.
  wire.mute.delete(holder);
  wire.announce(holder, ADDRESS, "request");
  wire.announce(holder, ADDRESS, "reply");
  cluster.run(200);
  expect(cluster.processes.get(third)?.[0]?.state.addresses.get(ADDRESS)?.announcer?.node).toBe(taker);
  // The verdict on the holder stands, and is told again within a second.
  cluster.run(4_000);
  expect(cluster.moves).toHaveLength(1);
  expect(cluster.invariants.longestMs).toBe(0);
  cluster.heal();
  cluster.run(10_000);
  expect(unsound(cluster)).toEqual([]);
});

test.each([1, 2, 3, 5, 6])(
  "E7, F3: one that is cut off from the API takes what a record has given to another since; it lets that one for a moment, and no longer than a second after they hear each other (seed %i)",
  (seed) => {
    const { cluster, holder } = settled({ seed });
    const { wire } = cluster;
    const order = cluster.processes.get(holder)?.[0]?.state.places.get(ADDRESS)?.ordered ?? [];
    const [taker = "", named = ""] = order.map(({ node }) => node).filter((node) => node !== holder);
    cluster.setReach(taker, false);
    cluster.run(13_000);
    wire.mute.add(named);
    cluster.run(2_000);
    cluster.unplug(holder);
    cluster.run(400);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([named, taker].sort());
    expect(cluster.holder(ADDRESS)).toBe(named);
    wire.mute.delete(named);
    cluster.run(400);
    // Both tell who comes back what they hold, so that their rounds begin anew.
    cluster.plug(holder);
    cluster.run(2_000);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([named]);
    expect(unsound(cluster)).toEqual([]);
  },
);
