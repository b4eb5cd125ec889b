/** W3: which interfaces are on one segment, what is answered on which, and what is announced when that changes. */
import { describe, expect, test } from "@jest/globals";
import { parseIp } from "../../lib/address/ip.ts";
import { type InterfaceFacts, withNetworks } from "../../speaker/interfaces.ts";
import type { FromWorker, Link, ToWorker } from "../../speaker/net/messages.ts";
import { join, NOT_JOINED, segmentNames, segmentsOf, stillJoined, stillMet } from "../../speaker/segments.ts";
import { stepSpeaker } from "../../speaker/speaker.ts";
import { initialSpeaker, type SpeakerInput, type SpeakerState, type SpeakerStep } from "../../speaker/state.ts";
import { endpointsOn, link, nodeObject, SERVICE, speakerLease, virtualIP } from "../sim/objects.ts";

function iface(name: string, subnets: readonly string[], changes: Partial<InterfaceFacts> = {}): InterfaceFacts {
  const mac = `02:00:00:00:01:0${name.slice(-1)}`;
  return { name, mac, subnets, carrier: true, linkLocal: "", address4: "", addresses: [], ...changes };
}

function segments(facts: readonly InterfaceFacts[], address: string, pairs: readonly (readonly [string, string])[]) {
  const ip = parseIp(address);
  if (!ip.ok) throw new Error(ip.reason);
  return segmentsOf(withNetworks(facts), ip.value, pairs.reduce(join, NOT_JOINED));
}

describe("segments", () => {
  const apart = [iface("eth0", ["10.0.0.0/24"]), iface("eth1", ["10.1.0.0/24"]), iface("eth2", [])];

  test.each<[string, readonly InterfaceFacts[], string, readonly (readonly [string, string])[], readonly string[]]>([
    ["other subnets, nothing heard", apart, "192.0.2.9", [], ["eth0", "eth1", "eth2"]],
    ["one has heard the other", apart, "192.0.2.9", [["eth0", "eth2"]], ["eth0 eth2", "eth1"]],
    [
      "two pairs are one segment",
      apart,
      "192.0.2.9",
      [
        ["eth0", "eth2"],
        ["eth1", "eth2"],
      ],
      ["eth0 eth1 eth2"],
    ],
    ["one subnet", [iface("eth0", ["10.0.0.0/24"]), iface("eth1", ["10.0.0.0/24"])], "192.0.2.9", [], ["eth0 eth1"]],
    [
      "both connected to the address, by other masks",
      [iface("eth0", ["10.0.0.0/24"]), iface("eth1", ["10.0.0.0/16"])],
      "10.0.0.9",
      [],
      ["eth0 eth1"],
    ],
    ["a pair of others", apart.slice(0, 2), "192.0.2.9", [["eth1", "eth2"]], ["eth0", "eth1"]],
  ])("%s", (_, facts, address, pairs, expected) => {
    expect(
      segments(facts, address, pairs)
        .map((names) => [...names].sort().join(" "))
        .sort(),
    ).toEqual([...expected].sort());
  });

  test("the best of a segment stays the first", () => {
    expect(segments(apart, "192.0.2.9", [["eth1", "eth2"]])).toEqual([["eth0"], ["eth1", "eth2"]]);
  });

  test.each<[string, Partial<InterfaceFacts> | undefined, number]>([
    ["nothing has changed", {}, 1],
    ["another subnet", { subnets: ["10.9.0.0/24"] }, 1],
    ["without carrier", { carrier: false }, 0],
    ["another MAC", { mac: "02:00:00:00:99:99" }, 0],
    ["gone", undefined, 0],
  ])("what was heard is forgotten with the cable: %s", (_, changes, left) => {
    const joined = join(NOT_JOINED, ["eth0", "eth1"]);
    const before = [iface("eth0", []), iface("eth1", [])];
    const after = changes === undefined ? [iface("eth0", [])] : [iface("eth0", []), iface("eth1", [], changes)];
    expect(stillJoined(joined, before, after).size).toBe(left);
  });
});

