/** What stood in the status of a Service before Berth, and what comes there while it waits. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import type { JsonObject } from "../../../lib/model/decode.ts";
import { Scene } from "./scene.ts";

const OTHERS = { namespaces: ["other"] };

interface Refusal {
  readonly says: string;
  /** Brings the Service `web` to where it waits. */
  readonly set: (scene: Scene) => void;
}

/** The address 10.0.0.5 is free in all of them, and `web` may not have it. */
const REFUSALS: readonly Refusal[] = [
  {
    says: "QuotaExceeded",
    set: (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.9"], { quota: 1 });
      scene.service("first-come");
      scene.service("web");
    },
  },
  {
    says: "PoolNotAllowed",
    set: (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.9"], OTHERS);
      scene.service("web");
    },
  },
  {
    says: "PoolNotAllowed",
    set: (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.9"], { serviceSelector: { matchLabels: { expose: "public" } } });
      scene.service("web");
    },
  },
  {
    says: "NoPool",
    set: (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.9"], { autoAssign: false });
      scene.service("web");
    },
  },
  {
    says: "PoolExhausted",
    set: (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.9"]);
      scene.pool("full", ["10.0.1.1/32"]);
      scene.service("first-come", { annotations: { "berth.dev/pool": "full" } });
      scene.service("web", { annotations: { "berth.dev/pool": "full" } });
    },
  },
  {
    says: "PoolDeleting",
    set: (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.9"], { autoAssign: false });
      scene.editPoolMeta("first", { finalizers: ["example.com/hold"] });
      scene.deletePool("first");
      scene.service("web", { annotations: { "berth.dev/pool": "first" } });
    },
  },
  {
    says: "BadRequest",
    set: (scene) => {
      scene.pool("first", ["10.0.0.1-10.0.0.9"]);
      scene.service("web", { annotations: { "berth.dev/ips": "nonsense" } });
    },
  },
];
const FOREIGN = ["10.0.0.5", "203.0.113.9"];

async function waiting({ set, says }: Refusal): Promise<Scene> {
  const scene = new Scene();
  set(scene);
  await scene.settle();
  expect(scene.says("web")).toMatch(new RegExp(`^${says}: `));
  expect(scene.addresses("web")).toEqual([]);
  return scene;
}

function patchStatus(scene: Scene, name: string, status: JsonObject): void {
  const path = `/api/v1/namespaces/default/services/${name}/status`;
  scene.api.call({ verb: "patch", path, body: JSON.parse(JSON.stringify({ status })), patch: "merge" });
}

describe("what somebody writes into the status of a Service that waits is undone, and given to nobody", () => {
  test.each(REFUSALS.flatMap((one) => FOREIGN.map((foreign) => ({ ...one, foreign }))))(
    "$says, and $foreign is written",
    async ({ foreign, ...refusal }) => {
      const scene = await waiting(refusal);
      const [says, table] = [scene.says("web"), scene.table()];
      scene.overwrite("web", [foreign]);
      await scene.settle();
      expect(scene.addresses("web")).toEqual([]);
      expect(scene.table()).toEqual(table);
      expect(scene.says("web")).toBe(says);
    },
  );

  test.each(REFUSALS)("$says, and while no controller runs", async (refusal) => {
    const scene = await waiting(refusal);
    const table = scene.table();
    scene.overwrite("web", FOREIGN);
    scene.restart();
    await scene.settle();
    expect(scene.addresses("web")).toEqual([]);
    expect(scene.table()).toEqual(table);
  });

  test("the other family of a Service that has one: the quota holds for it", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"], { quota: 1 });
    scene.service("web", { families: ["IPv4", "IPv6"] });
    await scene.settle();
    expect(scene.says("web")).toMatch(/^PartlyAssigned: /);
    scene.overwrite("web", ["10.0.0.1", "fd99::5"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
  });

  test("an address that the Service asks for by name and may not have", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    scene.pool("others", ["10.0.1.1-10.0.1.9"], OTHERS);
    scene.service("web");
    await scene.settle();
    scene.annotate("web", { "berth.dev/ips": "10.0.1.5" });
    await scene.settle();
    scene.overwrite("web", ["10.0.1.5"]);
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.1 of first: default/web"]);
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  });

  test("both families of one that must have both or none", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    scene.service("web", { families: ["IPv4", "IPv6"], policy: "RequireDualStack" });
    await scene.settle();
    scene.overwrite("web", ["10.0.0.5", "fd99::5"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual([]);
    expect(scene.table()).toEqual([]);
  });

  test("an address that is free by then is given by the rules", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("first-come");
    scene.service("web");
    await scene.settle();
    scene.overwrite("web", ["203.0.113.9"]);
    scene.delete("first-come");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  });
});

