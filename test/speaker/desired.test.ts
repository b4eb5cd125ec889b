import { describe, expect, test } from "@jest/globals";
import { parseIp } from "../../lib/address/ip.ts";
import type { EndpointSlice } from "../../lib/model/endpoint-slice.ts";
import { parseSpeakerLease, serializeInterfaces } from "../../lib/model/speaker-lease.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { type Cluster, nodeFacts, placeOf, serviceEndpoints, sliceFacts } from "../../speaker/desired.ts";
import { interfaceFacts, interfacesFor, matchesGlob, withNetworks } from "../../speaker/interfaces.ts";
import type { Link, LinkAddress } from "../../speaker/net/messages.ts";
import { meta, nodeObject } from "../sim/objects.ts";

function link(name: string, index: number, changes: Partial<Link> = {}): Link {
  const addresses = [{ address: `10.0.${index}.7`, prefixLength: 24, metric: 100 }];
  const mac = `02:00:00:00:00:0${index}`;
  return { index, name, mac, carrier: true, master: "", kind: "", broadcast: true, addresses, ...changes };
}

describe("interfaceFacts", () => {
  test.each<[string, readonly Link[], readonly string[]]>([
    [
      "by metric, then by index",
      [link("c", 3), link("b", 2), link("a", 5, { addresses: [{ address: "10.0.5.7", prefixLength: 24, metric: 1 }] })],
      ["a", "b", "c"],
    ],
    [
      "a link-local address has no say in the metric",
      [
        link("a", 1, {
          addresses: [
            { address: "10.0.1.7", prefixLength: 24, metric: 200 },
            { address: "fe80::1", prefixLength: 64, metric: 0 },
          ],
        }),
        link("b", 2),
      ],
      ["b", "a"],
    ],
    [
      "ports of a bridge are not used, the bridge is",
      [link("br0", 2, { kind: "bridge" }), link("eth0", 1, { master: "br0" })],
      ["br0"],
    ],
    ["no broadcast, no use", [link("lo", 1, { broadcast: false }), link("tun0", 2, { broadcast: false })], []],
    [
      "the ends of pods' cables are not published, a node's own veth is",
      [
        link("cali1", 1, { kind: "veth", addresses: [{ address: "fe80::ecee", prefixLength: 64, metric: 0 }] }),
        link("vethd2", 2, { kind: "veth", addresses: [{ address: "10.244.0.1", prefixLength: 32, metric: 0 }] }),
        link("lxc3", 3, { kind: "veth", addresses: [] }),
        link("eth0", 4, { kind: "veth" }),
      ],
      ["eth0"],
    ],
    ["without addresses last", [link("x", 1, { addresses: [] }), link("y", 2)], ["y", "x"]],
  ])("%s", (_name, links, names) => {
    expect(interfaceFacts(links).map((one) => one.name)).toEqual(names);
  });

  test("subnets without host bits, sorted; the link-local address apart", () => {
    const addresses = [
      { address: "fd99::7", prefixLength: 64, metric: 0 },
      { address: "fe80::1", prefixLength: 64, metric: 0 },
      { address: "10.0.1.7", prefixLength: 24, metric: 0 },
      { address: "10.0.1.8", prefixLength: 24, metric: 0 },
      { address: "169.254.1.1", prefixLength: 16, metric: 0 },
    ];
    expect(interfaceFacts([link("eth0", 1, { addresses })])).toMatchObject([
      { subnets: ["10.0.1.0/24", "fd99::/64"], linkLocal: "fe80::1" },
    ]);
  });

  test("every own address that lasts is told, sorted, once, 64 of them at most; those of kube-ipvs0 and lo are not", () => {
    const own = (address: string, prefixLength: number, more: Partial<LinkAddress> = {}): LinkAddress => ({
      ...{ address, prefixLength, metric: 0 },
      ...more,
    });
    const addresses = [
      own("10.0.1.7", 24),
      own("10.0.1.50", 32),
      own("10.0.1.50", 24),
      own("fd99::7", 64),
      own("fd99::8", 128, { tentative: true }),
      own("fd99::5eed", 64, { temporary: true }),
      own("fe80::1", 64),
      own("169.254.1.1", 16),
    ];
    const virtual = { broadcast: false, addresses: [own("10.0.1.200", 32)] };
    const told = (links: readonly Link[]) => interfaceFacts(links).map((one) => one.addresses);
    const links = [link("lo", 1, virtual), link("eth0", 2, { addresses }), link("kube-ipvs0", 3, virtual)];
    expect(told(links)).toEqual([["10.0.1.50", "10.0.1.7", "fd99::7", "fd99::8"]]);
    const many = Array.from({ length: 100 }, (_, index) => own(`10.0.1.${index + 100}`, 32));
    expect(told([link("eth0", 1, { addresses: many })])).toEqual([many.slice(0, 64).map((one) => one.address)]);
  });
});

