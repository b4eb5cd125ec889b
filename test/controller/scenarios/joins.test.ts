/** Who joins a shared address that another pool has by now: the rules of that one hold, since the write hands the address to it. */
import { describe, expect, test } from "@jest/globals";
import type { JsonObject } from "../../../lib/model/decode.ts";
import { addressesOf, Scene } from "./scene.ts";
import type { ServiceWish } from "./wish.ts";

const KEY = { "berth.dev/sharing-key": "edge" };
const JOINER: ServiceWish = { annotations: KEY, ports: [81], labels: { expose: "private" } };
const PUBLIC = { serviceSelector: { matchLabels: { expose: "public" } } };

/** `a` has 10.0.0.1 of `first`; the address moves to `second`, and `b`, who could join, is looked at before the VirtualIP has learnt of that. */
async function join(
  { first = {}, second = {} }: { readonly first?: JsonObject; readonly second?: JsonObject },
  wish: ServiceWish = {},
): Promise<Scene> {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.9"], first);
  scene.pool("second", ["10.0.1.1/32"]);
  scene.service("a", { annotations: KEY, labels: { expose: "public" } });
  await scene.settle();
  expect(scene.table()).toEqual(["10.0.0.1 of first: default/a"]);
  scene.service("b", { ...JOINER, ...wish });
  scene.listen();
  scene.editPool("second", { addresses: ["10.0.0.1/32"], ...second });
  scene.editPool("first", { addresses: ["10.0.0.8-10.0.0.9"] });
  await scene.settle();
  return scene;
}

describe("who joins an address that another pool takes over", () => {
  test("is let in by both", async () => {
    expect((await join({})).table()).toEqual(["10.0.0.1 of second: default/a, default/b"]);
  });

  const ALONE = ["10.0.0.1 of second: default/a", "10.0.0.8 of first: default/b"];
  test.each([
    { name: "the serviceSelector", second: PUBLIC },
    { name: "the namespaces", second: { namespaces: ["shop"] } },
    { name: "autoAssign", second: { autoAssign: false } },
  ])("is kept out by $name of that pool, whatever the pool before said", async ({ second }) => {
    expect((await join({ second })).table()).toEqual(ALONE);
  });

  test("is let in by that pool, whatever the pool before says", async () => {
    expect((await join({ first: PUBLIC })).table()).toEqual(["10.0.0.1 of second: default/a, default/b"]);
  });

  test("beside another namespace by the sharing of that pool", async () => {
    const across = { sharing: "AcrossNamespaces" };
    const abroad = { namespace: "shop" };
    expect((await join({ first: across }, abroad)).table()).toEqual([
      "10.0.0.1 of second: default/a",
      "10.0.0.8 of first: shop/b",
    ]);
    expect((await join({ second: across }, abroad)).table()).toEqual(["10.0.0.1 of second: default/a, shop/b"]);
  });

  test("counts in the quota of that pool, also for the other family of the same pass", async () => {
    const second = { quota: 1, sharing: "AcrossNamespaces", addresses: ["10.0.0.1/32", "fd99::1/128"] };
    const wish = { namespace: "shop", families: ["IPv4", "IPv6"] } as const;
    expect((await join({ second }, wish)).table()).toEqual(["10.0.0.1 of second: default/a, shop/b"]);
  });

  test("by its address: those who name that pool, and no others who name one", async () => {
    const named = (pool: string) => ({ annotations: { ...KEY, "berth.dev/ips": "10.0.0.1", "berth.dev/pool": pool } });
    expect((await join({}, named("second"))).table()).toEqual(["10.0.0.1 of second: default/a, default/b"]);
    // Who names the pool before keeps the address there, so that it is what he asks for.
    expect((await join({}, named("first"))).table()).toEqual(["10.0.0.1 of first: default/a, default/b"]);
    expect((await join({ first: { ...PUBLIC } }, named("first"))).table()).toEqual(["10.0.0.1 of second: default/a"]);
  });

  test("by its address: an autoAssign that is false keeps nobody out", async () => {
    const wish = { annotations: { ...KEY, "berth.dev/ips": "10.0.0.1" } };
    const table = (await join({ second: { autoAssign: false } }, wish)).table();
    expect(table).toEqual(["10.0.0.1 of second: default/a, default/b"]);
  });
});

