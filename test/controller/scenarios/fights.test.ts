/** Another controller that goes on writing its own addresses over Berth's: no write storm comes of it. docs/troubleshooting.md. */
import { expect, test } from "@jest/globals";
import { Scene } from "./scene.ts";

const KEY = { "berth.dev/sharing-key": "edge" };
/** Long after Berth has come to rest; then a second and a half in which the other controller writes at every change. */
const ROUNDS = 30;
const ROUND_MS = 50;

interface Fight {
  readonly state: string;
  /** Brings the Service `web` into the state. */
  readonly set: (scene: Scene) => Promise<void>;
  readonly has: readonly string[];
  /** What the other controller writes: not of a pool of Berth, if nothing else is said. */
  readonly foreign?: string;
}

/** Another Service has come before "web". */
async function comeSecond(scene: Scene): Promise<void> {
  scene.service("first-come");
  await scene.settle();
  scene.service("web");
  await scene.settle();
}

const FIGHTS: readonly Fight[] = [
  {
    state: "Assigned",
    set: async (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.3"]);
      scene.service("web");
      await scene.settle();
    },
    has: ["10.0.0.1"],
  },
  {
    state: "PartlyAssigned",
    set: async (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.3"]);
      scene.service("web", { families: ["IPv4", "IPv6"] });
      await scene.settle();
    },
    has: ["10.0.0.1"],
  },
  {
    state: "RequestNotMet",
    set: async (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.3"]);
      scene.service("web");
      await scene.settle();
      scene.annotate("web", { "berth.dev/pool": "nowhere" });
      await scene.settle();
    },
    has: ["10.0.0.1"],
  },
  {
    state: "SharingConflict",
    set: async (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.3"]);
      scene.service("web", { annotations: KEY });
      scene.service("other", { annotations: KEY, ports: [81] });
      await scene.settle();
      scene.edit("other", { spec: { ports: [{ name: "p", protocol: "TCP", port: 80 }] } });
      await scene.settle();
    },
    has: ["10.0.0.1"],
  },
  {
    state: "AddressConflict",
    set: async (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.3"]);
      scene.service("web");
      await scene.settle();
      scene.vipStatus("10.0.0.1", {
        holder: { node: "n1", epoch: 1 },
        conditions: [
          {
            type: "Conflict",
            status: "True",
            reason: "ForeignHost",
            message: "02:00:00:00:00:99 uses it",
            lastTransitionTime: "2026-01-01T00:00:00Z",
          },
        ],
      });
      await scene.settle();
    },
    has: ["10.0.0.1"],
  },
  {
    state: "PoolExhausted",
    set: async (scene) => {
      scene.pool("first", ["10.0.0.1/32"]);
      await comeSecond(scene);
    },
    has: [],
    foreign: "10.0.0.1",
  },
  {
    state: "QuotaExceeded",
    set: async (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.3"], { quota: 1 });
      await comeSecond(scene);
    },
    has: [],
    foreign: "10.0.0.3",
  },
  {
    state: "PoolNotAllowed",
    set: async (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.3"], { namespaces: ["other"] });
      scene.service("web");
      await scene.settle();
    },
    has: [],
  },
];

test.each(FIGHTS)("fought over while it says $state: set right once a second", async (fight) => {
  const scene = new Scene();
  await fight.set(scene);
  expect(scene.says("web")).toMatch(new RegExp(`^${fight.state}: `));
  const from = scene.api.events.length;
  let lost = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (scene.addresses("web").join() !== (fight.foreign ?? "203.0.113.9")) {
      scene.overwrite("web", [fight.foreign ?? "203.0.113.9"]);
      lost++;
    }
    await scene.settle(ROUND_MS);
  }
  // The pool's counters may be written besides.
  const written = scene.writes("services", from) - lost;
  expect(written).toBeGreaterThanOrEqual(1);
  expect(written).toBeLessThanOrEqual(2);
  expect(lost).toBeLessThanOrEqual(3);
  await scene.settle();
  expect(scene.addresses("web")).toEqual(fight.has);
  expect(scene.says("web")).toMatch(new RegExp(`^${fight.state}: `));
});
