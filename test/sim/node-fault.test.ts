/** Moves because of what is wrong with the holder's node, end to end: its network is not available, its uplink is lost. */
import { describe, expect, test } from "@jest/globals";
import type { Cluster } from "./cluster.ts";
import { nodeObject } from "./objects.ts";
import { ADDRESS, expectSound, reasons, settled } from "./settled.ts";

describe("the network of the holder's node is not available", () => {
  test("for 20 s, as when a network plugin starts: nothing moves", () => {
    const { cluster, holder } = settled(5);
    const moves = cluster.moves.length;
    cluster.api.putNode(holder, nodeObject({ networkUnavailable: true }));
    cluster.run(20_000);
    cluster.api.putNode(holder, nodeObject());
    cluster.run(60_000);
    expect(cluster.moves).toHaveLength(moves);
    expectSound(cluster);
  });

  test("it hands over after half a minute, and nothing moves back", () => {
    const { cluster, holder } = settled(5);
    const before = cluster.moves.length;
    cluster.api.putNode(holder, nodeObject({ networkUnavailable: true }));
    cluster.run(33_000);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    expect(new Set(reasons(cluster, before))).toEqual(new Set(["hand-over-network-unavailable"]));
    const moves = cluster.moves.length;
    cluster.api.putNode(holder, nodeObject());
    cluster.run(120_000);
    expect(cluster.moves).toHaveLength(moves);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expectSound(cluster);
  });

  test("E9: everybody's, within two seconds: nothing moves", () => {
    const { cluster } = settled(5);
    const moves = cluster.moves.length;
    for (const name of cluster.names) {
      cluster.api.putNode(name, nodeObject({ networkUnavailable: true }));
      cluster.run(900);
    }
    cluster.run(60_000);
    expect(cluster.moves).toHaveLength(moves);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expectSound(cluster);
  });
});

/** What the uplink monitor of a node says. */
function setUplink(cluster: Cluster, node: string, lost: readonly string[]): void {
  for (const process of cluster.processes.get(node) ?? []) process.post({ type: "uplink", lost });
}

describe("the uplink check", () => {
  test("a holder whose gateway is silent hands over to one whose gateway answers, without a gap; nothing moves back", () => {
    const { cluster, holder } = settled(5);
    const before = cluster.moves.length;
    const held = [...cluster.api.vips.values()].filter((vip) => vip.holder?.node === holder).length;
    setUplink(cluster, holder, ["eth0"]);
    cluster.run(6_000);
    expect(reasons(cluster, before)).toEqual(Array(held).fill("hand-over-uplink-lost"));
    expect([...cluster.api.vips.values()].some((vip) => vip.holder?.node === holder)).toBe(false);
    const moves = cluster.moves.length;
    setUplink(cluster, holder, []);
    cluster.run(120_000);
    expect(cluster.moves).toHaveLength(moves);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expectSound(cluster);
  });

  test("the router itself dies and comes back: everybody finds it within a second or two, and nothing moves", () => {
    const { cluster } = settled(5);
    const moves = cluster.moves.length;
    for (const lost of [["eth0"], []]) {
      for (const name of cluster.names) {
        setUplink(cluster, name, lost);
        cluster.run(700);
      }
      cluster.run(60_000);
    }
    expect(cluster.moves).toHaveLength(moves);
    expectSound(cluster);
  });

  test("who has lost its uplink takes over last, but it does when nobody else is left", () => {
    const { cluster, holder, others } = settled();
    const [one = "", two = ""] = others;
    setUplink(cluster, one, ["eth0"]);
    cluster.run(3_000);
    cluster.unplug(holder);
    cluster.run(1_000);
    expect(cluster.holder(ADDRESS)).toBe(two);
    cluster.unplug(two);
    cluster.run(15_000);
    expect(cluster.holder(ADDRESS)).toBe(one);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([one]);
  });
});
