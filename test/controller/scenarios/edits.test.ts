/**
 * What a user edits in whatever order, and what must not move for it: each story as it is, with a new controller after every
 * step, and with one that takes over in the middle of every step. docs/allocation.md names these.
 */
import { describe, expect, test } from "@jest/globals";
import { parseService } from "../../../lib/model/service.ts";
import { inject, stopped } from "../faults.ts";
import { must } from "../objects.ts";
import { Scene } from "./scene.ts";

interface Story {
  readonly name: string;
  /** Until here everything may happen. */
  readonly before: readonly ((scene: Scene) => void)[];
  readonly edits: readonly ((scene: Scene) => void)[];
  /** Addresses of the Services from `before` on, by `namespace/name`: through every edit. */
  readonly stay: Readonly<Record<string, readonly string[]>>;
  readonly end?: (scene: Scene) => void;
}

const KEY = { "berth.dev/sharing-key": "edge" };
const METALLB_KEY = { "metallb.universe.tf/allow-shared-ip": "edge" };

const STORIES: readonly Story[] = [
  {
    name: "a pool is split, and the Service names the pool that it came from",
    before: [
      (scene) => scene.pool("old", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("web", { annotations: { "berth.dev/pool": "old" } }),
    ],
    edits: [
      (scene) => scene.editPool("old", { addresses: ["10.0.0.5-10.0.0.9"] }),
      (scene) => scene.pool("new", ["10.0.0.1-10.0.0.4"]),
      (scene) => scene.editPool("new", { priority: 1 }),
    ],
    stay: { "default/web": ["10.0.0.1"] },
    end: (scene) => {
      expect(scene.says("web")).toBe("Assigned: 10.0.0.1 from IPPool old");
      expect(scene.poolSays("old", "Retained")).toMatch(/^True OutsideSpec: 10.0.0.1 \(default\/web\): kept until/);
    },
  },
  {
    name: "a pool is split under two that share, and one of them names it",
    before: [
      (scene) => scene.pool("old", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("a", { annotations: { ...KEY, "berth.dev/pool": "old" } }),
      (scene) => scene.service("b", { annotations: KEY, ports: [81] }),
    ],
    edits: [
      (scene) => scene.pool("new", ["10.0.0.1-10.0.0.4"], { priority: 1 }),
      (scene) => scene.annotate("b", { "berth.dev/pool": "old,new" }),
      (scene) => scene.editPool("old", { addresses: ["10.0.0.5-10.0.0.9"] }),
    ],
    stay: { "default/a": ["10.0.0.1"], "default/b": ["10.0.0.1"] },
  },
  {
    name: "another pool with the same addresses comes first, by priority and by name, and goes",
    before: [
      (scene) => scene.pool("m", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("web", { annotations: { "metallb.io/address-pool": "m" } }),
      (scene) => scene.service("other"),
    ],
    edits: [
      (scene) => scene.pool("a", ["10.0.0.1-10.0.0.4"], { quota: 1 }),
      (scene) => scene.editPool("m", { priority: 5 }),
      (scene) => scene.editPool("a", { priority: 4 }),
      (scene) => scene.deletePool("a"),
    ],
    stay: { "default/web": ["10.0.0.1"], "default/other": ["10.0.0.2"] },
    end: (scene) => expect(scene.poolExists("a")).toBe(false),
  },
  {
    name: "a pool that is named is deleted and another one has its addresses: the Service decides when it changes",
    before: [
      (scene) => scene.pool("old", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.pool("third", ["10.0.3.1-10.0.3.9"]),
      (scene) => scene.service("web", { annotations: { "berth.dev/pool": "old, third" } }),
    ],
    edits: [
      (scene) => {
        scene.deletePool("old");
        scene.pool("new", ["10.0.0.1-10.0.0.9"]);
      },
      (scene) => expect(scene.poolExists("old")).toBe(true),
      (scene) => scene.annotate("web", { "berth.dev/pool": "new" }),
    ],
    stay: { "default/web": ["10.0.0.1"] },
    end: (scene) => {
      expect(scene.poolExists("old")).toBe(false);
      expect(scene.says("web")).toBe("Assigned: 10.0.0.1 from IPPool new");
    },
  },
  {
    name: "a pool is deleted and created again under its name, while its addresses are in use",
    before: [(scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]), (scene) => scene.service("web")],
    edits: [
      (scene) => {
        scene.deletePool("first");
        scene.pool("meanwhile", ["10.0.0.1-10.0.0.9"]);
      },
      (scene) => {
        expect(scene.poolExists("first")).toBe(false);
        scene.pool("first", ["10.0.0.1-10.0.0.9"]);
      },
      (scene) => scene.deletePool("meanwhile"),
    ],
    stay: { "default/web": ["10.0.0.1"] },
    end: (scene) => expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]),
  },
  {
    name: "autoAssign, avoidBuggyIPs, excluded, quota, namespaces, serviceSelector, sharing: under addresses in use",
    before: [
      (scene) => scene.pool("first", ["10.0.0.254-10.0.1.3", "fd99::1-fd99::9"], { sharing: "AcrossNamespaces" }),
      (scene) => scene.service("a", { families: ["IPv4", "IPv6"] }),
      (scene) => scene.service("b", { annotations: KEY }),
      (scene) => scene.service("c", { annotations: KEY, ports: [81], namespace: "shop" }),
      (scene) => scene.service("d"),
    ],
    edits: [
      (scene) => scene.editPool("first", { autoAssign: false }),
      (scene) => scene.editPool("first", { avoidBuggyIPs: true }),
      (scene) => scene.editPool("first", { excluded: ["10.0.0.254-10.0.1.3", "fd99::/120"] }),
      (scene) => scene.editPool("first", { excluded: [] }),
      (scene) => scene.editPool("first", { avoidBuggyIPs: false, autoAssign: true }),
      (scene) => scene.editPool("first", { quota: 1 }),
      (scene) => scene.editPool("first", { namespaces: ["nobody"] }),
      (scene) => scene.editPool("first", { serviceSelector: { matchLabels: { no: "body" } } }),
      (scene) => scene.editPool("first", { sharing: "SameNamespace" }),
      (scene) => scene.editPool("first", { sharing: null, namespaces: null, serviceSelector: null, quota: null }),
    ],
    stay: {
      "default/a": ["10.0.0.254", "fd99::1"],
      "default/b": ["10.0.0.255"],
      "shop/c": ["10.0.0.255"],
      "default/d": ["10.0.1.0"],
    },
  },
  {
    name: "an edit that cannot be followed, and a spec that never could, under addresses in use",
    before: [(scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]), (scene) => scene.service("web")],
    edits: [
      (scene) => scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.9", "fd99::9-fd99::1"] }),
      (scene) => scene.editPool("first", { excluded: ["10.0.0.0/8", "fe80::1%eth0/128"] }),
      (scene) => scene.editPool("first", { addresses: ["0.0.0.0/0", "::/0"] }),
      (scene) => scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.9"], excluded: null }),
    ],
    stay: { "default/web": ["10.0.0.1"] },
    end: (scene) => expect(scene.poolSays("first")).toMatch(/^True Valid/),
  },
  {
    name: "ports of Services that share: renamed, and exchanged",
    before: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("a", { annotations: KEY, ports: [80] }),
      (scene) => scene.service("b", { annotations: KEY, ports: [81] }),
    ],
    edits: [
      (scene) => scene.edit("a", { spec: { ports: [{ name: "new", protocol: "TCP", port: 80 }] } }),
      (scene) => {
        scene.edit("a", { spec: { ports: [{ name: "new", protocol: "TCP", port: 81 }] } });
        scene.edit("b", { spec: { ports: [{ name: "new", protocol: "TCP", port: 80 }] } });
      },
    ],
    stay: { "default/a": ["10.0.0.1"], "default/b": ["10.0.0.1"] },
    end: (scene) => {
      expect([scene.says("a"), scene.says("b")]).toEqual(Array(2).fill("Assigned: 10.0.0.1 from IPPool first"));
      const ports = scene.vips()[0]?.services.map((one) => [one.name, one.ports[0]?.name, one.ports[0]?.port]);
      expect(ports?.sort()).toEqual([
        ["a", "new", 81],
        ["b", "new", 80],
      ]);
    },
  },
  {
    name: "the sharing key of all who share becomes another one, one Service after the other",
    before: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("a", { annotations: METALLB_KEY }),
      (scene) => scene.service("b", { annotations: METALLB_KEY, ports: [81] }),
    ],
    edits: [
      (scene) => scene.annotate("a", { "metallb.universe.tf/allow-shared-ip": null, "berth.dev/sharing-key": "moved" }),
      (scene) => expect(scene.says("a")).toMatch(/^SharingConflict: /),
      (scene) => scene.annotate("b", { "metallb.universe.tf/allow-shared-ip": "moved" }),
      (scene) => scene.service("c", { annotations: { "berth.dev/sharing-key": "moved" }, ports: [82] }),
    ],
    stay: { "default/a": ["10.0.0.1"], "default/b": ["10.0.0.1"] },
    end: (scene) => {
      expect(scene.vips().map((vip) => vip.sharingKey)).toEqual(["moved"]);
      expect(scene.addresses("c")).toEqual(["10.0.0.1"]);
      for (const name of ["a", "b"]) expect(scene.says(name)).toBe("Assigned: 10.0.0.1 from IPPool first");
    },
  },
  {
    name: "somebody writes another sharing key, other ports and another pool into a shared VirtualIP",
    before: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("a", { annotations: KEY }),
      (scene) => scene.service("b", { annotations: KEY, ports: [81] }),
    ],
    edits: [
      (scene) => scene.editVip("10.0.0.1", { spec: { sharingKey: "forged", pool: "none", l2: { interfaces: ["x"] } } }),
      (scene) => scene.editVip("10.0.0.1", { spec: { sharingKey: null } }),
    ],
    stay: { "default/a": ["10.0.0.1"], "default/b": ["10.0.0.1"] },
    end: (scene) => {
      expect(scene.vips().map(({ sharingKey, pool, l2 }) => [sharingKey, pool, l2.interfaces])).toEqual([
        ["edge", "first", []],
      ]);
      for (const name of ["a", "b"]) expect(scene.says(name)).toBe("Assigned: 10.0.0.1 from IPPool first");
    },
  },
  {
    name: "two Services that ask for each other's address: neither goes first, and both say who is in the way and the way out",
    before: [
      (scene) => scene.pool("first", ["10.0.0.1-10.0.0.9"]),
      (scene) => scene.service("a", { annotations: { "berth.dev/ips": "10.0.0.1" } }),
      (scene) => scene.service("b", { annotations: { "berth.dev/ips": "10.0.0.2" } }),
    ],
    edits: [
      (scene) => {
        scene.annotate("a", { "berth.dev/ips": "10.0.0.2" });
        scene.annotate("b", { "berth.dev/ips": "10.0.0.1" });
      },
    ],
    stay: { "default/a": ["10.0.0.1"], "default/b": ["10.0.0.2"] },
    end: (scene) => {
      const way = "which this Service has: let one of the two ask for a third address for a moment";
      for (const [name, has, other, asks] of [
        ["a", "10.0.0.1", "b", "10.0.0.2"],
        ["b", "10.0.0.2", "a", "10.0.0.1"],
      ] as const) {
        const says = scene.says(name);
        expect(says).toContain(`RequestNotMet: ${has} from IPPool first; ${asks} is in use by default/${other}`);
        expect(says.endsWith(`; default/${other} waits for ${has}, ${way}`)).toBe(true);
      }
    },
  },
];

