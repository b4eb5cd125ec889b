import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { type Connecting, failuresOf } from "../lab/spawned.ts";
import { Berth, berthNamespace, target, type VipObject } from "./berth.ts";
import { backend, namespace, pool, service } from "./manifests.ts";

/**
 * Which node announces, by MetalLB's own checklist (docs/checklist.md has the numbers). A move by choice waits for half a minute, so the faults
 * of all stories come first, the stories that need no wait are told meanwhile, and the returns last.
 */

const ns = "nodes";
const nodes = ["n1", "n2", "n3"] as const;
const EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers";
const AWAY = "berth.test/away";
const HOST = "kubernetes.io/hostname";

const on = (...names: readonly string[]) => ({ matchExpressions: [{ key: HOST, operator: "In", values: names }] });
const prefer = (weight: number, ...names: readonly string[]) => ({ weight, selector: on(...names) });

/** A pool of one address each, by the item that it is for. */
const pools = {
  "item-5": { preferred: [prefer(10, "n2")] },
  "item-6": { preferred: [prefer(10, "n3")] },
  "item-52": { preferred: [prefer(10, "n3")] },
  "item-37": { nodeSelector: on("n1") },
  "item-38": { nodeSelector: on("n2", "n3") },
  "item-41": { nodeSelector: on("n1", "n3"), preferred: [prefer(10, "nosuch")] },
  "item-44": { nodeSelector: on("n1", "n2"), preferred: [prefer(50, "n3"), prefer(10, "n2")] },
  "item-45": { nodeSelector: on("n1", "n2"), preferred: [prefer(50, "n3")] },
  "item-46": { preferred: [prefer(50, "n1"), prefer(30, "n2"), prefer(30, "n2", "n3")] },
} as const;
type Item = keyof typeof pools;
const items = Object.keys(pools) as readonly Item[];
/** The Services whose pods stand on one node each. */
const LOCAL: Partial<Record<Item, string>> = { "item-38": "local" };

