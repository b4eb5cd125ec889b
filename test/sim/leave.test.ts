/** A node that leaves says so in its Lease, and its successors start by that, not by the records (election.md section 8, F5). */
import { describe, expect, test } from "@jest/globals";
import { begin } from "./faults.ts";
import { nodeObject } from "./objects.ts";
import { HONEST } from "./sabotage.ts";
import { leftWithSlowApi, manyLeave } from "./sabotage-leave.ts";
import { FOR_LONG_MS, unsound } from "./story.ts";

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

  test("and the one that took them leaves a while later: each goes back by one move", () => {
    const cluster = manyLeave({ addresses: 20, slowMs: 0 });
    cluster.run(6_000);
    // The third one would take them otherwise.
    cluster.api.putNode("n3", nodeObject({ excluded: true }));
    cluster.start("n1");
    cluster.run(20_000);
    cluster.moves.length = 0;
    begin(cluster, "sigterm", "n2", FOR_LONG_MS);
    cluster.run(6_000);
    expect(cluster.moves.map(({ reason }) => reason)).toEqual(cluster.moves.map(() => "hand-over-shutdown"));
    expect(new Set(cluster.moves.map(({ name }) => name)).size).toBe(cluster.moves.length);
    expect([...cluster.api.vips.values()].map(({ holder }) => holder?.node)).toEqual(Array(20).fill("n1"));
    expect(unsound(cluster)).toEqual([]);
  });
});
