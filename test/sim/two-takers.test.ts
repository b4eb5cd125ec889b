/** The first in line announces at its pace, and the second, a tenth of a second later, has not heard all of it yet: two answer, unrecorded. */
import { expect, test } from "@jest/globals";
import { begin } from "./faults.ts";
import { allOnFirst, FOR_LONG_MS, unsound } from "./story.ts";

test.each([1, 2, 3])(
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
