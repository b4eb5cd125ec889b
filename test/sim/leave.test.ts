/** A node that leaves says so in its Lease, and its successors start by that, not by the records (election.md section 8, F5). */
import { describe, expect, test } from "@jest/globals";
import { HONEST } from "./sabotage.ts";
import { leftWithSlowApi, manyLeave } from "./sabotage-leave.ts";
import { unsound } from "./story.ts";

describe("F5: a node leaves", () => {
  test("300 addresses, an API of two seconds a call: nothing is lost, and the process ends in time", () => {
    expect(leftWithSlowApi(HONEST)).toEqual([]);
  });

  test.each([20, 250])("%i addresses move without a gap, each once, and never two answer for a second", (addresses) => {
    const cluster = manyLeave({ addresses, slowMs: 0 });
    cluster.run(6_000);
    expect(cluster.isUp("n1")).toBe(false);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expect(cluster.invariants.longestMs).toBeLessThan(1_000);
    expect(cluster.moves.map(({ name }) => name).sort()).toEqual([...cluster.api.vips.keys()].sort());
    expect(new Set(cluster.moves.map(({ reason }) => reason))).toEqual(new Set(["hand-over-shutdown"]));
    expect(unsound(cluster)).toEqual([]);
  });
});
