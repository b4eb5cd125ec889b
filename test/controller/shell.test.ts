/** The shells: what they ask of the API server, and when. */
import { setImmediate as settled } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { controllerCommand, readControllerFlags } from "../../controller/flags.ts";
import { Controller } from "../../controller/shell/controller.ts";
import { createHolders } from "../../controller/shell/holders.ts";
import { createWarnings } from "../../controller/shell/warnings.ts";
import type { Json, KubeApi } from "../../lib/kube/api.ts";
import { KubeError } from "../../lib/kube/errors.ts";
import type { Service } from "../../lib/model/service.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { silentLogger } from "../../lib/runtime/log.ts";
import { assigned, CLEANUP, noCache, poolOf, serviceOf, vipOf } from "./objects.ts";

type Answer = (verb: string, path: string, body: Json | undefined) => Json;

/** Answers at once from a function, and notes every call. */
function scripted(answer: Answer): { api: KubeApi; calls: string[] } {
  const calls: string[] = [];
  const send = async (verb: string, path: string, body?: Json): Promise<Json> => {
    calls.push(`${verb} ${path}`);
    return answer(verb, path, body);
  };
  const api: KubeApi = {
    get: (path) => send("get", path),
    create: (path, body) => send("create", path, body),
    replace: (path, body) => send("replace", path, body),
    patch: (path, _type, body) => send("patch", path, body),
    delete: (path, body) => send("delete", path, body),
    watch: () => ({ close: () => {} }),
    closeConnections: () => {},
  };
  return { api, calls };
}

const notFound = () => {
  throw new KubeError("not-found", "not found", { status: 404 });
};

describe("holders", () => {
  const clock = { ms: 0, monotonicMs: () => clock.ms };
  const lease = (version: string): Json => ({ metadata: { name: "berth-speaker-n1", resourceVersion: version } });

  async function findings(
    answer: Answer,
    times: readonly number[],
  ): Promise<{ found: readonly string[]; calls: readonly string[] }> {
    const { api, calls } = scripted(answer);
    const holders = createHolders(api, "berth-system", clock);
    const found: string[] = [];
    for (const at of times) {
      clock.ms = at;
      found.push(await holders.look("n1", at));
      await settled();
    }
    return { found, calls };
  }

  test("a Lease that is not renewed for 10 s", async () => {
    const { found, calls } = await findings(
      (_, path) => (path.includes("leases") ? lease("5") : {}),
      [0, 2000, 4000, 6000, 8000, 10_000],
    );
    expect(found).toEqual(["holding", "holding", "holding", "holding", "holding", "lease-expired"]);
    expect(calls.slice(0, 2)).toEqual([
      "get /api/v1/nodes/n1",
      "get /apis/coordination.k8s.io/v1/namespaces/berth-system/leases/berth-speaker-n1",
    ]);
  });

  test("one that is renewed holds for ever", async () => {
    let version = 0;
    const { found } = await findings(
      (_, path) => (path.includes("leases") ? lease(String(version++)) : {}),
      [0, 4000, 8000, 12_000, 16_000],
    );
    expect(new Set(found)).toEqual(new Set(["holding"]));
  });

  test("a Node that is gone", async () => {
    expect((await findings(notFound, [0])).found).toEqual(["node-gone"]);
  });

  test("many addresses of one node ask once in two seconds", async () => {
    const { calls } = await findings(
      (_, path) => (path.includes("leases") ? lease("5") : {}),
      [0, 100, 200, 1000, 2000],
    );
    expect(calls).toHaveLength(4);
  });

  test("a read that fails is no evidence, and is asked again", async () => {
    const { api, calls } = scripted(() => {
      throw new KubeError("api-timeout", "no answer");
    });
    const holders = createHolders(api, "berth-system", clock);
    await expect(holders.look("n1", 0)).rejects.toMatchObject({ code: "api-timeout" });
    await settled();
    await expect(holders.look("n1", 10)).rejects.toMatchObject({ code: "api-timeout" });
    expect(calls).toHaveLength(2);
  });
});