describe("the name of a segment (E3)", () => {
  const all = () => true;

  test("the first by name of those that were heard there, this node included", () => {
    const met = new Set(["n5 eth0", "n2 eth0", "n1 eth1", "n9 eth2"]);
    expect(segmentNames("n3", ["eth0", "eth1", "eth2"], met, all)).toEqual({ eth0: "n2", eth1: "n1", eth2: "n3" });
  });

  test("who hears nobody has its own, and an interface that is not in use has none", () => {
    expect(segmentNames("n3", ["eth0"], new Set(["n1 eth1"]), all)).toEqual({ eth0: "n3" });
  });

  test("a node whose Lease is gone gives no name any more", () => {
    const met = new Set(["n1 eth0", "n2 eth0"]);
    expect(segmentNames("n3", ["eth0"], met, (node) => node !== "n1")).toEqual({ eth0: "n2" });
  });

  test("a node that was removed is forgotten an hour later, and heard anew when it comes again", () => {
    const lease = (node: string, revision: number): SpeakerInput => ({
      type: "lease",
      input: { type: "lease", lease: speakerLease(node, `i-${node}`, revision) },
    });
    const heard: SpeakerInput = { type: "worker", message: { type: "met", node: "n0", interface: "eth0" } };
    const links: SpeakerInput = { type: "worker", message: { type: "links", links: [link("n1", true)] } };
    const gone: SpeakerInput = { type: "lease", input: { type: "gone", node: "n0" } };
    const on = (state: SpeakerState, now: number, ...inputs: readonly SpeakerInput[]) =>
      stepSpeaker(state, inputs, now).state;
    const met = on(initialSpeaker("n1", "i-n1", 0), 10, links, lease("n1", 1), lease("n0", 2), heard);
    expect([...met.met]).toEqual(["n0 eth0"]);
    expect(met.world.segments).toEqual({ eth0: "n0" });
    const before = on(on(met, 20, gone), 3_600_000, lease("n1", 3));
    expect([...before.met]).toEqual(["n0 eth0"]);
    const after = on(before, 3_603_000, lease("n1", 4));
    expect([...after.met]).toEqual([]);
    expect(after.world.segments).toEqual({ eth0: "n1" });
    expect([...on(on(after, 3_603_010, lease("n0", 5)), 3_603_020, heard).met]).toEqual(["n0 eth0"]);
  });

  test("who was heard is forgotten with the carrier", () => {
    const met = new Set(["n1 eth0", "n1 eth1"]);
    const after = [iface("eth0", []), iface("eth1", [], { carrier: false })];
    expect([...stillMet(met, after)]).toEqual(["n1 eth0"]);
    expect(stillMet(met, [iface("eth0", []), iface("eth1", [])])).toBe(met);
  });
});

