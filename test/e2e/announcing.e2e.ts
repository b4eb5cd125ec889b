import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import type { LabNode } from "../lab/plan.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, target } from "./berth.ts";
import { backend, namespace, pool, service } from "./manifests.ts";

/** docs/announcing.md on a real cluster: who should announce, and what is said when nobody can. */

const ns = "announcing";
const annotations = { "berth.dev/pool": ns };
const LABEL = "berth.test/edge";

describe("a pool's l2 block, edited while its address is in use", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;
  let address: string;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    await berth.apply(
      namespace(ns),
      pool(ns, ["10.99.0.213/32"], { autoAssign: false }),
      backend("web", ["n2", "n3"], ns),
      service("web", { namespace: ns, annotations }),
    );
    await berth.rollout("web", ns);
    address = await berth.address("web", ns);
    await berth.holder(address);
    await berth.reached("c1", target(address));
  }, 600_000);

  afterAll(async () => {
    for (const node of ["n1", "n2", "n3"]) await berth.kubectl("label", "node", node, `${LABEL}-`);
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=120s");
    await berth.kubectl("delete", "ippool", ns);
    await shared.release();
  }, 240_000);

  /** Questions about addresses of Services in so long, by what a node sends and what it is sent, as its cable carries them (E6). */
  async function questions(node: LabNode, ms: number): Promise<{ readonly sent: number; readonly asked: number }> {
    const stations = [...lab.nodes, ...lab.clients, lab.controlPlane];
    const own = new Set(stations.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]));
    const capture = await lab.capture(`port:${node.name}`, "arp or icmp6");
    const fromMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, ms));
    await capture.stop();
    const asking = capture.views.filter(({ arp, nd, timeMs }) => {
      if (timeMs < fromMs || timeMs >= fromMs + ms) return false;
      // An announcement asks nothing, nor does a probe before first use count, which comes from no address.
      if (arp?.operation === "request")
        return arp.senderIp !== arp.targetIp && arp.senderIp !== "0.0.0.0" && !own.has(arp.targetIp);
      return nd?.kind === "solicitation" && !nd.target.startsWith("fe80:") && !own.has(nd.target);
    });
    return {
      sent: asking.filter(({ source }) => source === node.mac).length,
      asked: asking.filter(({ source, destination }) => source !== node.mac && destination === node.mac).length,
    };
  }

  test("E6: at rest a node sends thirty questions of the detector a second at most, and is sent no more", async () => {
    // Whoever was just handed an address is still getting to know it.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const seconds = 10;
    const counts = await Promise.all(lab.nodes.map((node) => questions(node, seconds * 1_000)));
    // One second's worth more: where the time begins and ends is not exact.
    for (const { sent, asked } of counts) {
      expect(sent).toBeLessThanOrEqual(30 * (seconds + 1));
      expect(asked).toBeLessThanOrEqual(30 * (seconds + 1));
    }
    // The holder is watched by both others, ten times a second each; on a loaded machine less often.
    expect(counts.reduce((sum, { sent }) => sum + sent, 0)).toBeGreaterThan(50);
    const holder = await berth.holder(address);
    expect(counts[lab.nodes.findIndex(({ name }) => name === holder)]?.asked).toBeGreaterThan(50);
  }, 60_000);

  async function edit(l2: object | null): Promise<void> {
    await berth.kubectl("patch", "ippool", ns, "--type=merge", "-p", JSON.stringify({ spec: { l2 } }));
  }

  test.each([
    ["33: interfaces that no node has", { interfaces: ["nosuch*"] }, "InterfaceNotFound"],
    ["39: a selector that takes no node", { nodeSelector: { matchLabels: { [LABEL]: "none" } } }, "NoNodeSelected"],
  ])("%s: nobody answers, and condition and event say why; mended it is answered again", async (_, l2, reason) => {
    await edit(l2);
    const said = async () => {
      const { status } = await berth.vip(address);
      return status?.conditions?.find((one) => one.type === "Announced" && one.status === "False");
    };
    const condition = await lab.waitFor("the condition to say that nobody announces", said, { timeoutMs: 20_000 });
    expect(condition.reason).toBe(reason);
    for (const node of ["n1", "n2", "n3"]) expect(condition.message).toContain(`${node}: `);
    expect(await berth.answerers(address)).toEqual([]);
    const told = async () => ((await berth.events("web", reason, ns)).length > 0 ? true : undefined);
    await lab.waitFor("an event on the Service", told, { timeoutMs: 10_000 });
    await edit(null);
    await berth.holder(address);
    expect(await berth.answerers(address)).toHaveLength(1);
  });

  test("40 to 43: a preference moves the address by hand-over, after its time, and no new connection fails", async () => {
    const before = await berth.holder(address);
    const preferred = ["n1", "n2", "n3"].find((node) => node !== before) ?? "";
    const client = lab.connect("c1", target(address), { everyMs: 20 });
    await client.untilOk(10);
    await berth.kubectl("label", "node", preferred, `${LABEL}=yes`);
    await edit({ preferred: [{ weight: 10, selector: { matchLabels: { [LABEL]: "yes" } } }] });
    const editedMs = Date.now();
    await berth.holder(address, (node) => node === preferred, 90_000);
    // Not before its time; how long after is the machine's affair.
    expect(Date.now() - editedMs).toBeGreaterThan(25_000);
    await client.untilOk(30);
    expect(await client.finish()).toMatchObject({ failed: 0, errors: {} });
    expect((await berth.vip(address)).status?.holder).toMatchObject({ node: preferred, reason: "hand-over-preferred" });
    const [answering] = await berth.answerers(address);
    expect(answering).toBe((await berth.vip(address)).status?.holder?.mac);
  });
});
