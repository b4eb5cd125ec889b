/** Whom a node watches (election.md section 4, hazard E6), out of what a whole speaker knows. */
import { describe, expect, test } from "@jest/globals";
import { WATCHERS, watchedBy } from "../../speaker/watch-plan.ts";
import { Cluster } from "../sim/cluster.ts";

describe("the ring of watchers", () => {
  test.each([2, 3, 4, 30, 300])(
    "of %i nodes each watches three and is watched by three, or by all of fewer",
    (count) => {
      const names = Array.from({ length: count }, (_, index) => `node-${index}`);
      const watchers = new Map<string, number>(names.map((name) => [name, 0]));
      for (const name of names) {
        const watched = watchedBy(
          name,
          names.filter((other) => other !== name),
        );
        expect(watched.size).toBe(Math.min(WATCHERS, count - 1));
        expect(watched.has(name)).toBe(false);
        for (const one of watched) watchers.set(one, (watchers.get(one) ?? 0) + 1);
      }
      expect(new Set(watchers.values())).toEqual(new Set([Math.min(WATCHERS, count - 1)]));
    },
  );
});

describe("the plan of a speaker", () => {
  const cluster = new Cluster({ seed: 7, nodes: 3, addresses: 4 });
  cluster.run(8_000);
  const planOf = (node: string) => JSON.parse(cluster.processes.get(node)?.[0]?.state.watching.text ?? "{}");

  test("every address of a node is asked for by the two others, with the MAC of the record, and nobody watches itself", () => {
    for (const node of cluster.names) {
      const [segment] = planOf(node).segments;
      const held = cluster.names
        .filter((other) => other !== node)
        .map((other) =>
          [...cluster.api.vips.values()].filter((vip) => vip.holder?.node === other).map((vip) => vip.address),
        );
      const peers = segment.stations.filter((one: { node: string }) => one.node !== "");
      expect(peers.map((one: { node: string }) => one.node)).toEqual(cluster.names.filter((other) => other !== node));
      expect(peers.map((one: { targets: string[] }) => one.targets)).toEqual(held);
      expect(peers.every((one: { watched: boolean; pursued: boolean }) => one.watched && !one.pursued)).toBe(true);
    }
  });

  test("the gateway is a station without targets", () => {
    const gateway = planOf("n1").segments[0].stations.at(-1);
    expect(gateway).toMatchObject({ node: "", address4: "10.0.0.254", targets: [], watched: false });
  });

  test("a node that addresses were taken from is pursued for them by its taker, until it is heard", () => {
    const victim = cluster.api.vips.get("10.0.0.100")?.holder?.node ?? "";
    const taken = [...cluster.api.vips.values()].filter((vip) => vip.holder?.node === victim).map((vip) => vip.address);
    cluster.wire.off.add(victim);
    cluster.kill(victim);
    cluster.unplug(victim);
    cluster.run(5_000);
    const pursued = cluster.names
      .filter((node) => node !== victim)
      .flatMap((node) => planOf(node).segments[0].stations)
      .filter((one: { pursued: boolean }) => one.pursued);
    expect(pursued.every((one: { node: string }) => one.node === victim)).toBe(true);
    expect(pursued.flatMap((one: { targets: string[] }) => one.targets).sort()).toEqual(taken.sort());
    cluster.heal();
    cluster.run(20_000);
    const after = cluster.names.flatMap((node) => planOf(node).segments[0].stations);
    expect(after.filter((one: { pursued: boolean }) => one.pursued)).toEqual([]);
  });
});
