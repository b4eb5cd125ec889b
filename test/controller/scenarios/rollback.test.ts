/** A store that goes back to a backup. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { addressesOf, Scene } from "./scene.ts";

/** Less than an assumption lives: what is set right only when it ends by age is too late. */
const SOON_MS = 5_000;

/** Two addresses are given and written, and the store goes back before any watch has brought it. */
async function lost(versions: "go on" | "go back"): Promise<Scene> {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.9"]);
  await scene.settle();
  scene.service("a");
  scene.service("b");
  scene.listen();
  const backup = scene.api.snapshot();
  await scene.process.actDeaf();
  expect(addressesOf(scene, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.2"] });
  scene.rollBack(backup, versions);
  return scene;
}

describe.each(["go on", "go back"] as const)("a store that goes back, versions %s", (versions) => {
  test("what was written, and lost before a watch brought it, is written again at once, the same", async () => {
    const scene = await lost(versions);
    expect(addressesOf(scene, "a", "b")).toEqual({ a: [], b: [] });
    await scene.settle(SOON_MS);
    expect(addressesOf(scene, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.2"] });
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/a", "10.0.0.2 of first: default/b"]);
  });

  test("an address whose giving was lost is free for who comes now", async () => {
    const scene = await lost(versions);
    for (const name of ["a", "b"]) scene.delete(name);
    scene.service("c", { annotations: { "berth.dev/ips": "10.0.0.2" } });
    await scene.settle(SOON_MS);
    expect(scene.table()).toEqual(["10.0.0.2 of first: default/c"]);
  });
});
