/** Services of two families. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { foreignHost } from "./foreign-host.ts";
import { Scene } from "./scene.ts";

const BOTH = ["IPv4", "IPv6"] as const;
const SIX_FIRST = ["IPv6", "IPv4"] as const;

describe("PreferDualStack", () => {
  test("a pool with both families comes before pools with one", async () => {
    const scene = new Scene();
    scene.pool("a-four", ["10.0.0.1/32"]);
    scene.pool("b-six", ["fd99::1/128"]);
    scene.pool("c-both", ["10.0.1.1/32", "fd99::1:1/128"]);
    scene.service("web", { families: BOTH });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.1.1", "fd99::1:1"]);
  });

  test("one pool of IPv4 only: its address, and the reason why the other is missing", async () => {
    const scene = new Scene();
    scene.pool("four", ["10.0.0.1/32"]);
    scene.service("web", { families: BOTH });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    expect(scene.says("web")).toMatch(/^PartlyAssigned: 10.0.0.1 from IPPool four; no IPPool .* has IPv6 addresses/);
  });

  test("two pools of one family each: one address from each, in the order of ipFamilies", async () => {
    const scene = new Scene();
    scene.pool("four", ["10.0.0.1-10.0.0.9"]);
    scene.pool("six", ["fd99::1-fd99::9"]);
    scene.service("four-first", { families: BOTH });
    scene.service("six-first", { families: SIX_FIRST });
    await scene.settle();
    expect(scene.addresses("four-first")).toEqual(["10.0.0.1", "fd99::1"]);
    expect(scene.addresses("six-first")).toEqual(["fd99::2", "10.0.0.2"]);
  });

  test("where one address is all there is to have, the first family of the Service decides which", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"], { quota: 1 });
    scene.service("web", { namespace: "six", families: SIX_FIRST });
    scene.service("web", { namespace: "four", families: BOTH });
    await scene.settle();
    expect([scene.addresses("web", "six"), scene.addresses("web", "four")]).toEqual([["fd99::1"], ["10.0.0.1"]]);
    for (const namespace of ["six", "four"]) expect(scene.says("web", namespace)).toMatch(/^PartlyAssigned: .* quota/);
    scene.restart();
    scene.editPool("first", { quota: 2 });
    await scene.settle();
    expect([scene.addresses("web", "six"), scene.addresses("web", "four")]).toEqual([
      ["fd99::1", "10.0.0.2"],
      ["10.0.0.1", "fd99::2"],
    ]);
  });

  test("a pool that gets the other family: the second address is added, the first stays", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.5-10.0.0.9"]);
    scene.service("web", { families: BOTH });
    await scene.settle();
    scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"] });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.5", "fd99::1"]);
    expect(scene.says("web")).toBe("Assigned: 10.0.0.5 from IPPool first, fd99::1 from IPPool first");
  });

  test("a new pool with both families: no address jumps there, only the missing one comes from it", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.5-10.0.0.9"]);
    scene.service("web", { families: BOTH });
    await scene.settle();
    scene.pool("both", ["10.0.1.1/32", "fd99::1/128"], { priority: 1 });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.5", "fd99::1"]);
  });

  test("a pool with both that loses one of them while another has both: what is in use stays, and the pool says it", async () => {
    const scene = new Scene();
    scene.pool("a", ["10.0.0.1/32", "fd99::1/128"]);
    scene.pool("b", ["10.0.1.1/32", "fd99::1:1/128"]);
    scene.service("web", { families: BOTH });
    await scene.settle();
    scene.editPool("a", { addresses: ["10.0.0.1/32"] });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1", "fd99::1"]);
    expect(scene.poolSays("a", "Retained")).toMatch(/^True OutsideSpec: fd99::1 \(default\/web\)/);
  });
});

describe("a list of pools in the annotation", () => {
  function scene(): Scene {
    const made = new Scene();
    made.pool("both", ["10.0.2.1/32", "fd99::2:1/128"], { priority: 1 });
    made.pool("v4", ["10.0.0.1/32"]);
    made.pool("v6", ["fd99::1-fd99::2"]);
    return made;
  }

  test.each([
    { list: "v4,v6,both", gets: ["10.0.0.1", "fd99::1"] },
    { list: "v6, v4, both", gets: ["10.0.0.1", "fd99::1"] },
    { list: "v4,both,v6", gets: ["10.0.0.1", "fd99::2:1"] },
    { list: "both,v4,v6", gets: ["10.0.2.1", "fd99::2:1"] },
  ])("$list: each family from the first pool of the list that has one", async ({ list, gets }) => {
    for (const policy of ["PreferDualStack", "RequireDualStack"] as const) {
      const cluster = scene();
      cluster.service("web", { families: BOTH, policy, annotations: { "berth.dev/pool": list } });
      await cluster.settle();
      expect(cluster.addresses("web")).toEqual(gets);
    }
  });

  test("the pool at its end helps out with the family that the others have no more of", async () => {
    const cluster = scene();
    for (const name of ["a", "b"]) {
      cluster.service(name, { families: BOTH, annotations: { "berth.dev/pool": "v4,v6,both" } });
      await cluster.settle();
    }
    expect(cluster.addresses("b")).toEqual(["10.0.2.1", "fd99::2"]);
  });
});

describe("RequireDualStack", () => {
  test("both from one pool, or from two", async () => {
    const scene = new Scene();
    scene.pool("both", ["10.0.0.1/32", "fd99::1/128"]);
    scene.pool("four", ["10.0.1.1/32"]);
    scene.pool("six", ["fd99::1:1/128"]);
    scene.service("a", { families: BOTH, policy: "RequireDualStack" });
    await scene.settle();
    scene.service("b", { families: SIX_FIRST, policy: "RequireDualStack" });
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.1", "fd99::1"]);
    expect(scene.addresses("b")).toEqual(["fd99::1:1", "10.0.1.1"]);
  });

  test("none while one is missing, both when it comes", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("web", { families: BOTH, policy: "RequireDualStack" });
    await scene.settle();
    expect(scene.addresses("web")).toEqual([]);
    expect(scene.says("web")).toMatch(/^NoPool: its IPv4 address is withheld until the other family has one too/);
    expect(scene.table()).toEqual([]);
    scene.pool("six", ["fd99::1/128"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1", "fd99::1"]);
  });

  test("Prefer, Require, Prefer on a pool of one family: 1, 0, 1 addresses", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("web", { families: BOTH });
    await scene.settle();
    const seen = [scene.addresses("web").length];
    for (const ipFamilyPolicy of ["RequireDualStack", "PreferDualStack"]) {
      scene.edit("web", { spec: { ipFamilyPolicy } });
      await scene.settle();
      seen.push(scene.addresses("web").length);
    }
    expect(seen).toEqual([1, 0, 1]);
  });

  test("both stay when the policy changes, and when the pool loses a family", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1/32", "fd99::1/128"]);
    scene.service("web", { families: BOTH });
    await scene.settle();
    scene.editPool("first", { addresses: ["10.0.0.1/32"] });
    scene.edit("web", { spec: { ipFamilyPolicy: "RequireDualStack" } });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1", "fd99::1"]);
  });
});

describe("families that come and go", () => {
  test("a second family is added beside the first, and given back alone", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.4-10.0.0.9", "fd99::4-fd99::9"]);
    scene.service("web");
    await scene.settle();
    scene.edit("web", { spec: { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "PreferDualStack" } });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.4", "fd99::4"]);
    scene.edit("web", { spec: { ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" } });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.4"]);
    expect(scene.table()).toEqual(["10.0.0.4 of first: default/web"]);
  });
});

describe("a request for two addresses", () => {
  const ASKED = { "berth.dev/ips": "10.0.1.3,fd99::1:3" };
  /** `web` has an address of each family from the first pool; `other` has one of those that it will ask for. */
  async function served(taken: string): Promise<Scene> {
    const cluster = new Scene();
    cluster.pool("first", ["10.0.0.1-10.0.0.3", "fd99::1-fd99::3"]);
    cluster.pool("second", ["10.0.1.1-10.0.1.3", "fd99::1:1-fd99::1:3"], { autoAssign: false });
    cluster.service("web", { families: BOTH });
    await cluster.settle();
    cluster.service("other", {
      families: [taken.includes(":") ? "IPv6" : "IPv4"],
      annotations: { "berth.dev/ips": taken },
    });
    await cluster.settle();
    return cluster;
  }

  test.each([
    {
      taken: "10.0.1.3",
      says: /10.0.1.3 is in use by default\/other; .*; fd99::1 stays until 10.0.1.3 can be had too$/,
    },
    {
      taken: "fd99::1:3",
      says: /; 10.0.0.1 stays until fd99::1:3 can be had too; fd99::1:3 is in use by default\/other/,
    },
  ])(
    "of which $taken is another's: both stay as they are, and both change when it is free",
    async ({ taken, says }) => {
      const cluster = await served(taken);
      const from = cluster.api.events.length;
      cluster.annotate("web", ASKED);
      await cluster.settle();
      cluster.restart();
      await cluster.settle();
      expect(cluster.addresses("web")).toEqual(["10.0.0.1", "fd99::1"]);
      expect(cluster.says("web")).toMatch(/^RequestNotMet: 10.0.0.1 from IPPool first, fd99::1 from IPPool first; /);
      expect(cluster.says("web")).toMatch(says);
      expect(cluster.table()).toHaveLength(3);
      cluster.delete("other");
      await cluster.settle();
      expect(cluster.says("web")).toBe("Assigned: 10.0.1.3 from IPPool second, fd99::1:3 from IPPool second");
      expect(cluster.table()).toHaveLength(2);
      // Clients never saw one of the new addresses beside one of the old ones.
      const seen = cluster.api.events.slice(from).flatMap(({ key, object }) => {
        const { status } = JSON.parse(JSON.stringify(object ?? {}));
        const ips = (status?.loadBalancer?.ingress ?? []).map((entry: { ip: string }) => entry.ip);
        return key === "default/web" ? [ips.join()] : [];
      });
      expect([...new Set(seen)]).toEqual(["10.0.0.1,fd99::1", "10.0.1.3,fd99::1:3"]);
    },
  );

  test("that was cut off half-way, when the other address is another's by now: what clients use stays", async () => {
    const cluster = await served("fd99::1:3");
    const { namespace, name, uid } = cluster.found("web").meta;
    const ports = [{ name: "p80-tcp", protocol: "TCP", port: 80 }];
    const entry = { namespace, name, uid, externalTrafficPolicy: "Cluster", ports };
    cluster.createVip("10.0.1.3", { address: "10.0.1.3", pool: "second", services: [entry] });
    cluster.annotate("web", ASKED);
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.0.1", "fd99::1"]);
    expect(cluster.table().filter((line) => line.startsWith("10."))).toEqual(["10.0.0.1 of first: default/web"]);
    cluster.delete("other");
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.1.3", "fd99::1:3"]);
  });

  test("holds nobody at an address that a host outside uses", async () => {
    const cluster = await served("10.0.1.3");
    cluster.annotate("web", { "berth.dev/ips": "10.0.1.3" });
    foreignHost(cluster, "fd99::1");
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.0.1", "fd99::2"]);
  });

  test("a new Service has the one that can be had meanwhile; a list of pools holds for each family by itself", async () => {
    const cluster = await served("10.0.1.3");
    cluster.service("new", { families: BOTH, annotations: ASKED });
    cluster.editPool("second", { addresses: ["10.0.1.3/32", "fd99::1:1-fd99::1:3"] });
    cluster.annotate("web", { "berth.dev/pool": "second" });
    await cluster.settle();
    expect(cluster.addresses("new")).toEqual(["fd99::1:3"]);
    expect(cluster.addresses("web")).toEqual(["10.0.0.1", "fd99::1:1"]);
  });
});
