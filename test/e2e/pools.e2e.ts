import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, berthNamespace } from "./berth.ts";
import { backend, manifest, namespace, pool, service } from "./manifests.ts";
import { Tenant } from "./tenant.ts";

const ns = "pools";

describe("addresses come and go", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    await berth.apply(namespace(ns), backend("web", ["n2"], ns));
    await berth.rollout("web", ns);
  }, 600_000);

  afterAll(async () => {
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=60s");
    await berth.kubectl("delete", "ippool", "--all");
    await shared.release();
  }, 180_000);

  const inPool = (name: string, poolName: string) =>
    service(name, { namespace: ns, annotations: { "berth.dev/pool": poolName }, app: "web" });

  test("a pool that is full says so on the Service, and serves it as soon as it is widened", async () => {
    await berth.apply(pool("small", ["10.99.0.230/32"], { autoAssign: false }), inPool("first", "small"));
    expect(await berth.address("first", ns)).toBe("10.99.0.230");
    await berth.apply(inPool("second", "small"));
    const event = await lab.waitFor("an event that says why", async () =>
      (await berth.events("second", "PoolExhausted", ns)).at(-1),
    );
    expect(event.message).toMatch(/small/);
    const { status } = await berth.service("second", ns);
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: "berth.dev/AddressAssigned", status: "False", reason: "PoolExhausted" }),
    );
    await berth.apply(pool("small", ["10.99.0.230/31"], { autoAssign: false }));
    expect(await berth.address("second", ns)).toBe("10.99.0.231");
    expect(await berth.address("first", ns)).toBe("10.99.0.230");
  });

  test("a pool edited into nonsense serves on as it was before, and says so in its condition and in an event", async () => {
    // Of IPv4 the API server refuses this itself.
    await berth.apply(pool("small", ["10.99.0.230/31", "fd99::239-fd99::232"], { autoAssign: false }));
    const swapped = "swap the two addresses";
    const event = await lab.waitFor("an event of the pool", async () =>
      (await berth.events("small", "InvalidRange")).at(-1),
    );
    expect(event.message).toContain("spec.addresses[1]");
    expect(event.message).toContain(swapped);
    const described = await berth.kubectl("describe", "ippool", "small");
    expect(described).toMatch(/Warning\s+InvalidRange/);
    await new Tenant(berth, ns).poolSays("small", "Ready", "InvalidRange: spec.addresses[1]: ");
    expect(await berth.address("first", ns)).toBe("10.99.0.230");
    const holder = await berth.holder("10.99.0.230");
    expect(await berth.answerers("10.99.0.230")).toEqual([lab.node(holder).mac]);
    await berth.apply(pool("small", ["10.99.0.230/31"], { autoAssign: false }));
    await berth.kubectl("wait", "ippool", "small", "--for=condition=Ready", "--timeout=30s");
  });

  test("a Service without any pool waits, says so, and is served when there is one", async () => {
    await berth.apply(service("waiting", { namespace: ns, app: "web" }));
    await lab.waitFor("an event that says why", async () => (await berth.events("waiting", "NoPool", ns)).at(-1));
    await berth.apply(pool("later", ["10.99.0.240/32"]));
    expect(await berth.address("waiting", ns)).toBe("10.99.0.240");
    await berth.kubectl("-n", ns, "delete", "service", "waiting", "--wait=true", "--timeout=30s");
    await berth.kubectl("delete", "ippool", "later");
  });

  test("a Service that becomes ClusterIP gives its address back, and gets one again when it returns", async () => {
    await berth.kubectl("-n", ns, "patch", "service", "first", "-p", '{"spec":{"type":"ClusterIP"}}');
    const clean = async () => {
      const { metadata, status } = await berth.service("first", ns);
      return status.loadBalancer?.ingress === undefined && metadata.finalizers === undefined ? true : undefined;
    };
    await lab.waitFor("status and finalizer to be gone", clean);
    const free = async () =>
      (await berth.vips()).some(({ spec }) => spec.address === "10.99.0.230") ? undefined : true;
    await lab.waitFor("the address to be free", free);
    expect(await berth.answerers("10.99.0.230")).toEqual([]);
    await berth.kubectl("-n", ns, "patch", "service", "first", "-p", '{"spec":{"type":"LoadBalancer"}}');
    const address = await berth.address("first", ns);
    const node = await berth.holder(address);
    expect(await berth.answerers(address)).toEqual([lab.node(node).mac]);
  });

  test("a deleted namespace takes its addresses along", async () => {
    await berth.apply(namespace("doomed"), pool("doomed", ["10.99.0.244/30", "fd99::244/126"], { autoAssign: false }));
    const options = {
      namespace: "doomed",
      families: "RequireDualStack",
      annotations: { "berth.dev/pool": "doomed" },
    } as const;
    await berth.apply(
      backend("web", ["n3"], "doomed"),
      service("a", { ...options, app: "web" }),
      service("b", { ...options, app: "web" }),
    );
    const addresses = [...(await berth.addresses("a", 2, "doomed")), ...(await berth.addresses("b", 2, "doomed"))];
    for (const address of addresses) await berth.holder(address);
    await berth.kubectl("delete", "namespace", "doomed", "--wait=true", "--timeout=90s");
    const free = async () =>
      (await berth.vips()).some(({ spec }) => addresses.includes(spec.address)) ? undefined : true;
    await lab.waitFor("all its addresses to be free", free);
    for (const address of addresses) expect(await berth.answerers(address, "c1", 1)).toEqual([]);
  }, 180_000);

  test("Services created in the same instant, with a change of controllers in between, never share an address", async () => {
    await berth.apply(pool("burst", ["10.99.0.128/26"], { autoAssign: false }));
    const names = Array.from({ length: 30 }, (_, index) => `burst-${index}`);
    const created = Promise.all(
      names.map((name) => lab.kubectl(["create", "-f", "-"], { input: manifest(inPool(name, "burst")) })),
    );
    const pods = (await berth.pods("controller")).map(({ metadata }) => metadata.name);
    await berth.kubectl(
      "-n",
      berthNamespace,
      "delete",
      "pod",
      pods[0] ?? "",
      "--force",
      "--grace-period=0",
      "--wait=false",
    );
    expect((await created).map(({ code }) => code)).toEqual(names.map(() => 0));
    const addresses = await Promise.all(names.map((name) => berth.address(name, ns, 60_000)));
    expect(new Set(addresses).size).toBe(names.length);
    const owned = (await berth.vips()).filter(({ spec }) => addresses.includes(spec.address));
    expect(owned.map(({ spec }) => spec.services.length)).toEqual(names.map(() => 1));
    await berth.kubectl("-n", ns, "delete", "service", ...names, "--wait=true", "--timeout=60s");
    await berth.ready();
  }, 240_000);
});
