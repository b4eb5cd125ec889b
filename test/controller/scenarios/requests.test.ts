/** What a Service may ask for, and what becomes of what it has meanwhile. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { Scene } from "./scene.ts";

/** Two pools of three addresses each; the second gives only when asked. */
function scene(): Scene {
  const made = new Scene();
  made.pool("first", ["10.0.0.1-10.0.0.3", "fd99::1-fd99::3"]);
  made.pool("second", ["10.0.1.1-10.0.1.3", "fd99::1:1-fd99::1:3"], { autoAssign: false });
  return made;
}

describe("an address", () => {
  test.each([
    { by: "berth.dev/ips", wish: { annotations: { "berth.dev/ips": "10.0.1.2" } } },
    { by: "metallb.io/loadBalancerIPs", wish: { annotations: { "metallb.io/loadBalancerIPs": "10.0.1.2" } } },
    {
      by: "metallb.universe.tf/loadBalancerIPs",
      wish: { annotations: { "metallb.universe.tf/loadBalancerIPs": "10.0.1.2" } },
    },
    { by: "spec.loadBalancerIP", wish: { loadBalancerIP: "10.0.1.2" } },
    {
      by: "the field and an annotation that say the same",
      wish: { loadBalancerIP: "10.0.1.2", annotations: { "metallb.io/loadBalancerIPs": "10.0.1.2" } },
    },
  ])("by $by", async ({ wish }) => {
    const cluster = scene();
    cluster.service("web", wish);
    await cluster.settle();
    expect(cluster.table()).toEqual(["10.0.1.2 of second: default/web"]);
    expect(cluster.addresses("web")).toEqual(["10.0.1.2"]);
  });

  test("one of each family, in the order of the Service's families", async () => {
    const cluster = scene();
    cluster.service("web", {
      families: ["IPv6", "IPv4"],
      annotations: { "metallb.io/loadBalancerIPs": "10.0.0.3,fd99::1:2" },
    });
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["fd99::1:2", "10.0.0.3"]);
  });

  test.each([
    {
      name: "two of one family",
      wish: { annotations: { "berth.dev/ips": "10.0.0.1,10.0.0.2" } },
      says: "BadRequest: asks for 10.0.0.1 and 10.0.0.2 (berth.dev/ips): one address per family can be asked for",
    },
    {
      name: "the field and an annotation that differ",
      wish: { loadBalancerIP: "10.0.0.1", annotations: { "metallb.io/loadBalancerIPs": "10.0.0.2" } },
      says: "BadRequest: asks for 10.0.0.2 and 10.0.0.1 (metallb.io/loadBalancerIPs and spec.loadBalancerIP): one address per family can be asked for",
    },
    {
      name: "a family that the Service does not have",
      wish: { annotations: { "berth.dev/ips": "fd99::1" } },
      says: "BadRequest: asks for fd99::1, but spec.ipFamilies of the Service has no IPv6: add it there, or ask for another address",
    },
    {
      name: "no address at all",
      wish: { annotations: { "berth.dev/ips": "lan" } },
      says: 'BadRequest: annotation berth.dev/ips: "lan" is not an IP address',
    },
    {
      name: "an address of no pool",
      wish: { annotations: { "berth.dev/ips": "192.0.2.1" } },
      says: "AddressNotInPool: no IPPool gives out 192.0.2.1: add it to one (and see that neither spec.excluded nor spec.avoidBuggyIPs leaves it out), or ask for another address",
    },
    {
      name: "an address of another pool than the one asked for",
      wish: { annotations: { "berth.dev/ips": "10.0.0.1", "berth.dev/pool": "second" } },
      says: "AddressNotInPool: 10.0.0.1 belongs to the IPPool first, not to second: ask for one of the two",
    },
  ])("refused: $name", async ({ wish, says }) => {
    const cluster = scene();
    cluster.service("web", wish);
    await cluster.settle();
    expect(cluster.says("web")).toBe(says);
    expect(cluster.addresses("web")).toEqual([]);
    expect(cluster.table()).toEqual([]);
    expect(cluster.warnings.map(({ reason }) => reason)).toEqual([says.split(":")[0]]);
  });
});

