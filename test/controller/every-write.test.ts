/**
 * At every write of the controller something goes wrong: it is stopped just before or after it, another one with late caches takes
 * over in the middle of it, somebody else writes to the same object, the connection breaks, the store goes back. The end is the
 * same as without, with nothing lost, nothing leaked, nothing moved.
 */
import { describe, expect, test } from "@jest/globals";
import { parseService } from "../../lib/model/service.ts";
import { type VirtualIP, virtualIPSpecJson } from "../../lib/model/virtual-ip.ts";
import { IS_FULL } from "../scale.ts";
import { CONFLICTS, CUT, type Fault, inject, OVERTAKEN, ROLLED_BACK, STOPS } from "./faults.ts";
import { must } from "./objects.ts";
import { Scene } from "./scenarios/scene.ts";
import { untruths } from "./vip-truth.ts";

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
    name: "what a VirtualIP copies from its Service and its pool changes",
    steps: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"], { l2: { interfaces: ["eth0"] } }),
      (scene) => scene.service("a", { annotations: KEY }),
      (scene) => scene.service("b", { annotations: KEY, ports: [81] }),
      (scene) => scene.edit("a", { spec: { externalTrafficPolicy: "Local" } }),
      (scene) => scene.edit("b", { spec: { ports: [{ name: "dns", protocol: "UDP", port: 53 }] } }),
      (scene) => scene.editPool("first", { addresses: ["10.0.0.2-10.0.0.9"], l2: { interfaces: ["eth*"] } }),
      (scene) => scene.pool("second", ["10.0.0.1/32"], { l2: { interfaces: ["bond0"] } }),
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

interface Played {
  /** Everything that has to be equal, without versions, times and uids of VirtualIPs that were made twice. */
  readonly end: unknown;
  /** What holds wherever several ends are right: how many addresses each Service has, and that VirtualIPs and Services agree. */
  readonly sound: unknown;
  readonly written: number;
}

/** Of each story what it comes to without a fault. BOUNDED by the stories. */
const wholes = new Map<Story, Promise<Played>>();

function playedWhole(story: Story): Promise<Played> {
  const whole = wholes.get(story) ?? play(story);
  wholes.set(story, whole);
  return whole;
}

async function play(story: Story, write = 0, fault?: Fault): Promise<Played> {
  const scene = new Scene();
  const injected = fault && inject(scene, write, fault);
  for (const step of story.steps) {
    step(scene);
    injected?.acts();
    await scene.settle();
  }
  return { end: endOf(scene), sound: soundness(scene), written: scene.written };
}

function endOf(scene: Scene): unknown {
  const services = scene.api.list("services").map((raw) => {
    const { metadata, status } = JSON.parse(JSON.stringify(raw));
    const conditions = (status?.conditions ?? []).map((one: { message: string }) => one.message);
    return [metadata.name, metadata.finalizers ?? [], status?.loadBalancer?.ingress ?? [], conditions];
  });
  const pools = scene.api.list("ippools").map((raw) => {
    const { metadata, status } = JSON.parse(JSON.stringify(raw));
    return [metadata.name, metadata.finalizers ?? [], status?.assignedIPv4, status?.assignedIPv6];
  });
  const vips = scene.vips().map((vip) => {
    const { finalizers, deletionTimestamp } = vip.meta;
    // That it is in its pool is told only of one that was not.
    const inPool = vip.conditions.find((one) => one.type === "InPool" && one.status === "False")?.reason;
    return [specText(vip), finalizers, deletionTimestamp, inPool];
  });
  return { services, pools, vips };
}

/** All of it but uids and times; those who share an address stand in the order in which they came, which a fault may change. */
function specText({ services, quarantine, ...vip }: VirtualIP): string {
  const sorted = services.map((one) => ({ ...one, uid: "" })).sort((left, right) => (left.name < right.name ? -1 : 1));
  const aside = quarantine && { ...quarantine, until: "" };
  return JSON.stringify(virtualIPSpecJson({ ...vip, services: sorted, quarantine: aside }));
}

function soundness(scene: Scene): unknown {
  const services = scene.api.list("services").map((raw) => must(parseService(raw)));
  const counts = services.map(({ meta, ingress }) => [meta.name, meta.finalizers.length, ingress.length]);
  const published = services.flatMap(({ meta, ingress }) => ingress.map(({ ip }) => `${ip} ${meta.uid}`));
  const recorded = scene.vips().flatMap((vip) => vip.services.map(({ uid }) => `${vip.address} ${uid}`));
  const idle = scene.vips().filter((vip) => vip.services.length === 0 && vip.quarantine === undefined);
  const agree = published.sort().join() === recorded.sort().join();
  return { counts, agree, idle: idle.length, untruths: untruths(scene.api) };
}

const FAULTS = [...STOPS, ...OVERTAKEN, ...CONFLICTS, ...CUT, ...ROLLED_BACK];
/** `make check` looks at one write of nine, at another one for each fault, except for the stops. */
const STRIDE = IS_FULL ? 1 : 9;

describe.each(STORIES)("$name", (story) => {
  test.each(FAULTS)(
    "at every write: $name",
    async (fault) => {
      const whole = await playedWhole(story);
      expect({ sound: whole.sound }).toMatchObject({ sound: { agree: true, idle: 0, untruths: [] } });
      expect(whole.written).toBeGreaterThan(3);
      const stride = STOPS.includes(fault) ? 1 : STRIDE;
      for (let write = 1 + (FAULTS.indexOf(fault) % stride); write <= whole.written; write += stride) {
        const { end, sound } = await play(story, write, fault);
        expect({ write, sound }).toEqual({ write, sound: whole.sound });
        if (fault.isOpen !== true) expect({ write, end }).toEqual({ write, end: whole.end });
      }
    },
    120_000,
  );
});
