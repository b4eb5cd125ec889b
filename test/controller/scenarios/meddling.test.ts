/** What others write into Berth's objects or delete of them, and what must not come of it. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import type { Json } from "../../../lib/kube/api.ts";
import { fields, type JsonObject } from "../../../lib/model/decode.ts";
import { foreignHost } from "./foreign-host.ts";
import { addressesOf, Scene } from "./scene.ts";

const KEY = { "berth.dev/sharing-key": "edge" };
const RENUMBER = "berth.dev/renumber";
const PORT_80 = { spec: { ports: [{ name: "p", protocol: "TCP", port: 80 }] } };

async function served(annotations: Readonly<Record<string, string>> = {}, spec: JsonObject = {}): Promise<Scene> {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.9"], spec);
  scene.service("web", { annotations });
  await scene.settle();
  return scene;
}

/** Somebody writes a mark into the Service's entry in its VirtualIP. */
function mark(scene: Scene, renumber: string): void {
  const services = scene.vips()[0]?.services.map((one) => ({ ...one, renumber })) ?? [];
  scene.editVip("10.0.0.1", { spec: { services: JSON.parse(JSON.stringify(services)) } });
}

function patchStatus(scene: Scene, name: string, status: JsonObject): void {
  const path = `/api/v1/namespaces/default/services/${name}/status`;
  scene.api.call({ verb: "patch", path, body: JSON.parse(JSON.stringify({ status })), patch: "merge" });
}

function ingress(scene: Scene): Json | undefined {
  const status = fields(fields(scene.api.get("services", "default/web"))["status"]);
  return fields(status["loadBalancer"])["ingress"];
}

/** Berth's condition as a controller from before wrote it. */
function withMessage(scene: Scene, name: string, message: string): void {
  const conditions = scene.found(name).conditions.map((one) => ({ ...one, message }));
  patchStatus(scene, name, { conditions: JSON.parse(JSON.stringify(conditions)) });
}

describe("what is for people, and what a cloud would write", () => {
  test.each(["nobody/else", ""])("the column SERVICES of a VirtualIP: %j", async (usedBy) => {
    const scene = await served();
    scene.editVip("10.0.0.1", { spec: { usedBy } });
    await scene.settle();
    expect(scene.vips()[0]?.usedBy).toBe("default/web");
  });

  test("ports in the status of a Service", async () => {
    const scene = await served();
    const ports = [{ port: 80, protocol: "TCP", error: "NoSuchThing" }];
    patchStatus(scene, "web", { loadBalancer: { ingress: [{ ip: "10.0.0.1", ipMode: "VIP", ports }] } });
    await scene.settle();
    expect(ingress(scene)).toEqual([{ ip: "10.0.0.1", ipMode: "VIP" }]);
  });

  test("what another controller has written beside Berth's address stays whole when Berth lets go", async () => {
    const scene = await served();
    const others = { ip: "192.0.2.9", ports: [{ port: 80, protocol: "TCP" }] };
    scene.edit("web", { spec: { loadBalancerClass: "example.com/lb" } });
    patchStatus(scene, "web", { loadBalancer: { ingress: [{ ip: "10.0.0.1" }, others] } });
    await scene.settle();
    expect(ingress(scene)).toEqual([others]);
  });
});

