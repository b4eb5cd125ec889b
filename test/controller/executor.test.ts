/** Writes are made to the version that the plan was made from, or not at all. */
import { describe, expect, test } from "@jest/globals";
import type { Effect } from "../../controller/effects.ts";
import { type ExecutorDeps, execute, type Seen } from "../../controller/shell/executor.ts";
import { parseVirtualIP, virtualIPJson } from "../../lib/model/virtual-ip.ts";
import { must, serviceOf } from "./objects.ts";
import { clientOf, ScriptedApi } from "./scripted-api.ts";

const PATH = "/apis/berth.dev/v1alpha1/virtualips";
const NAME = "10.0.0.1";
const spec = {
  address: NAME,
  pool: "first",
  services: [{ namespace: "default", name: "a", uid: "u", externalTrafficPolicy: "Cluster", ports: [] }],
  l2: { interfaces: [], nodeSelector: undefined, preferred: [] },
} as const;

function build() {
  const store = new ScriptedApi();
  store.call({ verb: "create", path: PATH, body: virtualIPJson(NAME, spec) });
  const api = clientOf(async (verb, path, body, patch) =>
    store.call({ verb, path, body, ...(patch === undefined ? {} : { patch }) }),
  );
  const seen: Seen[] = [];
  const deps: ExecutorDeps = {
    api,
    nowText: () => "2026-01-01T00:00:00Z",
    isLeader: () => true,
    isOutdated: () => false,
    saw: (one) => seen.push(one),
    warn: () => {},
  };
  const current = () => must(parseVirtualIP(store.get("virtualips", NAME) ?? null));
  return { store, deps, seen, current };
}

describe("a VirtualIP that somebody else has changed since the plan", () => {
  test.each(["update-vip", "delete-vip"] as const)(
    "%s leaves it alone, and the pass begins again with it",
    async (type) => {
      const { store, deps, seen, current } = build();
      const { name, uid, resourceVersion } = current().meta;
      // Another worker has brought a second Service to the address.
      const joined = [...spec.services, { ...spec.services[0], name: "b", uid: "v" }];
      store.call({ verb: "patch", path: `${PATH}/${NAME}`, body: { spec: { services: joined } }, patch: "merge" });
      const version = { name, uid, resourceVersion };
      const effect: Effect =
        type === "update-vip" ? { type, ...version, spec: { ...spec, services: [] } } : { type, ...version };
      expect(await execute(deps, "default/a", serviceOf("a"), [effect])).toBe("again");
      expect(current().services.map((one) => one.name)).toEqual(["a", "b"]);
      expect(current().meta.deletionTimestamp).toBeUndefined();
      expect(seen.map((one) => one.type === "vip" && one.vip?.services.length)).toEqual([2]);
    },
  );

  test("one that is gone is learned as gone", async () => {
    const { store, deps, seen, current } = build();
    const { name, uid, resourceVersion } = current().meta;
    store.call({ verb: "patch", path: `${PATH}/${NAME}`, body: { metadata: { finalizers: [] } }, patch: "merge" });
    store.call({ verb: "delete", path: `${PATH}/${NAME}` });
    const effect: Effect = { type: "update-vip", name, uid, resourceVersion, spec };
    expect(await execute(deps, "default/a", serviceOf("a"), [effect])).toBe("again");
    expect(seen).toEqual([{ type: "vip", name: NAME, vip: undefined }]);
  });

  test("the version of the plan is written to", async () => {
    const { deps, current } = build();
    const { name, uid, resourceVersion } = current().meta;
    const update: Effect = { type: "update-vip", name, uid, resourceVersion, spec: { ...spec, pool: "second" } };
    expect(await execute(deps, "default/a", serviceOf("a"), [update])).toBe("done");
    expect(current().pool).toBe("second");
    const after = current().meta;
    expect(await execute(deps, "default/a", serviceOf("a"), [{ type: "delete-vip", ...after }])).toBe("done");
    expect(current().meta.deletionTimestamp).toBeDefined();
  });
});
