/** A Service that changes its mind, quickly and in unexpected orders. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { addressesOf, Scene } from "./scene.ts";

const BOTH = ["IPv4", "IPv6"] as const;
const KEY = { "berth.dev/sharing-key": "edge" };

function scene(addresses: readonly string[] = ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"]): Scene {
  const made = new Scene();
  made.pool("first", addresses);
  return made;
}

/** The speaker of n1 holds the address; what is given back is not free until it has written its silence. */
function hold(cluster: Scene, address: string): void {
  cluster.vipStatus(address, { holder: { node: "n1", epoch: 1 } });
}

function silence(cluster: Scene, address: string): void {
  cluster.vipStatus(address, { holder: { node: "", epoch: 2 } });
}

function leaseOf(cluster: Scene, node: string): void {
  cluster.node(node);
  cluster.speaker(node, []);
}

describe("type", () => {
  test("LoadBalancer, ClusterIP and back before anybody looked: the address stays", async () => {
    const cluster = scene();
    cluster.service("web");
    await cluster.settle();
    cluster.service("next");
    cluster.edit("web", { spec: { type: "ClusterIP" } });
    cluster.edit("web", { spec: { type: "LoadBalancer" } });
    await cluster.settle();
    expect(addressesOf(cluster, "web", "next")).toEqual({ web: ["10.0.0.1"], next: ["10.0.0.2"] });
  });

  test("and back while the old address is still being released: another one, at once", async () => {
    const cluster = scene(["10.0.0.1-10.0.0.2"]);
    leaseOf(cluster, "n1");
    cluster.service("web");
    await cluster.settle();
    hold(cluster, "10.0.0.1");
    cluster.edit("web", { spec: { type: "ClusterIP" } });
    await cluster.settle(5_000);
    expect(cluster.addresses("web")).toEqual([]);
    cluster.edit("web", { spec: { type: "LoadBalancer" } });
    await cluster.settle(2_000);
    expect(cluster.addresses("web")).toEqual(["10.0.0.2"]);
    silence(cluster, "10.0.0.1");
    await cluster.settle();
    expect(cluster.table()).toEqual(["10.0.0.2 of first: default/web"]);
  });
});

describe("a Service that is deleted and created again at once", () => {
  test.each([
    ["its address is asked for by name", { "berth.dev/ips": "10.0.0.1" }],
    ["it has a sharing key", KEY],
    ["it asks for nothing", {}],
  ] as const)("gets the only address when its predecessor has fallen silent: %s", async (_, annotations) => {
    const cluster = scene(["10.0.0.1/32"]);
    leaseOf(cluster, "n1");
    cluster.service("web", { annotations });
    await cluster.settle();
    hold(cluster, "10.0.0.1");
    cluster.delete("web");
    await cluster.settle(1_000);
    cluster.service("web", { annotations });
    await cluster.settle(2_000);
    expect(cluster.addresses("web")).toEqual([]);
    cluster.restart();
    silence(cluster, "10.0.0.1");
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.0.1"]);
    expect(cluster.vips().map((vip) => vip.services.map((one) => one.uid))).toEqual([[cluster.found("web").meta.uid]]);
  });

  test("somebody took the finalizer off before: the new one is served, the old entry is gone", async () => {
    const cluster = scene();
    cluster.service("web", { annotations: KEY });
    await cluster.settle();
    cluster.service("beside", { annotations: KEY, ports: [81] });
    await cluster.settle();
    cluster.edit("web", { metadata: { finalizers: null } });
    cluster.delete("web");
    cluster.service("web", { annotations: KEY });
    await cluster.settle();
    const uids = cluster.vips().map((vip) => vip.services.map((one) => one.uid));
    expect(uids.flat().sort()).toEqual(["web", "beside"].map((name) => cluster.found(name).meta.uid).sort());
    expect(cluster.addresses("beside")).toEqual(["10.0.0.1"]);
    expect(cluster.addresses("web")).toHaveLength(1);
  });
});

