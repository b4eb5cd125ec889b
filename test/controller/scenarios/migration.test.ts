/** A cluster that comes from MetalLB: its annotations as they are, and every address where it is. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { foreignHost, noForeignHost } from "./foreign-host.ts";
import { addressesOf, Scene } from "./scene.ts";

const KEY = "metallb.universe.tf/allow-shared-ip";

describe("addresses that MetalLB gave stay", () => {
  /** Two pairs with the same key on two addresses, since their ports collide. */
  function shared(scene: Scene): void {
    const annotations = { [KEY]: "edge" };
    scene.service("c", { annotations, ports: [80] });
    scene.service("a", { annotations, ports: [80] });
    scene.service("b", { annotations: { "metallb.io/allow-shared-ip": "edge" }, ports: [81] });
    scene.service("d", { annotations, ports: [81] });
    scene.service("e");
    for (const [name, ips] of Object.entries(HAD)) scene.overwrite(name, ips);
  }
  const HAD = { a: ["10.0.0.2"], b: ["10.0.0.2"], c: ["10.0.0.1"], d: ["10.0.0.1"], e: ["10.0.0.3"] };

  test("shared ones too, the pool being there first", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    shared(scene);
    scene.restart();
    await scene.settle();
    expect(addressesOf(scene, "a", "b", "c", "d", "e")).toEqual(HAD);
    expect(scene.table()).toHaveLength(3);
    expect(scene.warnings).toEqual([]);
  });

  test("and while there is no pool yet", async () => {
    const scene = new Scene();
    shared(scene);
    await scene.settle();
    expect(addressesOf(scene, "a", "b", "c", "d", "e")).toEqual(HAD);
    scene.restart();
    await scene.settle();
    expect(addressesOf(scene, "a", "b", "c", "d", "e")).toEqual(HAD);
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    await scene.settle();
    expect(addressesOf(scene, "a", "b", "c", "d", "e")).toEqual(HAD);
    expect(scene.table()).toHaveLength(3);
  });

  test("an address that no pool has is left alone while there is no other, and is another's when there is one", async () => {
    const scene = new Scene();
    scene.service("web");
    scene.overwrite("web", ["10.0.9.9"]);
    scene.pool("full", ["10.0.0.1/32"], { namespaces: ["other"] });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.9.9"]);
    expect(scene.says("web")).toMatch(/^PoolNotAllowed: /);
    scene.pool("first", ["10.0.1.1/32"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.1.1"]);
  });

  test("of several namespaces, where the pool lets them share; where not, the second is told what to write", async () => {
    for (const sharing of ["AcrossNamespaces", "SameNamespace"]) {
      const scene = new Scene();
      scene.pool("first", ["10.0.0.1-10.0.0.9"], { sharing });
      scene.service("a", { annotations: { [KEY]: "edge" } });
      scene.service("b", { annotations: { [KEY]: "edge" }, ports: [81], namespace: "shop" });
      scene.overwrite("a", ["10.0.0.2"]);
      scene.overwrite("b", ["10.0.0.2"], "shop");
      scene.restart();
      await scene.settle();
      expect(scene.addresses("a")).toEqual(["10.0.0.2"]);
      if (sharing === "AcrossNamespaces") {
        expect(scene.addresses("b", "shop")).toEqual(["10.0.0.2"]);
        continue;
      }
      expect(scene.addresses("b", "shop")).toEqual(["10.0.0.1"]);
      expect(scene.warnings.map(({ message }) => message)).toEqual([
        "10.0.0.1 is given to this Service alone: 10.0.0.2 is not shared: it is in use by default/a of another namespace, and spec.sharing of the IPPool first is SameNamespace",
      ]);
    }
  });

  test("an address of two Services without a key stays with the older one", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    scene.service("a");
    scene.service("b", { ports: [81] });
    for (const name of ["b", "a"]) scene.overwrite(name, ["10.0.0.2"]);
    scene.restart();
    await scene.settle();
    expect(addressesOf(scene, "a", "b")).toEqual({ a: ["10.0.0.2"], b: ["10.0.0.1"] });
  });
});

test("a host that answers for an address from before Berth, such as a MetalLB speaker that still runs, is told, and takes nothing away", async () => {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.9"]);
  for (const name of ["old", "new"]) scene.service(name);
  scene.overwrite("old", ["10.0.0.5"]);
  scene.restart();
  await scene.settle();
  for (const ip of ["10.0.0.5", "10.0.0.1"]) foreignHost(scene, ip);
  await scene.settle();
  expect(scene.addresses("old")).toEqual(["10.0.0.5"]);
  expect(scene.says("old")).toMatch(/^AddressConflict: 10.0.0.5 from IPPool first; .*, so it is not announced: /);
  // Nobody has used that one by Berth or before.
  expect(scene.addresses("new")).toEqual(["10.0.0.2"]);
  noForeignHost(scene, "10.0.0.5");
  await scene.settle();
  expect(scene.says("old")).toBe("Assigned: 10.0.0.5 from IPPool first");
});