describe("marks of berth.dev/renumber", () => {
  test.each([
    { name: "a Service that never asked", annotations: {}, stays: "" },
    { name: "one whose wish is fulfilled", annotations: { [RENUMBER]: "today" }, stays: "today" },
  ])(
    "a mark in the VirtualIP that somebody changes is no wish, and is undone: $name",
    async ({ annotations, stays }) => {
      const scene = await served(annotations);
      for (const text of ["evil", ""]) {
        mark(scene, text);
        await scene.settle();
        expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
        expect(scene.vips()[0]?.services[0]?.renumber ?? "").toBe(stays);
        scene.restart();
      }
      scene.annotate("web", { [RENUMBER]: "tomorrow" });
      await scene.settle();
      expect(scene.addresses("web")).toEqual(["10.0.0.2"]);
    },
  );

  test("the record of a Service that somebody takes away or changes is no wish either", async () => {
    const scene = await served({ [RENUMBER]: "today, (at) noon; 100 %" });
    expect(scene.says("web")).toBe(
      "Assigned: 10.0.0.1 from IPPool first (renumber today%2C%20%28at%29%20noon%3B%20100%20%25)",
    );
    for (const meddle of [
      () => patchStatus(scene, "web", { conditions: null }),
      () => withMessage(scene, "web", "10.0.0.1 from IPPool first (renumber evil)"),
    ]) {
      meddle();
      await scene.settle();
      expect(scene.says("web")).toMatch(/^Assigned: 10.0.0.1 from IPPool first \(renumber today/);
    }
    patchStatus(scene, "web", { conditions: null, loadBalancer: null });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  });

  test.each([
    { name: "the first one", annotations: {}, stays: "", noted: "" },
    { name: "another one", annotations: { [RENUMBER]: "one" }, stays: "one", noted: " (renumber one)" },
  ])("a wish that waits goes on waiting, whatever is done to the VirtualIP: $name", async (had) => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("web", { annotations: had.annotations });
    await scene.settle();
    scene.annotate("web", { [RENUMBER]: "two; (at) noon" });
    await scene.settle();
    for (const meddle of [
      () => mark(scene, "three"),
      () => mark(scene, "two; (at) noon"),
      () => scene.editVip("10.0.0.1", { spec: { services: [] } }),
      () => scene.deleteVip("10.0.0.1"),
    ]) {
      meddle();
      await scene.settle();
      expect(scene.vips()[0]?.services[0]?.renumber ?? "").toBe(had.stays);
      const waits = "berth.dev/renumber two%3B%20%28at%29%20noon waits: no IPv4 address is free";
      expect(scene.says("web")).toContain(`RequestNotMet: 10.0.0.1 from IPPool first${had.noted}; ${waits}`);
      scene.restart();
    }
    scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.2"] });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.2"]);
  });

  test.each([
    { name: "as they are", meddle: () => {} },
    { name: "with a VirtualIP that is deleted before", meddle: (scene: Scene) => scene.deleteVip("10.0.0.1") },
  ])("objects of a controller that had the mark in the VirtualIP alone: $name", async ({ meddle }) => {
    const scene = await served({ [RENUMBER]: "today" });
    withMessage(scene, "web", "10.0.0.1 from IPPool first");
    meddle(scene);
    scene.restart();
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
    expect(scene.says("web")).toBe("Assigned: 10.0.0.1 from IPPool first (renumber today)");
  });

  test("beside an address that is asked for by name it is void, also when that request is taken back", async () => {
    const scene = await served({ "berth.dev/ips": "10.0.0.5" });
    scene.annotate("web", { [RENUMBER]: "today" });
    await scene.settle();
    scene.annotate("web", { "berth.dev/ips": null });
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.5 of first: default/web"]);
    scene.annotate("web", { [RENUMBER]: "tomorrow" });
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
  });

  test("an address is two writes with a mark as well", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    await scene.settle();
    const from = scene.api.events.length;
    scene.service("web", { annotations: { [RENUMBER]: "today" } });
    await scene.settle();
    // The creation of the Service itself is the first of its two.
    expect([scene.writes("services", from), scene.writes("virtualips", from)]).toEqual([2, 1]);
  });
});

