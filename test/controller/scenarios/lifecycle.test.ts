/** Services, controllers and meddlers that come and go. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { addressesOf, Scene } from "./scene.ts";

const CLEANUP = "service.kubernetes.io/load-balancer-cleanup";

describe("coming and going", () => {
  test.each(["becomes ClusterIP", "is deleted"])(
    "a pool of one address: the second Service waits until the first %s",
    async (how) => {
      const scene = new Scene();
      scene.pool("first", ["10.0.0.1/32"]);
      // Within moments, and not by the housekeeping that comes now and then.
      scene.service("a");
      await scene.settle(2_000);
      scene.service("b");
      await scene.settle(2_000);
      expect(addressesOf(scene, "a", "b")).toEqual({ a: ["10.0.0.1"], b: [] });
      expect(scene.says("b")).toMatch(/^PoolExhausted/);
      if (how === "is deleted") scene.delete("a");
      else scene.edit("a", { spec: { type: "ClusterIP" } });
      await scene.settle(2_000);
      expect(scene.addresses("b")).toEqual(["10.0.0.1"]);
    },
  );

  test("a crowd waits for the same: each address that comes free goes to the oldest, also behind one that wants another", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.3"]);
    for (const name of ["a", "b", "c"]) scene.service(name);
    await scene.settle();
    scene.service("picky", { annotations: { "berth.dev/ips": "10.0.0.3" } });
    const crowd = Array.from({ length: 40 }, (_, at) => `w${String(at).padStart(2, "0")}`);
    for (const name of crowd) scene.service(name);
    await scene.settle();
    for (const name of ["b", "c", "a"]) {
      scene.delete(name);
      await scene.settle();
    }
    const served = ["picky", ...crowd].filter((name) => scene.addresses(name).length > 0);
    expect(served).toEqual(["picky", "w00", "w01"]);
    expect(scene.addresses("picky")).toEqual(["10.0.0.3"]);
    scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.100"] });
    await scene.settle();
    expect(crowd.filter((name) => scene.addresses(name).length === 0)).toEqual([]);
  });

  test("five restarts with two served and two waiting Services on two addresses: nothing changes", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    for (const name of ["a", "b", "c", "d"]) {
      scene.service(name);
      await scene.settle();
    }
    const before = addressesOf(scene, "a", "b", "c", "d");
    const from = scene.api.events.length;
    for (let at = 0; at < 5; at++) {
      scene.restart();
      await scene.settle();
    }
    expect(addressesOf(scene, "a", "b", "c", "d")).toEqual(before);
    expect(scene.api.events.slice(from)).toEqual([]);
  });

  test("the finalizer for load balancers stands as long as the address, and no longer", async () => {
    const scene = new Scene();
    scene.service("web");
    await scene.settle();
    expect(scene.found("web").meta.finalizers).toEqual([]);
    scene.pool("first", ["10.0.0.1/32"]);
    await scene.settle();
    expect(scene.found("web").meta.finalizers).toEqual([CLEANUP]);
    scene.edit("web", { spec: { type: "ClusterIP" } });
    await scene.settle();
    expect(scene.found("web").meta.finalizers).toEqual([]);
    expect(scene.found("web").conditions).toEqual([]);
    expect(scene.table()).toEqual([]);
  });

  test("two writes give an address, and success has no event", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    await scene.settle();
    const from = scene.api.events.length;
    scene.service("web");
    await scene.settle();
    // The creation of the Service itself is the first of its two.
    expect({ services: scene.writes("services", from), vips: scene.writes("virtualips", from) }).toEqual({
      services: 2,
      vips: 1,
    });
    expect(scene.warnings).toEqual([]);
  });
});

describe("whose Service it is", () => {
  test("a class of somebody else is not touched, Berth's own is served", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    scene.service("foreign", { loadBalancerClass: "example.com/lb" });
    scene.service("own", { loadBalancerClass: "berth.dev/l2" });
    await scene.settle();
    expect(addressesOf(scene, "foreign", "own")).toEqual({ foreign: [], own: ["10.0.0.1"] });
    expect(scene.found("foreign").conditions).toEqual([]);
    scene.overwrite("foreign", ["192.0.2.9"]);
    await scene.settle();
    expect(scene.addresses("foreign")).toEqual(["192.0.2.9"]);
  });

  test("allocateLoadBalancerNodePorts: false makes no difference", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.2"]);
    scene.service("web", { allocateLoadBalancerNodePorts: false });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  });

  test("an address that another controller gave and a pool of Berth's has is taken over as it is", async () => {
    const scene = new Scene();
    scene.service("migrated");
    scene.overwrite("migrated", ["10.0.0.7"]);
    scene.service("young");
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    await scene.settle();
    expect(addressesOf(scene, "migrated", "young")).toEqual({ migrated: ["10.0.0.7"], young: ["10.0.0.1"] });
  });
});

describe("what others write is undone", () => {
  async function served(): Promise<Scene> {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    scene.service("web");
    await scene.settle();
    return scene;
  }
  const AS_IT_WAS = ["10.0.0.1 of first: default/web"];

  test("a status that was overwritten or emptied", async () => {
    const scene = await served();
    scene.overwrite("web", ["192.0.2.1"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    scene.overwrite("web", []);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  });

  test.each([
    { name: "without its Services", spec: { services: [] } },
    { name: "of another pool", spec: { pool: "nowhere" } },
    { name: "with other rules", spec: { l2: { interfaces: ["eth9"] } } },
    {
      name: "with another Service",
      spec: {
        services: [{ namespace: "default", name: "other", uid: "x", externalTrafficPolicy: "Cluster", ports: [] }],
      },
    },
  ])("a VirtualIP that was rewritten: $name", async ({ spec }) => {
    const scene = await served();
    scene.service("other");
    await scene.settle();
    scene.editVip("10.0.0.1", { spec });
    await scene.settle();
    expect(scene.table()).toEqual([...AS_IT_WAS, "10.0.0.2 of first: default/other"]);
    expect(scene.vips()[0]?.l2.interfaces).toEqual([]);
    expect(addressesOf(scene, "web", "other")).toEqual({ web: ["10.0.0.1"], other: ["10.0.0.2"] });
  });

  test("a VirtualIP that was deleted comes again with the same address, also without its pool", async () => {
    const scene = await served();
    scene.editPool("first", { addresses: ["10.0.0.5-10.0.0.9"] });
    scene.deleteVip("10.0.0.1");
    await scene.settle();
    expect(scene.table()).toEqual(AS_IT_WAS);
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  });

  test("a VirtualIP that somebody made for nobody is removed, after a minute", async () => {
    const scene = await served();
    scene.createVip("10.0.0.2", { address: "10.0.0.2", pool: "first", services: [] });
    await scene.settle();
    scene.service("next");
    await scene.settle();
    expect(scene.addresses("next")).toEqual(["10.0.0.3"]);
    await scene.settle(90_000);
    expect(scene.table()).toEqual([...AS_IT_WAS, "10.0.0.3 of first: default/next"]);
  });

  test("a VirtualIP that lost its finalizer gets it back", async () => {
    const scene = await served();
    scene.editVip("10.0.0.1", { metadata: { finalizers: [] } });
    await scene.settle();
    expect(scene.vips()[0]?.meta.finalizers).toEqual(["berth.dev/held"]);
  });

  test("a VirtualIP that somebody made for a Service that is not there is removed at once", async () => {
    const scene = await served();
    const ghost = { namespace: "default", name: "ghost", uid: "g", externalTrafficPolicy: "Cluster", ports: [] };
    scene.createVip("10.0.0.2", { address: "10.0.0.2", pool: "first", services: [ghost] });
    await scene.settle();
    expect(scene.table()).toEqual(AS_IT_WAS);
  });
});

test("of two Services with one address the VirtualIP decides, and the other one is told of its loss", async () => {
  const scene = new Scene();
  scene.pool("first", ["10.0.0.1-10.0.0.9"]);
  scene.service("a");
  await scene.settle();
  const { status } = JSON.parse(JSON.stringify(scene.api.get("services", "default/a")));
  scene.service("b");
  const path = "/api/v1/namespaces/default/services/b/status";
  scene.api.call({ verb: "patch", path, body: { status }, patch: "merge" });
  await scene.settle();
  expect(addressesOf(scene, "a", "b")).toEqual({ a: ["10.0.0.1"], b: ["10.0.0.2"] });
  expect(scene.warnings.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
    "AddressLost: 10.0.0.1 belongs to default/a by its VirtualIP; instead of it this Service has 10.0.0.2",
  ]);
});

describe("Berth's own marks on a Service", () => {
  test("a finalizer or condition that somebody takes away comes back, and the address stays", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    scene.service("web");
    await scene.settle();
    scene.edit("web", { metadata: { finalizers: null } });
    await scene.settle();
    expect(scene.found("web").meta.finalizers).toEqual([CLEANUP]);
    const path = "/api/v1/namespaces/default/services/web/status";
    scene.api.call({ verb: "patch", path, body: { status: { conditions: null } }, patch: "merge" });
    await scene.settle();
    expect(scene.says("web")).toBe("Assigned: 10.0.0.1 from IPPool first");
    scene.api.call({ verb: "patch", path, body: { status: null }, patch: "merge" });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
  });

  test("another controller's condition and finalizer are left as they are", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    scene.service("web");
    const foreign = { type: "example.com/Ready", status: "True", reason: "Ok", message: "", lastTransitionTime: "t" };
    const path = "/api/v1/namespaces/default/services/web";
    scene.api.call({
      verb: "patch",
      path: `${path}/status`,
      body: { status: { conditions: [foreign] } },
      patch: "merge",
    });
    scene.edit("web", { metadata: { finalizers: ["example.com/keep"] } });
    await scene.settle();
    expect(scene.found("web").conditions.map((one) => one.type)).toEqual([foreign.type, "berth.dev/AddressAssigned"]);
    scene.edit("web", { spec: { type: "ClusterIP" } });
    await scene.settle();
    expect(scene.found("web").conditions.map((one) => one.type)).toEqual([foreign.type]);
    expect(scene.found("web").meta.finalizers).toEqual(["example.com/keep"]);
  });

  test("the same warning is not sent for every look at a Service that waits", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("a");
    await scene.settle();
    scene.service("b");
    await scene.settle();
    for (const touched of ["1", "2", "3"]) {
      scene.edit("b", { metadata: { labels: { touched } } });
      await scene.settle();
    }
    expect(scene.warnings.map(({ reason }) => reason)).toEqual(["PoolExhausted"]);
  });
});
