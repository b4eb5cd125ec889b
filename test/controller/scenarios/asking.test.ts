/** Several ways to ask at once, and ways to ask for nothing. docs/allocation.md has the table. */
import { describe, expect, test } from "@jest/globals";
import type { JsonObject } from "../../../lib/model/decode.ts";
import { addressesOf, Scene } from "./scene.ts";
import type { ServiceWish } from "./wish.ts";

const BOTH: ServiceWish = { families: ["IPv4", "IPv6"], policy: "PreferDualStack" };
const METALLB_POOL = ["metallb.io/address-pool", "metallb.universe.tf/address-pool"];

function scene(spec: JsonObject = {}): Scene {
  const made = new Scene();
  made.pool("v4", ["10.0.0.1-10.0.0.4"], spec);
  made.pool("v6", ["fd99::1-fd99::4"], spec);
  made.pool("both", ["10.0.1.1-10.0.1.4", "fd99::1:1-fd99::1:4"], spec);
  return made;
}

describe.each(METALLB_POOL)("a list of pools in %s", (annotation) => {
  test("means what it means in berth.dev/pool: for each family the first that has an address of it", async () => {
    const world = scene({ autoAssign: false });
    world.service("web", { ...BOTH, annotations: { [annotation]: "v4, v6, both" } });
    await world.settle();
    expect(addressesOf(world, "web")).toEqual({ web: ["10.0.0.1", "fd99::1"] });
    expect(world.says("web")).toBe("Assigned: 10.0.0.1 from IPPool v4, fd99::1 from IPPool v6");
  });

  test("may stand beside the same list in berth.dev/pool, and not beside another order of it", async () => {
    const world = scene();
    world.service("same", { annotations: { [annotation]: "both,v4", "berth.dev/pool": "both, v4" } });
    world.service("other", { annotations: { [annotation]: "v4,both", "berth.dev/pool": "both,v4" } });
    await world.settle();
    expect(addressesOf(world, "same", "other")).toEqual({ same: ["10.0.1.1"], other: [] });
    expect(world.says("other")).toBe(
      `BadRequest: annotation berth.dev/pool asks for the pool both,v4 and ${annotation} for v4,both: remove one`,
    );
  });

  test("that is empty asks for nothing, as in MetalLB", async () => {
    const world = scene();
    world.service("web", { annotations: { [annotation]: " " } });
    await world.settle();
    expect(world.says("web")).toBe("Assigned: 10.0.1.1 from IPPool both");
  });
});

describe("Berth's own annotation that is empty is a mistake, and told", () => {
  test.each([
    ["berth.dev/pool", "BadRequest: annotation berth.dev/pool is empty or has an empty part: name a pool or remove it"],
    ["berth.dev/ips", 'BadRequest: annotation berth.dev/ips: "" is not an IP address'],
  ])("%s: nothing is given, and what a Service has it keeps", async (annotation, says) => {
    const world = scene();
    world.service("had");
    await world.settle();
    world.annotate("had", { [annotation]: "" });
    world.service("new", { annotations: { [annotation]: "" } });
    await world.settle();
    expect(addressesOf(world, "had", "new")).toEqual({ had: ["10.0.1.1"], new: [] });
    expect(world.says("new")).toBe(says);
    world.annotate("new", { [annotation]: null });
    await world.settle();
    expect(addressesOf(world, "new")).toEqual({ new: ["10.0.1.2"] });
  });
});

describe("spec.loadBalancerIP for one family and an annotation for the other", () => {
  test("are one request for both", async () => {
    const world = scene();
    world.service("web", { ...BOTH, loadBalancerIP: "10.0.0.3", annotations: { "berth.dev/ips": "fd99::1:2" } });
    await world.settle();
    expect(world.says("web")).toBe("Assigned: 10.0.0.3 from IPPool v4, fd99::1:2 from IPPool both");
  });

  test("the field alone leaves the other family to the pools", async () => {
    const world = scene();
    world.service("web", { ...BOTH, loadBalancerIP: "fd99::3" });
    await world.settle();
    expect(world.says("web")).toBe("Assigned: 10.0.1.1 from IPPool both, fd99::3 from IPPool v6");
  });

  test("two of one family that differ cannot be followed", async () => {
    const world = scene();
    world.service("web", { loadBalancerIP: "10.0.0.3", annotations: { "metallb.io/loadBalancerIPs": "10.0.0.4" } });
    await world.settle();
    expect(addressesOf(world, "web")).toEqual({ web: [] });
    expect(world.says("web")).toBe(
      "BadRequest: asks for 10.0.0.4 and 10.0.0.3 (metallb.io/loadBalancerIPs and spec.loadBalancerIP): one address per family can be asked for",
    );
  });
});
