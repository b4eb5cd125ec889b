import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, berthNamespace, target } from "./berth.ts";
import { backend, namespace, pool, service } from "./manifests.ts";

/** What a user's addresses must not notice. */

const ns = "nothing-moves";
const annotations = { "berth.dev/pool": "nothing-moves" };

describe("nothing moves", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;
  let addresses: readonly string[];

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    const options = { namespace: ns, families: "RequireDualStack", annotations, app: "web" } as const;
    await berth.apply(
      namespace(ns),
      pool("nothing-moves", ["10.99.0.220/30", "fd99::220/126"], { autoAssign: false }),
      backend("web", ["n2", "n3"], ns),
      ...["one", "two", "three"].map((name) => service(name, options)),
    );
    await berth.rollout("web", ns);
    const each = await Promise.all(["one", "two", "three"].map((name) => berth.addresses(name, 2, ns)));
    addresses = each.flat();
    for (const address of addresses) {
      await berth.holder(address);
      await berth.reached("c1", target(address));
    }
  }, 600_000);

  afterAll(async () => {
    // After its outages a kubelet may be slow to hear that it has a pod to end.
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=190s");
    await berth.kubectl("delete", "ippool", "nothing-moves");
    await shared.release();
  }, 240_000);

  /** Runs a fault under traffic to every address, an open stream among it; nothing may have moved, failed or been cut, and Berth must still work after it. */
  async function disturbed(name: string, fault: () => Promise<void>): Promise<void> {
    const before = await berth.picture();
    const fresh = addresses.map((address) => lab.connect("c1", target(address), { everyMs: 50 }));
    const streams = addresses.map((address) =>
      lab.connect("c2", target(address, 9000), { mode: "stream", everyMs: 100 }),
    );
    const clients = [...fresh, ...streams];
    for (const client of clients) await client.untilOk(10);
    await fault();
    for (const client of clients) await client.untilOk(60);
    const summaries = await Promise.all(clients.map((client) => client.finish()));
    for (const summary of summaries) expect(summary).toMatchObject({ failed: 0, errors: {} });
    // One connection from beginning to end: none was cut.
    for (const { connections } of summaries.slice(fresh.length)) expect(connections).toBe(1);
    await berth.apply(service(name, { namespace: ns, annotations, app: "web" }));
    await berth.holder(await berth.address(name, ns, 60_000), undefined, 60_000);
    await berth.kubectl("-n", ns, "delete", "service", name, "--wait=true", "--timeout=60s");
    const gone = async () => ((await berth.vips()).length === addresses.length ? true : undefined);
    await lab.waitFor("the extra address to be free again", gone);
    expect(await berth.picture()).toEqual(before);
  }

  test("when both controllers are restarted", async () => {
    await disturbed("after-controllers", async () => {
      const pods = (await berth.pods("controller")).map(({ metadata }) => metadata.name);
      expect(pods).toHaveLength(2);
      await berth.kubectl("-n", berthNamespace, "delete", "pod", ...pods, "--wait=true", "--timeout=60s");
      await berth.ready();
    });
  }, 180_000);

  // Before the API server is restarted: the cluster's own controllers need minutes to get over that.
  test("when the speakers are updated one by one", async () => {
    await disturbed("after-rollout", async () => {
      await berth.kubectl("-n", berthNamespace, "rollout", "restart", "daemonset/berth-speaker");
      await berth.ready();
    });
  }, 300_000);

  test("when the API server is restarted", async () => {
    await disturbed("after-api-server", () => lab.restartApiServer({ downMs: 3_000 }));
  }, 180_000);

  test("when the control plane is away for longer than a Lease lives", async () => {
    await disturbed("after-outage", async () => {
      // A controller manager that cannot renew its own Lease ends and is started again. One that lived on with old caches
      // would take every node for lost, and all endpoints with them.
      await lab.stopProgram("kube-controller-manager");
      await lab.restartApiServer({ downMs: 20_000 });
      lab.startProgram("kube-controller-manager");
    });
  }, 240_000);
});