describe("which node announces", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;
  const addressOf = new Map<string, string>();
  const clients = new Map<Item, Connecting>();

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    await berth.apply(
      namespace(ns),
      ...items.map((item, at) => pool(item, [`10.99.0.${20 + at}/32`], { autoAssign: false, l2: pools[item] })),
      pool("plain", ["10.99.0.30-10.99.0.39", "fd99::30-fd99::39"], { autoAssign: false }),
      backend("web", nodes, ns, { cpu: "250m" }),
      backend("on-n2", ["n2"], ns),
      backend("on-n3", ["n3"], ns),
      backend("local", ["n1", "n3"], ns),
    );
    for (const name of ["web", "on-n2", "on-n3", "local"]) await berth.rollout(name, ns);
    await serve(items.filter((item) => item !== "item-52"));
  }, 600_000);

  afterAll(async () => {
    for (const client of clients.values()) await client.process.stop();
    for (const node of nodes) {
      await lab.kubectl(["label", "node", node, `${EXCLUDE}-`]);
      await lab.kubectl(["taint", "node", node, `${AWAY}-`]);
    }
    await network("n2", { $patch: "delete" });
    await berth.install();
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=120s");
    await berth.kubectl("delete", "ippool", ...items, "plain");
    await shared.release();
  }, 300_000);

  function served(item: Item): object {
    const local = LOCAL[item];
    return service(item, {
      namespace: ns,
      annotations: { "berth.dev/pool": item },
      app: local ?? "web",
      policy: local === undefined ? "Cluster" : "Local",
    });
  }

  async function serve(some: readonly Item[]): Promise<void> {
    await berth.apply(...some.map(served));
    const addresses = await Promise.all(some.map((item) => berth.address(item, ns)));
    for (const [at, item] of some.entries()) addressOf.set(item, addresses[at] ?? "");
    await Promise.all(addresses.map((address) => berth.holder(address)));
  }

  function where(item: string): string {
    return addressOf.get(item) ?? "";
  }

  async function record(item: Item): Promise<NonNullable<NonNullable<VipObject["status"]>["holder"]>> {
    const { status } = await berth.vip(where(item));
    if (status?.holder === undefined) throw new Error(`${item} has no holder`);
    return status.holder;
  }

  async function network(node: string, condition: object): Promise<void> {
    const patch = { status: { conditions: [{ type: "NetworkUnavailable", ...condition }] } };
    await berth.kubectl("patch", "node", node, "--subresource=status", "-p", JSON.stringify(patch));
  }

  async function networkIs(node: string, status: "True" | "False"): Promise<void> {
    await network(node, { status, reason: "BerthTest", message: "set by a test" });
  }

  async function onWire(address: string, node: string): Promise<void> {
    expect(await berth.answerers(address)).toEqual([lab.node(node).mac]);
  }

  /** Away from its preferred node, on the wire too. */
  async function awayFrom(item: Item, preferred: string, timeoutMs = 30_000): Promise<void> {
    const after = await berth.holder(where(item), (node) => node !== preferred, timeoutMs);
    await onWire(where(item), after);
  }

  /** Back on its preferred node, by choice, and no connection failed from the beginning until now. */
  async function backOn(item: Item, preferred: string): Promise<void> {
    await berth.holder(where(item), (node) => node === preferred, 110_000);
    expect(await record(item)).toMatchObject({ node: preferred, reason: "hand-over-preferred" });
    await onWire(where(item), preferred);
    await noneLost(clients.get(item));
  }

  /** No new connection failed to open. One that is open at the very moment of a move is reset or stalls, as any stream does. */
  async function noneLost(client: Connecting | undefined): Promise<void> {
    await client?.untilOk(10);
    const { errors = { client: 0 }, gaps = [] } = (await client?.finish()) ?? {};
    const { cut, lost } = failuresOf({ errors });
    // With the gaps, which tell by their times which move it was.
    if (Object.keys(lost).length > 0) throw new Error(`lost: ${JSON.stringify({ lost, gaps })}`);
    expect(cut).toBeLessThan(5);
  }

  test("44 to 46: the selector is the harder rule, and weights add up", async () => {
    await preferredHolds("item-44", "n2");
    expect(["n1", "n2"]).toContain(await berth.holder(where("item-45")));
    await preferredHolds("item-46", "n2");
    const reached = async (item: Item): Promise<void> => {
      await onWire(where(item), (await record(item)).node);
      await berth.reached("c1", target(where(item)));
    };
    await Promise.all((["item-44", "item-45", "item-46"] as const).map(reached));
  });

  test("5, 6, 42, 52: the preferred node has no network, is excluded, has no speaker: another one announces", async () => {
    await Promise.all([usedOn("item-5", "n2"), usedOn("item-6", "n3")]);
    await networkIs("n2", "True");
    await berth.kubectl("label", "node", "n3", `${EXCLUDE}=`);
    await awayFrom("item-6", "n3");
    expect((await record("item-6")).reason).toBe("hand-over-not-candidate");
    await berth.kubectl("label", "node", "n3", `${EXCLUDE}-`);
    await serve(["item-52"]);
    await usedOn("item-52", "n3");
    await speakerAway("n3");
    await awayFrom("item-52", "n3");
    expect((await record("item-52")).reason).toBe("hand-over-shutdown");
    await berth.kubectl("taint", "node", "n3", `${AWAY}-`);
    await awayFrom("item-5", "n2", 60_000);
    expect((await record("item-5")).reason).toBe("hand-over-network-unavailable");
    await networkIs("n2", "False");
  });

  /** From the beginning; where a busy machine let another one be faster, after the time that a move by choice takes. */
  async function preferredHolds(item: Item, preferred: string): Promise<void> {
    expect(await berth.holder(where(item), (node) => node === preferred, 60_000)).toBe(preferred);
  }

  async function usedOn(item: Item, preferred: string): Promise<void> {
    await preferredHolds(item, preferred);
    await berth.reached("c1", target(where(item)));
    const client = lab.connect("c1", target(where(item)), { everyMs: 50 });
    clients.set(item, client);
    await client.untilOk(5);
  }

  /** A speaker tolerates every taint; one that should not is what the taint keeps away. `OnDelete`: the others stay as they are. */
  async function speakerAway(node: string): Promise<void> {
    const patch = [
      { op: "replace", path: "/spec/updateStrategy", value: { type: "OnDelete" } },
      {
        op: "replace",
        path: "/spec/template/spec/tolerations",
        value: [{ key: "node-role.kubernetes.io/control-plane", operator: "Exists" }],
      },
    ];
    const what = ["-n", berthNamespace, "patch", "daemonset", "berth-speaker"];
    await berth.kubectl(...what, "--type=json", "-p", JSON.stringify(patch));
    await berth.kubectl("taint", "node", node, `${AWAY}=:NoSchedule`);
    await berth.kubectl("-n", berthNamespace, "delete", "pod", await berth.speakerOn(node), "--wait=true");
    expect((await berth.pods("speaker")).filter(({ spec }) => spec.nodeName === node)).toEqual([]);
  }

  let unfit: unknown;

  test("37: the selector takes one node after another, and each announces in its turn", async () => {
    unfit = await record("item-41");
    const address = where("item-37");
    const client = lab.connect("c1", target(address), { everyMs: 50 });
    for (const node of nodes) {
      const l2 = { nodeSelector: on(node) };
      await berth.kubectl("patch", "ippool", "item-37", "--type=merge", "-p", JSON.stringify({ spec: { l2 } }));
      await berth.holder(address, (holder) => holder === node);
      await onWire(address, node);
      await client.untilOk(10);
    }
    await noneLost(client);
  });

  test("38: selector and Local: of the selected nodes the one with the endpoint", async () => {
    // Pods on n1 and n3; the selector takes n2 and n3.
    expect(await berth.holder(where("item-38"))).toBe("n3");
    await onWire(where("item-38"), "n3");
    await berth.reached("c1", target(where("item-38")));
  });

  test("3: with Local and a pod on every node none but the holder's serves", async () => {
    await berth.apply(service("web", { namespace: ns, policy: "Local", annotations: { "berth.dev/pool": "plain" } }));
    const address = await berth.address("web", ns);
    const node = await berth.holder(address);
    await onWire(address, node);
    await berth.reached("c1", target(address));
    const client = lab.connect("c1", target(address));
    await client.untilOk(30);
    expect(Object.keys((await client.finish()).nodes)).toEqual([node]);
  });

  test("8: two Services on one address, their pods on different nodes: one node answers, and both are reached", async () => {
    const shape = (app: string, port: number) =>
      service(app, {
        namespace: ns,
        families: "RequireDualStack",
        annotations: { "berth.dev/pool": "plain", "berth.dev/sharing-key": "edge" },
        ports: [port],
      });
    await berth.apply(shape("on-n2", 88), shape("on-n3", 8080));
    const addresses = await berth.addresses("on-n2", 2, ns);
    expect(await berth.addresses("on-n3", 2, ns)).toEqual(addresses);
    const bothReached = async (address: string): Promise<void> => {
      await onWire(address, await berth.holder(address));
      for (const [port, node] of [
        [88, "n2"],
        [8080, "n3"],
      ] as const) {
        await berth.reached("c1", target(address, port));
        const client = lab.connect("c1", target(address, port));
        await client.untilOk(5);
        expect(Object.keys((await client.finish()).nodes)).toEqual([node]);
      }
    };
    await Promise.all(addresses.map(bothReached));
  });

  test("6, 42, 52: what the preferred node had it gets back, and no connection failed", async () => {
    await Promise.all([backOn("item-6", "n3"), backOn("item-52", "n3")]);
  });

  test("5: and so does the one that has its network again", async () => {
    await backOn("item-5", "n2");
  });

  test("41: a preference that no node fits has moved nothing", async () => {
    expect(await record("item-41")).toEqual(unfit);
    expect(["n1", "n3"]).toContain(await berth.holder(where("item-41")));
  });
});
