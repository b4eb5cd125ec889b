import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type ApiAnswer, apiPatchAs } from "../lab/api-probe.ts";
import type { Lab } from "../lab/lab.ts";
import { sourceDir } from "../lab/paths.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, berthNamespace, type VipObject } from "./berth.ts";
import { backend, namespace, pool, service } from "./manifests.ts";

/** A7: with the optional policy a speaker's token writes about its own node alone, and the real speakers do not notice. */

const ns = "admission";
const annotations = { "berth.dev/pool": ns };
const policy = `${sourceDir}../../deploy/optional/node-bound-writes.yaml`;
const EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers";

interface LeaseObject {
  readonly metadata: { readonly resourceVersion: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly renewTime?: string };
}

describe("the optional admission policy", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;
  let address: string;
  let name: string;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    await berth.install();
    await lab.apply(policy);
    await berth.apply(
      namespace(ns),
      pool(ns, ["10.99.0.212/32"], { autoAssign: false }),
      backend("web", ["n2", "n3"], ns),
      service("web", { namespace: ns, annotations }),
    );
    await berth.rollout("web", ns);
    address = await berth.address("web", ns);
    name = (await berth.vip(address)).metadata.name;
    await berth.holder(address);
    // The API server takes a moment to know of a new policy.
    const inForce = async () => ((await write("n1", "lease", "n2", renewal())).status === 200 ? undefined : true);
    await lab.waitFor("the policy to be in force", inForce, { timeoutMs: 30_000 });
  }, 600_000);

  afterAll(async () => {
    await berth.kubectl("delete", "-f", policy);
    for (const node of ["n1", "n2", "n3"]) await berth.kubectl("label", "node", node, `${EXCLUDE}-`);
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=120s");
    await berth.kubectl("delete", "ippool", ns);
    await shared.release();
  }, 240_000);

  /**
   * A write with the token of a node's speaker as the kubelet gives it to the pod; without a node, with one that is bound to nothing. A
   * dry run passes through admission and changes nothing.
   */
  async function write(as: string, what: "lease" | "vip", whose: string, patch: object): Promise<ApiAnswer> {
    const bound = as === "" ? [] : ["--bound-object-kind=Pod", `--bound-object-name=${await berth.speakerOn(as)}`];
    const token = await berth.kubectl("-n", berthNamespace, "create", "token", "berth-speaker", ...bound);
    const object =
      what === "vip"
        ? `berth.dev/v1alpha1/virtualips/${name}/status`
        : `coordination.k8s.io/v1/namespaces/${berthNamespace}/leases/berth-speaker-${whose}`;
    return apiPatchAs(token.trim(), `/apis/${object}?dryRun=All`, patch);
  }

  function renewal(): object {
    return { spec: { renewTime: "2026-01-01T00:00:00.000000Z" } };
  }

  async function record(): Promise<NonNullable<NonNullable<VipObject["status"]>["holder"]>> {
    const { status } = await berth.vip(address);
    if (status?.holder === undefined) throw new Error(`${address} has no holder`);
    return status.holder;
  }

  test("holders: oneself, or what one hands over; nobody else's", async () => {
    const { node, epoch } = await record();
    const [other = "", third = ""] = ["n1", "n2", "n3"].filter((one) => one !== node);
    const holder = (to: string, from = "") => ({
      status: {
        holder: { node: to, from, epoch: epoch + 1, instance: "x", interface: "eth0", mac: "02:00:00:00:00:01" },
      },
    });
    expect(await write(other, "vip", "", holder(other))).toMatchObject({ status: 200 });
    expect(await write(node, "vip", "", holder(other, node))).toMatchObject({ status: 200 });
    expect(await write(node, "vip", "", holder(""))).toMatchObject({ status: 200 });
    const refusals = [
      await write(other, "vip", "", holder(third)),
      await write(other, "vip", "", holder("")),
      await write(other, "vip", "", holder(third, other)),
      await write("", "vip", "", holder(other)),
    ];
    for (const { status, body } of refusals) {
      expect(status).toBe(422);
      expect(body).toContain("berth-speaker-holders");
    }
    expect(refusals[0]?.body).toContain(`the speaker of node ${other} may write itself as the holder`);
    expect(refusals[3]?.body).toContain("not bound to a node");
  });

  test("the spec of a VirtualIP and objects of others are out of a speaker's reach by its role", async () => {
    const as = "--as=system:serviceaccount:berth-system:berth-speaker";
    for (const [verb, what] of [
      ["patch", "virtualips.berth.dev"],
      ["update", "virtualips.berth.dev"],
      ["create", "virtualips.berth.dev"],
      ["delete", "virtualips.berth.dev"],
      ["update", "virtualips.berth.dev/status"],
      ["patch", "ippools.berth.dev"],
      ["patch", "services"],
      ["patch", "nodes"],
      ["delete", "leases.coordination.k8s.io"],
    ] as const) {
      const { stdout } = await lab.kubectl(["auth", "can-i", verb, what, "-n", berthNamespace, as]);
      expect([verb, what, stdout.trim()]).toEqual([verb, what, "no"]);
    }
  });

  test("Leases: all of one's own, of others the mark alone, in one's own name", async () => {
    const mark = (by: string) => ({ metadata: { annotations: { "berth.dev/fenced-by": by } } });
    expect(await write("n1", "lease", "n1", renewal())).toMatchObject({ status: 200 });
    expect(await write("n1", "lease", "n2", mark("n1/1"))).toMatchObject({ status: 200 });
    const refusals = [
      await write("n1", "lease", "n2", renewal()),
      await write("n1", "lease", "n2", mark("n3/1")),
      await write("n1", "lease", "n2", { ...mark("n1/1"), ...renewal() }),
      await write("n1", "lease", "n2", {
        metadata: { annotations: { "berth.dev/fenced-by": "n1/1", "berth.dev/leaving": "true" } },
      }),
      await write("n1", "lease", "n2", {
        metadata: { annotations: { "berth.dev/fenced-by": "n1/1", "berth.dev/interfaces": null } },
      }),
      await write("n1", "lease", "n2", {
        metadata: { annotations: { "berth.dev/fenced-by": "n1/1" }, labels: { "berth.dev/component": "x" } },
      }),
      await write("", "lease", "n1", renewal()),
    ];
    for (const { status, body } of refusals) {
      expect(status).toBe(422);
      expect(body).toContain("berth-speaker-leases");
    }
  });

  test("the speakers' own tokens are bound to their nodes: Leases are renewed, addresses handed over and given up", async () => {
    const leases = await Promise.all(["n1", "n2", "n3"].map((node) => leaseOf(node)));
    const renewed = async () => {
      const now = await Promise.all(["n1", "n2", "n3"].map((node) => leaseOf(node)));
      return now.every((one, at) => one.spec.renewTime !== leases[at]?.spec.renewTime) ? true : undefined;
    };
    await lab.waitFor("every Lease to be renewed", renewed, { timeoutMs: 30_000 });
    const first = (await record()).node;
    await berth.kubectl("label", "node", first, `${EXCLUDE}=true`);
    const second = await berth.holder(address, (node) => node !== first);
    expect(await record()).toMatchObject({ node: second, reason: "hand-over-not-candidate" });
    await berth.kubectl("-n", berthNamespace, "delete", "pod", await berth.speakerOn(second), "--wait=true");
    await berth.holder(address, (node) => node !== second && node !== first);
    await berth.ready();
  });

  function leaseOf(node: string): Promise<LeaseObject> {
    return lab.get(`/apis/coordination.k8s.io/v1/namespaces/${berthNamespace}/leases/berth-speaker-${node}`);
  }
});
