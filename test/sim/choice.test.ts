/** Moves by choice, end to end: the pool prefers a node, and what must not come of it (E13). */
import { describe, expect, test } from "@jest/globals";
import type { L2Rules } from "../../lib/model/virtual-ip.ts";
import { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { nodeObject } from "./objects.ts";
import { ADDRESS, expectSound, reasons, settled } from "./settled.ts";

const EDGE = { edge: "yes" };
const SELECTOR = { matchLabels: EDGE, matchExpressions: [] };

/** The user edits the pool; the controller copies its block into each VirtualIP. */
function editPool(cluster: Cluster, changes: Partial<L2Rules>, isOf = (_address: string): boolean => true): void {
  const { api } = cluster;
  for (const vip of api.vips.values()) if (isOf(vip.address)) api.putVip({ ...vip, l2: { ...vip.l2, ...changes } });
}

const PREFER_EDGE: Partial<L2Rules> = { preferred: [{ weight: 10, selector: SELECTOR }] };

describe("the pool prefers a node", () => {
  test("first holders are preferred ones", () => {
    const cluster = new Cluster({ seed: 3, nodes: 3, addresses: 10 });
    editPool(cluster, PREFER_EDGE);
    cluster.api.putNode("n2", nodeObject({ labels: EDGE }));
    cluster.run(5_000);
    expect([...cluster.api.vips.values()].map((vip) => vip.holder?.node)).toEqual(Array(10).fill("n2"));
    expectSound(cluster);
  });

  test("E13: a live edit moves what there is by hand-over, 30 s later, without a gap; unlabelled it stays", () => {
    const { cluster, others } = settled(20);
    const [preferred = ""] = others;
    const before = cluster.moves.length;
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
    cluster.run(60_000);
    expect(reasons(cluster, before)).toEqual([]);
    editPool(cluster, PREFER_EDGE);
    cluster.run(29_000);
    expect(reasons(cluster, before)).toEqual([]);
    cluster.run(5_000);
    expect(new Set(reasons(cluster, before))).toEqual(new Set(["hand-over-preferred"]));
    expect([...cluster.api.vips.values()].every((vip) => vip.holder?.node === preferred)).toBe(true);
    expect(cluster.invariants.longestGapMs).toBe(0);
    const moves = cluster.moves.length;
    cluster.api.putNode(preferred, nodeObject());
    cluster.run(120_000);
    expect(cluster.moves).toHaveLength(moves);
    expectSound(cluster);
  });

  test("the larger sum of weights wins", () => {
    const { cluster, others } = settled();
    const [one = "", two = ""] = others;
    const rack = { matchLabels: { rack: "a" }, matchExpressions: [] };
    editPool(cluster, {
      preferred: [
        { weight: 10, selector: SELECTOR },
        { weight: 5, selector: rack },
      ],
    });
    cluster.api.putNode(one, nodeObject({ labels: EDGE }));
    cluster.api.putNode(two, nodeObject({ labels: { ...EDGE, rack: "a" } }));
    cluster.run(40_000);
    expect(cluster.holder(ADDRESS)).toBe(two);
    expectSound(cluster);
  });

  test("47: of two pools one prefers a node: its address moves there, and the other's stays", () => {
    const { cluster, holder } = settled(2);
    const other = "10.0.0.101";
    const before = cluster.holder(other);
    const preferred = cluster.names.find((name) => name !== holder && name !== before) ?? "";
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
    editPool(cluster, PREFER_EDGE, (address) => address === ADDRESS);
    cluster.run(60_000);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([preferred]);
    expect(cluster.invariants.answering(other)).toEqual([before]);
    expectSound(cluster);
  });

  test("49: two entries that prefer a node each: one of the two answers, and no other", () => {
    const { cluster, others } = settled();
    const [one = "", two = ""] = others;
    const rack = { matchLabels: { rack: "a" }, matchExpressions: [] };
    cluster.api.putNode(one, nodeObject({ labels: EDGE }));
    cluster.api.putNode(two, nodeObject({ labels: { rack: "a" } }));
    editPool(cluster, {
      preferred: [
        { weight: 10, selector: SELECTOR },
        { weight: 10, selector: rack },
      ],
    });
    cluster.run(40_000);
    expect(cluster.invariants.answering(ADDRESS)).toHaveLength(1);
    expect(others).toContain(cluster.holder(ADDRESS));
    // Neither has more weight than the other, so it does not go back and forth.
    const moves = cluster.moves.length;
    cluster.run(300_000);
    expect(cluster.moves).toHaveLength(moves);
    expectSound(cluster);
  });

  test("a preferred node that dies is replaced at once, and gets it back when it has been there for its time", () => {
    const { cluster, others } = settled();
    const [preferred = ""] = others;
    editPool(cluster, PREFER_EDGE);
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
    cluster.run(35_000);
    expect(cluster.holder(ADDRESS)).toBe(preferred);
    begin(cluster, "unplug", preferred, 10_000);
    cluster.run(1_000);
    expect(cluster.holder(ADDRESS)).not.toBe(preferred);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    cluster.run(9_000);
    cluster.invariants.resetGaps();
    // Twice 30 s, for it is the second move by choice.
    cluster.run(58_000);
    expect(cluster.holder(ADDRESS)).not.toBe(preferred);
    cluster.run(10_000);
    expect(cluster.holder(ADDRESS)).toBe(preferred);
    expect(cluster.moves.at(-1)?.reason).toBe("hand-over-preferred");
    expect(cluster.invariants.longestGapMs).toBe(0);
    expectSound(cluster);
  });

  test("a preferred node that was not heard when it was handed the address gets it later, though nothing else happens", () => {
    const { cluster, others } = settled();
    const [preferred = ""] = others;
    const before = cluster.moves.length;
    editPool(cluster, PREFER_EDGE);
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
    cluster.run(29_500);
    // Its worker stands still in the second of the hand-over.
    for (const process of cluster.processes.get(preferred) ?? []) process.worker.freeze();
    cluster.run(2_500);
    for (const process of cluster.processes.get(preferred) ?? []) process.worker.thaw();
    expect(cluster.holder(ADDRESS)).not.toBe(preferred);
    // Passed over for 30 s, and then twice 30 s: it is the second move by choice.
    cluster.run(95_000);
    expect(reasons(cluster, before)).toEqual(["hand-over-preferred", "taken-back", "hand-over-preferred"]);
    expect(cluster.holder(ADDRESS)).toBe(preferred);
    expectSound(cluster);
  });

  test.each([
    ["6, 42: excluded by its label", { excluded: true }, 2_000, 65_000],
    ["5: without a network", { networkUnavailable: true }, 40_000, 300_000],
  ])("%s, a preferred node loses it by hand-over, and gets it back when that ends", (_, change, withinMs, backMs) => {
    const { cluster, others } = settled();
    const [preferred = ""] = others;
    editPool(cluster, PREFER_EDGE);
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
    cluster.run(35_000);
    expect(cluster.holder(ADDRESS)).toBe(preferred);
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE, ...change }));
    cluster.run(withinMs);
    expect(cluster.holder(ADDRESS)).not.toBe(preferred);
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
    cluster.run(backMs);
    expect(cluster.holder(ADDRESS)).toBe(preferred);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expectSound(cluster);
  });

  test("44, 45: the nodeSelector is the harder rule: who is preferred outside of it gets nothing", () => {
    const { cluster, holder, others } = settled();
    const [outside = "", inside = ""] = others;
    const selected = { zone: "a" };
    cluster.api.putNode(outside, nodeObject({ labels: EDGE }));
    cluster.api.putNode(inside, nodeObject({ labels: selected }));
    cluster.api.putNode(holder, nodeObject({ labels: selected }));
    cluster.run(1_000);
    editPool(cluster, { ...PREFER_EDGE, nodeSelector: { matchLabels: selected, matchExpressions: [] } });
    cluster.run(60_000);
    // Nobody inside is preferred: the plain order, and so nothing moves.
    expect(cluster.holder(ADDRESS)).toBe(holder);
    cluster.api.putNode(inside, nodeObject({ labels: { ...selected, ...EDGE } }));
    cluster.run(35_000);
    expect(cluster.holder(ADDRESS)).toBe(inside);
    expectSound(cluster);
  });

  test("a preferred node that comes and goes every minute gets the address back once or twice, then no more", () => {
    const { cluster, others } = settled();
    const [preferred = ""] = others;
    editPool(cluster, PREFER_EDGE);
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
    const before = cluster.moves.length;
    for (let minute = 0; minute < 20; minute++) {
      cluster.run(45_000);
      begin(cluster, "unplug", preferred, 15_000);
      cluster.run(15_000);
    }
    const chosen = reasons(cluster, before).filter((reason) => reason === "hand-over-preferred");
    expect(chosen.length).toBeGreaterThan(0);
    expect(chosen.length).toBeLessThanOrEqual(2);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    expect(cluster.invariants.violations).toEqual([]);
  });

  test("the API server is away: preference waits, and a death meanwhile does not", () => {
    const { cluster, holder, others } = settled();
    const [preferred = ""] = others;
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
    editPool(cluster, PREFER_EDGE);
    cluster.run(20_000);
    cluster.setApi(false);
    cluster.run(60_000);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([holder]);
    cluster.unplug(holder);
    cluster.run(1_000);
    // The order knows the preference: who takes over is the one that should have it.
    expect(cluster.invariants.answering(ADDRESS)).toEqual([preferred]);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    cluster.heal();
    cluster.run(20_000);
    expect(cluster.holder(ADDRESS)).toBe(preferred);
    expectSound(cluster);
  });
});

