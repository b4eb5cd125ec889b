/** Whom a node watches (election.md section 4, hazard E6), out of what a whole speaker knows. */
import { describe, expect, test } from "@jest/globals";
import { stepSpeaker } from "../../speaker/speaker.ts";
import { initialSpeaker, type SpeakerInput } from "../../speaker/state.ts";
import { BESIDE_MAX, WATCHERS, watchedBy } from "../../speaker/watch-plan.ts";
import { Cluster } from "../sim/cluster.ts";
import { endpointsOn, link, linkLocalOf, macOf, nodeObject, SERVICE, speakerLease, virtualIP } from "../sim/objects.ts";

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

describe("the ring, some being no part of it (E17)", () => {
  const names = Array.from({ length: 30 }, (_, index) => `node-${index}`);
  const [living, idle] = [names.slice(0, 12), names.slice(12)];
  const watchedOf = (name: string, beside: readonly string[]) =>
    watchedBy(
      name,
      living.filter((other) => other !== name),
      beside,
    );

  test.each(idle)("%s is watched by three of those that are", (one) => {
    expect(living.filter((name) => watchedOf(name, [one]).has(one))).toHaveLength(WATCHERS);
  });

  test("those that are watch each other as if the rest were not there", () => {
    for (const name of living) {
      const alone = watchedOf(name, []);
      const both = watchedOf(name, idle);
      expect([...both].filter((one) => living.includes(one))).toEqual([...alone]);
      expect(both.size).toBeLessThanOrEqual(WATCHERS + BESIDE_MAX);
    }
  });

  test("one alone watches three of many", () => {
    expect(watchedBy("node-0", [], idle).size).toBe(BESIDE_MAX);
  });
});

describe("a speaker's plan among nodes that are off", () => {
  const NAMES = ["n1", "n2", "n3", "n4", "n5"];

  function planAfter(end: (cluster: Cluster, node: string) => void) {
    const cluster = new Cluster({ seed: 7, nodes: 5, addresses: 5 });
    cluster.run(8_000);
    end(cluster, "n5");
    cluster.run(20_000);
    const { text } = cluster.processes.get("n1")?.[0]?.state.watching ?? {};
    const { stations } = JSON.parse(text ?? "").segments[0];
    return (stations as readonly { node: string; counts: boolean; watched: boolean }[]).filter(
      (one) => one.node !== "",
    );
  }

  test.each([
    ["off", (cluster: Cluster, node: string) => cluster.retire(node)],
    ["without a speaker", (cluster: Cluster, node: string) => cluster.kill(node)],
    ["with its cable out here", (cluster: Cluster, node: string) => cluster.unplug(node)],
  ])("%s: it is a station still, does not count, and is not in the ring", (_, end) => {
    const stations = planAfter(end);
    expect(stations.map((one) => [one.node, one.counts, one.watched])).toEqual(
      NAMES.slice(1).map((node) => [node, node !== "n5", node !== "n5"]),
    );
  });

  test("all of them living, each counts", () => {
    const stations = planAfter(() => {});
    expect(stations.map((one) => one.counts)).toEqual([true, true, true, true]);
  });
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

describe("the plan where the interface has no IPv4 address and no network", () => {
  const NODES = ["n1", "n2", "n3", "n4", "n5", "n6"];
  const vip = virtualIP("10.0.0.100", 10);
  const held = {
    ...vip,
    l2: { ...vip.l2, interfaces: ["eth0"] },
    holder: {
      node: "n1",
      instance: "i-n1",
      epoch: 3,
      since: "",
      interface: "eth0",
      mac: macOf("n1"),
      from: "",
      reason: "",
    },
  };
  const bare = { name: "eth0", subnets: [], carrier: true, address4: "", addresses: [] };

  function stationsOf(node: string, namesOf: (other: string) => string): readonly { node: string; watched: boolean }[] {
    const leases = NODES.map((other, revision): SpeakerInput => {
      const lease = speakerLease(other, `i-${other}`, revision + 1);
      const interfaces = [{ ...bare, name: namesOf(other), mac: macOf(other), linkLocal: linkLocalOf(other) }];
      return { type: "lease", input: { type: "lease", lease: { ...lease, facts: { ...lease.facts, interfaces } } } };
    });
    const own = link(node, true);
    const addresses = own.addresses.filter((one) => one.address === linkLocalOf(node));
    const inputs: readonly SpeakerInput[] = [
      { type: "worker", message: { type: "links", links: [{ ...own, addresses }] } },
      ...NODES.map((name): SpeakerInput => ({ type: "node", name, node: nodeObject() })),
      { type: "endpoints", service: SERVICE, endpoints: endpointsOn(NODES) },
      ...leases,
      { type: "virtual-ip", name: held.address, vip: held },
      { type: "synced" },
      { type: "own-lease", phase: "acting", adopted: false },
    ];
    const first = stepSpeaker(initialSpeaker(node, `i-${node}`, 0), inputs, 10);
    const { state } = stepSpeaker(first.state, [{ type: "tick" }], 2_000);
    return JSON.parse(state.watching.text).segments.flatMap((one: { stations: readonly unknown[] }) => one.stations);
  }

  test("the ring has every node whose interface has the same name, and three of them watch the holder (E6)", () => {
    const others = NODES.filter((node) => node !== "n1");
    for (const node of NODES) {
      const stations = stationsOf(node, () => "eth0").map((one) => one.node);
      expect(stations).toEqual(NODES.filter((other) => other !== node));
    }
    const watchers = others.filter((node) => stationsOf(node, () => "eth0").find((one) => one.node === "n1")?.watched);
    expect(watchers).toHaveLength(WATCHERS);
  });

  test("another name tells nothing; the holder is a station whatever it is called", () => {
    const names = (other: string) => (other === "n1" || other === "n3" ? "eth9" : "eth0");
    expect(stationsOf("n2", names).map((one) => one.node)).toEqual(["n1", "n4", "n5", "n6"]);
  });
});
