/** Nodes with two interfaces, each on a segment of its own: what one wire says is about that wire alone (E11). */
import { describe, expect, test } from "@jest/globals";
import type { Cluster } from "./cluster.ts";
import { segmentOf } from "./objects.ts";
import { settled, unsound } from "./story.ts";
import { breakPort, heldOn, twoSegments } from "./two-segments.ts";

function holders(cluster: Cluster, addresses: readonly string[]): readonly (string | undefined)[] {
  return addresses.map((address) => cluster.holder(address));
}

describe("E11", () => {
  test.each([
    ["its cable is pulled", "cable", 1_000],
    ["its port is dead, with carrier", "port", 500],
    ["its port is dead, and the API server slow", "slow", 500],
  ] as const)("an interface of a node that answers on the other one: %s", (_, how, gapMsMax) => {
    const { cluster, node, wire } = twoSegments({});
    const [here, beside] = [heldOn(cluster, node, 0), heldOn(cluster, node, 1)];
    if (how === "slow") cluster.api.slowMs = 2_000;
    if (how === "cable") cluster.unplug(node, wire);
    else breakPort(wire, node);
    cluster.run(15_000);
    expect([here, beside].map((addresses) => addresses.length > 0)).toEqual([true, true]);
    expect(holders(cluster, beside)).not.toContain(node);
    expect(Math.max(...beside.map((address) => cluster.invariants.gapMsOf(address)))).toBeLessThan(gapMsMax);
    // On the other interface nothing moved, and it was answered all the time.
    expect(holders(cluster, here)).toEqual(here.map(() => node));
    expect(here.map((address) => cluster.invariants.gapMsOf(address))).toEqual(here.map(() => 0));
    expect(cluster.moves.filter(({ name }) => segmentOf(name) === 0)).toEqual([]);
    cluster.heal();
    cluster.run(15_000);
    expect(unsound(cluster)).toEqual([]);
    expect(holders(cluster, here)).toEqual(here.map(() => node));
  });

  test("whoever is deaf on one interface finds nobody dead there, though it hears well on the other", () => {
    const { cluster, node, wire } = twoSegments({});
    const other = cluster.names.find((name) => name !== node) ?? "";
    const before = [...cluster.api.vips.keys()].filter((address) => cluster.holder(address) !== other);
    const were = holders(cluster, before);
    breakPort(wire, other);
    cluster.run(15_000);
    expect(holders(cluster, before)).toEqual(were);
    expect(before.map((address) => cluster.invariants.gapMsOf(address))).toEqual(before.map(() => 0));
    cluster.heal();
    cluster.run(15_000);
    expect(unsound(cluster)).toEqual([]);
  });

  test("a whole node that dies is found on each segment by itself", () => {
    const { cluster, node } = twoSegments({});
    cluster.kill(node);
    cluster.wire.off.add(node);
    cluster.run(5_000);
    expect([...heldOn(cluster, node, 0), ...heldOn(cluster, node, 1)]).toEqual([]);
    expect(cluster.invariants.longestGapMs).toBeLessThan(500);
    expect(unsound(cluster)).toEqual([]);
  });

  test("one segment alone has no second interface", () => {
    expect([...settled().cluster.wires.keys()]).toEqual(["eth0"]);
  });
});