describe("a pool that nobody can serve", () => {
  test.each([
    ["interfaces that no node has", { interfaces: ["bond*"] }, "InterfaceNotFound"],
    ["a selector that takes nobody", { nodeSelector: SELECTOR }, "NoNodeSelected"],
  ] as const)("33, 39: %s: silence, and the reason; mended it is announced again", (_, change, reason) => {
    const { cluster } = settled();
    const { l2 } = cluster.api.vips.get(ADDRESS) ?? { l2: undefined };
    editPool(cluster, change);
    cluster.run(5_000);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([]);
    expect(cluster.api.vips.get(ADDRESS)?.conditions).toMatchObject([{ type: "Announced", status: "False", reason }]);
    editPool(cluster, l2 ?? {});
    cluster.run(5_000);
    expectSound(cluster);
    expect(cluster.api.vips.get(ADDRESS)?.conditions).toMatchObject([{ type: "Announced", status: "True" }]);
  });

  test("37, 39: a selector that takes nobody, then one node after another: silence, then the address moves there", () => {
    const { cluster } = settled();
    editPool(cluster, { nodeSelector: SELECTOR });
    cluster.run(5_000);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([]);
    for (const name of cluster.names) {
      for (const one of cluster.names) {
        cluster.api.putNode(one, nodeObject(one === name ? { labels: EDGE } : {}));
      }
      cluster.run(5_000);
      expect(cluster.invariants.answering(ADDRESS)).toEqual([name]);
      expectSound(cluster);
    }
  });
});
