import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
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