describe("the addresses of nodes, which k3s's own load balancer writes into every Service", () => {
  test("are not taken over: the Service gets another one, as a new one would", async () => {
    const scene = new Scene();
    scene.node("n1", "10.0.0.1", "fd99::11");
    scene.node("n2", "10.0.0.2");
    scene.pool("first", ["10.0.0.0/29", "fd99::11-fd99::12"]);
    scene.service("web", { families: ["IPv4", "IPv6"] });
    scene.service("named", { annotations: { "berth.dev/ips": "10.0.0.2" } });
    for (const name of ["web", "named"]) scene.overwrite(name, ["10.0.0.1", "10.0.0.2", "fd99::11"]);
    scene.restart();
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.3", "fd99::12"]);
    expect(scene.says("named")).toMatch(/^AddressReserved: 10.0.0.2 is an address of the Node n2, /);
    expect(scene.table()).toEqual(["10.0.0.3 of first: default/web", "fd99::12 of first: default/web"]);
    expect(scene.poolSays("first")).toMatch(/^True Valid: /);
  });

  test("stay in the status while there is nothing else, and are not announced", async () => {
    const scene = new Scene();
    scene.node("n1", "10.0.0.1");
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("web");
    scene.overwrite("web", ["10.0.0.1"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    expect(scene.says("web")).not.toMatch(/^Assigned/);
    expect(scene.table()).toEqual([]);
    scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.2"] });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.2"]);
  });

  test("what is taken over though the pool leaves it out: the ends of subnets, and what another load balancer put on an interface", async () => {
    const scene = new Scene();
    scene.speaker("n1", ["10.0.0.0/24"], "10.0.0.11", ["10.0.0.11", "10.0.0.50"]);
    scene.pool("first", ["10.0.0.0/24"]);
    const had = { end: ["10.0.0.255"], bound: ["10.0.0.50"] };
    for (const [name, ips] of Object.entries(had)) {
      scene.service(name);
      scene.overwrite(name, ips);
    }
    scene.restart();
    await scene.settle();
    expect(addressesOf(scene, "end", "bound")).toEqual(had);
    expect(scene.poolSays("first")).toMatch(/^False ReservedAddressInUse: /);
  });
});

describe("requests as MetalLB takes them", () => {
  test.each([
    ["blanks and another order", { "metallb.io/loadBalancerIPs": " fd99::A ,10.0.0.7 " }, ["10.0.0.7", "fd99::a"]],
    [
      "upper case and leading zeroes in IPv6",
      { "metallb.universe.tf/loadBalancerIPs": "FD99:0:0:0::000B" },
      ["10.0.0.1", "fd99::b"],
    ],
    [
      "the old and the new annotation with one meaning",
      { "metallb.universe.tf/loadBalancerIPs": "FD99::0b,10.0.0.8", "metallb.io/loadBalancerIPs": "10.0.0.8, fd99::b" },
      ["10.0.0.8", "fd99::b"],
    ],
    ["IPv4 in IPv6 form", { "metallb.io/loadBalancerIPs": "::ffff:10.0.0.9" }, ["10.0.0.9", "fd99::1"]],
    ["an empty one", { "metallb.io/loadBalancerIPs": "", "metallb.io/address-pool": " " }, ["10.0.0.1", "fd99::1"]],
  ] as const)("%s", async (_, annotations, ips) => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9", "fd99::1-fd99::f"]);
    scene.service("web", { families: ["IPv4", "IPv6"], annotations });
    await scene.settle();
    expect(scene.says("web")).toMatch(/^Assigned/);
    expect(scene.addresses("web")).toEqual(ips);
  });

  test.each([
    [{ "metallb.io/loadBalancerIPs": "10.0.0.1," }, /^BadRequest: annotation metallb.io\/loadBalancerIPs: "" is not/],
    [{ "metallb.io/loadBalancerIPs": "10.0.0.0/24" }, /metallb.io\/loadBalancerIPs: "10.0.0.0\/24" is not an IP/],
    [{ "metallb.io/loadBalancerIPs": "010.0.0.1" }, /metallb.io\/loadBalancerIPs: "010.0.0.1" is not an IP/],
    [{ "metallb.io/loadBalancerIPs": "fe80::1" }, /fe80::1 is a link-local address, which no Service can have/],
    [{ [KEY]: "x".repeat(300) }, /^BadRequest: annotation metallb.universe.tf\/allow-shared-ip is longer than 253/],
    [{ [KEY]: "x", "metallb.io/allow-shared-ip": "y" }, /allow-shared-ip has the key y and .* has x: remove one/],
  ])("refused: %j", async (annotations, says) => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9", "fd99::1-fd99::f"]);
    scene.service("web", { families: ["IPv4", "IPv6"], annotations: annotations as Record<string, string> });
    await scene.settle();
    expect(scene.says("web")).toMatch(says);
    expect(scene.addresses("web")).toEqual([]);
  });
});

test("a Service that goes to another class takes nothing of that class's controller with it", async () => {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.9"]);
  scene.service("web");
  await scene.settle();
  scene.edit("web", { spec: { type: "ClusterIP" } });
  scene.edit("web", { spec: { type: "LoadBalancer", loadBalancerClass: "example.com/cloud" } });
  // Its controller is faster than Berth.
  scene.overwrite("web", ["203.0.113.7"]);
  await scene.settle();
  expect(scene.addresses("web")).toEqual(["203.0.113.7"]);
  expect(scene.says("web")).toBe("");
  expect(scene.table()).toEqual([]);
});
