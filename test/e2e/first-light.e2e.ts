import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, target } from "./berth.ts";
import { backend, namespace, pool, service } from "./manifests.ts";

/**
 * The first story: a Service gets an address that a client outside the cluster reaches. `make test` runs this file twice,
 * with kube-proxy in nftables mode and in iptables mode (BERTH_LAB_PROXY).
 */

const ns = "first-light";
const pools = [pool("first-light", ["10.99.0.200-10.99.0.209", "fd99::200-fd99::209"], { autoAssign: false })];
const annotations = { "berth.dev/pool": "first-light" };

describe("first light", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    await berth.apply(namespace(ns), ...pools, backend("web", ["n2", "n3"], ns));
    await berth.rollout("web", ns);
  }, 600_000);

  afterAll(async () => {
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=60s");
    await berth.kubectl("delete", "ippool", "first-light");
    await shared.release();
  }, 120_000);

  test("an address of each family is reached from outside, over HTTP, TCP and UDP", async () => {
    await berth.apply(service("web", { namespace: ns, families: "RequireDualStack", annotations }));
    const addresses = await berth.addresses("web", 2, ns);
    expect(addresses).toEqual([expect.stringMatching(/^10\.99\.0\.20\d$/), expect.stringMatching(/^fd99::20\d$/)]);
    expect((await berth.ingress("web", ns)).map(({ ipMode }) => ipMode)).toEqual(["VIP", "VIP"]);
    for (const address of addresses) {
      await berth.holder(address);
      for (const [mode, port] of [
        ["http", 80],
        ["tcp", 9000],
        ["udp", 9000],
      ] as const) {
        await berth.reached("c1", target(address, port), mode);
        const client = lab.connect("c1", target(address, port), { mode });
        await client.untilOk(20);
        expect(await client.finish()).toMatchObject({ failed: 0, errors: {} });
      }
    }
    const row = await berth.kubectl("-n", ns, "get", "service", "web");
    expect(row).toContain(addresses.join(","));
  });

  test("one node answers for an address, with the MAC that the record names", async () => {
    for (const address of await berth.addresses("web", 2, ns)) {
      const node = await berth.holder(address);
      const { status } = await berth.vip(address);
      expect(status?.holder?.mac).toBe(lab.node(node).mac);
      expect(await berth.answerers(address)).toEqual([lab.node(node).mac]);
    }
  });

  test("the first announcement comes after the address was probed, in both forms, five times, 1.1 s apart", async () => {
    const capture = await lab.capture("c1", "arp");
    await berth.apply(service("announced", { namespace: ns, annotations, app: "web" }));
    const address = await berth.address("announced", ns);
    const { mac } = lab.node(await berth.holder(address));
    const announcements = () =>
      capture.views.filter(({ arp }) => arp?.senderIp === address && arp.targetIp === address);
    await lab.waitFor("ten announcements", () => (announcements().length >= 10 ? true : undefined));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await capture.stop();
    const sent = announcements();
    const probes = capture.views.filter(({ arp }) => arp?.senderIp === "0.0.0.0" && arp.targetIp === address);
    expect(probes.filter(({ timeMs }) => timeMs < (sent[0]?.timeMs ?? 0)).length).toBeGreaterThanOrEqual(3);
    expect(sent.map(({ arp }) => arp?.operation)).toEqual(Array(5).fill(["request", "reply"]).flat());
    expect(sent.every(({ source, arp }) => source === mac && arp?.senderMac === mac)).toBe(true);
    expect(new Set(sent.filter(({ arp }) => arp?.operation === "reply").map(({ arp }) => arp?.targetMac))).toEqual(
      new Set([mac]),
    );
    const requests = sent.filter(({ arp }) => arp?.operation === "request").map(({ timeMs }) => timeMs);
    for (const [index, timeMs] of requests.slice(1).entries()) {
      expect(timeMs - (requests[index] ?? 0)).toBeGreaterThanOrEqual(1_000);
    }
    await berth.kubectl("-n", ns, "delete", "service", "announced");
  });

  test("with externalTrafficPolicy Local a node with the endpoint holds it, and the pod sees the client's address", async () => {
    await berth.apply(backend("local", ["n3"], ns));
    await berth.rollout("local", ns);
    const local = { namespace: ns, policy: "Local", families: "RequireDualStack", annotations } as const;
    await berth.apply(service("local", local));
    const addresses = await berth.addresses("local", 2, ns);
    for (const address of addresses) {
      expect(await berth.holder(address)).toBe("n3");
      const client = lab.connect("c1", target(address));
      await client.untilOk(20);
      const summary = await client.finish();
      const seen = address.includes(":") ? lab.station("c1").ipv6 : lab.station("c1").ipv4;
      expect(Object.keys(summary.seenClients)).toEqual([seen]);
      expect(Object.keys(summary.nodes)).toEqual(["n3"]);
    }
    await berth.apply(backend("local", ["n2"], ns));
    await berth.rollout("local", ns);
    for (const address of addresses) {
      expect(await berth.holder(address, (node) => node === "n2")).toBe("n2");
      expect(await berth.answerers(address)).toEqual([lab.node("n2").mac]);
      const client = lab.connect("c1", target(address));
      await client.untilOk(20);
      await client.finish();
    }
  });

  test("a Service of another load balancer's class is left alone", async () => {
    const foreign = service("foreign", { namespace: ns, annotations, app: "web" }) as { spec: object };
    await berth.apply({ ...foreign, spec: { ...foreign.spec, loadBalancerClass: "example.com/other" } });
    await berth.apply(service("after", { namespace: ns, annotations, app: "web" }));
    await berth.address("after", ns);
    const { metadata, status } = await berth.service("foreign", ns);
    expect(status).toEqual({ loadBalancer: {} });
    expect(metadata.finalizers).toBeUndefined();
  });
});
