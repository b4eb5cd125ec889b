/** A store that goes back to a backup. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import type { Json } from "../../../lib/kube/api.ts";
import { fields, items } from "../../../lib/model/decode.ts";
import type { Snapshot } from "../scripted-api.ts";
import { addressesOf, Scene } from "./scene.ts";

/** Less than an assumption lives: what is set right only when it ends by age is too late. */
const SOON_MS = 5_000;

/** A VirtualIP that names the Service. */
function isOf(vip: Json | undefined, name: string): boolean {
  return items(fields(fields(vip)["spec"])["services"]).some((one) => fields(one)["name"] === name);
}

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

test.each(["go on", "go back"] as const)(
  "a wish whose publication is lost in the middle of its pass is fulfilled all the same, versions %s",
  async (versions) => {
    const scene = new Scene();
    const key = { "berth.dev/sharing-key": "edge" };
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    for (const [name, port] of [
      ["a", 80],
      ["b", 81],
    ] as const) {
      scene.service(name, { annotations: key, ports: [port] });
      await scene.settle();
    }
    // The wish takes three writes: VirtualIP, status, and the Service out of the VirtualIP that it leaves; the last arrives after the restore.
    const from = scene.written;
    let backup: Snapshot | undefined;
    scene.atWrite = async (write) => {
      if (write === from + 2) backup = scene.api.snapshot();
      if (write !== from + 3 || backup === undefined) return "go on";
      expect(addressesOf(scene, "a")).toEqual({ a: ["10.0.0.2"] });
      scene.rollBack(backup, versions);
      expect(addressesOf(scene, "a")).toEqual({ a: ["10.0.0.1"] });
      return "go on";
    };
    scene.annotate("a", { "berth.dev/renumber": "today" });
    await scene.settle();
    expect(scene.written).toBeGreaterThan(from + 3);
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/b", "10.0.0.2 of first: default/a"]);
    expect(scene.says("a")).toBe("Assigned: 10.0.0.2 from IPPool first (renumber today)");
  },
);

describe.each(["go on", "go back"] as const)(
  "a store that goes back while a pass is under way, versions %s",
  (versions) => {
    test("an address whose VirtualIP is lost by that is not published before it has one again", async () => {
      const scene = new Scene();
      scene.pool("first", ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"]);
      await scene.settle();
      scene.service("a", { families: ["IPv4", "IPv6"], policy: "PreferDualStack" });
      scene.listen();
      const backup = scene.api.snapshot();
      const from = scene.written;
      const published: string[] = [];
      scene.atWrite = async (write) => {
        // The first VirtualIP is lost before the second one is made; the Service is as it was.
        if (write === from + 2) scene.rollBack(backup, versions);
        if (scene.process.next?.path.endsWith("/services/a/status") === true)
          published.push(
            scene
              .vips()
              .map((vip) => vip.address)
              .join(),
          );
        return "go on";
      };
      await scene.settle();
      expect(published[0]).toBe("10.0.0.1,fd99::1");
      expect(addressesOf(scene, "a")).toEqual({ a: ["10.0.0.1", "fd99::1"] });
    });

    test("a Service that is gone by that is given nothing, though the answer about it comes later", async () => {
      const scene = new Scene();
      scene.pool("first", ["10.0.0.1/32"]);
      scene.service("b");
      await scene.settle();
      const backup = scene.api.snapshot();
      scene.service("a");
      let isBack = false;
      scene.atWrite = async () => {
        if (isBack || scene.process.next?.path.endsWith("/services/a/status") !== true) return "go on";
        isBack = true;
        // The condition that it waits reaches the store, and the answer is on its way when the store goes back.
        scene.process.proceed(0);
        scene.rollBack(backup, versions);
        scene.delete("b");
        return "done";
      };
      await scene.settle(SOON_MS);
      // Nor for a moment: who comes now would be refused it.
      const given = scene.api.events.filter(({ resource, object }) => resource === "virtualips" && isOf(object, "a"));
      expect(given).toEqual([]);
      expect(scene.table()).toEqual([]);
    });
  },
);
