/**
 * The controller is stopped at every one of its writes, once just before it reaches the API server and once just after, and a
 * new one takes over: the end is the same as without a stop, with nothing lost, nothing leaked, nothing moved.
 */
import { describe, expect, test } from "@jest/globals";
import { Scene } from "./scenarios/scene.ts";

interface Story {
  readonly name: string;
  /** What the user does, settled in between; what stands before the first step is not interrupted. */
  readonly steps: readonly ((scene: Scene) => void)[];
}

const KEY = { "berth.dev/sharing-key": "edge" };
const BOTH = ["IPv4", "IPv6"] as const;

const STORIES: readonly Story[] = [
  {
    name: "an address is given and taken back",
    steps: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.3", "fd99::1-fd99::3"]),
      (scene) => scene.service("web", { families: BOTH, policy: "RequireDualStack" }),
      (scene) => scene.service("other"),
      (scene) => scene.delete("web"),
    ],
  },
  {
    name: "a Service leaves and comes back",
    steps: [
      (scene) => scene.pool("first", ["10.0.0.1/32"]),
      (scene) => scene.service("web"),
      (scene) => scene.edit("web", { spec: { type: "ClusterIP" } }),
      (scene) => scene.edit("web", { spec: { type: "LoadBalancer" } }),
    ],
  },
  {
    name: "another address on purpose, then by name, then from another pool",
    steps: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.pool("second", ["10.0.1.1-10.0.1.9"], { autoAssign: false }),
      (scene) => scene.service("web"),
      (scene) => scene.annotate("web", { "berth.dev/renumber": "1" }),
      (scene) => scene.annotate("web", { "berth.dev/ips": "10.0.0.7" }),
      (scene) => scene.annotate("web", { "berth.dev/ips": null, "berth.dev/pool": "second" }),
    ],
  },
  {
    name: "an address is shared, left, and deleted by hand",
    steps: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("a", { annotations: KEY }),
      (scene) => scene.service("b", { annotations: KEY, ports: [81] }),
      (scene) => scene.service("c", { annotations: KEY, ports: [82] }),
      (scene) => scene.delete("a"),
      (scene) => scene.deleteVip("10.0.0.1"),
      (scene) => scene.annotate("c", { "berth.dev/renumber": "1" }),
    ],
  },
  {
    name: "families come and go",
    steps: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"]),
      (scene) => scene.service("web"),
      (scene) => scene.edit("web", { spec: { ipFamilies: BOTH, ipFamilyPolicy: "PreferDualStack" } }),
      (scene) => scene.edit("web", { spec: { ipFamilies: ["IPv6"], ipFamilyPolicy: "SingleStack" } }),
    ],
  },
  {
    name: "a pool is replaced and its name used again",
    steps: [
      (scene) => scene.pool("old", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("web"),
      (scene) => {
        scene.deletePool("old");
        scene.pool("new", ["10.0.0.1-10.0.0.4"]);
      },
      (scene) => scene.service("more"),
    ],
  },
  {
    name: "a foreign host is found on an address",
    steps: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("a", { annotations: KEY }),
      (scene) => scene.service("b", { annotations: KEY, ports: [81] }),
      (scene) => {
        const message = "02:aa:00:00:00:01, no node of this cluster, answers for 10.0.0.1";
        const condition = { type: "Conflict", status: "True", reason: "ForeignHost", message };
        scene.vipStatus("10.0.0.1", { conditions: [condition] });
      },
    ],
  },
  {
    name: "meddlers",
    steps: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("web"),
      (scene) => scene.overwrite("web", ["192.0.2.1"]),
      (scene) => scene.editVip("10.0.0.1", { spec: { services: [], pool: "x" }, metadata: { finalizers: [] } }),
    ],
  },
];

/** Everything that has to be equal in the end, without versions, times and uids of VirtualIPs that were made twice. */
async function play(story: Story, deathAt?: Scene["deathAt"]): Promise<{ end: unknown; written: number }> {
  const scene = new Scene();
  scene.deathAt = deathAt;
  for (const step of story.steps) {
    step(scene);
    await scene.settle();
  }
  const services = scene.api.list("services").map((raw) => {
    const { metadata, status } = JSON.parse(JSON.stringify(raw));
    const conditions = (status?.conditions ?? []).map((one: { message: string }) => one.message);
    return [metadata.name, metadata.finalizers ?? [], status?.loadBalancer?.ingress ?? [], conditions];
  });
  const pools = scene.api.list("ippools").map((raw) => {
    const { metadata, status } = JSON.parse(JSON.stringify(raw));
    return [metadata.name, metadata.finalizers ?? [], status?.assignedIPv4, status?.assignedIPv6];
  });
  const vips = scene.vips().map(({ address, pool, services: users, sharingKey, quarantine, meta }) => {
    const names = users.map((one) => one.name).sort();
    return [address, pool, names, sharingKey ?? "", quarantine?.times ?? 0, meta.finalizers, meta.deletionTimestamp];
  });
  return { end: { services, pools, vips }, written: scene.written };
}

describe.each(STORIES)("$name", (story) => {
  test.each(["before", "after"] as const)(
    "stopped %s every write",
    async (when) => {
      const whole = await play(story);
      expect(whole.written).toBeGreaterThan(3);
      for (let write = 1; write <= whole.written; write++) {
        const { end } = await play(story, { write, when });
        expect({ write, end }).toEqual({ write, end: whole.end });
      }
    },
    120_000,
  );
});