describe("interfacesFor", () => {
  const facts = withNetworks(interfaceFacts([link("eth1", 1), link("eth2", 2), link("wlan0", 3)]));
  test.each([
    ["10.0.2.100", [], ["eth2"]],
    ["10.9.9.9", [], []],
    ["10.0.2.100", ["eth*"], ["eth2", "eth1"]],
    ["10.9.9.9", ["eth*"], ["eth1", "eth2"]],
    ["10.0.2.100", ["wlan0"], ["wlan0"]],
    ["fd99::1", [], []],
  ])("%s with %j is carried by %j", (address, globs, names) => {
    const ip = parseIp(address);
    if (!ip.ok) throw new Error(ip.reason);
    expect(interfacesFor(facts, globs, ip.value).map((one) => one.name)).toEqual(names);
  });

  test.each([
    ["eth0", "eth0", true],
    ["eth0", "eth01", false],
    ["eth?", "eth1", true],
    ["en*s0", "enp3s0", true],
    ["eth0.7", "eth0x7", false],
    ["*", "anything", true],
  ])("glob %s on %s: %s", (glob, name, matches) => {
    expect(matchesGlob(glob, name)).toBe(matches);
  });
});

describe("endpoints", () => {
  const slice = (
    addressType: EndpointSlice["addressType"],
    endpoints: readonly [node: string, ready: boolean, serving: boolean, terminating: boolean][],
  ) =>
    sliceFacts({
      meta: { ...meta("web-1", 1), namespace: "default" },
      service: "web",
      addressType,
      endpoints: endpoints.map(([nodeName, ready, serving, terminating]) => ({
        nodeName,
        ready,
        serving,
        terminating,
      })),
    });

  test.each<[string, [string, boolean, boolean, boolean][], [boolean, string[], string[]]]>([
    ["ready", [["n1", true, true, false]], [true, ["n1"], ["n1"]]],
    ["terminating, still serving", [["n1", false, true, true]], [true, [], ["n1"]]],
    ["terminating, published all the same", [["n1", true, true, true]], [true, [], ["n1"]]],
    ["starting", [["n1", false, false, false]], [false, [], []]],
    ["outside the cluster", [["", true, true, false]], [true, [], []]],
  ])("%s", (_name, endpoints, [anywhere, ready, serving]) => {
    const sum = serviceEndpoints([slice("IPv4", endpoints)]);
    expect(sum[4]).toEqual({ anywhere, ready: new Set(ready), serving: new Set(serving) });
    expect(sum[6].anywhere).toBe(false);
  });
});