describe("a pool", () => {
  test.each(["berth.dev/pool", "metallb.io/address-pool", "metallb.universe.tf/address-pool"])("by %s", async (by) => {
    const cluster = scene();
    cluster.service("before");
    cluster.service("web", { annotations: { [by]: "second" } });
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.1.1"]);
    expect(cluster.addresses("before")).toEqual(["10.0.0.1"]);
  });

  test.each([
    ["IPv4", true, "10.0.1.1"],
    ["IPv4", false, "10.0.1.1"],
    ["IPv6", true, "fd99::1:1"],
    ["IPv6", false, "fd99::1:1"],
  ] as const)(
    "%s, autoAssign %s: %s, the pool is told, and the Service before stays",
    async (family, autoAssign, address) => {
      const cluster = scene();
      cluster.editPool("second", { autoAssign });
      cluster.service("before", { families: [family] });
      await cluster.settle();
      const had = cluster.addresses("before");
      expect(had).toEqual([family === "IPv4" ? "10.0.0.1" : "fd99::1"]);
      cluster.service("web", { families: [family], annotations: { "berth.dev/pool": "second" } });
      await cluster.settle();
      expect(cluster.addresses("web")).toEqual([address]);
      expect(cluster.says("web")).toBe(`Assigned: ${address} from IPPool second`);
      expect(cluster.addresses("before")).toEqual(had);
    },
  );

  test("the first of a list that has an address, in the order of the list", async () => {
    const cluster = scene();
    cluster.pool("third", ["10.0.2.1/32"], { priority: 1 });
    for (const name of ["a", "b", "c"]) cluster.service(name, { annotations: { "berth.dev/pool": "third, second" } });
    await cluster.settle();
    expect(["a", "b", "c"].map((name) => cluster.addresses(name)[0])).toEqual(["10.0.2.1", "10.0.1.1", "10.0.1.2"]);
  });

  test("all of them full: every one is named", async () => {
    const cluster = new Scene();
    cluster.pool("a", ["10.0.0.1/32"], { autoAssign: false });
    cluster.service("x", { annotations: { "berth.dev/pool": "a" } });
    await cluster.settle();
    cluster.service("y", { annotations: { "berth.dev/pool": "a,b" } });
    await cluster.settle();
    expect(cluster.says("y")).toBe(
      "PoolExhausted: no IPv4 address of the IPPool a is free: widen it or delete a Service; there is no IPPool b: create it, or correct the annotation berth.dev/pool",
    );
  });

  test("two annotations that differ are refused", async () => {
    const cluster = scene();
    cluster.service("web", { annotations: { "berth.dev/pool": "first", "metallb.io/address-pool": "second" } });
    await cluster.settle();
    expect(cluster.says("web")).toBe(
      "BadRequest: annotation berth.dev/pool asks for the pool first and metallb.io/address-pool for second: remove one",
    );
  });
});

describe("a request that changes", () => {
  test("the new address first, then the old one goes: there is no moment without", async () => {
    const cluster = scene();
    cluster.service("web");
    await cluster.settle();
    const from = cluster.api.events.length;
    cluster.annotate("web", { "berth.dev/ips": "10.0.1.3" });
    await cluster.settle();
    expect(cluster.table()).toEqual(["10.0.1.3 of second: default/web"]);
    const seen = cluster.api.events.slice(from).flatMap(({ resource, object }) => {
      const { status } = JSON.parse(JSON.stringify(object ?? {}));
      return resource === "services" ? [status?.loadBalancer?.ingress?.[0]?.ip] : [];
    });
    expect(new Set(seen)).toEqual(new Set(["10.0.0.1", "10.0.1.3"]));
  });

  test.each([
    {
      name: "an address in use",
      annotations: { "berth.dev/ips": "10.0.0.2" },
      says: "10.0.0.2 is in use by default/other",
    },
    { name: "a pool that is not there", annotations: { "berth.dev/pool": "none" }, says: "there is no IPPool none" },
    { name: "nonsense", annotations: { "berth.dev/ips": "soon" }, says: "is not an IP address" },
  ])("impossible ($name): the Service stays as it was and says why", async ({ annotations, says }) => {
    const cluster = scene();
    cluster.service("web");
    await cluster.settle();
    cluster.service("other");
    await cluster.settle();
    cluster.annotate("web", annotations);
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.0.1"]);
    expect(cluster.says("web")).toMatch(/^RequestNotMet: 10.0.0.1 from IPPool first; /);
    expect(cluster.says("web")).toContain(says);
    cluster.annotate("web", { "berth.dev/ips": null, "berth.dev/pool": null });
    await cluster.settle();
    expect(cluster.says("web")).toBe("Assigned: 10.0.0.1 from IPPool first");
  });

  test("another pool that is full: the old address serves until one of the other is free", async () => {
    const cluster = scene();
    cluster.editPool("second", { addresses: ["10.0.1.1/32"] });
    cluster.service("web");
    cluster.service("other", { annotations: { "berth.dev/pool": "second" } });
    await cluster.settle();
    const from = cluster.api.events.length;
    cluster.annotate("web", { "berth.dev/pool": "second" });
    await cluster.settle();
    cluster.restart();
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.0.1"]);
    expect(cluster.says("web")).toMatch(
      /^RequestNotMet: 10.0.0.1 from IPPool first; no IPv4 address of the IPPool second is free/,
    );
    cluster.delete("other");
    await cluster.settle();
    expect(cluster.table()).toEqual(["10.0.1.1 of second: default/web"]);
    const seen = cluster.api.events.slice(from).flatMap(({ key, object }) => {
      const { status } = JSON.parse(JSON.stringify(object ?? {}));
      return key === "default/web" ? [status?.loadBalancer?.ingress?.[0]?.ip] : [];
    });
    expect([...new Set(seen)]).toEqual(["10.0.0.1", "10.0.1.1"]);
  });

  test("it is fulfilled as soon as it can be", async () => {
    const cluster = scene();
    cluster.service("other", { annotations: { "berth.dev/ips": "10.0.0.2" } });
    cluster.service("web");
    await cluster.settle();
    cluster.annotate("web", { "berth.dev/ips": "10.0.0.2" });
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.0.1"]);
    cluster.delete("other");
    await cluster.settle();
    expect(cluster.addresses("web")).toEqual(["10.0.0.2"]);
  });
});