describe("an address whose pool names two interfaces", () => {
  const ADDRESS = "10.0.0.100";
  const links = (carrier = true): readonly Link[] => [
    link("n1", true),
    {
      ...link("n1", carrier),
      index: 3,
      name: "eth1",
      mac: "02:00:00:00:01:01",
      addresses: [{ address: "10.99.0.1", prefixLength: 24, metric: 0 }],
    },
  ];
  const worker = (message: FromWorker): SpeakerInput => ({ type: "worker", message });
  const vip = {
    ...virtualIP(ADDRESS, 10),
    l2: { interfaces: ["eth*"], nodeSelector: undefined, preferred: [] },
    holder: {
      node: "n1",
      instance: "i-n1",
      epoch: 3,
      since: "",
      interface: "eth0",
      mac: "02:00:00:00:00:01",
      from: "",
      reason: "first-holder",
    },
  };
  const KNOWN: readonly SpeakerInput[] = [
    worker({ type: "links", links: links() }),
    { type: "node", name: "n1", node: nodeObject() },
    { type: "endpoints", service: SERVICE, endpoints: endpointsOn(["n1"]) },
    { type: "lease", input: { type: "lease", lease: speakerLease("n1", "i-n1", 1) } },
    { type: "synced" },
    { type: "own-lease", phase: "acting", adopted: false },
    { type: "virtual-ip", name: ADDRESS, vip },
  ];

  let now = 1_000;
  function on(before: SpeakerStep | undefined, ...inputs: readonly SpeakerInput[]): SpeakerStep {
    now += 10;
    return stepSpeaker(before?.state ?? initialSpeaker("n1", "i-n1", now), inputs, now);
  }

  /** Table and announcements, in their order. */
  function told({ effects }: SpeakerStep): readonly string[] {
    const messages = effects.flatMap((effect): readonly ToWorker[] =>
      effect.type === "worker" ? [effect.message] : [],
    );
    return messages.flatMap((message) => {
      if (message.type === "table") return [`table ${message.entries.map((entry) => entry.interface).join(" ")}`];
      return message.type === "announce" ? [`announce ${message.interface}`] : [];
    });
  }

  const both = on(undefined, ...KNOWN);
  const oneSegment = worker({ type: "one-segment", interfaces: ["eth0", "eth1"] });

  test("34: is answered on both, and announced on both", () => {
    expect(told(both)).toEqual(["table eth0 eth1", "announce eth0", "announce eth1"]);
  });

  test("30 to 32: the pool names the other one: silence on the old one at once, then a record with the new one and its MAC, and answers there", () => {
    const only = { ...vip, l2: { ...vip.l2, interfaces: ["eth0"] } };
    const moved = { ...vip, meta: { ...vip.meta, resourceVersion: "11" }, l2: { ...vip.l2, interfaces: ["eth1"] } };
    const before = on(undefined, ...KNOWN.slice(0, -1), { type: "virtual-ip", name: ADDRESS, vip: only });
    expect(told(before)).toEqual(["table eth0", "announce eth0"]);
    const after = on(before, { type: "virtual-ip", name: ADDRESS, vip: moved });
    expect(told(after)).toEqual(["table "]);
    expect(after.effects).toContainEqual({ type: "read", name: ADDRESS, id: 1 });
    const silent = on(after, worker({ type: "applied", generation: 2 }));
    const read = on(silent, { type: "read", name: ADDRESS, id: 1, result: { kind: "found", vip: moved } });
    const holder = { node: "n1", epoch: 4, interface: "eth1", mac: "02:00:00:00:01:01", reason: "interface-changed" };
    expect(read.effects).toContainEqual(
      expect.objectContaining({ name: ADDRESS, holder: expect.objectContaining(holder) }),
    );
    expect(told(read)).toEqual([]);
    const won = { ...moved, meta: { ...moved.meta, resourceVersion: "12" }, holder: { ...vip.holder, ...holder } };
    const answering = on(read, { type: "written", name: ADDRESS, epoch: 4, result: { kind: "ok", vip: won } });
    expect(told(answering)).toEqual(["table eth1", "announce eth1"]);
  });

  test("on the recorded one alone when they turn out to be one segment, and said again there", () => {
    const merged = on(both, oneSegment);
    expect(told(merged)).toEqual(["table eth0", "announce eth0"]);
    expect(merged.state.addresses.get(ADDRESS)?.record?.epoch).toBe(3);
    expect(told(on(merged, oneSegment))).toEqual([]);
  });

  test("an interface that joins is announced on, nothing else is; one that goes is not talked about", () => {
    const alone = on(both, worker({ type: "links", links: links(false) }));
    expect(told(alone)).toEqual(["table eth0"]);
    expect(told(on(alone, worker({ type: "links", links: links() })))).toEqual(["table eth0 eth1", "announce eth1"]);
  });

  test("what was found to be one segment holds until a cable was out", () => {
    const merged = on(both, oneSegment);
    const out = on(merged, worker({ type: "links", links: links(false) }));
    expect(told(on(out, worker({ type: "links", links: links() })))).toEqual(["table eth0 eth1", "announce eth1"]);
  });

  test("defence and every later announcement go out on both", () => {
    const stranger = worker({
      type: "heard",
      address: ADDRESS,
      interface: "eth1",
      mac: "de:ad:00:00:00:01",
      how: "announcement",
    });
    const heard = on(both, stranger);
    now += 2_500;
    expect(told(on(heard))).toEqual(["announce eth0", "announce eth1"]);
  });
});
