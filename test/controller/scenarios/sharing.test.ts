/** Several Services on one address. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { addressesOf, Scene } from "./scene.ts";
import type { ServiceWish } from "./wish.ts";

const KEY = { "berth.dev/sharing-key": "edge" };

function scene(spec = {}): Scene {
  const made = new Scene();
  made.pool("first", ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"], spec);
  return made;
}

async function place(cluster: Scene, ...wishes: readonly (readonly [string, ServiceWish])[]): Promise<void> {
  for (const [name, wish] of wishes) {
    cluster.service(name, wish);
    await cluster.settle();
  }
}

describe("who goes together", () => {
  test.each(["berth.dev/sharing-key", "metallb.io/allow-shared-ip", "metallb.universe.tf/allow-shared-ip"])(
    "Services with the same key and other ports have one address, by %s",
    async (annotation) => {
      const cluster = scene();
      const annotations = { [annotation]: "edge" };
      await place(cluster, ["a", { annotations, ports: [88] }], ["b", { annotations, ports: [8080] }]);
      expect(cluster.table()).toEqual(["10.0.0.1 of first: default/a, default/b"]);
      expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.1"] });
      expect(cluster.warnings).toEqual([]);
    },
  );

  test("created in the same instant as well", async () => {
    const cluster = scene();
    for (const port of [81, 82, 83, 84]) cluster.service(`s${port}`, { annotations: KEY, ports: [port] });
    await cluster.settle();
    expect(cluster.vips().map((vip) => vip.services.map((one) => one.name).sort())).toEqual([
      ["s81", "s82", "s83", "s84"],
    ]);
  });

  test("also while the address of the other family is being made", async () => {
    const cluster = scene();
    cluster.service("a", { annotations: KEY, families: ["IPv4", "IPv6"], ports: [80] });
    cluster.service("b", { annotations: KEY, families: ["IPv6"], ports: [81] });
    await cluster.settle();
    expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.1", "fd99::1"], b: ["fd99::1"] });
  });

  test("the same port of TCP and of UDP is no collision", async () => {
    const cluster = scene();
    await place(cluster, ["tcp", { annotations: KEY, ports: [53] }], ["udp", { annotations: KEY, ports: ["53/UDP"] }]);
    expect(addressesOf(cluster, "tcp", "udp")).toEqual({ tcp: ["10.0.0.1"], udp: ["10.0.0.1"] });
  });

  test("both families of a dual-stack Service", async () => {
    const cluster = scene();
    const families = ["IPv4", "IPv6"] as const;
    await place(
      cluster,
      ["a", { annotations: KEY, families, ports: [80] }],
      ["b", { annotations: KEY, families: ["IPv6"], ports: [81] }],
      ["c", { annotations: KEY, families, ports: [82] }],
    );
    expect(addressesOf(cluster, "a", "b", "c")).toEqual({
      a: ["10.0.0.1", "fd99::1"],
      b: ["fd99::1"],
      c: ["10.0.0.1", "fd99::1"],
    });
  });

  test("who asks for the address by name", async () => {
    const cluster = scene();
    await place(cluster, ["a", { annotations: { ...KEY, "berth.dev/ips": "10.0.0.5" } }]);
    await place(cluster, ["b", { annotations: { ...KEY, "berth.dev/ips": "10.0.0.5" }, ports: [81] }]);
    expect(cluster.table()).toEqual(["10.0.0.5 of first: default/a, default/b"]);
  });

  test("externalTrafficPolicy Local with the same selector", async () => {
    const cluster = scene();
    const local = { annotations: KEY, local: true, selector: { app: "web" } };
    await place(cluster, ["a", { ...local, ports: [80] }], ["b", { ...local, ports: [443] }]);
    expect(cluster.table()).toEqual(["10.0.0.1 of first: default/a, default/b"]);
  });

  test("of several namespaces where the pool says so", async () => {
    const cluster = scene({ sharing: "AcrossNamespaces" });
    await place(cluster, ["a", { annotations: KEY }], ["b", { annotations: KEY, namespace: "shop", ports: [81] }]);
    expect(cluster.table()).toEqual(["10.0.0.1 of first: default/a, shop/b"]);
  });

  test("a quota counts a shared address once", async () => {
    const cluster = scene({ quota: 1 });
    await place(cluster, ["a", { annotations: KEY }], ["b", { annotations: KEY, ports: [81] }]);
    expect(cluster.table()).toEqual(["10.0.0.1 of first: default/a, default/b"]);
  });
});

describe("the refusal names the Service and what collides", () => {
  const ask = { ...KEY, "berth.dev/ips": "10.0.0.1" };
  test.each([
    {
      name: "a port",
      wish: { annotations: ask },
      says: "AddressInUse: 10.0.0.1 is in use by default/a, which has the port 80/TCP as well",
    },
    {
      name: "another key",
      wish: { annotations: { ...ask, "berth.dev/sharing-key": "other" }, ports: [81] },
      says: "AddressInUse: 10.0.0.1 is in use by default/a with the sharing key edge, not other",
    },
    {
      name: "no key",
      wish: { annotations: { "berth.dev/ips": "10.0.0.1" }, ports: [81] },
      says: "AddressInUse: 10.0.0.1 is in use by default/a; Services share an address when all have the same annotation berth.dev/sharing-key",
    },
    {
      name: "another externalTrafficPolicy",
      wish: { annotations: ask, ports: [81], local: true },
      says: "AddressInUse: 10.0.0.1 is in use by default/a, which has externalTrafficPolicy Cluster, this one Local",
    },
    {
      name: "another namespace",
      wish: { annotations: ask, ports: [81], namespace: "shop" },
      says: "AddressInUse: 10.0.0.1 is in use by default/a of another namespace, and spec.sharing of the IPPool first is SameNamespace",
    },
  ])("$name", async ({ wish, says }) => {
    const cluster = scene();
    await place(cluster, ["a", { annotations: KEY }], ["b", wish]);
    expect(cluster.says("b", "namespace" in wish ? wish.namespace : "default")).toBe(says);
    expect(cluster.table()).toEqual(["10.0.0.1 of first: default/a"]);
  });

  test("with Local, other pods", async () => {
    const cluster = scene();
    await place(
      cluster,
      ["a", { annotations: KEY, local: true }],
      ["b", { annotations: ask, local: true, ports: [81] }],
    );
    expect(cluster.says("b")).toBe(
      "AddressInUse: 10.0.0.1 is in use by default/a, which selects other pods; with externalTrafficPolicy Local the selectors must be the same",
    );
  });

  test("who did not ask for the address gets one of his own, and an event says why", async () => {
    const cluster = scene();
    await place(cluster, ["a", { annotations: KEY }], ["b", { annotations: KEY }]);
    expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.2"] });
    expect(cluster.warnings.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
      "NotShared: 10.0.0.2 is given to this Service alone: 10.0.0.1 is not shared: it is in use by default/a, which has the port 80/TCP as well",
    ]);
  });

  test.each([
    {
      name: "it asks for another pool",
      wish: { annotations: { ...KEY, "berth.dev/pool": "spare" } },
      says: "it belongs to the IPPool first, and this Service asks for spare",
    },
    {
      name: "the pool gives only to who names it",
      change: { autoAssign: false },
      says: "the IPPool first gives only to Services that name it (autoAssign: false), in the annotation berth.dev/pool",
    },
    {
      name: "the pool is for another namespace",
      change: { namespaces: ["shop"] },
      says: "the IPPool first is not for the namespace default (its namespaces and namespaceSelector)",
    },
    {
      name: "the pool is for other labels",
      change: { serviceSelector: { matchLabels: { tier: "gold" } } },
      says: "the IPPool first is not for a Service with these labels (its serviceSelector)",
    },
    {
      name: "the pool is being deleted",
      change: undefined,
      says: "the IPPool first is being deleted: ask for another pool",
    },
  ])("who is kept from the pool of the address is told so as well: $name", async ({ wish, change, says }) => {
    const cluster = scene();
    await place(cluster, ["a", { annotations: KEY }]);
    cluster.pool("spare", ["10.0.1.1-10.0.1.9"]);
    if (change !== undefined) cluster.editPool("first", change);
    else if (wish === undefined) cluster.deletePool("first");
    await cluster.settle();
    await place(cluster, ["b", { annotations: KEY, ...wish, ports: [81] }]);
    expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.1.1"] });
    expect(cluster.warnings.flatMap(({ reason, message }) => (reason === "NotShared" ? [message] : []))).toEqual([
      `10.0.1.1 is given to this Service alone: 10.0.0.1 is not shared: ${says}`,
    ]);
  });

  test("and so is who has his quota, or would come to an address that a foreign host uses", async () => {
    const cluster = scene({ quota: 1, sharing: "AcrossNamespaces" });
    cluster.pool("spare", ["10.0.1.1-10.0.1.9"]);
    await place(cluster, ["a", { annotations: KEY }], ["own", { namespace: "shop" }]);
    await place(cluster, ["b", { namespace: "shop", annotations: KEY, ports: [81] }]);
    cluster.vipStatus("10.0.0.1", {
      holder: { node: "n1", epoch: 1 },
      conditions: [{ type: "Conflict", status: "True", reason: "ForeignHost", message: "02:00:00:00:00:99 uses it" }],
    });
    await cluster.settle();
    await place(cluster, ["c", { annotations: KEY, ports: [82] }]);
    expect(cluster.warnings.flatMap(({ reason, message }) => (reason === "NotShared" ? [message] : []))).toEqual([
      expect.stringMatching(/^10.0.1.1 .* 10.0.0.1 is not shared: the namespace shop has its quota of 1 addresses/),
      expect.stringMatching(/ 10.0.0.1 is not shared: a host with the MAC 02:00:00:00:00:99 uses it$/),
    ]);
  });

  test("it is served as soon as the port is free", async () => {
    const cluster = scene();
    await place(cluster, ["a", { annotations: KEY }], ["b", { annotations: ask }]);
    cluster.edit("a", { spec: { ports: [{ name: "p", protocol: "TCP", port: 8080 }] } });
    await cluster.settle();
    expect(cluster.table()).toEqual(["10.0.0.1 of first: default/a, default/b"]);
  });

  test("it is served as soon as the selectors are the same", async () => {
    const cluster = scene();
    await place(
      cluster,
      ["a", { annotations: KEY, local: true }],
      ["b", { annotations: ask, local: true, ports: [81] }],
    );
    cluster.edit("a", { spec: { selector: { app: "b" } } });
    await cluster.settle();
    expect(cluster.table()).toEqual(["10.0.0.1 of first: default/a, default/b"]);
  });
});

describe("Services that do not go together any more", () => {
  test.each([
    {
      name: "externalTrafficPolicy",
      change: { spec: { externalTrafficPolicy: "Local" } },
      back: { spec: { externalTrafficPolicy: "Cluster" } },
      says: "externalTrafficPolicy",
    },
    {
      name: "ports",
      change: { spec: { ports: [{ name: "p", protocol: "TCP", port: 80 }] } },
      back: { spec: { ports: [{ name: "p", protocol: "TCP", port: 81 }] } },
      says: "has the port 80/TCP as well",
    },
    {
      name: "the key",
      change: { metadata: { annotations: { "berth.dev/sharing-key": "else" } } },
      back: { metadata: { annotations: KEY } },
      says: "sharing key",
    },
    {
      name: "no key",
      change: { metadata: { annotations: { "berth.dev/sharing-key": null } } },
      back: { metadata: { annotations: KEY } },
      says: "sharing-key",
    },
  ])("both keep the address and are told, until they go together again: $name", async ({ change, back, says }) => {
    const cluster = scene();
    const both = { a: ["10.0.0.1"], b: ["10.0.0.1"] };
    await place(cluster, ["a", { annotations: KEY }], ["b", { annotations: KEY, ports: [81] }]);
    cluster.edit("b", change);
    await cluster.settle();
    for (const isNew of [false, true]) {
      if (isNew) cluster.restart();
      await cluster.settle();
      expect(addressesOf(cluster, "a", "b")).toEqual(both);
      for (const [name, other] of [
        ["a", "b"],
        ["b", "a"],
      ] as const) {
        const begin = `SharingConflict: 10.0.0.1 from IPPool first (shared); 10.0.0.1 is shared with default/${other}`;
        expect(cluster.says(name).slice(0, begin.length)).toBe(begin);
        expect(cluster.says(name)).toContain(says);
      }
    }
    cluster.edit("b", back);
    await cluster.settle();
    expect(addressesOf(cluster, "a", "b")).toEqual(both);
    for (const name of ["a", "b"]) expect(cluster.says(name)).toBe("Assigned: 10.0.0.1 from IPPool first");
    await place(cluster, ["c", { annotations: KEY, ports: [82] }]);
    expect(cluster.table()).toEqual(["10.0.0.1 of first: default/a, default/b, default/c"]);
  });

  test("with Local, a selector that becomes another one: told to both, and taken back when they are the same again", async () => {
    const cluster = scene();
    const local = { annotations: KEY, local: true, selector: { app: "web" } };
    await place(cluster, ["a", { ...local, ports: [80] }], ["b", { ...local, ports: [81] }]);
    cluster.edit("b", { spec: { selector: { app: "other" } } });
    await cluster.settle();
    expect([cluster.says("a"), cluster.says("b")].map((text) => text.split(":")[0])).toEqual([
      "SharingConflict",
      "SharingConflict",
    ]);
    cluster.edit("b", { spec: { selector: { app: "web" } } });
    await cluster.settle();
    expect([cluster.says("a"), cluster.says("b")]).toEqual([
      "Assigned: 10.0.0.1 from IPPool first",
      "Assigned: 10.0.0.1 from IPPool first",
    ]);
  });

  test("who is alone on its address may change its key, and who leaves frees its ports", async () => {
    const cluster = scene();
    await place(cluster, ["a", { annotations: KEY }], ["b", { annotations: KEY, ports: [81] }]);
    cluster.delete("a");
    cluster.annotate("b", { "berth.dev/sharing-key": "new" });
    await cluster.settle();
    expect(cluster.vips()[0]?.sharingKey).toBe("new");
    await place(cluster, ["c", { annotations: { "berth.dev/sharing-key": "new" } }]);
    expect(cluster.table()).toEqual(["10.0.0.1 of first: default/b, default/c"]);
  });

  test("berth.dev/renumber takes one of them out, the others stay", async () => {
    const cluster = scene();
    await place(cluster, ["a", { annotations: KEY }], ["b", { annotations: KEY, ports: [81] }]);
    cluster.annotate("b", { "berth.dev/renumber": "1" });
    await cluster.settle();
    expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.2"] });
  });

  test("a shared VirtualIP that was deleted comes again with all of its Services", async () => {
    const cluster = scene();
    await place(cluster, ["a", { annotations: KEY }], ["b", { annotations: KEY, ports: [81] }]);
    cluster.deleteVip("10.0.0.1");
    await cluster.settle();
    expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.1"] });
    expect(cluster.vips().map((vip) => vip.services.length)).toEqual([2]);
  });

  test("an entry that somebody took out of it comes back", async () => {
    const cluster = scene();
    await place(cluster, ["a", { annotations: KEY }], ["b", { annotations: KEY, ports: [81] }]);
    cluster.editVip("10.0.0.1", { spec: { services: [] } });
    await cluster.settle();
    expect(cluster.vips().map((vip) => vip.services.map((one) => one.name).sort())).toEqual([["a", "b"]]);
    expect(addressesOf(cluster, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.1"] });
  });
});