describe("controller", () => {
  function build(services: readonly Service[], vips: readonly VirtualIP[], answer: Answer = () => ({})) {
    const { api, calls } = scripted(answer);
    const queue: string[] = [];
    const clock = { ms: 10_000, monotonicMs: () => clock.ms, wallMs: () => 0 };
    const leader = { leads: true };
    const find = <T extends { readonly meta: { readonly name: string; readonly namespace: string } }>(
      all: readonly T[],
    ) => ({
      get: (key: string) =>
        all.find(({ meta }) => (meta.namespace === "" ? meta.name : `${meta.namespace}/${meta.name}`) === key),
      list: () => all,
    });
    const controller = new Controller({
      api,
      services: find(services),
      vips: find(vips),
      pools: find([poolOf("first", ["10.0.0.0/28"])]),
      namespaces: noCache,
      nodes: noCache,
      leases: noCache,
      enqueue: (key) => queue.push(key),
      clock,
      isLeader: () => leader.leads,
      warn: () => {},
      log: silentLogger,
      classLess: true,
      namespace: "berth-system",
    });
    return { controller, calls, queue, clock, leader };
  }

  const young = serviceOf("young", { created: "2026-01-03T00:00:00Z" });
  const old = serviceOf("old", { created: "2026-01-01T00:00:00Z" });
  const done = serviceOf("zz", { created: "2026-01-09T00:00:00Z", ingress: ["10.0.0.5"] });

  test("begins with the Services that have addresses, then the older ones", () => {
    const { controller, queue } = build([young, old, done], []);
    controller.begin();
    expect(queue.filter((key) => key.startsWith("service:"))).toEqual([
      "service:default/zz",
      "service:default/old",
      "service:default/young",
    ]);
  });

  test("who waits for a VirtualIP that another Service makes is looked at again, also if nothing comes of it", async () => {
    const published = { ingress: ["10.0.0.5"], conditions: [assigned("10.0.0.5 from IPPool first (shared)")] };
    const [one, two] = [serviceOf("one", published), serviceOf("two", published)];
    const { controller, queue, calls } = build([one, two], [], (verb) => {
      if (verb === "create") throw new KubeError("api-timeout", "no answer");
      return {};
    });
    controller.begin();
    const creation = controller.reconcile("service:default/one");
    expect(await controller.reconcile("service:default/two")).toEqual({ type: "done" });
    expect(calls).toEqual(["create /apis/berth.dev/v1alpha1/virtualips"]);
    queue.length = 0;
    await expect(creation).rejects.toMatchObject({ code: "api-timeout" });
    expect(queue).toContain("freed");
  });

  test("does nothing before it leads and nothing afterwards", async () => {
    const { controller, calls, queue, leader } = build([old], []);
    controller.onService("default/old");
    expect(queue).toEqual([]);
    expect(await controller.reconcile("service:default/old")).toEqual({ type: "done" });
    controller.begin();
    leader.leads = false;
    expect(await controller.reconcile("service:default/old")).toEqual({ type: "done" });
    controller.end();
    leader.leads = true;
    expect(await controller.reconcile("service:default/old")).toEqual({ type: "done" });
    expect(calls).toEqual([]);
  });

  test("a status that somebody goes on overwriting is set right once a second", async () => {
    const published = { finalizers: [CLEANUP], conditions: [assigned("10.0.0.2 from IPPool first")] };
    const service = serviceOf("web", { ...published, ingress: ["192.0.2.1"] });
    const raw: Json = {
      metadata: { namespace: "default", name: "web", uid: "uid-web", resourceVersion: "5" },
      spec: { type: "LoadBalancer" },
    };
    const { controller, calls, clock } = build([service], [vipOf("10.0.0.2", service)], () => raw);
    controller.begin();
    expect(await controller.reconcile("service:default/web")).toEqual({ type: "done" });
    expect(calls).toEqual(["patch /api/v1/namespaces/default/services/web/status"]);
    clock.ms += 400;
    controller.end();
    controller.begin();
    expect(await controller.reconcile("service:default/web")).toEqual({ type: "requeue", afterMs: 600 });
    clock.ms += 600;
    expect(await controller.reconcile("service:default/web")).toEqual({ type: "done" });
    expect(calls).toHaveLength(2);
  });

  test("the finalizer of a pool does not wait for the status, and one that is refused is not asked for again at once", async () => {
    let refuses = true;
    const vips: VirtualIP[] = [];
    const { controller, calls, clock } = build([], vips, (_verb, path) => {
      if (path.endsWith("/status") || !refuses) return {};
      throw new KubeError("conflict", "the object has been modified", { status: 409 });
    });
    controller.begin();
    await controller.reconcile("pool:first");
    expect(calls.splice(0)).toEqual(["patch /apis/berth.dev/v1alpha1/ippools/first/status"]);
    vips.push(vipOf("10.0.0.1", serviceOf("web")));
    controller.onVip("10.0.0.1");
    await expect(controller.reconcile("pool:first")).rejects.toMatchObject({ code: "conflict" });
    refuses = false;
    clock.ms += 50;
    await controller.reconcile("pool:first");
    clock.ms += 50;
    await controller.reconcile("pool:first");
    clock.ms += 400;
    await controller.reconcile("pool:first");
    const mark = "patch /apis/berth.dev/v1alpha1/ippools/first";
    expect(calls).toEqual([mark, mark]);
  });

  test("the status of a pool is written at most once a second", async () => {
    const { controller, calls, clock } = build([], []);
    controller.begin();
    expect(await controller.reconcile("pool:first")).toEqual({ type: "done" });
    clock.ms += 250;
    expect(await controller.reconcile("pool:first")).toEqual({ type: "requeue", afterMs: 750 });
    expect(calls).toEqual(["patch /apis/berth.dev/v1alpha1/ippools/first/status"]);
  });
});

