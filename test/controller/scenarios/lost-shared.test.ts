/** A shared address whose VirtualIP is lost while something is wrong with one of its Services. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { addressesOf, Scene } from "./scene.ts";

const KEY = { "berth.dev/sharing-key": "edge" };
const SHARED = ["10.0.0.1"];

/** Services that share one address, the oldest first, each with its port. */
async function sharing(...services: readonly (readonly [string, number])[]): Promise<Scene> {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.9"]);
  for (const [name, port] of services) {
    scene.service(name, { annotations: KEY, ports: [port] });
    await scene.settle();
  }
  return scene;
}

/** Who is in the one VirtualIP that there is. */
function users(scene: Scene): readonly (readonly string[])[] {
  return scene.vips().map((vip) => vip.services.map((one) => one.name).sort());
}

function takeOut(scene: Scene, name: string): void {
  const left = scene.vips()[0]?.services.filter((one) => one.name !== name);
  scene.editVip("10.0.0.1", { spec: { services: JSON.parse(JSON.stringify(left)) } });
}

function putFirst(scene: Scene, first: string): void {
  const services = [...(scene.vips()[0]?.services ?? [])].sort((one) => (one.name === first ? -1 : 1));
  scene.editVip("10.0.0.1", { spec: { services: JSON.parse(JSON.stringify(services)) } });
}

function moveToPort(scene: Scene, name: string, port: number): void {
  scene.edit(name, { spec: { ports: [{ name: "p", protocol: "TCP", port }] } });
}

describe("of three sharers two collide, and the third goes with both", () => {
  const LOSSES: readonly (readonly [string, (scene: Scene) => void])[] = [
    ["deleted", (scene) => scene.deleteVip("10.0.0.1")],
    ["emptied", (scene) => scene.editVip("10.0.0.1", { spec: { services: [] } })],
    ["without the one that was edited", (scene) => takeOut(scene, "edited")],
    ["without the one that it collides with", (scene) => takeOut(scene, "other")],
    ["without the third", (scene) => takeOut(scene, "third")],
  ];
  const ORDERS = [
    ["third", "other", "edited"],
    ["third", "edited", "other"],
    ["edited", "third", "other"],
    ["other", "edited", "third"],
  ];
  const PORTS: Readonly<Record<string, number>> = { third: 82, other: 80, edited: 81 };

  test.each(ORDERS.flatMap((order) => LOSSES.map(([how, lose]) => ({ order: order.join(), how, lose }))))(
    "$order, $how",
    async ({ order, lose }) => {
      const scene = await sharing(...order.split(",").map((name) => [name, PORTS[name] ?? 0] as const));
      moveToPort(scene, "edited", 80);
      await scene.settle();
      for (const isNew of [false, true]) {
        lose(scene);
        if (isNew) scene.restart();
        await scene.settle();
        expect(addressesOf(scene, "edited", "other", "third")).toEqual({
          edited: SHARED,
          other: SHARED,
          third: SHARED,
        });
        expect(users(scene)).toEqual([["edited", "other", "third"]]);
        for (const name of ["edited", "other"])
          expect(scene.says(name)).toMatch(/^SharingConflict: 10.0.0.1 from IPPool first \(shared\); /);
        expect(scene.says("third")).toBe("Assigned: 10.0.0.1 from IPPool first");
      }
      expect(scene.warnings.filter(({ reason }) => reason === "AddressLost")).toEqual([]);
    },
  );
});

describe("what one of the sharers asks for cannot be read", () => {
  const TYPOS = [
    { typo: "berth.dev/ips", note: "", annotations: { "berth.dev/ips": "10.0.0.x" } },
    { typo: "the key itself", note: " (shared)", annotations: { "metallb.io/allow-shared-ip": "other" } },
  ];
  const cases = TYPOS.flatMap((one) => ["older", "younger"].map((who) => ({ ...one, who })));

  test.each(cases)("$typo of the $who", async ({ annotations, note, who }) => {
    const scene = await sharing(["older", 80], ["younger", 81]);
    scene.annotate(who, annotations);
    await scene.settle();
    for (const isNew of [false, true]) {
      // Whoever stands first in the VirtualIP has the first pass when it is gone: also before that of who is older.
      putFirst(scene, who);
      await scene.settle();
      scene.deleteVip("10.0.0.1");
      if (isNew) scene.restart();
      await scene.settle();
      expect(addressesOf(scene, "older", "younger")).toEqual({ older: SHARED, younger: SHARED });
      expect(users(scene)).toEqual([["older", "younger"]]);
      // Who has a key that can be read shares properly.
      expect(scene.says(who).split("; ")[0]).toBe(`RequestNotMet: 10.0.0.1 from IPPool first${note}`);
    }
    scene.annotate(who, Object.fromEntries(Object.keys(annotations).map((name) => [name, null])));
    await scene.settle();
    expect(scene.vips()[0]?.sharingKey).toBe("edge");
    const assigned = "Assigned: 10.0.0.1 from IPPool first";
    expect([scene.says("older"), scene.says("younger")]).toEqual([assigned, assigned]);
    expect(scene.warnings.filter(({ reason }) => reason === "AddressLost")).toEqual([]);
  });
});