describe("an address that its pool does not have any more", () => {
  test.each([
    ["excluded", { excluded: ["10.0.0.1/32"] }],
    ["cut off", { addresses: ["10.0.0.2-10.0.0.9"] }],
  ])("%s: who has it keeps it, nobody is added to it who did not ask for it by name", async (_, edit) => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    scene.service("a", { annotations: KEY });
    await scene.settle();
    scene.editPool("first", edit);
    await scene.settle();
    scene.service("b", { annotations: KEY, ports: [81] });
    await scene.settle();
    expect(scene.warnings.map(({ message }) => message)).toEqual([
      "10.0.0.2 is given to this Service alone: 10.0.0.1 is not shared: the IPPool first does not have it any more, so only a Service that asks for it by name (berth.dev/ips) is added",
    ]);
    // The next one goes with b.
    scene.service("c", { annotations: { ...KEY, "berth.dev/pool": "first" }, ports: [82] });
    scene.service("d", { annotations: { ...KEY, "berth.dev/ips": "10.0.0.1" }, ports: [83] });
    await scene.settle();
    const table = ["10.0.0.1 of first: default/a, default/d", "10.0.0.2 of first: default/b, default/c"];
    expect(scene.table()).toEqual(table);
    scene.restart();
    await scene.settle();
    expect(scene.table()).toEqual(table);
  });

  test("who had it gets it back when its VirtualIP is lost, and all that shared it with him", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    for (const [at, name] of ["a", "b"].entries()) scene.service(name, { annotations: KEY, ports: [80 + at] });
    await scene.settle();
    scene.editPool("first", { excluded: ["10.0.0.1/32"] });
    await scene.settle();
    scene.deleteVip("10.0.0.1");
    await scene.settle();
    expect(addressesOf(scene, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.1"] });
    expect(scene.vips().map(({ services }) => services.length)).toEqual([2]);
  });
});

test("a pool that takes an address over counts it at once, for the other family of its Service", async () => {
  const scene = new Scene();
  const families = ["IPv4", "IPv6"] as const;
  scene.pool("first", ["10.0.0.1/32"]);
  scene.service("a", { families });
  await scene.settle();
  scene.pool("second", ["10.0.0.1/32", "fd99::1/128"], { quota: 1 });
  scene.deletePool("first");
  scene.restart();
  await scene.settle();
  expect(scene.table()).toEqual(["10.0.0.1 of second: default/a"]);
  expect(scene.says("a")).toMatch(/^PartlyAssigned: 10.0.0.1 from IPPool second; .* quota of 1 /);
});

describe("a join counts in the quota from the decision on", () => {
  const QUOTA = { quota: 1, sharing: "AcrossNamespaces" };

  /** `default/a` has 10.0.0.1; `shop/joins` is about to be written into its VirtualIP while `shop/draws` is looked at. */
  async function joining(before: (scene: Scene) => void, last: (scene: Scene) => "done" | "go on"): Promise<Scene> {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"], QUOTA);
    scene.service("a", { annotations: KEY });
    await scene.settle();
    scene.service("joins", { annotations: KEY, ports: [81], namespace: "shop" });
    let held = 0;
    scene.atWrite = async () => {
      held += 1;
      if (held === 1) scene.service("draws", { namespace: "shop" });
      if (held === 10) before(scene);
      // What it is told goes its way.
      scene.process.proceed(1);
      if (held < 20) return "done";
      scene.atWrite = undefined;
      return last(scene);
    };
    await scene.settle();
    expect(held).toBe(20);
    return scene;
  }

  test("another Service of its namespace gets no address beyond it", async () => {
    const scene = await joining(
      () => {},
      () => "go on",
    );
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/a, shop/joins"]);
    expect(scene.says("draws", "shop")).toMatch(/^QuotaExceeded: /);
  });

  test("and is served by itself when the join does not come about", async () => {
    const scene = await joining(
      (now) => now.delete("joins", "shop"),
      (now) => {
        now.process.cut();
        return "done";
      },
    );
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/a", "10.0.0.2 of first: shop/draws"]);
  });
});
