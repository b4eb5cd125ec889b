import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createKubeApi, loadKubeConfig } from "../../lib/kube/client.ts";
import { fields } from "../../lib/model/decode.ts";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, berthNamespace, target } from "./berth.ts";
import { named, Tenant } from "./tenant.ts";

/** docs/allocation.md, "What an address survives", on a real API server; and what the controller reads from its answers. */

const ns = "lasting";

describe("what an address survives", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;
  let tenant: Tenant;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    tenant = new Tenant(berth, ns);
    await berth.install();
    await tenant.build();
    await berth.apply(named("lasting", ["10.99.0.40-10.99.0.43"]));
  }, 600_000);

  afterAll(async () => {
    await tenant.clear();
    await shared.release();
  }, 240_000);

  test("five restarts with two served and two waiting: no address changes, and the counters are right each time", async () => {
    const names = ["a", "b", "c", "d"];
    await berth.apply(named("two", ["10.99.0.62/31"]));
    for (const name of names.slice(0, 2)) await berth.apply(tenant.wish(name, "two"));
    for (const name of names.slice(0, 2)) await berth.holder(await tenant.address(name));
    for (const name of names.slice(2)) await berth.apply(tenant.wish(name, "two"));
    for (const name of names.slice(2)) await tenant.said(name, "PoolExhausted");
    const status = async () => Promise.all(names.map(async (name) => (await berth.service(name, ns)).status));
    const before = { picture: await berth.picture(), status: await status() };
    for (let restart = 1; restart <= 5; restart += 1) {
      const pods = (await berth.pods("controller")).map((pod) => pod.metadata.name);
      await berth.kubectl("-n", berthNamespace, "delete", "pod", ...pods, "--wait=true", "--timeout=60s");
      // Who undoes this is the new process.
      await tenant.patch("ippool", "two", { status: { assignedIPv4: 7, availableIPv4: 7 } }, "--subresource=status");
      const undone = async () => {
        const { assignedIPv4, availableIPv4 } = (await tenant.poolObject("two")).status ?? {};
        return assignedIPv4 === 2 && availableIPv4 === 0 ? true : undefined;
      };
      await lab.waitFor("the counters to be right again", undone, { timeoutMs: 60_000 });
    }
    await berth.ready();
    expect({ picture: await berth.picture(), status: await status() }).toEqual(before);
  }, 240_000);

  test("a pool that shrinks and goes takes nothing away, says what it keeps, and is gone with the last of it", async () => {
    await berth.apply(named("lot", ["10.99.0.46/31"]), tenant.wish("kept", "lot"), tenant.wish("inside", "lot"));
    const [kept, inside] = [await tenant.address("kept"), await tenant.address("inside")];
    await berth.holder(kept);
    await tenant.patch("ippool", "lot", { spec: { addresses: [`${inside}/32`] } });
    await tenant.poolSays(
      "lot",
      "Retained",
      `OutsideSpec: ${kept} (${ns}/kept): kept until the Services that have them go`,
    );
    expect(await tenant.address("kept")).toBe(kept);
    await berth.reached("c1", target(kept));
    const inPool = async () =>
      (await berth.vip(kept)).status?.conditions?.find(({ type }) => type === "InPool")?.status;
    expect(await lab.waitFor("InPool", inPool)).toBe("False");
    // A condition that is left out of the next apply is gone.
    await tenant.remove("kept");
    await tenant.poolSays("lot", "Retained", undefined);
    await berth.kubectl("delete", "ippool", "lot", "--wait=false");
    await tenant.poolSays("lot", "Retained", `Deleting: ${inside} (${ns}/inside)`);
    await berth.apply(tenant.wish("late", "lot"));
    expect(await tenant.said("late", "PoolDeleting")).toBe("the IPPool lot is being deleted: ask for another pool");
    expect(await tenant.address("inside")).toBe(inside);
    expect(await berth.kubectl("get", "ipp", "lot")).toMatch(/lot\s+10\.99\.0\.4[67]\/32\s+1\s+0\s+0\s+0\s+False/);
    await tenant.remove("inside", "late");
    await berth.kubectl("wait", "ippool", "lot", "--for=delete", "--timeout=20s");
  });

  test("a pool that is edited into one that cannot be followed goes on with its last valid spec, whoever leads", async () => {
    const addresses = ["10.99.0.44/31"];
    await berth.apply(named("typo", addresses), tenant.wish("before", "typo"));
    const before = await tenant.address("before");
    await tenant.patch("ippool", "typo", { spec: { addresses: ["fd00:99::9-fd00:99::1"] } });
    await tenant.poolSays("typo", "Ready", "InvalidRange: spec.addresses[0]: ");
    const kept = async () => (await tenant.poolObject("typo")).status?.lastValidSpec;
    expect(await kept()).toMatchObject({ addresses, autoAssign: false });
    const pods = (await berth.pods("controller")).map((pod) => pod.metadata.name);
    await berth.kubectl("-n", berthNamespace, "delete", "pod", ...pods, "--wait=true", "--timeout=60s");
    await berth.ready();
    await berth.apply(tenant.wish("after", "typo"));
    expect([before, await tenant.address("after")].sort()).toEqual(["10.99.0.44", "10.99.0.45"]);
    // A second apply of the same leaves the rest of the status with it.
    await tenant.poolSays("typo", "Ready", "the last valid addresses stay in force: 10.99.0.44-10.99.0.45");
    expect(await kept()).toMatchObject({ addresses, autoAssign: false });
    await tenant.patch("ippool", "typo", { spec: { addresses } });
    await tenant.poolSays("typo", "Ready", "Valid: ");
    expect(await kept()).toBeUndefined();
    await tenant.remove("before", "after");
    await berth.kubectl("delete", "ippool", "typo", "--timeout=20s");
  }, 120_000);

  test("without node ports it is reached as well, and a Service goes only when its address was given back", async () => {
    await berth.apply(tenant.wish("bare", "lasting", { spec: { allocateLoadBalancerNodePorts: false } }));
    const address = await tenant.address("bare");
    await tenant.serves(address);
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
    await tenant.free(address);
    expect(await berth.answerers(address)).toEqual([]);
  });

  test("what somebody else writes into Berth's objects is undone", async () => {
    await berth.apply(tenant.wish("firm", "lasting"));
    const address = await tenant.address("firm");
    await berth.holder(address);
    const { metadata } = await berth.vip(address);
    const wrong = [{ ip: "192.0.2.1" }];
    for (const ingress of [wrong, [], [...wrong, { ip: address }]]) {
      await tenant.patch("service", "firm", { status: { loadBalancer: { ingress } } }, "--subresource=status");
      const back = async () =>
        (await berth.ingress("firm", ns)).map(({ ip }) => ip).join() === address ? true : undefined;
      await lab.waitFor("the status to be Berth's again", back, { timeoutMs: 10_000 });
    }
    await tenant.patch("virtualip", metadata.name, { spec: { services: [], pool: "nosuch" } });
    const whole = async () =>
      (await berth.vip(address)).spec.services.map(({ name }) => name).join() === "firm" ? true : undefined;
    await lab.waitFor("the VirtualIP to name its Service again", whole, { timeoutMs: 20_000 });
    await tenant.patch("service", "firm", { metadata: { finalizers: null } });
    const marked = async () => (await berth.service("firm", ns)).metadata.finalizers;
    await lab.waitFor("the finalizer to be back", marked, { timeoutMs: 10_000 });
    await berth.kubectl("delete", "virtualip", metadata.name, "--wait=true", "--timeout=30s");
    const again = async () => ((await berth.vip(address)).metadata.uid === metadata.uid ? undefined : true);
    await lab.waitFor("the VirtualIP to come again", again, { timeoutMs: 20_000 });
    expect(await tenant.address("firm")).toBe(address);
    await tenant.serves(address);
  });

  test("preconditions: a patch or deletion of another version is refused in the terms that the controller reads", async () => {
    const { metadata } = await berth.vip(await tenant.address("firm"));
    const api = createKubeApi({ config: loadKubeConfig(lab.kubeconfigPath), userAgent: "berth-test/0" });
    const path = `/apis/berth.dev/v1alpha1/virtualips/${metadata.name}`;
    const dryRun = { query: { dryRun: "All" } };
    const replace = (resourceVersion: string) => [
      { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
      { op: "replace", path: "/spec/usedBy", value: "nobody" },
    ];
    const now = fields(fields(await api.get(path))["metadata"])["resourceVersion"];
    await expect(api.patch(path, "json", replace("1"), dryRun)).rejects.toMatchObject({
      code: "api-refused",
      status: 422,
    });
    await expect(api.patch(path, "json", replace(String(now)), dryRun)).resolves.toMatchObject({ kind: "VirtualIP" });
    const body = { apiVersion: "v1", kind: "DeleteOptions", dryRun: ["All"] };
    const deletion = (resourceVersion: string) =>
      api.delete(path, { ...body, preconditions: { uid: metadata.uid, resourceVersion } });
    await expect(deletion("1")).rejects.toMatchObject({ code: "conflict", status: 409 });
    await expect(deletion(String(now))).resolves.toBeDefined();
    api.closeConnections();
  });

  test("the controller has every right that it uses", async () => {
    // Its processes are those of the last restart above: what others were refused in a namespace that was going is not theirs.
    for (const { metadata, spec } of await berth.pods("controller")) {
      const path = `/api/v1/namespaces/${berthNamespace}/pods/${metadata.name}`;
      const { status } = await lab.get<{ status: { podIP: string } }>(path);
      const { stdout } = await lab.exec(spec.nodeName, [lab.toolsPath, "get", `http://${status.podIP}:7472/metrics`]);
      expect(stdout).toMatch(/^berth_api_requests_total\{.*result="ok"/m);
      expect(stdout.split("\n").filter((line) => /result="(401|403)"/.test(line))).toEqual([]);
    }
  });
});