describe("placeOf", () => {
  const vip = (policy: "Cluster" | "Local", services = ["web"]): VirtualIP => ({
    meta: meta("10.0.1.100", 1),
    address: "10.0.1.100",
    pool: "pool",
    services: services.map((name) => ({
      namespace: "default",
      name,
      uid: "u",
      externalTrafficPolicy: policy,
      ports: [],
    })),
    l2: { interfaces: [], nodeSelector: undefined, preferred: [] },
    holder: undefined,
    conditions: [],
  });
  const endpoints = (ready: readonly string[]) =>
    serviceEndpoints([{ service: "", addressType: "IPv4", anywhere: ready.length > 0, ready, serving: ready }]);
  const cluster = (changes: Partial<Cluster> = {}): Cluster => ({
    node: "n1",
    instance: "i1",
    nodes: new Map([["n1", nodeObject()]]),
    speakers: new Map(),
    interfaces: withNetworks(interfaceFacts([link("eth0", 1)])),
    proxyReady: true,
    kernelAnswers: new Set(),
    uplinkLost: new Set(),
    hearing: {},
    joined: new Set(),
    endpoints: new Map([
      ["default/web", endpoints(["n1"])],
      ["default/api", endpoints(["n2"])],
    ]),
    ...changes,
  });
  const at = (one: VirtualIP, changes: Partial<Cluster> = {}) =>
    placeOf(one, cluster(changes), nodeFacts(cluster(changes)));

  test("this node by what it sees itself", () => {
    expect(at(vip("Local"))).toMatchObject({
      ordered: [{ node: "n1", instance: "i1", interface: "eth0" }],
      standing: { rule: undefined, usable: [{ interface: "eth0" }], unusable: undefined },
      reporter: false,
    });
  });

  test("every node chooses the interface that a node would choose itself, over its Lease (W3)", () => {
    const here = link("zeta", 1, { addresses: [{ address: "10.0.1.7", prefixLength: 24, metric: 0 }] });
    const spare = link("alpha", 2, { addresses: [{ address: "10.0.1.8", prefixLength: 24, metric: 0 }] });
    const own = interfaceFacts([spare, here]);
    const lease = parseSpeakerLease({
      metadata: {
        name: "berth-speaker-n1",
        annotations: { "berth.dev/interfaces": serializeInterfaces({ interfaces: own }) },
      },
    });
    const seen = {
      instance: "i1",
      expired: false,
      leaving: false,
      proxyReady: true,
      kernelAnswers: new Set<string>(),
      uplinkLost: new Set<string>(),
      hearing: {},
      interfaces: withNetworks(lease?.facts.interfaces ?? []),
    };
    const chosen = at(vip("Cluster"), { interfaces: withNetworks(own) })?.ordered[0]?.interface;
    const there = at(vip("Cluster"), { node: "n2", interfaces: [], speakers: new Map([["n1", seen]]) });
    expect([chosen, there?.ordered[0]?.interface]).toEqual(["zeta", "zeta"]);
  });

  test("a shared address needs every Local Service on the node, and some endpoint under Cluster", () => {
    expect(at(vip("Local", ["web", "api"]))?.standing.rule).toBe("no-local-endpoint");
    expect(at(vip("Cluster", ["web", "api"]))?.standing.rule).toBeUndefined();
    expect(at(vip("Cluster", ["web", "none"]))?.standing.rule).toBeUndefined();
    expect(at(vip("Cluster", ["none"]))?.standing.rule).toBe("no-endpoint");
    expect(at(vip("Cluster", []))?.standing.rule).toBe("no-service");
  });

  test("an IPv6 address needs IPv6 endpoints", () => {
    expect(at({ ...vip("Cluster"), address: "fd99::100" })?.standing.rule).toBe("no-endpoint");
  });

  test("nobody can, so the only speaker says so; an address that cannot be read has no place", () => {
    const unplugged = withNetworks(interfaceFacts([link("eth0", 1, { carrier: false })]));
    expect(at(vip("Cluster"), { interfaces: unplugged })).toMatchObject({
      ordered: [],
      excluded: [{ node: "n1", reason: "no-carrier" }],
      standing: { usable: [], unusable: "no-carrier" },
      reporter: true,
    });
    expect(at({ ...vip("Cluster"), address: "nonsense" })).toBeUndefined();
  });
});
