/** The record says for good who once handed the address over; that its rounds may be under way is true for a moment only (rule Y, F10). */
import { expect, test } from "@jest/globals";
import { begin } from "./faults.ts";
import { nodeObject } from "./objects.ts";
import { ADDRESS, settled, unsound } from "./story.ts";

test.each([1, 2, 3, 4, 5])(
  "without the API: taken by who had handed it over long ago, and its holder, who could not be heard, yields to it (seed %i)",
  (seed) => {
    const { cluster, holder: from } = settled({ seed });
    cluster.api.putNode(from, nodeObject({ excluded: true }));
    cluster.run(2_000);
    cluster.api.putNode(from, nodeObject());
    cluster.run(12_000);
    const record = cluster.api.vips.get(ADDRESS)?.holder;
    expect(record).toMatchObject({ from });
    cluster.moves.length = 0;
    cluster.resetOutages();
    begin(cluster, "api-down", from, 10_000);
    cluster.run(1_000);
    begin(cluster, "mute", record?.node ?? "", 1_500);
    cluster.run(8_000);
    expect(cluster.moves).toMatchObject([{ node: from, reason: "holder-unreachable" }]);
    expect(cluster.invariants.answering(ADDRESS)).toHaveLength(1);
    // A read, which is not answered, twice.
    expect(cluster.invariants.longestMs).toBeLessThanOrEqual(400);
    cluster.run(10_000);
    expect(unsound(cluster)).toEqual([]);
  },
);