describe("requests", () => {
  test("there and back again: the address that is being released is waited for", async () => {
    const cluster = scene();
    leaseOf(cluster, "n1");
    cluster.service("web", { annotations: { "berth.dev/ips": "10.0.0.1" } });
    await cluster.settle();
    hold(cluster, "10.0.0.1");
    cluster.annotate("web", { "berth.dev/ips": "10.0.0.2" });
    await cluster.settle(1_000);
    cluster.annotate("web", { "berth.dev/ips": "10.0.0.1" });
    await cluster.settle(1_000);
    expect(cluster.says("web")).toBe(
      "RequestNotMet: 10.0.0.2 from IPPool first; 10.0.0.1 is still being released by default/web",
    );
    silence(cluster, "10.0.0.1");
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.0.1"]);
    expect(cluster.table()).toEqual(["10.0.0.1 of first: default/web"]);
  });

  test("two that want each other's address: one goes to a third for a moment, then both have what they want", async () => {
    const cluster = scene();
    cluster.service("a", { annotations: { "berth.dev/ips": "10.0.0.1" } });
    cluster.service("b", { annotations: { "berth.dev/ips": "10.0.0.2" } });
    await cluster.settle();
    cluster.annotate("b", { "berth.dev/ips": "10.0.0.1" });
    cluster.annotate("a", { "berth.dev/ips": "10.0.0.2" });
    await cluster.settle();
    expect(cluster.says("b")).toContain("default/a waits for 10.0.0.2, which this Service has");
    // One that asks no more is not in the way any more.
    cluster.annotate("a", { "berth.dev/ips": "10.0.0.1" });
    await cluster.settle();
    expect(cluster.says("b")).toContain("10.0.0.1 is in use by default/a");
    expect(cluster.says("b")).not.toContain("waits for");
    cluster.annotate("a", { "berth.dev/ips": "10.0.0.2" });
    await cluster.settle();
    expect(cluster.says("b")).toContain("default/a waits for 10.0.0.2, which this Service has");
    cluster.annotate("a", { "berth.dev/ips": "10.0.0.3" });
    await cluster.settle();
    cluster.annotate("a", { "berth.dev/ips": "10.0.0.2" });
    await cluster.settle();
    expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.2"], b: ["10.0.0.1"] });
  });

  test("both families by name, one of them in use: both or none where both are required", async () => {
    for (const policy of ["RequireDualStack", "PreferDualStack"] as const) {
      const cluster = scene();
      cluster.service("other", { annotations: { "berth.dev/ips": "10.0.0.5" } });
      await cluster.settle();
      const annotations = { "berth.dev/ips": "10.0.0.5,fd99::5" };
      cluster.service("web", { families: BOTH, policy, annotations });
      await cluster.settle();
      expect(cluster.addresses("web")).toEqual(policy === "PreferDualStack" ? ["fd99::5"] : []);
      expect(cluster.says("web")).toContain("10.0.0.5 is in use by default/other");
      cluster.delete("other");
      await cluster.settle();
      expect(cluster.addresses("web")).toEqual(["10.0.0.5", "fd99::5"]);
    }
  });
});

describe("a request for both families by a Service that has both", () => {
  test("a family that it has none of yet has what was asked for at once", async () => {
    const cluster = scene();
    cluster.service("web");
    cluster.service("other", { annotations: { "berth.dev/ips": "10.0.0.5" } });
    await cluster.settle();
    const [had = ""] = cluster.addresses("web");
    cluster.edit("web", { spec: { ipFamilies: BOTH, ipFamilyPolicy: "PreferDualStack" } });
    cluster.annotate("web", { "berth.dev/ips": "10.0.0.5,fd99::5" });
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual([had, "fd99::5"]);
  });
});

