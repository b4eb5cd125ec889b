import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { failuresOf } from "../lab/spawned.ts";
import { Berth, berthNamespace, target } from "./berth.ts";
import { backend, namespace, pool, service } from "./manifests.ts";

/** The holder goes, in three ways; and a node that must not become one. The bounds are generous; how fast it is stands in docs/failover.md. */

const ns = "failover";
const annotations = { "berth.dev/pool": "failover" };
const nodes = ["n1", "n2", "n3"] as const;

describe("when the holder goes", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;
  let addresses: readonly string[];

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    await berth.apply(
      namespace(ns),
      pool("failover", ["10.99.0.210/31", "fd99::210/127"], { autoAssign: false }),
      backend("web", nodes, ns),
      service("web", { namespace: ns, families: "RequireDualStack", annotations }),
    );
    await berth.rollout("web", ns);
    addresses = await berth.addresses("web", 2, ns);
  }, 600_000);

  beforeEach(async () => {
    await lab.heal();
    await berth.ready();
    for (const address of addresses) {
      await berth.holder(address);
      await berth.reached("c1", target(address));
    }
  }, 180_000);

  afterAll(async () => {
    await lab.heal();
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=60s");
    await berth.kubectl("delete", "ippool", "failover");
    await shared.release();
  }, 180_000);

  /** Endpoints everywhere but on that node: what is measured is the way to the address, not a pod that died with its node. */
  async function backendsBeside(node: string): Promise<void> {
    await berth.apply(
      backend(
        "web",
        nodes.filter((other) => other !== node),
        ns,
      ),
    );
    await berth.rollout("web", ns);
  }

  test("its cable pulled: the address is answered elsewhere on the evidence of the wire, and stays there when the node returns", async () => {
    const address = addresses[0] ?? "";
    const before = await berth.holder(address);
    await backendsBeside(before);
    expect(await berth.holder(address)).toBe(before);
    const client = lab.connect("c1", target(address));
    await client.untilOk(50);
    await lab.pullCable(before);
    const after = await berth.holder(address, (node) => node !== before);
    await client.untilOk(100);
    const summary = await client.finish();
    expect(summary.longestGapMs).toBeLessThan(3_000);
    const { status } = await berth.vip(address);
    expect(status?.holder?.reason).toBe("holder-unreachable");
    expect(await berth.answerers(address)).toEqual([lab.node(after).mac]);

    // At the node itself: nothing may even leave it.
    const capture = await lab.capture(before, "arp");
    await lab.plugCable(before);
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    expect(await berth.answerers(address)).toEqual([lab.node(after).mac]);
    await capture.stop();
    const stale = capture.views.filter(
      ({ source, arp }) => source === lab.node(before).mac && arp?.senderIp === address,
    );
    expect(stale).toEqual([]);
    expect(await berth.holder(address)).toBe(after);
  }, 120_000);

  test("its speaker killed: the address is answered again by one node within 20 s", async () => {
    const address = addresses[0] ?? "";
    const before = await berth.holder(address);
    const { epoch } = (await berth.vip(address)).status?.holder ?? { epoch: 0 };
    await lab.kill({ node: before, pod: await berth.speakerOn(before), namespace: berthNamespace });
    const killedAt = Date.now();
    const recorded = async (): Promise<string | undefined> => {
      const { status } = await berth.vip(address);
      return (status?.holder?.epoch ?? 0) > epoch ? status?.holder?.node : undefined;
    };
    await lab.waitFor("a record after the kill", recorded, { timeoutMs: 20_000 });
    const answered = async (): Promise<readonly string[] | undefined> => {
      const macs = await berth.answerers(address, "c2", 1);
      return macs.length > 0 ? macs : undefined;
    };
    await lab.waitFor("an answer", answered, { timeoutMs: 20_000 });
    expect(Date.now() - killedAt).toBeLessThan(25_000);
    const after = await berth.holder(address);
    expect(await berth.answerers(address)).toEqual([lab.node(after).mac]);
  }, 120_000);

  test("its speaker stopped: it hands over, and no new connection fails", async () => {
    for (const address of addresses) {
      const before = await berth.holder(address);
      const client = lab.connect("c1", target(address));
      const stream = lab.connect("c2", target(address, 9000), { mode: "stream" });
      await client.untilOk(50);
      await stream.untilOk(20);
      await berth.kubectl("-n", berthNamespace, "delete", "pod", await berth.speakerOn(before), "--wait=false");
      const after = await berth.holder(address, (node) => node !== before);
      await client.untilOk(200);
      const summary = await client.finish();
      const streamCut = ((await stream.finish()).connections ?? 1) - 1;
      // A connection that is open at the very moment of the move is reset, or stalls, as any stream does; none may fail to open.
      const { cut, lost } = failuresOf(summary);
      expect(lost).toEqual({});
      expect(cut).toBeLessThan(10);
      expect((await berth.vip(address)).status?.holder?.reason).toBe("hand-over-shutdown");
      expect(await berth.answerers(address)).toEqual([lab.node(after).mac]);
      // An open stream does not survive a change of node: its translation lives in the old node's connection tracking.
      console.log(
        `hand-over of ${address} from ${before} to ${after}: ${summary.attempts} new connections, 0 lost, ${cut} cut; ${streamCut} stream cut`,
      );
      await berth.ready();
    }
  }, 180_000);

  /** By the Lease of its speaker. */
  async function hears(node: string): Promise<boolean | undefined> {
    return (await berth.speakerLease(node))?.facts.hearing["eth0"];
  }

  /** Its connections go on: what is under way confirms the neighbours of both ends. */
  async function deafen(node: string): Promise<void> {
    const matches = ["ether type arp", "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"];
    const both = (match: string) => [
      { label: "deaf", from: [node], match },
      { label: "deaf", to: [node], match },
    ];
    await lab.addFaults(matches.flatMap(both));
  }

  test("a node whose port carries no question and no answer, though it reaches the API server: it is given nothing new (E1)", async () => {
    const deaf = "n3";
    const own = { "berth.dev/pool": "deaf" };
    const names = ["one", "two", "three", "four"];
    await backendsBeside(deaf);
    await lab.waitFor("n3 to hear others", async () => ((await hears(deaf)) === true ? true : undefined));
    await deafen(deaf);
    const silent = async (): Promise<true | undefined> => ((await hears(deaf)) === false ? true : undefined);
    await lab.waitFor("n3 to say that it hears nobody", silent, { timeoutMs: 30_000 });
    await berth.apply(
      // Of these four n3 is the first in line for two.
      pool("deaf", ["10.99.0.216/30"], { autoAssign: false }),
      ...names.map((name) => service(name, { namespace: ns, annotations: own, app: "web" })),
    );
    for (const name of names) {
      const address = await berth.address(name, ns);
      expect(await berth.holder(address)).not.toBe(deaf);
      await berth.reached("c1", target(address));
    }
    await lab.heal();
    await lab.waitFor("n3 to hear others again", async () => ((await hears(deaf)) === true ? true : undefined));
    await berth.kubectl("-n", ns, "delete", "service", ...names, "--timeout=60s");
    await berth.kubectl("delete", "ippool", "deaf", "--timeout=30s");
  }, 180_000);
});
