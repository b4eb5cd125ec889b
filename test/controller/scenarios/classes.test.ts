/** Whose Services are Berth's: the class, and the flag `--class-less`. docs/troubleshooting.md names it. */
import { describe, expect, test } from "@jest/globals";
import { addressesOf, Scene } from "./scene.ts";

const OURS = { loadBalancerClass: "berth.dev/l2" };
const OTHERS = { loadBalancerClass: "other.example/lb" };

function scene(classLess: boolean): Scene {
  const made = new Scene();
  made.classLess = classLess;
  made.restart();
  made.pool("first", ["10.0.0.1-10.0.0.4"]);
  return made;
}

describe("--class-less=false", () => {
  test("Services without a class are left alone, those with Berth's are served", async () => {
    const world = scene(false);
    world.service("plain");
    world.overwrite("plain", ["192.0.2.9"]);
    world.service("ours", OURS);
    world.service("others", OTHERS);
    await world.settle();
    expect(addressesOf(world, "plain", "ours", "others")).toEqual({
      plain: ["192.0.2.9"],
      ours: ["10.0.0.1"],
      others: [],
    });
    expect(world.found("plain").meta.finalizers).toEqual([]);
    expect(world.says("plain")).toBe("");
  });

  test("an address of a pool that another load balancer has given to a Service without a class is given to nobody", async () => {
    const world = scene(false);
    world.service("plain");
    world.overwrite("plain", ["10.0.0.1"]);
    await world.settle();
    world.service("ours", OURS);
    await world.settle();
    expect(addressesOf(world, "plain", "ours")).toEqual({ plain: ["10.0.0.1"], ours: ["10.0.0.2"] });
  });

  test("a flag that turns false releases what was Berth's, and nothing of Berth's own class", async () => {
    const world = scene(true);
    world.service("plain");
    world.service("ours", OURS);
    await world.settle();
    expect(addressesOf(world, "plain", "ours")).toEqual({ plain: ["10.0.0.1"], ours: ["10.0.0.2"] });
    world.classLess = false;
    world.restart();
    await world.settle();
    expect(addressesOf(world, "plain", "ours")).toEqual({ plain: [], ours: ["10.0.0.2"] });
    expect(world.table()).toEqual(["10.0.0.2 of first: default/ours"]);
    expect({ says: world.says("plain"), held: world.found("plain").meta.finalizers }).toEqual({ says: "", held: [] });
  });

  test("a flag that turns true serves them", async () => {
    const world = scene(false);
    world.service("plain");
    await world.settle();
    world.classLess = true;
    world.restart();
    await world.settle();
    expect(addressesOf(world, "plain")).toEqual({ plain: ["10.0.0.1"] });
  });
});

test("a VirtualIP that somebody emptied goes, although a Service of another class lists its address", async () => {
  const world = scene(true);
  world.service("ours");
  world.service("others", OTHERS);
  await world.settle();
  world.overwrite("others", ["10.0.0.1"]);
  world.delete("ours");
  world.editVip("10.0.0.1", { spec: { services: [] } });
  await world.settle(120_000);
  expect(world.table()).toEqual([]);
  // It is in use all the same, elsewhere.
  world.service("next");
  await world.settle();
  expect(addressesOf(world, "others", "next")).toEqual({ others: ["10.0.0.1"], next: ["10.0.0.2"] });
});