test("a warning that cannot be written disturbs nobody", async () => {
  const { api, calls } = scripted(() => {
    throw new KubeError("api-refused", "the namespace is being terminated", { status: 403 });
  });
  const warn = createWarnings({
    api,
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    log: silentLogger,
    instance: "pod",
  });
  const warning = {
    kind: "Service",
    apiVersion: "v1",
    meta: serviceOf("web").meta,
    reason: "NoPool",
    action: "AssignAddress",
    message: "m",
  } as const;
  warn(warning);
  warn(warning);
  await settled();
  expect(calls).toEqual(["create /apis/events.k8s.io/v1/namespaces/default/events"]);
});

describe("flags", () => {
  const read = (...args: readonly string[]) =>
    readControllerFlags(
      ["node", "controller", ...args],
      controllerCommand()
        .exitOverride()
        .configureOutput({ writeErr: () => {} }),
    );

  test("defaults", () => {
    expect(read()).toMatchObject({ classLess: true, concurrency: 32, healthPort: 7472, logLevel: "info" });
  });

  test("as given", () => {
    expect(read("--class-less=false", "--concurrency", "4", "--health-port", "8080")).toMatchObject({
      classLess: false,
      concurrency: 4,
      healthPort: 8080,
    });
  });

  test.each([
    ["--class-less=maybe", "true or false"],
    ["--concurrency=0", "1 to 256"],
    ["--health-port=70000", "1 to 65535"],
    ["--health-port=x", "1 to 65535"],
    ["--log-level=loud", "Allowed choices"],
    ["--namespace=", "must not be empty"],
    ["--nonsense", "unknown option"],
  ])("%s is refused by name", (flag, text) => {
    expect(() => read(flag)).toThrow(text);
    expect(() => read(flag)).toThrow(flag.split("=")[0] ?? "");
  });

  test("each is documented with its environment variable", () => {
    for (const option of controllerCommand().options)
      expect([option.long, option.envVar, option.description.length > 10]).toEqual([
        option.long,
        expect.stringMatching(/^(BERTH|POD)_/),
        true,
      ]);
  });
});
