/** Addresses that a pool has and no Service gets, or not yet. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { Scene } from "./scene.ts";

describe("addresses that nobody gets", () => {
  test("those of Nodes and the ends of the speakers' subnets; the pool says which", async () => {
    const scene = new Scene();
    scene.node("n1", "10.0.0.1", "fd99::11", "n1.example");
    scene.speaker("n2", ["10.0.0.0/29", "fd99::/64"], "10.0.0.2");
    scene.pool("first", ["10.0.0.0/29", "fd99::-fd99::11"]);
    for (const name of ["a", "b", "c", "d", "e"]) scene.service(name);
    await scene.settle();
    expect(scene.table().map((line) => line.split(" ")[0])).toEqual(["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    const says = scene.poolSays("first");
    expect(says).toMatch(/^True Valid: not given out: /);
    for (const text of [
      "10.0.0.0 (the network address of the subnet 10.0.0.0/29)",
      "10.0.0.1 (an address of the Node n1)",
      "10.0.0.2 (an address of the Node n2)",
      "10.0.0.7 (the broadcast address of the subnet 10.0.0.0/29)",
      "fd99::11 (an address of the Node n1)",
    ])
      expect(says).toContain(text);
    expect(scene.poolStatus("first")).toMatchObject({ totalIPv4: 4, assignedIPv4: 4, availableIPv4: 0 });
  });

  test("the first address of an IPv6 /64; a few are named, many are counted", async () => {
    const scene = new Scene();
    scene.speaker("n1", ["fd98:0:0:1::/64"]);
    scene.pool("one", ["fd99::/64"]);
    scene.pool("two", ["fd98::/63"]);
    scene.pool("many", ["fd97::/56", "fd96::/64"]);
    scene.pool("none", ["fd95::1-fd95::ffff"]);
    scene.pool("excluded", ["fd94::/64"], { excluded: ["fd94::/128"] });
    await scene.settle();
    const said = ["one", "two", "many", "none", "excluded"].map((name) => scene.poolSays(name));
    expect(said).toEqual([
      "True Valid: not given out: fd99:: (the routers' address of the subnet fd99::/64)",
      "True Valid: not given out: fd98:: (the routers' address of the subnet fd98::/64), fd98:0:0:1:: (the routers' address of the subnet fd98:0:0:1::/64)",
      "True Valid: not given out: the first address of each of 257 IPv6 subnets (the routers' address of a /64)",
      "True Valid: every address of the spec can be given out",
      "True Valid: every address of the spec can be given out",
    ]);
  });

  test("of more than 16 the message names the first, and how many there are besides", async () => {
    const scene = new Scene();
    for (let at = 1; at <= 20; at++) scene.node(`n${at}`, `10.0.0.${at}`);
    scene.pool("first", ["10.0.0.1-10.0.0.50"]);
    await scene.settle();
    expect(scene.poolSays("first")).toMatch(/, 10.0.0.16 \(an address of the Node n16\) and 4 more$/);
  });

  test("nor who asks for one of them by name", async () => {
    const scene = new Scene();
    scene.node("n1", "10.0.0.1");
    scene.pool("first", ["10.0.0.0/29"]);
    scene.service("web", { annotations: { "berth.dev/ips": "10.0.0.1" } });
    await scene.settle();
    expect(scene.says("web")).toBe(
      "AddressReserved: 10.0.0.1 is an address of the Node n1, which no Service can have: ask for another address",
    );
  });

  test("a Node that comes with an address in use takes nothing away; the pool says it", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.0/29"]);
    scene.service("web");
    await scene.settle();
    scene.node("n9", "10.0.0.0");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.0"]);
    expect(scene.poolSays("first")).toMatch(
      /^False ReservedAddressInUse: 10.0.0.0 of default\/web is an address of the Node n9/,
    );
    scene.annotate("web", { "berth.dev/renumber": "1" });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    expect(scene.poolSays("first")).toMatch(/^True Valid/);
  });
});

describe("further addresses of a node, which its Node object does not name", () => {
  test("nobody gets them, whatever their family; the pool says whose they are", async () => {
    const scene = new Scene();
    scene.node("n1", "10.0.0.1");
    scene.speaker("n1", ["10.0.0.0/24"], "10.0.0.1", ["10.0.0.1", "10.0.0.2", "fd99::1"]);
    scene.pool("first", ["10.0.0.1-10.0.0.3", "fd99::1-fd99::2"]);
    scene.service("a", { families: ["IPv4", "IPv6"] });
    scene.service("b", { annotations: { "berth.dev/ips": "10.0.0.2" } });
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.3", "fd99::2"]);
    expect(scene.says("b")).toBe(
      "AddressReserved: 10.0.0.2 is an address of the Node n1, which no Service can have: ask for another address",
    );
    expect(scene.poolSays("first")).toBe(
      "True Valid: not given out: 10.0.0.1 (an address of the Node n1), 10.0.0.2 (an address of the Node n1), fd99::1 (an address of the Node n1)",
    );
  });

  /** n1 has the pool's only address, and n2 may get it. */
  async function keepalived(): Promise<Scene> {
    const scene = new Scene();
    scene.speaker("n1", ["10.0.0.0/24"], "10.0.0.11", ["10.0.0.11", "10.0.0.1"]);
    scene.speaker("n2", ["10.0.0.0/24"], "10.0.0.12", ["10.0.0.12"]);
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("web");
    await scene.settle();
    return scene;
  }

  test("one that moves from node to node, as keepalived's do, is never given; one that is taken down is", async () => {
    const scene = await keepalived();
    expect(scene.addresses("web")).toEqual([]);
    scene.speaker("n2", ["10.0.0.0/24"], "10.0.0.12", ["10.0.0.12", "10.0.0.1"]);
    scene.speaker("n1", ["10.0.0.0/24"], "10.0.0.11", ["10.0.0.11"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual([]);
    expect(scene.poolSays("first")).toBe("True Valid: not given out: 10.0.0.1 (an address of the Node n2)");
    scene.speaker("n2", ["10.0.0.0/24"], "10.0.0.12", ["10.0.0.12"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  });

  test("one that no Node has any more is held back for ten seconds: it may be on its way to another", async () => {
    const scene = await keepalived();
    // n1 has lost it, and n2 tells of it three seconds later.
    scene.speaker("n1", ["10.0.0.0/24"], "10.0.0.11", ["10.0.0.11"]);
    await scene.settle(3_000);
    expect(scene.addresses("web")).toEqual([]);
    scene.speaker("n2", ["10.0.0.0/24"], "10.0.0.12", ["10.0.0.12", "10.0.0.1"]);
    await scene.settle(60_000);
    expect(scene.addresses("web")).toEqual([]);
    expect(scene.poolSays("first")).toBe("True Valid: not given out: 10.0.0.1 (an address of the Node n2)");
    // For good.
    scene.speaker("n2", ["10.0.0.0/24"], "10.0.0.12", ["10.0.0.12"]);
    await scene.settle(9_000);
    expect(scene.addresses("web")).toEqual([]);
    await scene.settle(1_000);
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  });

  test("nor when its Node object does not name it any more, but not when the Node is gone", async () => {
    for (const [left, has] of [
      ["10.0.0.9", []],
      [undefined, ["10.0.0.1"]],
    ] as const) {
      const scene = new Scene();
      scene.node("n1", "10.0.0.1");
      scene.speaker("n1", ["10.0.0.0/24"]);
      scene.pool("first", ["10.0.0.1/32"]);
      scene.service("web");
      await scene.settle();
      if (left === undefined) scene.deleteNode("n1");
      else scene.node("n1", left);
      await scene.settle(5_000);
      expect(scene.addresses("web")).toEqual(has);
    }
  });

  test("what a Service has already it keeps, and the pool reports it", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("web");
    await scene.settle();
    scene.speaker("n1", ["10.0.0.0/24"], "10.0.0.11", ["10.0.0.11", "10.0.0.1"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    expect(scene.poolSays("first")).toMatch(
      /^False ReservedAddressInUse: 10.0.0.1 of default\/web is an address of the Node n1/,
    );
  });
});

describe("a Node that is gone", () => {
  test("its addresses and the ends of its subnets are given out, though the Lease of its speaker stays", async () => {
    const scene = new Scene();
    scene.speaker("n5", ["10.0.0.0/29"], "10.0.0.5");
    scene.pool("first", ["10.0.0.0/29"]);
    scene.service("web", { annotations: { "berth.dev/ips": "10.0.0.5" } });
    await scene.settle();
    expect(scene.says("web")).toMatch(/^AddressReserved: 10.0.0.5 is an address of the Node n5/);
    scene.deleteNode("n5");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.5"]);
    expect(scene.poolSays("first")).toBe("True Valid: every address of the spec can be given out");
    expect(scene.poolStatus("first")).toMatchObject({ totalIPv4: 8 });
    // A machine that is put back under its name counts again; what a Service got meanwhile it keeps.
    scene.node("n5");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.5"]);
    expect(scene.poolSays("first")).toMatch(
      /^False ReservedAddressInUse: 10.0.0.5 of default\/web is an address of the Node n5/,
    );
  });

  test("nor does its Lease count for a controller that starts later", async () => {
    const scene = new Scene();
    scene.speaker("n5", ["10.0.0.0/29"], "10.0.0.5");
    scene.deleteNode("n5");
    scene.pool("first", ["10.0.0.0/29"]);
    scene.service("web");
    await scene.settle();
    scene.restart();
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.0"]);
  });

  test("when the last one that told its subnets goes, what may be an end of a subnet is kept back again", async () => {
    const scene = new Scene({ isBlind: true });
    scene.speaker("n5", ["172.16.0.0/16"]);
    scene.pool("first", ["10.0.0.0/29"]);
    await scene.settle();
    expect(scene.poolSays("first")).toBe("True Valid: every address of the spec can be given out");
    scene.deleteNode("n5");
    scene.service("web");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  });
});

describe("before the first speaker has told its subnets", () => {
  test("what may be the network or the broadcast address is not given, until more is known", async () => {
    const scene = new Scene({ isBlind: true });
    scene.pool("first", ["10.0.0.252/30", "10.0.0.9-10.0.0.9"]);
    for (const name of ["a", "b", "c", "d"]) scene.service(name);
    await scene.settle();
    expect(scene.table().map((line) => line.split(" ")[0])).toEqual(["10.0.0.253", "10.0.0.254", "10.0.0.9"]);
    expect(scene.poolSays("first")).toBe(
      "True Valid: not given out: 10.0.0.252 (perhaps the network address of a subnet (no speaker has told its subnets yet)), 10.0.0.255 (perhaps the broadcast address of a subnet (no speaker has told its subnets yet))",
    );
    expect(scene.addresses("d")).toEqual([]);
    scene.restart();
    scene.speaker("n1", ["10.0.0.0/24"]);
    await scene.settle();
    expect(scene.addresses("d")).toEqual(["10.0.0.252"]);
    expect(scene.poolSays("first")).toBe(
      "True Valid: not given out: 10.0.0.255 (the broadcast address of the subnet 10.0.0.0/24)",
    );
  });

  test("a range that no subnet begins or ends with is given from the first to the last", async () => {
    const scene = new Scene({ isBlind: true });
    scene.pool("first", ["10.0.0.1-10.0.0.4", "10.0.1.0/31", "10.0.1.4-10.0.1.6"], { excluded: ["10.0.1.4/32"] });
    await scene.settle();
    expect(scene.poolSays("first")).toBe("True Valid: every address of the spec can be given out");
    expect(scene.poolStatus("first")).toMatchObject({ availableIPv4: 8 });
  });

  test("who asks for it by name, or had it, has it; told as a fault only when it is known", async () => {
    const scene = new Scene({ isBlind: true });
    scene.pool("first", ["10.0.0.240/28"]);
    scene.service("last", { annotations: { "berth.dev/ips": "10.0.0.255" } });
    scene.service("first", { annotations: { "berth.dev/ips": "10.0.0.240" } });
    await scene.settle();
    expect([scene.addresses("first"), scene.addresses("last")]).toEqual([["10.0.0.240"], ["10.0.0.255"]]);
    expect(scene.poolSays("first")).toMatch(/^True Valid: /);
    scene.speaker("n1", ["10.0.0.0/24"]);
    await scene.settle();
    expect([scene.addresses("first"), scene.addresses("last")]).toEqual([["10.0.0.240"], ["10.0.0.255"]]);
    expect(scene.poolSays("first")).toMatch(
      /^False ReservedAddressInUse: 10.0.0.255 of default\/last is the broadcast address of the subnet 10.0.0.0\/24: /,
    );
  });

  test("in a range that no speaker is connected to it is given when all have told theirs", async () => {
    const scene = new Scene({ isBlind: true });
    scene.pool("first", ["10.0.0.0/28"]);
    scene.speaker("n1", ["172.16.0.0/16"]);
    scene.service("web");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.0"]);
  });
});

describe("while a Node's speaker has not told its subnets", () => {
  test("that may be its subnet is not given out whole; what others have told is known", async () => {
    const scene = new Scene({ isBlind: true });
    scene.speaker("n1", ["172.16.0.0/16"]);
    scene.node("n2", "10.0.0.3");
    scene.pool("first", ["10.0.0.0/29", "172.16.0.8/30"]);
    scene.service("web");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    const why = "of a subnet (the speaker of the Node n2 has not told its subnets yet)";
    expect(scene.poolSays("first")).toBe(
      `True Valid: not given out: 10.0.0.3 (an address of the Node n2), 10.0.0.0 (perhaps the network address ${why}), 10.0.0.7 (perhaps the broadcast address ${why})`,
    );
    scene.node("n3");
    await scene.settle();
    expect(scene.poolSays("first")).toContain("(the speakers of 2 Nodes, that of n2 among them, have not told");
    scene.speaker("n2", ["10.0.0.0/24"], "10.0.0.3");
    scene.speaker("n3", ["10.0.0.0/24"]);
    await scene.settle();
    expect(scene.poolSays("first")).toBe(
      "True Valid: not given out: 10.0.0.0 (the network address of the subnet 10.0.0.0/24), 10.0.0.3 (an address of the Node n2)",
    );
  });

  test("nothing is held back any more when the Node goes that has never told", async () => {
    const scene = new Scene();
    scene.node("other-system");
    scene.pool("first", ["10.0.0.0/30"]);
    await scene.settle();
    expect(scene.poolStatus("first")).toMatchObject({ availableIPv4: 2 });
    scene.deleteNode("other-system");
    await scene.settle();
    expect(scene.poolStatus("first")).toMatchObject({ availableIPv4: 4 });
    expect(scene.poolSays("first")).toBe("True Valid: every address of the spec can be given out");
  });
});
