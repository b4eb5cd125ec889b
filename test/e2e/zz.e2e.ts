import { beforeAll, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { withLab } from "../lab/shared.ts";
import { Berth, berthNamespace, target } from "./berth.ts";
import { backend, namespace, pool, service } from "./manifests.ts";
const ns = "failover";
const annotations = { "berth.dev/pool": "failover" };
let lab: Lab; let berth: Berth; let addresses: readonly string[];
beforeAll(async () => {
  lab = (await withLab()).lab; berth = new Berth(lab); await berth.install();
  await berth.apply(namespace(ns), pool("failover", ["10.99.0.210/31", "fd99::210/127"], { autoAssign: false }), backend("web", ["n1", "n2", "n3"], ns), service("web", { namespace: ns, families: "RequireDualStack", annotations }));
  await berth.rollout("web", ns); addresses = await berth.addresses("web", 2, ns);
}, 600_000);
test("zz", async () => {
  const out: string[] = [];
  for (let i = 0; i < 10; i++) {
    const address = addresses[i % 2] ?? "";
    const before = await berth.holder(address);
    const client = lab.connect("c1", target(address));
    await client.untilOk(50);
    const t0 = Date.now();
    let last = "";
    const hist: string[] = [];
    let on = true;
    const watch = (async () => { while (on) { const h = (await berth.vip(address)).status?.holder; const l = JSON.stringify([h?.node, h?.epoch, h?.from, h?.reason]); if (l !== last) { last = l; hist.push(`${Date.now() - t0} ${l}`); } await new Promise((r) => setTimeout(r, 50)); } })();
    await berth.kubectl("-n", berthNamespace, "delete", "pod", await berth.speakerOn(before), "--wait=false");
    const after = await berth.holder(address, (node) => node !== before);
    await client.untilOk(200);
    const s = await client.finish();
    const ans: string[] = [];
    for (let k = 0; k < 4; k++) ans.push(`${Date.now() - t0}:` + (await berth.answerers(address)).join("+"));
    await berth.ready();
    on = false; await watch;
    out.push(`${address} before ${before} after ${after} (${lab.node(after).mac}) failed ${s.failed} ${JSON.stringify(s.errors)} answers ${ans.join(" ")} hist ${hist.join(" ")}`);
  }
  console.log(out.join("\n"));
}, 600_000);