describe("Services that were edited apart keep their address when the VirtualIP is lost", () => {
  const NO_KEY = { metadata: { annotations: { "berth.dev/sharing-key": null } } };
  const cases = [
    { name: "the key", change: NO_KEY },
    { name: "a port", change: PORT_80 },
    { name: "the policy", change: { spec: { externalTrafficPolicy: "Local" } } },
  ].flatMap((one) => [
    { ...one, name: `${one.name} of the younger`, who: "b" },
    { ...one, name: `${one.name} of the older`, who: "a" },
  ]);
  const LOSSES: readonly (readonly [string, (scene: Scene) => void])[] = [
    ["deleted", (scene) => scene.deleteVip("10.0.0.1")],
    ["emptied", (scene) => scene.editVip("10.0.0.1", { spec: { services: [] } })],
  ];

  test.each(cases.flatMap((one) => LOSSES.map(([how, lose]) => ({ ...one, how, lose }))))(
    "$name, $how",
    async ({ change, who, lose }) => {
      const scene = new Scene();
      scene.pool("first", ["10.0.0.1-10.0.0.9"]);
      for (const [name, port] of [
        ["a", 80],
        ["b", 81],
        ["c", 82],
      ] as const) {
        scene.service(name, { annotations: KEY, ports: [who === "a" && name !== "c" ? 161 - port : port] });
        await scene.settle();
      }
      scene.edit(who, change);
      await scene.settle();
      for (const isNew of [false, true]) {
        lose(scene);
        if (isNew) scene.restart();
        await scene.settle();
        const all = ["10.0.0.1"];
        expect(addressesOf(scene, "a", "b", "c")).toEqual({ a: all, b: all, c: all });
        expect(scene.vips().map((vip) => vip.services.map((one) => one.name).sort())).toEqual([["a", "b", "c"]]);
        expect(scene.says(who)).toMatch(/^SharingConflict: 10.0.0.1 from IPPool first \(shared\); /);
      }
      expect(scene.warnings.filter(({ reason }) => reason === "AddressLost")).toEqual([]);
    },
  );

  test("the note goes when they are aligned again, and when one is alone", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    for (const [name, port] of [
      ["a", 80],
      ["b", 81],
    ] as const) {
      scene.service(name, { annotations: KEY, ports: [port] });
      await scene.settle();
    }
    const assigned = "Assigned: 10.0.0.1 from IPPool first";
    scene.edit("b", NO_KEY);
    await scene.settle();
    scene.annotate("b", KEY);
    await scene.settle();
    expect([scene.says("a"), scene.says("b")]).toEqual([assigned, assigned]);
    scene.edit("b", NO_KEY);
    await scene.settle();
    scene.delete("b");
    await scene.settle();
    expect(scene.says("a")).toBe(assigned);
  });

  test("a status that was copied is no reason to share, and its Service is told without a VirtualIP as well", async () => {
    const scene = await served();
    const { status } = JSON.parse(JSON.stringify(scene.api.get("services", "default/web")));
    scene.service("copy");
    patchStatus(scene, "copy", status);
    scene.deleteVip("10.0.0.1");
    await scene.settle();
    expect(addressesOf(scene, "web", "copy")).toEqual({ web: ["10.0.0.1"], copy: ["10.0.0.2"] });
    expect(scene.warnings.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
      expect.stringMatching(
        /^AddressLost: 10.0.0.1 belongs to default\/web by its .*; instead of it this Service has 10.0.0.2$/,
      ),
    ]);
  });
});

describe("what a VirtualIP that comes again knows of the one before", () => {
  test("that the address was in use: a foreign host that answers then is told, and nothing taken away", async () => {
    const scene = await served();
    expect(scene.vips()[0]?.inUseBefore).toBeUndefined();
    scene.vipStatus("10.0.0.1", { holder: { node: "", epoch: 2 } });
    scene.deleteVip("10.0.0.1");
    await scene.settle();
    expect(scene.vips()).toMatchObject([{ inUseBefore: true, holder: undefined }]);
    foreignHost(scene, "10.0.0.1");
    // The mark lasts through what is written for other reasons.
    scene.edit("web", { spec: { ports: [{ name: "p", protocol: "TCP", port: 8080 }] } });
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
    expect(scene.says("web")).toMatch(/^AddressConflict: 10.0.0.1 from IPPool first; .*, so it is not announced: /);
  });

  const RULES = { l2: { interfaces: ["eth7"] } };

  test("where it may be announced: a pool that is invalid, with a controller that has never seen it valid", async () => {
    const scene = await served({}, RULES);
    scene.editPool("first", { addresses: ["10.0.0.9-10.0.0.1"] });
    scene.restart();
    await scene.settle();
    scene.deleteVip("10.0.0.1");
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
    expect(scene.vips()[0]?.l2.interfaces).toEqual(["eth7"]);
  });

  test("where it may be announced: a pool that is being deleted waits for it, and goes with the Service", async () => {
    const scene = await served({}, RULES);
    scene.deletePool("first");
    await scene.settle();
    scene.deleteVip("10.0.0.1");
    await scene.settle();
    expect(scene.vips()[0]?.l2.interfaces).toEqual(["eth7"]);
    expect(scene.poolExists("first")).toBe(true);
    scene.delete("web");
    await scene.settle();
    expect(scene.poolExists("first")).toBe(false);
  });

  test("a pool that is gone for good takes its rules along, and the address stays", async () => {
    const scene = await served({}, RULES);
    scene.deletePool("first");
    scene.api.call({
      verb: "patch",
      path: "/apis/berth.dev/v1alpha1/ippools/first",
      body: { metadata: { finalizers: [] } },
      patch: "merge",
    });
    await scene.settle();
    scene.deleteVip("10.0.0.1");
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
    expect(scene.vips()[0]?.l2.interfaces).toEqual([]);
  });
});
