/** Who waits is looked at again as soon as what he waits for is there, without a restart. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { foreignHost, noForeignHost } from "./foreign-host.ts";
import { addressesOf, Scene } from "./scene.ts";

describe("a quota has room again", () => {
  test("when another pool takes the address over", async () => {
    const scene = new Scene();
    scene.pool("a", ["10.0.0.1-10.0.0.9"], { quota: 1 });
    scene.service("s1");
    await scene.settle();
    scene.service("s2", { annotations: { "berth.dev/pool": "a" } });
    await scene.settle();
    expect(scene.says("s2")).toMatch(/^QuotaExceeded/);
    scene.pool("b", ["10.0.0.1/32"], { priority: 1 });
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of b: default/s1", "10.0.0.2 of a: default/s2"]);
  });

  test("when the Service that kept its address in the pool does not name the pool any more", async () => {
    const scene = new Scene();
    const annotations = { "berth.dev/pool": "a" };
    scene.pool("a", ["10.0.0.1-10.0.0.9"], { quota: 1 });
    scene.service("s1", { annotations });
    await scene.settle();
    scene.service("s2", { annotations });
    scene.editPool("a", { addresses: ["10.0.0.2-10.0.0.9"] });
    scene.pool("b", ["10.0.0.1/32"]);
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of a: default/s1"]);
    scene.annotate("s1", { "berth.dev/pool": null });
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of b: default/s1", "10.0.0.2 of a: default/s2"]);
  });

  test("and has it all along while an address comes back that the pool has by now and another pool goes on giving", async () => {
    const scene = new Scene();
    scene.pool("a", ["10.0.0.1-10.0.0.9"]);
    scene.service("s1", { annotations: { "berth.dev/pool": "a" } });
    await scene.settle();
    scene.editPool("a", { addresses: ["10.0.0.2-10.0.0.9"] });
    scene.pool("b", ["10.0.0.1/32", "10.0.1.1/32"], { quota: 1 });
    await scene.settle();
    scene.deleteVip("10.0.0.1");
    let held = 0;
    scene.atWrite = async () => {
      if (scene.process.next?.verb !== "create" || held === 20) return "go on";
      held += 1;
      if (held === 1) scene.service("s2", { annotations: { "berth.dev/pool": "b" } });
      scene.process.proceed(1);
      return "done";
    };
    await scene.settle();
    expect(held).toBe(20);
    expect(scene.table()).toEqual(["10.0.0.1 of a: default/s1", "10.0.1.1 of b: default/s2"]);
    expect(scene.warnings.map(({ reason }) => reason)).not.toContain("QuotaExceeded");
  });

  test("when an address is put aside: nobody has it", async () => {
    const scene = new Scene();
    scene.pool("a", ["10.0.0.1-10.0.0.9"], { quota: 1 });
    scene.service("s1", { annotations: { "berth.dev/pool": "b,a" } });
    await scene.settle();
    scene.service("s2", { annotations: { "berth.dev/pool": "a" } });
    scene.pool("b", ["10.0.1.1/32"]);
    await scene.settle();
    expect(addressesOf(scene, "s1", "s2")).toEqual({ s1: ["10.0.0.1"], s2: [] });
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    expect(addressesOf(scene, "s1", "s2")).toEqual({ s1: ["10.0.1.1"], s2: ["10.0.0.2"] });
  });
});

test("a shared address may be joined again when the foreign host that used it has fallen silent", async () => {
  const scene = new Scene();
  const annotations = { "berth.dev/sharing-key": "edge" };
  scene.pool("first", ["10.0.0.1/32"]);
  scene.service("a", { annotations });
  await scene.settle();
  scene.vipStatus("10.0.0.1", { holder: { node: "n1", epoch: 1 } });
  foreignHost(scene, "10.0.0.1");
  await scene.settle();
  scene.service("b", { annotations, ports: [81] });
  await scene.settle();
  expect(scene.says("b")).toMatch(/^PoolExhausted/);
  noForeignHost(scene, "10.0.0.1");
  await scene.settle();
  expect(addressesOf(scene, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.1"] });
});

describe("an address is judged by the others that foreign hosts use", () => {
  test("the third that one host answers for is told to all: it does proxy ARP", async () => {
    const scene = new Scene();
    const asked = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    scene.pool("first", ["10.0.0.0/24"]);
    for (const [at, ip] of asked.entries()) scene.service(`s${at}`, { annotations: { "berth.dev/ips": ip } });
    await scene.settle();
    for (const ip of asked) {
      foreignHost(scene, ip);
      await scene.settle();
    }
    for (const name of ["s0", "s1", "s2"]) expect(scene.says(name)).toMatch(/^ProxyARP/);
    const from = scene.api.events.length;
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    expect(scene.writes("services", from)).toBe(0);
  });

  test("when as many addresses of the pool as may be are put aside, who keeps a used one is told", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.20"]);
    scene.service("asks", { annotations: { "berth.dev/ips": "10.0.0.9" } });
    scene.service("web");
    await scene.settle();
    foreignHost(scene, "10.0.0.9", "02:aa:00:00:00:09");
    for (let at = 1; at <= 4; at++) {
      await scene.settle();
      expect(scene.says("asks")).toMatch(/^AddressConflict: .* give that host or the Service another address$/);
      foreignHost(scene, `10.0.0.${at}`, `02:aa:00:00:00:0${at}`);
    }
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.5"]);
    expect(scene.says("asks")).toMatch(/^AddressConflict: .* as many addresses of the IPPool first as may be are put/);
  });
});

test("an address that another pool takes over moves in one write, and nothing untrue is said meanwhile", async () => {
  const scene = new Scene();
  scene.pool("a", ["10.0.0.1-10.0.0.9"]);
  for (let at = 1; at <= 5; at++) scene.service(`s${at}`);
  await scene.settle();
  const from = scene.api.events.length;
  const untrue: string[] = [];
  // The write of the move is on its way while the VirtualIP itself is looked at.
  scene.atWrite = async () => {
    untrue.push(...scene.vips().flatMap(({ address }) => scene.vipSays(address) || []));
    return "go on";
  };
  scene.pool("b", ["10.0.0.1-10.0.0.9"], { priority: 1 });
  await scene.settle();
  expect(scene.table()[0]).toBe("10.0.0.1 of b: default/s1");
  expect(scene.writes("virtualips", from)).toBe(5);
  expect(untrue).toEqual([]);
});

test("who asks for an address that he may not have is told who has it now", async () => {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.9"], { serviceSelector: { matchLabels: { expose: "public" } } });
  scene.service("a", { annotations: { "berth.dev/ips": "10.0.0.5" } });
  await scene.settle();
  expect(scene.says("a")).toBe(
    "PoolNotAllowed: the IPPool first is not for a Service with these labels (its serviceSelector)",
  );
  scene.service("b", { annotations: { "berth.dev/ips": "10.0.0.5" }, labels: { expose: "public" } });
  await scene.settle();
  expect(addressesOf(scene, "a", "b")).toEqual({ a: [], b: ["10.0.0.5"] });
  expect(scene.says("a")).toMatch(/^AddressInUse: 10.0.0.5 is in use by default\/b/);
});

test("a foreign host is told of also after somebody has emptied the VirtualIP by hand", async () => {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.9"]);
  scene.service("web");
  await scene.settle();
  scene.vipStatus("10.0.0.1", { holder: { node: "n1", epoch: 1 } });
  foreignHost(scene, "10.0.0.1");
  await scene.settle();
  const said = scene.says("web");
  expect(said).toMatch(/^AddressConflict/);
  const from = scene.api.events.length;
  scene.editVip("10.0.0.1", { spec: { services: [] } });
  await scene.settle();
  expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
  expect(scene.says("web")).toBe(said);
  expect(scene.writes("services", from)).toBe(0);
});
