import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { secondDevice, secondEnd } from "../lab/second-segment.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, target } from "./berth.ts";
import { backend, namespace, pool, service } from "./manifests.ts";

/** docs/announcing.md, `interfaces`: nodes with two interfaces, and a client on both segments. The numbers are those of docs/checklist.md. */

const ns = "interfaces";
const FIRST = "eth0";
const DEVICES = [FIRST, secondDevice] as const;

describe("nodes with two interfaces", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;
  let addresses: readonly string[];

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    // While Berth runs: a cable that is plugged into a new card.
    await lab.addSecondSegment();
    await berth.apply(
      namespace(ns),
      // In nobody's subnet, so that the pool alone says where.
      pool(ns, ["10.97.0.10/32", "fd97::10/128"], { autoAssign: false, l2: { interfaces: [FIRST] } }),
      pool("by-subnet", ["10.98.0.200/32", "fd98::200/128"], { autoAssign: false }),
      backend("web", ["n2", "n3"], ns),
      ...[ns, "by-subnet"].map((name) =>
        service(name, {
          namespace: ns,
          families: "RequireDualStack",
          annotations: { "berth.dev/pool": name },
          app: "web",
        }),
      ),
    );
    await berth.rollout("web", ns);
    addresses = await berth.addresses(ns, 2, ns);
  }, 600_000);

  afterAll(async () => {
    await lab.heal();
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=120s");
    await berth.kubectl("delete", "ippool", ns, "by-subnet");
    for (const address of addresses) await lab.exec("c1", ["ip", "route", "delete", address]);
    await lab.removeSecondSegment();
    await shared.release();
  }, 240_000);

  async function edit(l2: object): Promise<void> {
    await berth.kubectl("patch", "ippool", ns, "--type=merge", "-p", JSON.stringify({ spec: { l2 } }));
  }

  function macOf(node: string, device: string): string {
    return device === FIRST ? lab.node(node).mac : secondEnd(lab.node(node)).mac;
  }

  /** Waits until the record names this interface, and perhaps node; the node. */
  async function recorded(address: string, device: string, node?: string): Promise<string> {
    const probe = async (): Promise<string | undefined> => {
      const holder = (await berth.vip(address)).status?.holder;
      return holder?.interface === device && (node ?? holder.node) === holder.node ? holder.node : undefined;
    };
    const found = await lab.waitFor(`${address} on ${device} of ${node ?? "a node"}`, probe);
    await berth.holder(address);
    expect((await berth.vip(address)).status?.holder?.mac).toBe(macOf(found, device));
    return found;
  }

  async function answeredOn(address: string, node: string, devices: readonly string[]): Promise<void> {
    const answers = await Promise.all(DEVICES.map((device) => berth.answerers(address, "c1", 2, device)));
    expect(answers).toEqual(DEVICES.map((device) => (devices.includes(device) ? [macOf(node, device)] : [])));
  }

  /** Only these devices are answered on, each with its own MAC, and the client reaches the Service over each of them. */
  async function reachedOver(address: string, node: string, devices: readonly string[]): Promise<void> {
    await answeredOn(address, node, devices);
    for (const device of devices) {
      await lab.exec("c1", ["ip", "route", "replace", address, "dev", device]);
      await berth.reached("c1", target(address));
    }
  }

  function forEach(work: (address: string) => Promise<void>): Promise<unknown> {
    return Promise.all(addresses.map(work));
  }

  test("30, 31: the record names the interface that the pool names, and its MAC answers there alone", async () => {
    await forEach(async (address) => reachedOver(address, await recorded(address, FIRST), [FIRST]));
  });

  test("without a name it is the interface in whose subnet the address is", async () => {
    for (const address of await berth.addresses("by-subnet", 2, ns)) {
      await answeredOn(address, await recorded(address, secondDevice), [secondDevice]);
      await berth.reached("c1", target(address));
    }
  });

  test("32: the pool names the other one: answered there, silence on the old one", async () => {
    await edit({ interfaces: [secondDevice] });
    await forEach(async (address) => reachedOver(address, await recorded(address, secondDevice), [secondDevice]));
  });

  test("34: the pool names both: answered on both, by one node", async () => {
    await edit({ interfaces: [...DEVICES] });
    const both = async (address: string): Promise<true | undefined> => {
      const answers = await Promise.all(DEVICES.map((device) => berth.answerers(address, "c1", 1, device)));
      return answers.every((macs) => macs.length === 1) ? true : undefined;
    };
    await forEach(async (address) => {
      await lab.waitFor(`${address} to be answered on both`, () => both(address), { timeoutMs: 20_000 });
      await reachedOver(address, await berth.holder(address), DEVICES);
    });
  });

  test("35: interface and node selector: that node, and that interface", async () => {
    for (const node of ["n3", "n1"]) {
      await edit({
        interfaces: [secondDevice],
        nodeSelector: { matchLabels: { "kubernetes.io/hostname": node } },
      });
      await forEach(async (address) => {
        await recorded(address, secondDevice, node);
        await reachedOver(address, node, [secondDevice]);
      });
    }
  });

  test("an interface that is switched off takes nothing along that another node can have", async () => {
    const [address = ""] = addresses;
    await edit({ nodeSelector: null });
    const before = await berth.holder(address);
    await lab.exec(before, ["ip", "link", "set", secondDevice, "down"]);
    const after = await berth.holder(address, (node) => node !== before);
    await reachedOver(address, after, [secondDevice]);
    await lab.exec(before, ["ip", "link", "set", secondDevice, "up"]);
  });

  test("a node that loses one of its two segments, and is heard on the other: what it held on the first is answered elsewhere", async () => {
    const [address = ""] = addresses;
    await edit({ interfaces: [FIRST] });
    const before = await recorded(address, FIRST);
    await lab.exec("c1", ["ip", "route", "replace", address, "dev", FIRST]);
    await berth.reached("c1", target(address));
    // The others must have heard it answer there.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await lab.pullCable(before);
    const after = await berth.holder(address, (node) => node !== before);
    expect((await berth.vip(address)).status?.holder?.reason).toBe("holder-unreachable");
    await answeredOn(address, after, [FIRST]);
    await lab.plugCable(before);
  });
});