type Mode = "as it is" | "a new controller after every step" | "a new controller in the middle of every step";

async function play({ before, edits, stay, end }: Story, mode: Mode): Promise<void> {
  const scene = new Scene();
  for (const step of before) {
    step(scene);
    await scene.settle();
  }
  const table = () =>
    Object.keys(stay).map((key) => {
      const [namespace, name = ""] = key.split("/");
      return [key, scene.addresses(name, namespace)];
    });
  expect(Object.fromEntries(table())).toEqual(stay);
  const from = scene.api.events.length;
  for (const step of edits) {
    if (mode === "a new controller in the middle of every step") {
      const { written } = scene;
      inject(scene, written + 1, stopped("after"));
    }
    step(scene);
    await scene.settle();
    if (mode === "a new controller after every step") scene.restart();
    await scene.settle();
    expect(Object.fromEntries(table())).toEqual(stay);
  }
  // Not for a moment either.
  for (const { resource, key, object } of scene.api.events.slice(from)) {
    if (resource !== "services" || stay[key] === undefined) continue;
    const shown = must(parseService(object ?? null)).ingress.map(({ ip }) => ip);
    expect({ key, shown }).toEqual({ key, shown: stay[key] });
  }
  end?.(scene);
}

describe.each(STORIES)("$name", (story) => {
  test.each(["as it is", "a new controller after every step", "a new controller in the middle of every step"] as const)(
    "%s",
    (mode) => play(story, mode),
  );
});