describe("who shares", () => {
  // Every join writes the whole list: the bound is for a machine under load.
  test("64 Services have one address, the next gets another one and is told, and those after it join it", async () => {
    const cluster = scene();
    for (let at = 0; at < 66; at++) {
      cluster.service(`s${at}`, { annotations: KEY, ports: [1000 + at] });
      if (at === 0 || at > 62) await cluster.settle();
    }
    expect(cluster.vips().map((vip) => [vip.address, vip.services.length])).toEqual([
      ["10.0.0.1", 64],
      ["10.0.0.2", 2],
    ]);
    expect(cluster.warnings.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
      "NotShared: 10.0.0.2 is given to this Service alone: 10.0.0.1 is not shared: it is in use by 64 Services already, which is the most",
    ]);
    cluster.service("late", { annotations: { ...KEY, "berth.dev/ips": "10.0.0.1" }, ports: [99] });
    await cluster.settle();
    expect(cluster.says("late")).toBe("AddressInUse: 10.0.0.1 is in use by 64 Services already, which is the most");
    cluster.delete("s7");
    await cluster.settle();
    expect(cluster.addresses("late")).toEqual(["10.0.0.1"]);
  }, 60_000);

  test("a Service that takes its key back stays, and nobody comes to it any more", async () => {
    const cluster = scene();
    cluster.service("a", { annotations: KEY });
    await cluster.settle();
    cluster.service("b", { annotations: KEY, ports: [81] });
    await cluster.settle();
    cluster.annotate("a", { "berth.dev/sharing-key": null });
    await cluster.settle();
    cluster.restart();
    await cluster.settle();
    expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.1"] });
    expect(cluster.says("b")).toBe(
      "SharingConflict: 10.0.0.1 from IPPool first (shared); 10.0.0.1 is shared with default/a, which has no annotation berth.dev/sharing-key: align the Services, or give one of them another address",
    );
    cluster.service("c", { annotations: KEY, ports: [82] });
    await cluster.settle();
    expect(cluster.addresses("c")).toEqual(["10.0.0.2"]);
    cluster.annotate("a", { "berth.dev/renumber": "alone" });
    await cluster.settle();
    expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.3"], b: ["10.0.0.1"] });
    expect(cluster.says("b")).toBe("Assigned: 10.0.0.1 from IPPool first");
  });

  test("a key that moves away and comes back", async () => {
    const cluster = scene();
    cluster.service("a", { annotations: KEY });
    await cluster.settle();
    cluster.service("b", { annotations: KEY, ports: [81] });
    await cluster.settle();
    cluster.annotate("b", { "berth.dev/sharing-key": "else" });
    await cluster.settle();
    for (const name of ["a", "b"]) expect(cluster.says(name)).toMatch(/^SharingConflict: .* sharing key/);
    cluster.annotate("b", KEY);
    await cluster.settle();
    for (const name of ["a", "b"]) expect(cluster.says(name)).toBe("Assigned: 10.0.0.1 from IPPool first");
  });
});

describe("families", () => {
  test("both, one, both with the policy going back and forth, and a controller that dies in between", async () => {
    const cluster = scene();
    cluster.service("web");
    await cluster.settle();
    for (const policy of ["PreferDualStack", "RequireDualStack"]) {
      cluster.edit("web", { spec: { ipFamilies: BOTH, ipFamilyPolicy: policy } });
      cluster.restart();
      await cluster.settle();
      expect(cluster.addresses("web")).toEqual(["10.0.0.1", "fd99::1"]);
      cluster.edit("web", { spec: { ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" } });
      await cluster.settle();
      expect(cluster.addresses("web")).toEqual(["10.0.0.1"]);
      expect(cluster.table()).toHaveLength(1);
    }
  });
});

test("a pool that was edited while no controller ran: what is in use stays, nothing new is given, and it says what it would be", async () => {
  const cluster = scene(["10.0.0.1-10.0.0.9"]);
  cluster.service("web");
  await cluster.settle();
  cluster.editPool("first", { addresses: ["10.0.0.1-10.0.0.9", "fd99::9-fd99::1"] });
  cluster.service("before");
  await cluster.settle();
  expect(cluster.addresses("before")).toEqual(["10.0.0.2"]);
  expect(cluster.poolSays("first")).toContain(
    "until this is corrected the last valid addresses stay in force: 10.0.0.1-10.0.0.9",
  );
  cluster.editPool("first", { addresses: ["10.0.0.1-10.0.0.9"] });
  await cluster.settle();
  // Nobody sees this edit but the process that comes next.
  cluster.editPool("first", { addresses: ["10.0.0.1-10.0.0.9", "fd99::9-fd99::1"] });
  cluster.restart();
  cluster.service("after");
  await cluster.settle();
  expect(addressesOf(cluster, "web", "before", "after")).toEqual({
    web: ["10.0.0.1"],
    before: ["10.0.0.2"],
    after: [],
  });
  expect(cluster.says("after")).toBe(
    'PoolNotReady: the IPPool first cannot be used: spec.addresses[1]: "fd99::9-fd99::1" ends before it begins: swap the two addresses',
  );
  cluster.editPool("first", { addresses: ["10.0.0.1-10.0.0.9"] });
  await cluster.settle();
  expect(cluster.addresses("after")).toEqual(["10.0.0.3"]);
});
