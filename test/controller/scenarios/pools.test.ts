/** What a pool gives out, and what becomes of addresses when pools change. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { addressesOf, count, Scene } from "./scene.ts";

describe("pools that overlap", () => {
  test("both say so and name the winner: the one that is drawn from first", async () => {
    const scene = new Scene();
    scene.pool("a", ["10.0.0.0/28"]);
    scene.pool("b", ["10.0.0.8-10.0.0.20"], { priority: 1 });
    scene.service("web", { annotations: { "berth.dev/ips": "10.0.0.9" } });
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.9 of b: default/web"]);
    expect(scene.poolSays("a")).toBe(
      "False Overlap: 10.0.0.8-10.0.0.15 also belongs to the IPPool b, which comes first and gives it out; take it out of one of the two",
    );
    expect(scene.poolSays("b")).toBe(
      "True Valid: 10.0.0.8-10.0.0.15 also belongs to the IPPool a; this one comes first and gives it out",
    );
    expect(scene.poolStatus("a")).toMatchObject({ totalIPv4: 8 });
  });
});

describe("nothing moves without a wish", () => {
  test("growing a pool, deleting another Service, restarting: every address stays", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.4-10.0.0.6"]);
    for (const name of ["a", "b", "c"]) scene.service(name);
    await scene.settle();
    const before = addressesOf(scene, "b", "c");
    scene.delete("a");
    scene.editPool("first", { addresses: ["10.0.0.0/28"], priority: 3 });
    scene.pool("better", ["10.1.0.0/28"], { priority: 1 });
    await scene.settle();
    scene.restart();
    await scene.settle();
    expect(addressesOf(scene, "b", "c")).toEqual(before);
  });

  test("a pool that is shrunk keeps what is in use, and says what; the address is not given again", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    scene.service("a");
    scene.service("b");
    await scene.settle();
    scene.editPool("first", { addresses: ["10.0.0.2-10.0.0.3"] });
    await scene.settle();
    expect(addressesOf(scene, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.2"] });
    expect(scene.poolSays("first", "Retained")).toBe(
      "True OutsideSpec: 10.0.0.1 (default/a): kept until the Services that have them go or ask for others",
    );
    expect(scene.vipSays("10.0.0.1")).toMatch(
      /^False OutsideSpec: the IPPool first does not have 10.0.0.1 \(any more\)/,
    );
    expect(scene.vipSays("10.0.0.2")).toBe("");
    scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.3"] });
    await scene.settle();
    expect(scene.vipSays("10.0.0.1")).toBe("True InPool: the IPPool first has 10.0.0.1");
    scene.editPool("first", { addresses: ["10.0.0.2-10.0.0.3"] });
    await scene.settle();
    scene.delete("a");
    scene.service("c");
    await scene.settle();
    expect(scene.addresses("c")).toEqual(["10.0.0.3"]);
    expect(scene.poolSays("first", "Retained")).toBe("");
  });

  test("a pool that is deleted gives nothing more, and goes with its last address", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    scene.service("a");
    await scene.settle();
    scene.deletePool("first");
    scene.service("b");
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.1"]);
    expect(scene.says("b")).toBe("PoolDeleting: the IPPool first is being deleted: ask for another pool");
    expect(scene.poolSays("first")).toMatch(/^False Deleting/);
    expect(scene.vipSays("10.0.0.1")).toMatch(/^False PoolDeleting/);
    expect(scene.poolSays("first", "Retained")).toMatch(/^True Deleting: 10.0.0.1 \(default\/a\)/);
    scene.delete("a");
    await scene.settle();
    expect(scene.poolExists("first")).toBe(false);
  });

  test("a pool that nobody uses can be deleted without Berth", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    scene.service("a");
    await scene.settle();
    scene.delete("a");
    await scene.settle();
    scene.deletePool("first");
    expect(scene.poolExists("first")).toBe(false);
  });

  test("a pool that is replaced by one with another name hands its addresses over as they are", async () => {
    const scene = new Scene();
    scene.pool("old", ["10.0.0.1-10.0.0.2"]);
    scene.service("a");
    await scene.settle();
    scene.deletePool("old");
    scene.pool("new", ["10.0.0.1-10.0.0.2"]);
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of new: default/a"]);
    expect(scene.addresses("a")).toEqual(["10.0.0.1"]);
    expect(scene.poolExists("old")).toBe(false);
  });

  test("each new value of the annotation berth.dev/renumber is one wish for another address", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.3"]);
    scene.service("a", { annotations: { "berth.dev/renumber": "at birth" } });
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.1"]);
    scene.annotate("a", { "berth.dev/renumber": "today" });
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.2"]);
    scene.restart();
    await scene.settle();
    scene.annotate("a", { "berth.dev/renumber": null });
    await scene.settle();
    scene.annotate("a", { "berth.dev/renumber": "today" });
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.2"]);
    expect(scene.table()).toEqual(["10.0.0.2 of first: default/a"]);
  });

  test("a wish that cannot be had leaves the address, says why, and is fulfilled later", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("a");
    await scene.settle();
    scene.annotate("a", { "berth.dev/renumber": "1" });
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.1"]);
    expect(scene.says("a")).toMatch(
      /^RequestNotMet: 10.0.0.1 from IPPool first; berth.dev\/renumber 1 waits: no IPv4 address is free/,
    );
    scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.2"] });
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.2"]);
  });
});

describe("the counters of a pool", () => {
  test("on creation, use, growth, release; what somebody writes there by hand is undone", async () => {
    const scene = new Scene();
    const counts = () => {
      const status = scene.poolStatus("first");
      return ["totalIPv4", "assignedIPv4", "availableIPv4", "assignedIPv6"].map((field) => count(status, field));
    };
    scene.pool("first", ["10.0.0.1-10.0.0.3", "fd99::1-fd99::3"]);
    await scene.settle();
    expect(counts()).toEqual([3, 0, 3, 0]);
    scene.service("a", { families: ["IPv4", "IPv6"] });
    await scene.settle();
    expect(counts()).toEqual([3, 1, 2, 1]);
    scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.9", "fd99::1-fd99::3"] });
    await scene.settle();
    expect(counts()).toEqual([9, 1, 8, 1]);
    scene.api.call({
      verb: "patch",
      path: "/apis/berth.dev/v1alpha1/ippools/first/status",
      body: { status: { assignedIPv4: 77, conditions: [] } },
      patch: "merge",
    });
    await scene.settle();
    expect(counts()).toEqual([9, 1, 8, 1]);
    expect(scene.poolSays("first")).toMatch(/^True Valid/);
    scene.delete("a");
    await scene.settle();
    expect(counts()).toEqual([9, 0, 9, 0]);
  });
});
