/** A node that leaves says so in its Lease, and its successors start by that, not by the records (election.md section 8, F5). */
import { describe, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import { begin } from "./faults.ts";
import { nodeObject } from "./objects.ts";
import { HONEST } from "./sabotage.ts";
import { leftWithSlowApi, manyLeave } from "./sabotage-leave.ts";
import { ADDRESS, allOnFirst, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** Their records take longer than a process has to end, at 32 at a time. */
const SLOW_RECORDS = IS_FULL ? 300 : 170;
/** More than whoever takes begins at a time, a hundred. */
const TWO_LOTS = IS_FULL ? 250 : 120;

describe("F5: a node leaves", () => {
  test("hundreds of addresses, an API of two seconds a call: nothing is lost, and the process ends in time", () => {
    expect(leftWithSlowApi(HONEST, SLOW_RECORDS)).toEqual([]);
  });

  test.each([20, TWO_LOTS])(
    "%i addresses move without a gap, each once, and never two answer for a second",
    (addresses) => {
      const cluster = manyLeave({ addresses, slowMs: 0 });
      cluster.run(6_000);
      expect(cluster.isUp("n1")).toBe(false);
      expect(cluster.invariants.longestGapMs).toBe(0);
      expect(cluster.invariants.longestMs).toBeLessThan(1_000);
      expect(cluster.moves.map(({ name }) => name).sort()).toEqual([...cluster.api.vips.keys()].sort());
      expect(new Set(cluster.moves.map(({ reason }) => reason))).toEqual(new Set(["hand-over-shutdown"]));
      expect(unsound(cluster)).toEqual([]);
    },
  );

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

test.each([3, 20, 36])(
  "F5: an answer of the one that leaves was under way: its successor goes on, with an API of two seconds a call (seed %i)",
  (seed) => {
    const { cluster, holder } = settled({ seed });
    cluster.api.slowMs = 2_000;
    begin(cluster, "sigterm", holder, FOR_LONG_MS);
    cluster.run(6_000);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expect(unsound(cluster)).toEqual([]);
  },
);

test.each(IS_FULL ? [1, 2] : [1])(
  "F9: the next process comes to wait after the mark: what nobody has begun to answer stays (seed %i)",
  (seed) => {
    const cluster = allOnFirst({ seed, addresses: 220 });
    cluster.api.putNode("n3", nodeObject({ excluded: true }));
    cluster.run(1_000);
    const epochs = new Map([...cluster.api.vips].map(([name, vip]) => [name, vip.holder?.epoch]));
    begin(cluster, "sigterm", "n1", FOR_LONG_MS);
    const lease = () => cluster.api.leases.get("n1");
    for (let ran = 0; ran < 1_000 && lease()?.leaving !== true; ran += 5) cluster.run(5);
    expect(lease()).toMatchObject({ leaving: true, nextInstance: "" });
    const next = cluster.start("n1");
    cluster.run(4_000);
    expect(lease()).toMatchObject({ leaving: false, instance: next.instance });
    expect(cluster.processes.get("n1")).toEqual([next]);
    // The other node has begun with its first lot at most; its second one would have come 100 ms later.
    const taken = new Set(cluster.moves.filter(({ node }) => node === "n2").map(({ name }) => name));
    expect(taken.size).toBeLessThanOrEqual(200);
    const kept = [...cluster.api.vips].filter(([name, { holder }]) => holder?.epoch === epochs.get(name));
    expect(kept.length).toBeGreaterThanOrEqual(20);
    expect(cluster.invariants.longestGapMs).toBeLessThan(2);
    expect(unsound(cluster)).toEqual([]);
  },
);

/** One of two nodes leaves; the other one's process has just died, and its Lease does not tell yet. */
function leaveToDead(seed: number) {
  const { cluster, holder, others } = settled({ seed, nodes: 2 });
  const [other = ""] = others;
  const pod = cluster.processes.get(other)?.[0]?.instance.split("/")[0];
  cluster.kill(other);
  cluster.run(500);
  begin(cluster, "sigterm", holder, FOR_LONG_MS);
  return { cluster, holder, other, pod };
}

describe("F10: the only successor does not run", () => {
  test.each([1, 2, 3, 4, 5])(
    "the one that leaves takes the address back, and has it until that Lease has run out (seed %i)",
    (seed) => {
      const { cluster, holder } = leaveToDead(seed);
      cluster.run(4_000);
      expect(cluster.moves.map(({ node, reason }) => `${node} ${reason}`)).toEqual([`${holder} taken-back`]);
      // Between the end of the second and the answer to its record.
      expect(cluster.invariants.longestGapMs).toBeLessThan(50);
      expect(cluster.invariants.answering(ADDRESS)).toEqual([holder]);
      // Ten seconds at most from the signal, and a release.
      cluster.run(6_500);
      expect(cluster.isUp(holder)).toBe(false);
      expect(cluster.invariants.violations).toEqual([]);
    },
  );

  test.each([1, 2, 3, 4, 5])("its next process takes the address over as soon as it runs (seed %i)", (seed) => {
    const { cluster, holder, other, pod } = leaveToDead(seed);
    cluster.run(3_000);
    cluster.start(other, pod);
    cluster.run(2_500);
    expect(cluster.holder(ADDRESS)).toBe(other);
    expect(cluster.isUp(holder)).toBe(false);
    expect(cluster.invariants.longestGapMs).toBeLessThan(50);
    expect(unsound(cluster)).toEqual([]);
  });

  test("it runs, and the one that leaves does not hear it: that one goes after its second, and takes nothing back", () => {
    const { cluster, holder, others } = settled({ nodes: 2 });
    cluster.wire.blocked.add(`${others[0]}>${holder}`);
    begin(cluster, "sigterm", holder, FOR_LONG_MS);
    cluster.run(4_000);
    expect(cluster.isUp(holder)).toBe(false);
    expect(cluster.moves.map(({ node, reason }) => `${node} ${reason}`)).toEqual([`${others[0]} hand-over-shutdown`]);
    expect(unsound(cluster)).toEqual([]);
  });

  test("there is none at all: it goes at once", () => {
    const { cluster, holder } = settled({ nodes: 1 });
    begin(cluster, "sigterm", holder, FOR_LONG_MS);
    cluster.run(500);
    expect(cluster.isUp(holder)).toBe(false);
  });
});
