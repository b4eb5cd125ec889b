/** Pools whose spec cannot be followed: the last valid one stays in force, whoever leads. docs/adr/0023-last-valid-spec.md. */
import { describe, expect, test } from "@jest/globals";
import { readCrd, schemaOf, violations } from "../../crds/schema.ts";
import { Scene } from "./scene.ts";

/** What the API server cannot refuse: the order of two IPv6 addresses is beyond its rules. */
const BACKWARDS = "fd99::9-fd99::1";
const GOOD = { addresses: ["10.0.0.1-10.0.0.9"], autoAssign: true };

async function broken(): Promise<Scene> {
  const scene = new Scene();
  scene.pool("first", GOOD.addresses, { autoAssign: true });
  scene.service("a");
  await scene.settle();
  expect(scene.poolStatus("first")).not.toHaveProperty("lastValidSpec");
  scene.editPool("first", { addresses: [BACKWARDS], autoAssign: false });
  await scene.settle();
  return scene;
}

function writeStatus(scene: Scene, lastValidSpec: object): void {
  const path = "/apis/berth.dev/v1alpha1/ippools/first/status";
  scene.api.call({ verb: "patch", path, body: { status: { lastValidSpec: { ...lastValidSpec } } }, patch: "merge" });
}

describe("a pool that was valid", () => {
  test("a controller that starts while it is invalid gives from its last valid spec", async () => {
    const scene = await broken();
    expect(scene.poolStatus("first")).toMatchObject({ lastValidSpec: GOOD });
    scene.restart();
    scene.service("b");
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/a", "10.0.0.2 of first: default/b"]);
    expect(scene.poolSays("first")).toMatch(
      /^False InvalidRange: .* until this is corrected the last valid addresses stay in force: 10.0.0.1-10.0.0.9$/,
    );
    expect(scene.vipSays("10.0.0.1")).toBe("");
    const status = schemaOf(readCrd("ippool.yaml")).properties?.["status"];
    expect(status && violations(status, scene.poolStatus("first"))).toEqual([]);
  });

  test("restarts and further edits that cannot be followed change nothing of it, and write it once", async () => {
    const scene = await broken();
    for (let round = 0; round < 3; round++) {
      scene.restart();
      await scene.settle();
    }
    const from = scene.api.events.length;
    scene.restart();
    await scene.settle();
    expect(scene.writes("ippools", from)).toBe(0);
    scene.editPool("first", { addresses: [BACKWARDS, "fd99::2-fd99::1"] });
    scene.restart();
    await scene.settle();
    expect(scene.poolStatus("first")).toMatchObject({ lastValidSpec: GOOD, totalIPv4: 9 });
  });

  test("it goes with the fault: what is corrected holds, and is what the next fault falls back to", async () => {
    const scene = await broken();
    scene.restart();
    scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.3"], autoAssign: true });
    await scene.settle();
    expect(scene.poolSays("first")).toMatch(/^True Valid/);
    expect(scene.poolStatus("first")).not.toHaveProperty("lastValidSpec");
    scene.editPool("first", { addresses: [BACKWARDS] });
    await scene.settle();
    scene.restart();
    await scene.settle();
    expect(scene.poolStatus("first")).toMatchObject({
      lastValidSpec: { addresses: ["10.0.0.1-10.0.0.3"] },
      totalIPv4: 3,
    });
  });

  test("it is in the very write that says Ready is False", async () => {
    const scene = new Scene();
    scene.pool("first", GOOD.addresses);
    await scene.settle();
    const from = scene.api.events.length;
    scene.editPool("first", { addresses: [BACKWARDS] });
    await scene.settle();
    // The edit itself, and one of Berth.
    expect(scene.writes("ippools", from)).toBe(2);
    expect(scene.poolSays("first")).toMatch(/^False InvalidRange/);
    expect(scene.poolStatus("first")).toMatchObject({ lastValidSpec: { addresses: GOOD.addresses } });
  });
});

describe("a pool that never was valid", () => {
  test("has nothing to fall back to, before and after a restart", async () => {
    const scene = new Scene();
    scene.pool("first", [BACKWARDS]);
    scene.service("a");
    await scene.settle();
    scene.restart();
    await scene.settle();
    expect(scene.says("a")).toMatch(/^PoolNotReady: the IPPool first cannot be used: spec.addresses\[0\]/);
    expect(scene.poolStatus("first")).not.toHaveProperty("lastValidSpec");
  });

  test("nor has another one of the same name", async () => {
    const scene = await broken();
    scene.delete("a");
    await scene.settle();
    scene.deletePool("first");
    scene.pool("first", [BACKWARDS]);
    scene.service("b");
    await scene.settle();
    expect(scene.says("b")).toMatch(/^PoolNotReady/);
  });
});

describe("what somebody else writes there", () => {
  test.each([
    ["no addresses", { autoAssign: true }],
    [
      "a selector that cannot be read",
      { ...GOOD, serviceSelector: { matchExpressions: [{ key: "a", operator: "Is" }] } },
    ],
    ["addresses that cannot be followed either", { addresses: ["10.0.0.9-10.0.0.1"] }],
  ])("%s: counts as none", async (_, spec) => {
    const scene = new Scene();
    scene.pool("first", [BACKWARDS]);
    writeStatus(scene, spec);
    scene.service("a");
    await scene.settle();
    scene.restart();
    await scene.settle();
    expect(scene.says("a")).toMatch(/^PoolNotReady/);
  });

  test("beside a valid spec it is taken away", async () => {
    const scene = new Scene();
    scene.pool("first", GOOD.addresses);
    await scene.settle();
    writeStatus(scene, { addresses: ["10.9.9.0/24"] });
    scene.service("a");
    await scene.settle();
    expect(scene.addresses("a")).toEqual(["10.0.0.1"]);
    expect(scene.poolStatus("first")).not.toHaveProperty("lastValidSpec");
  });

  test("while the spec is invalid it is set right: what is in force counts", async () => {
    const scene = await broken();
    writeStatus(scene, { addresses: ["10.9.9.0/24"] });
    await scene.settle();
    expect(scene.poolStatus("first")).toMatchObject({ lastValidSpec: GOOD });
  });
});
