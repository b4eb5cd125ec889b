/** Services of two families. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
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
    expect(scene.says("web")).toMatch(/^NoPool: 10.0.0.1 is withheld until the other family has an address too/);
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
