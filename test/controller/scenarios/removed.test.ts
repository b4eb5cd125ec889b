/** Pools that are deleted while addresses of them are in use. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { addressesOf, Scene } from "./scene.ts";

describe("pools that are removed", () => {
  test("all pools removed: the addresses stay, and each pool goes with the last of its own", async () => {
    const scene = new Scene();
    const had = { a: ["10.0.0.1"], b: ["10.0.1.1", "fd99::1:1"], c: ["10.0.0.2"] };
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    scene.pool("second", ["10.0.1.1-10.0.1.2", "fd99::1:1-fd99::1:2"]);
    scene.pool("unused", ["10.0.2.1/32"], { autoAssign: false });
    for (const name of ["a", "b", "c"]) {
      scene.service(name, name === "b" ? { families: ["IPv4", "IPv6"] } : {});
      await scene.settle();
    }
    expect(addressesOf(scene, "a", "b", "c")).toEqual(had);
    for (const name of ["first", "second", "unused"]) scene.deletePool(name);
    await scene.settle();
    scene.restart();
    scene.service("late");
    await scene.settle();
    expect(addressesOf(scene, "a", "b", "c", "late")).toEqual({ ...had, late: [] });
    expect(scene.says("late")).toMatch(/^PoolDeleting: the IPPool first is being deleted/);
    const there = () => ["first", "second", "unused"].filter((name) => scene.poolExists(name));
    expect(there()).toEqual(["first", "second"]);
    scene.delete("a");
    await scene.settle();
    expect(addressesOf(scene, "b", "c", "late")).toEqual({ b: had.b, c: had.c, late: [] });
    expect(there()).toEqual(["first", "second"]);
    scene.delete("b");
    await scene.settle();
    expect(there()).toEqual(["first"]);
    scene.edit("c", { spec: { type: "ClusterIP" } });
    await scene.settle();
    expect({ pools: there(), vips: scene.table(), late: scene.addresses("late") }).toEqual({
      pools: [],
      vips: [],
      late: [],
    });
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/late"]);
  });

  test("a pool removed beside another: no address changes to the other by itself, it does for who asks", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    scene.pool("second", ["10.0.1.1-10.0.1.2"]);
    scene.service("a");
    await scene.settle();
    scene.deletePool("first");
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.1"]);
    scene.annotate("a", { "berth.dev/renumber": "off the old pool" });
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.1.1"]);
    expect(scene.poolExists("first")).toBe(false);
  });
});
