import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, berthNamespace, target } from "./berth.ts";
import { backend, namespace, pool, service } from "./manifests.ts";

/** The uplink check with real echoes: docs/announcing.md. */

const ns = "uplink";
const annotations = { "berth.dev/pool": ns };
/** The router's answers are dropped on the node. The lab's nodes reach their API server through it, so nothing else of it may break. */
const RULES = (gateway: string) =>
  `add table inet berth_test; add chain inet berth_test input { type filter hook input priority 0; }; ` +
  `add rule inet berth_test input ip saddr ${gateway} icmp type echo-reply drop`;

interface LeaseObject {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}

describe("the uplink check", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;
  let address: string;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    await setCheck("BERTH_UPLINK_CHECK=true");
    await berth.apply(
      namespace(ns),
      pool(ns, ["10.99.0.214/32"], { autoAssign: false }),
      backend("web", ["n2", "n3"], ns),
      service("web", { namespace: ns, annotations }),
    );
    await berth.rollout("web", ns);
    address = await berth.address("web", ns);
    await berth.holder(address);
    await berth.reached("c1", target(address));
    for (const { name } of lab.nodes) {
      const known = async () => ((await metric(name, "berth_speaker_uplinks_known")) === 1 ? true : undefined);
      await lab.waitFor(`the gateway to answer ${name}`, known, { timeoutMs: 30_000 });
    }
  }, 600_000);

  afterAll(async () => {
    for (const { name } of lab.nodes) await mend(name);
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=120s");
    await berth.kubectl("delete", "ippool", ns);
    await setCheck("BERTH_UPLINK_CHECK-");
    await shared.release();
  }, 240_000);

  async function setCheck(variable: string): Promise<void> {
    await berth.kubectl("-n", berthNamespace, "set", "env", "daemonset/berth-speaker", variable);
    await berth.ready();
  }

  async function metric(node: string, name: string): Promise<number> {
    const { stdout } = await lab.exec(node, [lab.toolsPath, "get", "http://127.0.0.1:7473/metrics"]);
    return Number(stdout.match(new RegExp(`^${name} (\\S+)$`, "m"))?.[1]);
  }

  async function gatewayOf(node: string): Promise<string> {
    const { stdout } = await lab.exec(node, ["ip", "route", "show", "default"]);
    return stdout.match(/via (\S+)/)?.[1] ?? "";
  }

  async function breakUplink(node: string): Promise<void> {
    const gateway = await gatewayOf(node);
    expect(await lab.exec(node, ["nft", RULES(gateway)])).toMatchObject({ code: 0, stderr: "" });
  }

  async function mend(node: string): Promise<void> {
    await lab.exec(node, ["nft", "delete", "table", "inet", "berth_test"]);
  }

  async function lostBy(node: string): Promise<string | undefined> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${berthNamespace}/leases/berth-speaker-${node}`;
    return (await lab.get<LeaseObject>(path)).metadata.annotations?.["berth.dev/uplink-lost"];
  }

  test("a holder that lost its way out hands over: no new connection fails, and everybody is told why", async () => {
    const before = await berth.holder(address);
    const client = lab.connect("c1", target(address), { everyMs: 20 });
    await client.untilOk(10);
    await breakUplink(before);
    const after = await berth.holder(address, (node) => node !== before, 60_000);
    await client.untilOk(30);
    expect(await client.finish()).toMatchObject({ failed: 0, errors: {} });
    expect((await berth.vip(address)).status?.holder).toMatchObject({ node: after, reason: "hand-over-uplink-lost" });
    expect(await lostBy(before)).toBe('["eth0"]');
    expect(await metric(before, "berth_speaker_uplink_lost_interfaces")).toBe(1);
    await mend(before);
    const found = async () => ((await lostBy(before)) === "[]" ? true : undefined);
    await lab.waitFor("the uplink to be found again", found, { timeoutMs: 60_000 });
    expect(await berth.holder(address)).toBe(after);
  });

  test("the router is gone for everybody: nothing moves", async () => {
    const before = await berth.picture();
    await Promise.all(lab.nodes.map(({ name }) => breakUplink(name)));
    const all = async () => {
      const lost = await Promise.all(lab.nodes.map(({ name }) => lostBy(name)));
      return lost.every((one) => one === '["eth0"]') ? true : undefined;
    };
    await lab.waitFor("every uplink to be lost", all, { timeoutMs: 60_000 });
    // Longer than a holder waits before it hands over.
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    expect(await berth.picture()).toEqual(before);
  });
});
