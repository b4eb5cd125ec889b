import { describe, expect, test } from "@jest/globals";
import { readyNodes } from "./api-probe.ts";
import { stationLines } from "./network.ts";
import { missingPackages } from "./packages.ts";
import { defaultOptions, planLab, stationsOf } from "./plan.ts";
import { secondEnd } from "./second-segment.ts";

describe("the plan of a lab", () => {
  const plan = planLab(defaultOptions);

  test("gives every station its own name, address and MAC", () => {
    const stations = stationsOf(plan);
    expect(stations.map(({ name }) => name)).toEqual(["cp", "n1", "n2", "n3", "c1", "c2"]);
    for (const key of ["namespace", "port", "ipv4", "ipv6", "mac"] as const) {
      expect(new Set(stations.map((station) => station[key])).size).toBe(stations.length);
    }
    expect(plan.nodes[2]).toEqual({
      kind: "node",
      name: "n3",
      namespace: "berth-n3",
      port: "v-n3",
      ipv4: "10.99.0.13",
      ipv6: "fd99::13",
      mac: "02:be:00:00:00:13",
      podCidr4: "10.245.3.0/24",
      podCidr6: "fd45:0:0:3::/64",
      controlPlane: false,
    });
    expect(plan.clients[1]).toMatchObject({ ipv4: "10.99.0.102", ipv6: "fd99::102", mac: "02:be:00:00:01:02" });
  });

  test("gives every station other names and networks on the second segment", () => {
    const stations = stationsOf(plan);
    for (const key of ["port", "ipv4", "ipv6", "mac"] as const) {
      const all = stations.flatMap((station) => [station[key], secondEnd(station)[key]]);
      expect(new Set(all).size).toBe(2 * stations.length);
    }
    expect(stations.map(secondEnd).at(-1)).toEqual({
      port: "w-c2",
      ipv4: "10.98.0.102",
      ipv6: "fd98::102",
      mac: "02:be:01:00:01:02",
    });
  });

  test("makes n1 a control-plane node unless told otherwise", () => {
    expect(plan.nodes.map((node) => node.controlPlane)).toEqual([true, false, false]);
    expect(planLab({ ...defaultOptions, controlPlaneNode: false }).nodes.some((node) => node.controlPlane)).toBe(false);
  });

  test.each([{ nodes: 0 }, { nodes: 10 }, { clients: 1.5 }, { clients: -1 }])("refuses %j", (wrong) => {
    expect(() => planLab({ ...defaultOptions, ...wrong })).toThrow(expect.objectContaining({ code: "bad-flag" }));
  });

  test("a node has routes to the other nodes' pods, a client has none, the gateway has no way out", () => {
    const [n1, c1] = [plan.nodes[0], plan.clients[0]];
    if (n1 === undefined || c1 === undefined) throw new Error("the plan is empty");
    const routes = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith("route"));
    expect(routes(stationLines(plan, n1))).toEqual([
      "route add default via 10.99.0.1",
      "route add ::/0 via fd99::1",
      "route add 10.245.2.0/24 via 10.99.0.12",
      "route add fd45:0:0:2::/64 via fd99::12",
      "route add 10.245.3.0/24 via 10.99.0.13",
      "route add fd45:0:0:3::/64 via fd99::13",
    ]);
    expect(routes(stationLines(plan, c1))).toHaveLength(2);
    expect(stationLines(plan, plan.controlPlane).join("\n")).not.toMatch(/default|::\/0/);
  });
});

describe("a node is ready", () => {
  const node = (name: string, ready: string, taints: string[]): object => ({
    metadata: { name },
    spec: { taints: taints.map((key) => ({ key })) },
    status: { conditions: [{ type: "Ready", status: ready }] },
  });

  test("when the kubelet says so and the start-up taint is gone; the control plane's taint may stay", () => {
    const items = [
      node("n3", "True", []),
      node("n1", "True", ["node-role.kubernetes.io/control-plane"]),
      node("n2", "True", ["node.kubernetes.io/not-ready"]),
      node("n4", "Unknown", []),
      { metadata: { name: "n5" }, spec: {}, status: {} },
    ];
    expect(readyNodes(JSON.stringify({ items }))).toEqual(["n1", "n3"]);
  });
});

describe("Debian packages", () => {
  const has = (files: readonly string[]) => (path: string) => files.includes(path);
  const all = [
    "containerd",
    "runc",
    "nft",
    "iptables",
    "ip",
    "conntrack",
    "arping",
    "ndisc6",
    "tcpdump",
    "curl",
    "ping",
  ];
  const installed = [...all, "ethtool", "openssl"].map((file) => `/usr/sbin/${file}`).concat("/usr/lib/cni/bridge");

  test("nothing is missing when every file is there", () => {
    expect(missingPackages(["/usr/bin", "/usr/sbin"], has(installed))).toEqual([]);
  });

  test("a missing file names its package", () => {
    const without = installed.filter((path) => !/(nft|bridge|ping)$/.test(path));
    expect(missingPackages(["/usr/sbin"], has(without))).toEqual([
      "containernetworking-plugins",
      "nftables",
      "arping",
      "iputils-ping",
    ]);
  });
});