describe("what stood there before stays", () => {
  /** Two that another load balancer has served, of which Berth has no address. */
  async function migrated(): Promise<Scene> {
    const scene = new Scene();
    scene.pool("others", ["10.9.0.0/24"], OTHERS);
    scene.service("web");
    scene.overwrite("web", ["10.0.0.5"]);
    scene.service("named");
    patchStatus(scene, "named", { loadBalancer: { ingress: [{ hostname: "lb.example.com" }] } });
    scene.restart();
    await scene.settle();
    return scene;
  }

  test("the condition notes it, whoever leads, and nothing is added to it", async () => {
    const scene = await migrated();
    const says = scene.says("web");
    expect(says).toMatch(/^PoolNotAllowed: .* \(before: 10.0.0.5\)$/);
    expect(scene.says("named")).toMatch(/ \(before: lb.example.com\)$/);
    // The note is not for the event.
    expect(scene.warnings.map(({ message }) => message)).not.toContainEqual(expect.stringContaining("before"));
    scene.overwrite("web", ["10.9.0.7", "10.0.0.5", "203.0.113.9"]);
    patchStatus(scene, "named", { loadBalancer: { ingress: [{ hostname: "lb.example.com" }, { ip: "10.9.0.8" }] } });
    for (const isNew of [false, true]) {
      if (isNew) scene.restart();
      await scene.settle();
      expect(scene.addresses("web")).toEqual(["10.0.0.5"]);
      expect(scene.found("named").ingress.map(({ hostname }) => hostname)).toEqual(["lb.example.com"]);
      expect(scene.says("web")).toBe(says);
      expect(scene.table()).toEqual([]);
    }
  });

  test("and is taken over as it is by the pool that comes to have it, whatever its rules", async () => {
    const scene = await migrated();
    scene.pool("first", ["10.0.0.1-10.0.0.9"], OTHERS);
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.5 of first: default/web"]);
    expect(scene.says("web")).toBe("Assigned: 10.0.0.5 from IPPool first");
  });

  test("what somebody takes out of it does not come back", async () => {
    const scene = await migrated();
    scene.overwrite("web", []);
    await scene.settle();
    expect(scene.says("web")).not.toMatch(/before/);
    scene.overwrite("web", ["10.0.0.5"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual([]);
  });

  test("while there is no IPPool at all, the other load balancer goes on: nothing of its is undone", async () => {
    const scene = new Scene();
    scene.service("web");
    await scene.settle();
    expect(scene.says("web")).toMatch(/^NoPool: there is no IPPool: /);
    scene.overwrite("web", ["10.0.0.5"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.5"]);
    scene.pool("first", ["10.0.0.1-10.0.0.9"]);
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.5"]);
    expect(scene.table()).toEqual(["10.0.0.5 of first: default/web"]);
  });

  test("of so many entries that the condition cannot name them nothing is taken away", async () => {
    const scene = new Scene();
    scene.pool("others", ["10.9.0.0/24"], OTHERS);
    const all = Array.from({ length: 400 }, (_, at) => `172.16.${at >> 8}.${at & 255}`);
    scene.service("web");
    scene.overwrite("web", all);
    scene.restart();
    await scene.settle();
    expect(scene.addresses("web")).toEqual(all);
    expect(scene.says("web")).toMatch(/ \(before: many\)$/);
    scene.overwrite("web", all.slice(1));
    await scene.settle();
    expect(scene.addresses("web")).toEqual(all.slice(1));
  });
});
