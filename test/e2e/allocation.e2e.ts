import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Spawned } from "../lab/spawned.ts";
import { Berth, berthNamespace, type ConditionObject, target } from "./berth.ts";
import { backend, namespace, pool, type ServiceOptions, service } from "./manifests.ts";

/** docs/allocation.md on a real API server, as a user would try it. Every rule has its scenario in test/controller/scenarios besides. */

const ns = "allocation";
const KEY = { "berth.dev/sharing-key": "edge" };
const ASSIGNED = "berth.dev/AddressAssigned";
const EDGE = "berth.test/edge";

interface PoolObject {
  readonly metadata: { readonly deletionTimestamp?: string; readonly finalizers?: readonly string[] };
  readonly status?: {
    readonly assignedIPv4?: number;
    readonly availableIPv4?: number;
    readonly conditions?: readonly ConditionObject[];
  };
}

describe("which address a Service gets and keeps", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    await berth.apply(namespace(ns), backend("web", ["n2"], ns), backend("other", ["n3"], ns));
    for (const name of ["web", "other"]) await berth.rollout(name, ns);
  }, 600_000);

  afterAll(async () => {
    await lab.exec("c2", ["ip", "address", "delete", "10.99.0.60/32", "dev", "eth0"]);
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=120s");
    await berth.kubectl("delete", "ippool", "--all", "--timeout=30s");
    await shared.release();
  }, 240_000);

  /** A Service of the pods "web" that asks for a pool, or without one for nothing. */
  function wish(name: string, from: string | undefined, options: ServiceOptions = {}): object {
    const annotations = { ...(from === undefined ? {} : { "berth.dev/pool": from }), ...options.annotations };
    return service(name, { app: "web", namespace: ns, ...options, annotations });
  }

  function named(name: string, addresses: readonly string[], spec: object = {}): object {
    return pool(name, addresses, { autoAssign: false, ...spec });
  }

  async function patch(what: string, name: string, body: object, ...more: readonly string[]): Promise<void> {
    await berth.kubectl("-n", ns, "patch", what, name, "--type=merge", ...more, "-p", JSON.stringify(body));
  }

  async function annotate(name: string, ...annotations: readonly string[]): Promise<void> {
    await berth.kubectl("-n", ns, "annotate", "--overwrite", "service", name, ...annotations);
  }

  async function remove(...names: readonly string[]): Promise<void> {
    await berth.kubectl("-n", ns, "delete", "service", ...names, "--wait=true", "--timeout=30s");
  }

  /** Waits until the Service's condition has this reason; its message. */
  async function said(name: string, reason: string): Promise<string> {
    const probe = async (): Promise<string | undefined> => {
      const { conditions = [] } = (await berth.service(name, ns)).status;
      return conditions.find((one) => one.type === ASSIGNED && one.reason === reason)?.message;
    };
    return lab.waitFor(`${name} to say ${reason}`, probe, { timeoutMs: 20_000 });
  }

  function poolObject(name: string): Promise<PoolObject> {
    return lab.get<PoolObject>(`/apis/berth.dev/v1alpha1/ippools/${name}`);
  }

  /** Waits until the pool's condition says this, or is not there. */
  async function poolSays(name: string, type: string, text: string | undefined): Promise<void> {
    const probe = async (): Promise<true | undefined> => {
      const found = (await poolObject(name)).status?.conditions?.find((one) => one.type === type);
      const is = text === undefined ? found === undefined : `${found?.reason}: ${found?.message}`.includes(text);
      return is ? true : undefined;
    };
    await lab.waitFor(`${type} of the pool ${name} to say ${text ?? "nothing"}`, probe, { timeoutMs: 20_000 });
  }

  async function free(...addresses: readonly string[]): Promise<void> {
    const probe = async (): Promise<true | undefined> =>
      (await berth.vips()).some(({ spec }) => addresses.includes(spec.address)) ? undefined : true;
    await lab.waitFor(`${addresses.join(", ")} to be free`, probe);
  }

  /** A line with the addresses for each state of the Service. */
  function watchAddresses(name: string): Spawned {
    const path = "{.status.loadBalancer.ingress[*].ip}{'\\n'}";
    return new Spawned([lab.kubectlPath, "-n", ns, "get", "service", name, "--watch", "-o", `jsonpath=${path}`]);
  }

  async function servedBy(address: string, port: number, node: string): Promise<void> {
    await berth.reached("c1", target(address, port));
    const client = lab.connect("c1", target(address, port));
    await client.untilOk(5);
    expect(Object.keys((await client.finish()).nodes)).toEqual([node]);
  }

  test("one address for two Services by port; who collides is told with whom, and so are those that are edited apart", async () => {
    const address = "10.99.0.40";
    await berth.apply(
      named("shop", ["10.99.0.40-10.99.0.44", "fd99::40-fd99::44"]),
      wish("one", "shop", { annotations: KEY, ports: [88] }),
      wish("two", "shop", { annotations: KEY, ports: [8080], app: "other" }),
    );
    for (const name of ["one", "two"]) expect(await berth.address(name, ns)).toBe(address);
    await berth.holder(address);
    await servedBy(address, 88, "n2");
    await servedBy(address, 8080, "n3");

    await berth.apply(wish("three", "shop", { annotations: { ...KEY, "berth.dev/ips": address }, ports: [88] }));
    const collision = `${address} is in use by ${ns}/one, which has the port 88/TCP as well`;
    expect(await said("three", "AddressInUse")).toBe(collision);
    const told = async () => ((await berth.events("three", "AddressInUse", ns)).length > 0 ? true : undefined);
    await lab.waitFor("an event", told);
    expect(await berth.kubectl("-n", ns, "describe", "service", "three")).toContain(collision);

    // What Kubernetes itself would refuse nobody, MetalLB answers by taking the address away.
    await patch("service", "two", { spec: { externalTrafficPolicy: "Local" } });
    expect(await said("two", "SharingConflict")).toContain(
      `${ns}/one, which has externalTrafficPolicy Cluster, this one Local`,
    );
    await said("one", "SharingConflict");
    for (const name of ["one", "two"]) expect(await berth.address(name, ns)).toBe(address);
    await berth.holder(address, (node) => node === "n3");
    await servedBy(address, 88, "n2");
    await servedBy(address, 8080, "n3");
    await patch("service", "two", { spec: { externalTrafficPolicy: "Cluster" } });
    for (const name of ["one", "two"]) expect(await said(name, "Assigned")).toBe(`${address} from IPPool shop`);
    await remove("three");
  });

  test("a request that changes: the old address serves until the new one is there, and stays when it cannot be had", async () => {
    await berth.apply(named("spare", ["10.99.0.50-10.99.0.51"]), wish("asks", "nosuch, spare"));
    expect(await berth.address("asks", ns)).toBe("10.99.0.50");
    await berth.holder("10.99.0.50");
    await berth.reached("c1", target("10.99.0.50"));
    const client = lab.connect("c1", target("10.99.0.50"), { everyMs: 50 });
    await annotate("asks", "berth.dev/ips=10.99.0.40", "berth.dev/pool-");
    expect(await said("asks", "RequestNotMet")).toContain(`10.99.0.40 is in use by ${ns}/one`);
    await client.untilOk(20);
    expect(await client.finish()).toMatchObject({ failed: 0, errors: {} });
    const states = watchAddresses("asks");
    await states.until("the watch has begun", ({ lines }) => lines.length > 0);
    await annotate("asks", "berth.dev/ips=10.99.0.51");
    const changed = async () => ((await berth.address("asks", ns)) === "10.99.0.51" ? true : undefined);
    await lab.waitFor("the new address", changed);
    expect(await said("asks", "Assigned")).toBe("10.99.0.51 from IPPool spare");
    await states.until("the watch to see it", ({ lines }) => lines.includes("10.99.0.51"));
    await states.stop();
    expect(states.lines.filter((line) => !/^10\.99\.0\.5[01]$/.test(line))).toEqual([]);
    await free("10.99.0.50");
    await berth.holder("10.99.0.51");
    await berth.reached("c1", target("10.99.0.51"));
    await remove("asks");
  });

  test("a family is added beside the other one, reached, and given back alone", async () => {
    await berth.apply(wish("fam", "shop"));
    const first = await berth.address("fam", ns);
    await patch("service", "fam", { spec: { ipFamilyPolicy: "PreferDualStack" } });
    const both = await berth.addresses("fam", 2, ns);
    expect(both).toEqual([first, expect.stringMatching(/^fd99::4\d$/)]);
    for (const address of both) {
      await berth.holder(address);
      await berth.reached("c1", target(address));
    }
    await patch("service", "fam", { spec: { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"] } });
    expect(await berth.addresses("fam", 1, ns)).toEqual([first]);
    await free(both[1] ?? "");
    await berth.reached("c1", target(first));
  });

  test("a pool that shrinks and goes takes nothing away, says what it keeps, and is gone with the last of it", async () => {
    await berth.apply(named("lot", ["10.99.0.46/31"]), wish("kept", "lot"), wish("inside", "lot"));
    const [kept, inside] = [await berth.address("kept", ns), await berth.address("inside", ns)];
    await berth.holder(kept);
    await patch("ippool", "lot", { spec: { addresses: [`${inside}/32`] } });
    await poolSays("lot", "Retained", `OutsideSpec: ${kept} (${ns}/kept): kept until the Services that have them go`);
    expect(await berth.address("kept", ns)).toBe(kept);
    await berth.reached("c1", target(kept));
    const inPool = async () =>
      (await berth.vip(kept)).status?.conditions?.find(({ type }) => type === "InPool")?.status;
    expect(await lab.waitFor("InPool", inPool)).toBe("False");
    // A condition that is left out of the next apply is gone.
    await remove("kept");
    await poolSays("lot", "Retained", undefined);
    await berth.kubectl("delete", "ippool", "lot", "--wait=false");
    await poolSays("lot", "Retained", `Deleting: ${inside} (${ns}/inside)`);
    await berth.apply(wish("late", "lot"));
    expect(await said("late", "PoolDeleting")).toBe("the IPPool lot is being deleted: ask for another pool");
    expect(await berth.address("inside", ns)).toBe(inside);
    expect(await berth.kubectl("get", "ipp", "lot")).toMatch(/lot\s+10\.99\.0\.4[67]\/32\s+1\s+0\s+0\s+0\s+False/);
    await remove("inside", "late");
    await berth.kubectl("wait", "ippool", "lot", "--for=delete", "--timeout=20s");
  });

  test("a quota; a pool for namespaces by their labels, and a namespace that gets the label", async () => {
    await berth.apply(
      named("few", ["10.99.0.52-10.99.0.55"], { quota: 1 }),
      wish("within", "few"),
      pool("all", ["10.99.0.58/31"], { priority: 20 }),
      pool("edge", ["10.99.0.56/31"], { priority: 10, namespaceSelector: { matchLabels: { [EDGE]: "yes" } } }),
      wish("before", undefined),
    );
    await berth.address("within", ns);
    expect(await berth.address("before", ns)).toBe("10.99.0.58");
    await berth.apply(wish("beyond", "few"), wish("barred", "edge"));
    expect(await said("beyond", "QuotaExceeded")).toContain(
      `the namespace ${ns} has its quota of 1 addresses of the IPPool few`,
    );
    expect(await said("barred", "PoolNotAllowed")).toContain(`the IPPool edge is not for the namespace ${ns}`);
    await remove("within");
    await berth.address("beyond", ns);
    await berth.kubectl("label", "namespace", ns, `${EDGE}=yes`);
    await berth.apply(wish("after", undefined));
    const drawn = [await berth.address("barred", ns), await berth.address("after", ns)];
    expect([...drawn].sort()).toEqual(["10.99.0.56", "10.99.0.57"]);
    expect(await berth.address("before", ns)).toBe("10.99.0.58");
    await remove("beyond", "before", "barred", "after");
    await berth.kubectl("delete", "ippool", "few", "all", "edge", "--timeout=30s");
  });

  test("an address that a host outside uses is put aside, and the Service gets another one", async () => {
    expect(await lab.exec("c2", ["ip", "address", "add", "10.99.0.60/32", "dev", "eth0"])).toMatchObject({ code: 0 });
    await berth.apply(named("taken", ["10.99.0.60/31"]), wish("moved-on", "taken"));
    const { mac } = lab.station("c2");
    await poolSays("taken", "Quarantined", `ForeignHost: 10.99.0.60 (used by ${mac}, until `);
    const moved = async () => ((await berth.address("moved-on", ns)) === "10.99.0.61" ? true : undefined);
    await lab.waitFor("another address", moved);
    await berth.holder("10.99.0.61");
    await berth.reached("c1", target("10.99.0.61"));
    const event = async () => (await berth.events("moved-on", "AddressConflict", ns)).at(-1)?.message;
    expect(await lab.waitFor("an event", event)).toContain(mac);
    expect(await berth.answerers("10.99.0.60")).toEqual([mac]);
    await remove("moved-on");
    // The address that is put aside keeps no pool.
    await berth.kubectl("delete", "ippool", "taken", "--timeout=20s");
  });

  test("without node ports it is reached as well, and a Service goes only when its address was given back", async () => {
    await berth.apply(wish("bare", "shop", { spec: { allocateLoadBalancerNodePorts: false } }));
    const address = await berth.address("bare", ns);
    await berth.holder(address);
    await berth.reached("c1", target(address));
    expect(await berth.kubectl("-n", ns, "get", "service", "bare", "-o", "jsonpath={.spec.ports[*].nodePort}")).toBe(
      "",
    );
    expect((await berth.service("bare", ns)).metadata.finalizers).toEqual([
      "service.kubernetes.io/load-balancer-cleanup",
    ]);
    const controllers = (await berth.pods("controller")).map(({ metadata, spec }) => ({
      node: spec.nodeName,
      pod: metadata.name,
      namespace: berthNamespace,
    }));
    await Promise.all(controllers.map((pod) => lab.freeze(pod)));
    await berth.kubectl("-n", ns, "delete", "service", "bare", "--wait=false");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await berth.ingress("bare", ns)).toEqual([{ ip: address, ipMode: "VIP" }]);
    await berth.reached("c1", target(address));
    await Promise.all(controllers.map((pod) => lab.thaw(pod)));
    await berth.kubectl("-n", ns, "wait", "service", "bare", "--for=delete", "--timeout=30s");
    await free(address);
    expect(await berth.answerers(address)).toEqual([]);
  });

  test("what somebody else writes into Berth's objects is undone", async () => {
    await berth.apply(wish("firm", "shop"));
    const address = await berth.address("firm", ns);
    await berth.holder(address);
    const { metadata } = await berth.vip(address);
    const wrong = [{ ip: "192.0.2.1" }];
    for (const ingress of [wrong, [], [...wrong, { ip: address }]]) {
      await patch("service", "firm", { status: { loadBalancer: { ingress } } }, "--subresource=status");
      const back = async () =>
        (await berth.ingress("firm", ns)).map(({ ip }) => ip).join() === address ? true : undefined;
      await lab.waitFor("the status to be Berth's again", back, { timeoutMs: 10_000 });
    }
    await patch("virtualip", metadata.name, { spec: { services: [], pool: "nosuch" } });
    const whole = async () =>
      (await berth.vip(address)).spec.services.map(({ name }) => name).join() === "firm" ? true : undefined;
    await lab.waitFor("the VirtualIP to name its Service again", whole, { timeoutMs: 20_000 });
    await patch("service", "firm", { metadata: { finalizers: null } });
    const marked = async () => (await berth.service("firm", ns)).metadata.finalizers;
    await lab.waitFor("the finalizer to be back", marked, { timeoutMs: 10_000 });
    await berth.kubectl("delete", "virtualip", metadata.name, "--wait=true", "--timeout=30s");
    const again = async () => ((await berth.vip(address)).metadata.uid === metadata.uid ? undefined : true);
    await lab.waitFor("the VirtualIP to come again", again, { timeoutMs: 20_000 });
    expect(await berth.address("firm", ns)).toBe(address);
    await berth.holder(address);
    await berth.reached("c1", target(address));
  });

  test("the API server refuses the controller nothing that it has the need of", async () => {
    for (const { metadata, spec } of await berth.pods("controller")) {
      const path = `/api/v1/namespaces/${berthNamespace}/pods/${metadata.name}`;
      const { status } = await lab.get<{ status: { podIP: string } }>(path);
      const { stdout } = await lab.exec(spec.nodeName, [lab.toolsPath, "get", `http://${status.podIP}:7472/metrics`]);
      expect(stdout).toMatch(/^berth_api_requests_total\{.*result="ok"/m);
      expect(stdout.split("\n").filter((line) => /result="(401|403)"/.test(line))).toEqual([]);
    }
  });

  test("five restarts with two served and two waiting: no address changes, and the counters are right each time", async () => {
    const names = ["a", "b", "c", "d"];
    await berth.apply(named("two", ["10.99.0.62/31"]));
    for (const name of names.slice(0, 2)) await berth.apply(wish(name, "two"));
    for (const name of names.slice(0, 2)) await berth.holder(await berth.address(name, ns));
    for (const name of names.slice(2)) await berth.apply(wish(name, "two"));
    for (const name of names.slice(2)) await said(name, "PoolExhausted");
    const status = async () => Promise.all(names.map(async (name) => (await berth.service(name, ns)).status));
    const before = { picture: await berth.picture(), status: await status() };
    for (let restart = 1; restart <= 5; restart += 1) {
      const pods = (await berth.pods("controller")).map((pod) => pod.metadata.name);
      await berth.kubectl("-n", berthNamespace, "delete", "pod", ...pods, "--wait=true", "--timeout=60s");
      // Who undoes this is the new process.
      await patch("ippool", "two", { status: { assignedIPv4: 7, availableIPv4: 7 } }, "--subresource=status");
      const undone = async () => {
        const { assignedIPv4, availableIPv4 } = (await poolObject("two")).status ?? {};
        return assignedIPv4 === 2 && availableIPv4 === 0 ? true : undefined;
      };
      await lab.waitFor("the counters to be right again", undone, { timeoutMs: 60_000 });
    }
    await berth.ready();
    expect({ picture: await berth.picture(), status: await status() }).toEqual(before);
  }, 240_000);
});
