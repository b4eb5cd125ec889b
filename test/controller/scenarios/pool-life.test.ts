/** A pool waits for its addresses from the first one on, however young it is. docs/adr/0013-pool-finalizer-while-in-use.md. */
import { expect, test } from "@jest/globals";
import { fields, items } from "../../../lib/model/decode.ts";
import { Scene } from "./scene.ts";

/** The pool's status was written less than a second ago, and its next turn is later. */
async function youngPool(): Promise<Scene> {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.99"]);
  await scene.settle(100);
  return scene;
}

function isMarked(scene: Scene): boolean {
  return items(fields(fields(scene.api.get("ippools", "first"))["metadata"])["finalizers"]).length > 0;
}

test("a pool that is deleted a moment after its first use waits for it", async () => {
  const scene = await youngPool();
  scene.service("web");
  await scene.settle(50);
  expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  scene.deletePool("first");
  await scene.settle();
  expect(scene.poolExists("first")).toBe(true);
  expect(scene.poolSays("first")).toMatch(/^False Deleting/);
  scene.delete("web");
  await scene.settle();
  expect(scene.poolExists("first")).toBe(false);
});

test("also when others have just come and gone, and the next look at the pool is due later", async () => {
  const scene = await youngPool();
  scene.service("a");
  await scene.settle();
  scene.delete("a");
  await scene.settle();
  expect(isMarked(scene)).toBe(false);
  scene.editPool("first", { priority: 2, addresses: ["10.0.0.1-10.0.0.9"] });
  await scene.settle(50);
  scene.editPool("first", { priority: 3, addresses: ["10.0.0.1-10.0.0.8"] });
  await scene.settle(50);
  scene.service("b");
  await scene.settle(50);
  expect(isMarked(scene)).toBe(true);
});

test("a burst writes the finalizer once, and the status once a second", async () => {
  const scene = await youngPool();
  const from = scene.api.events.length;
  for (let at = 0; at < 60; at++) scene.service(`s${at}`);
  await scene.settle(500);
  expect(scene.vips()).toHaveLength(60);
  expect(scene.writes("ippools", from)).toBe(1);
  expect(isMarked(scene)).toBe(true);
  await scene.settle();
  expect(scene.writes("ippools", from)).toBe(2);
});

test("one that somebody takes away comes back, once a second at most", async () => {
  const scene = await youngPool();
  scene.service("web");
  await scene.settle();
  const before = scene.written;
  let taken = 0;
  for (let round = 0; round < 40; round++) {
    if (isMarked(scene)) {
      scene.editPoolMeta("first", { finalizers: null });
      taken++;
    }
    await scene.settle(50);
  }
  expect(taken).toBeGreaterThanOrEqual(2);
  expect(scene.written - before).toBeLessThanOrEqual(3);
  await scene.settle();
  expect(isMarked(scene)).toBe(true);
});
