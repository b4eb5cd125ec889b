/** Who may draw from which pool, in which order, and how much. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { addressesOf, Scene } from "./scene.ts";

describe("who draws from which pool", () => {
  test("the lower priority number comes first, a pool without one last, equal ones by name", async () => {
    const scene = new Scene();
    scene.pool("a-none", ["10.0.3.1/32"]);
    scene.pool("b-twenty", ["10.0.2.1/32"], { priority: 20 });
    scene.pool("z-ten", ["10.0.1.2/32"], { priority: 10 });
    scene.pool("y-ten", ["10.0.1.1/32"], { priority: 10 });
    for (const name of ["s1", "s2", "s3", "s4"]) {
      scene.service(name);
      await scene.settle();
    }
    expect(addressesOf(scene, "s1", "s2", "s3", "s4")).toEqual({
      s1: ["10.0.1.1"],
      s2: ["10.0.1.2"],
      s3: ["10.0.2.1"],
      s4: ["10.0.3.1"],
    });
  });

  test("namespaces and priority together: 10 before 20 before none, for the namespaces of the pool alone", async () => {
    const scene = new Scene();
    scene.pool("none", ["10.0.3.1-10.0.3.9"], { namespaces: ["shop"] });
    scene.pool("twenty", ["10.0.2.1/32"], { namespaces: ["shop"], priority: 20 });
    scene.pool("ten", ["10.0.1.1/32"], { namespaces: ["shop"], priority: 10 });
    for (const name of ["s1", "s2", "s3"]) {
      scene.service(name, { namespace: "shop" });
      await scene.settle();
    }
    scene.service("other");
    await scene.settle();
    expect(["s1", "s2", "s3"].map((name) => scene.addresses(name, "shop"))).toEqual([
      ["10.0.1.1"],
      ["10.0.2.1"],
      ["10.0.3.1"],
    ]);
    expect(scene.says("other")).toMatch(/^PoolNotAllowed: the IPPool ten is not for the namespace default/);
  });

  test("a pool for some comes before a pool for all of the same priority", async () => {
    const scene = new Scene();
    scene.pool("a-all", ["10.0.1.1/32"]);
    scene.pool("b-shop", ["10.0.2.1/32"], { namespaces: ["shop"] });
    scene.service("web", { namespace: "shop" });
    scene.service("web");
    await scene.settle();
    expect(scene.addresses("web", "shop")).toEqual(["10.0.2.1"]);
    expect(scene.addresses("web")).toEqual(["10.0.1.1"]);
  });

  test("namespaces and namespaceSelector: one of the two is enough", async () => {
    const scene = new Scene();
    scene.namespace("by-label", { team: "edge" });
    scene.namespace("by-name", {});
    scene.namespace("neither", { team: "core" });
    scene.pool("edge", ["10.0.1.0/28"], {
      namespaces: ["by-name"],
      namespaceSelector: { matchLabels: { team: "edge" } },
    });
    for (const namespace of ["by-label", "by-name", "neither"]) scene.service("web", { namespace });
    await scene.settle();
    expect(scene.addresses("web", "by-label")).toHaveLength(1);
    expect(scene.addresses("web", "by-name")).toHaveLength(1);
    expect(scene.says("web", "neither")).toMatch(/^PoolNotAllowed/);
  });

  test("serviceSelector: the labels of the Service decide", async () => {
    const scene = new Scene();
    scene.pool("public", ["10.0.1.0/28"], { serviceSelector: { matchLabels: { expose: "public" } } });
    scene.service("yes", { labels: { expose: "public" } });
    scene.service("no", { labels: { expose: "private" } });
    await scene.settle();
    expect(scene.addresses("yes")).toEqual(["10.0.1.0"]);
    expect(scene.says("no")).toMatch(/^PoolNotAllowed: .*serviceSelector/);
    scene.edit("no", { metadata: { labels: { expose: "public" } } });
    await scene.settle();
    expect(scene.addresses("no")).toEqual(["10.0.1.1"]);
  });

  test("47: two pools by serviceSelector: each address is announced by the rules of its own pool", async () => {
    const scene = new Scene();
    const weight = { weight: 10, selector: { matchLabels: { edge: "yes" } } };
    scene.pool("public", ["10.0.1.0/28"], {
      serviceSelector: { matchLabels: { expose: "public" } },
      l2: { preferred: [weight] },
    });
    scene.pool("private", ["10.0.2.0/28"], { serviceSelector: { matchLabels: { expose: "private" } } });
    scene.service("shop", { labels: { expose: "public" } });
    scene.service("desk", { labels: { expose: "private" } });
    await scene.settle();
    const rules = scene.vips().map(({ address, l2 }) => [address, l2.preferred.map((one) => one.weight)]);
    expect(Object.fromEntries(rules)).toEqual({ "10.0.1.0": [10], "10.0.2.0": [] });
  });

  test("51: an expression with In: one of its values is enough", async () => {
    const scene = new Scene();
    const expression = { key: "expose", operator: "In", values: ["public", "partner"] };
    scene.pool("shown", ["10.0.1.0/28"], { serviceSelector: { matchExpressions: [expression] } });
    for (const expose of ["public", "partner", "private"]) scene.service(expose, { labels: { expose } });
    scene.service("none");
    await scene.settle();
    expect(["public", "partner", "private", "none"].map((name) => scene.addresses(name).length)).toEqual([1, 1, 0, 0]);
    expect(scene.says("private")).toMatch(/^PoolNotAllowed: .*serviceSelector/);
  });

  test("namespace and Service rule together: both must hold", async () => {
    const scene = new Scene();
    scene.pool("both", ["10.0.1.0/28"], {
      namespaces: ["shop"],
      serviceSelector: { matchLabels: { expose: "public" } },
    });
    scene.service("web", { namespace: "shop", labels: { expose: "public" } });
    scene.service("plain", { namespace: "shop" });
    scene.service("web", { labels: { expose: "public" } });
    await scene.settle();
    expect(scene.addresses("web", "shop")).toEqual(["10.0.1.0"]);
    expect(scene.says("plain", "shop")).toMatch(/serviceSelector/);
    expect(scene.says("web")).toMatch(/not for the namespace default/);
  });

  test("relabelling a namespace: the next Service draws from the better pool, the first keeps its address", async () => {
    const scene = new Scene();
    scene.namespace("shop", { tier: "low" });
    scene.pool("low", ["10.0.2.0/28"], { priority: 20, namespaceSelector: { matchLabels: { tier: "low" } } });
    scene.pool("high", ["10.0.1.0/28"], { priority: 10, namespaceSelector: { matchLabels: { tier: "high" } } });
    scene.service("first", { namespace: "shop" });
    await scene.settle();
    scene.relabelNamespace("shop", { tier: "high" });
    scene.service("second", { namespace: "shop" });
    await scene.settle();
    expect(scene.addresses("first", "shop")).toEqual(["10.0.2.0"]);
    expect(scene.addresses("second", "shop")).toEqual(["10.0.1.0"]);
  });

  test("a served Service that loses the label which the pool asks for keeps its address, also through a restart", async () => {
    const scene = new Scene();
    scene.pool("public", ["10.0.1.0/28"], {
      priority: 1,
      serviceSelector: { matchLabels: { expose: "public" } },
    });
    scene.pool("rest", ["10.0.2.0/28"]);
    scene.service("web", { labels: { expose: "public" } });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.1.0"]);
    const from = scene.api.events.length;
    scene.edit("web", { metadata: { labels: { expose: "private" } } });
    await scene.settle();
    scene.edit("web", { metadata: { labels: { expose: null } } });
    await scene.settle();
    scene.restart();
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.1.0 of public: default/web"]);
    expect(scene.says("web")).toBe("Assigned: 10.0.1.0 from IPPool public");
    // The user's own two writes, and nothing of Berth's.
    expect(scene.api.events.slice(from)).toHaveLength(2);
    scene.annotate("web", { "berth.dev/renumber": "1" });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.2.0"]);
  });

  test("the rules hold also for who names the pool or the address; autoAssign does not", async () => {
    const scene = new Scene();
    scene.pool("shop", ["10.0.1.0/28"], { namespaces: ["shop"], autoAssign: false });
    scene.service("by-pool", { annotations: { "berth.dev/pool": "shop" } });
    scene.service("by-address", { annotations: { "berth.dev/ips": "10.0.1.5" } });
    scene.service("allowed", { namespace: "shop", annotations: { "berth.dev/pool": "shop" } });
    scene.service("unasked", { namespace: "shop" });
    await scene.settle();
    expect(scene.says("by-pool")).toMatch(/^PoolNotAllowed/);
    expect(scene.says("by-address")).toMatch(/^PoolNotAllowed/);
    expect(scene.addresses("allowed", "shop")).toEqual(["10.0.1.0"]);
    expect(scene.says("unasked", "shop")).toMatch(/^NoPool: no IPPool with autoAssign/);
  });

  test("quota: a namespace holds so many addresses of the pool and no more, until one is free again", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.0/28"], { quota: 2 });
    for (const name of ["a", "b", "c"]) scene.service(name);
    scene.service("d", { namespace: "shop" });
    await scene.settle();
    expect(scene.table()).toHaveLength(3);
    const waiting = ["a", "b", "c"].filter((name) => scene.addresses(name).length === 0);
    expect(waiting).toHaveLength(1);
    expect(scene.says(waiting[0] ?? "")).toMatch(/^QuotaExceeded: the namespace default has its quota of 2 addresses/);
    expect(scene.addresses("d", "shop")).toHaveLength(1);
    scene.delete(["a", "b", "c"].find((name) => name !== waiting[0]) ?? "");
    await scene.settle();
    expect(scene.addresses(waiting[0] ?? "")).toHaveLength(1);
  });

  test("quota: who is at it may still change to another address of the pool", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.0/28"], { quota: 1 });
    scene.service("web");
    await scene.settle();
    scene.annotate("web", { "berth.dev/ips": "10.0.0.9" });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.9"]);
    expect(scene.table()).toEqual(["10.0.0.9 of first: default/web"]);
  });
});
