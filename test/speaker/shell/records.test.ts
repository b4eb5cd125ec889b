import { describe, expect, test } from "@jest/globals";
import type { Json, KubeApi } from "../../../lib/kube/api.ts";
import { KubeError } from "../../../lib/kube/errors.ts";
import {
  compareAndSetPatch,
  readRecord,
  writeCondition,
  writeFence,
  writeRecord,
} from "../../../speaker/shell/records.ts";
import { FakeApi, type Call as Made } from "../../lib/kube/fakes.ts";
import { holder, vip } from "../election/fixtures.ts";

type Effect = Parameters<typeof compareAndSetPatch>[0];
const NOW = "2026-01-02T03:04:05.000Z";
const { since: _, ...intent } = holder("a", 4, { from: "b" });
const written = { ...intent, since: NOW };
const effect = (changes: Partial<Effect> = {}): Effect => ({
  type: "compare-and-set",
  name: "10.0.0.100",
  uid: "uid",
  fromEpoch: 3,
  resourceVersion: "77",
  bareStatus: false,
  holder: intent,
  ...changes,
});

interface Call {
  readonly verb: string;
  readonly path: string;
  readonly body: Json | undefined;
  readonly query: Readonly<Record<string, string>> | undefined;
}

function scripted(answer: Json | KubeError): { readonly api: KubeApi; readonly calls: Call[] } {
  const calls: Call[] = [];
  const reply = async (call: Call): Promise<Json> => {
    calls.push(call);
    if (answer instanceof KubeError) throw answer;
    return answer;
  };
  const unused = (): never => {
    throw new Error("not expected");
  };
  const api: KubeApi = {
    get: (path, options) => reply({ verb: "get", path, body: undefined, query: options?.query }),
    patch: (path, type, body, options) => reply({ verb: `patch ${type}`, path, body, query: options?.query }),
    create: unused,
    replace: unused,
    delete: unused,
    watch: unused,
    closeConnections: unused,
  };
  return { api, calls };
}

const object: Json = {
  metadata: { name: "10.0.0.100", uid: "uid" },
  spec: { address: "10.0.0.100", pool: "p", services: [] },
  status: { holder: { ...written } },
};

describe("compare-and-set", () => {
  test("with a record: uid and epoch are tested, conditions are not touched", () => {
    expect(compareAndSetPatch(effect(), NOW)).toEqual([
      { op: "test", path: "/metadata/uid", value: "uid" },
      { op: "test", path: "/status/holder/epoch", value: 3 },
      { op: "replace", path: "/status/holder", value: written },
    ]);
  });

  test.each([
    [true, { op: "add", path: "/status", value: { holder: written } }],
    [false, { op: "add", path: "/status/holder", value: written }],
  ])("the first record (no status at all: %s) tests the resourceVersion", (bareStatus, add) => {
    expect(compareAndSetPatch(effect({ fromEpoch: undefined, bareStatus }), NOW)).toEqual([
      { op: "test", path: "/metadata/uid", value: "uid" },
      { op: "test", path: "/metadata/resourceVersion", value: "77" },
      add,
    ]);
  });

  test("goes to the status subresource, and the object comes back", async () => {
    const { api, calls } = scripted(object);
    const reply = await writeRecord(api, effect(), NOW);
    expect(reply.result).toMatchObject({ kind: "ok", vip: { holder: { node: "a", epoch: 4 } } });
    expect(calls).toMatchObject([
      { verb: "patch json", path: "/apis/berth.dev/v1alpha1/virtualips/10.0.0.100/status" },
    ]);
  });

  test.each([
    ["conflict", "refused"],
    ["not-found", "refused"],
    ["api-refused", "refused"],
    ["api-timeout", "unknown"],
    ["api-unreachable", "unknown"],
  ] as const)("%s is %s", async (code, kind) => {
    const { api } = scripted(new KubeError(code, "no"));
    expect((await writeRecord(api, effect(), NOW)).result).toEqual({ kind });
  });

  test("an answer that cannot be read leaves the outcome unknown", async () => {
    expect((await writeRecord(scripted({}).api, effect(), NOW)).result).toEqual({ kind: "unknown" });
  });
});

describe("read", () => {
  test.each([
    ["not-found", "gone"],
    ["api-timeout", "failed"],
    ["api-refused", "failed"],
  ] as const)("%s is %s", async (code, kind) => {
    expect((await readRecord(scripted(new KubeError(code, "no")).api, "x")).result).toEqual({ kind });
  });

  test("asks for the newest state: no resourceVersion in the query", async () => {
    const { api, calls } = scripted(object);
    expect((await readRecord(api, "10.0.0.100")).result.kind).toBe("found");
    expect(calls).toEqual([
      { verb: "get", path: "/apis/berth.dev/v1alpha1/virtualips/10.0.0.100", body: undefined, query: undefined },
    ]);
  });
});

test("a condition is applied alone, by the manager of its type, to the object of this uid", async () => {
  const { api, calls } = scripted({});
  const claim = { type: "Announced", status: "True", reason: "Announced", message: "m" } as const;
  const { conditions } = vip();
  await writeCondition(api, { type: "condition", name: "10.0.0.100", uid: "uid", claim, conditions }, NOW);
  expect(calls).toEqual([
    {
      verb: "patch apply",
      path: "/apis/berth.dev/v1alpha1/virtualips/10.0.0.100/status",
      query: { fieldManager: "berth-speaker-announced", force: "true" },
      body: {
        apiVersion: "berth.dev/v1alpha1",
        kind: "VirtualIP",
        metadata: { name: "10.0.0.100", uid: "uid" },
        status: { conditions: [{ ...claim, lastTransitionTime: NOW }] },
      },
    },
  ]);
});

describe("the mark of a node that is gone (F5, E11)", () => {
  const fence = { node: "b", instance: "pod/1", by: "a/17", interface: "eth1", resourceVersion: "77" };
  const marks = (api: FakeApi): readonly unknown[] =>
    api.calls.filter(({ verb }) => verb === "patch").map(({ body }) => (body as { value: unknown }[]).at(-1)?.value);
  const tested = ({ body }: Made): readonly unknown[] =>
    (body as { op: string; path: string }[]).filter(({ op }) => op === "test").map(({ path }) => path);
  const refused = new KubeError("api-refused", "test failed", {});
  const lease = (fencedBy: string): Json => ({
    metadata: { name: "berth-speaker-b", resourceVersion: "78", annotations: { "berth.dev/fenced-by": fencedBy } },
    spec: { holderIdentity: "pod/1" },
  });

  test("names the interface, if the Lease is the one that was seen", async () => {
    const api = new FakeApi();
    const done = writeFence(api, "ns", fence);
    await api.last.answer({});
    await done;
    expect(marks(api)).toEqual(["a/17 eth1"]);
    expect(tested(api.last)).toEqual(["/spec/holderIdentity", "/metadata/resourceVersion"]);
  });

  test("of a node with one interface it is about the node", async () => {
    const api = new FakeApi();
    const done = writeFence(api, "ns", { ...fence, interface: "" });
    await api.last.answer({});
    await done;
    expect(marks(api)).toEqual(["a/17"]);
    expect(tested(api.last)).toEqual(["/spec/holderIdentity"]);
  });

  test.each([
    ["", ["a/17 eth1", "a/17 eth1"]],
    ["c/4 eth1", ["a/17 eth1", "a/17 eth1"]],
    ["c/4 eth0", ["a/17 eth1", "a/17"]],
    ["c/4", ["a/17 eth1", "a/17"]],
  ])("another Lease by now, with the mark '%s'", async (before, told) => {
    const api = new FakeApi();
    const done = writeFence(api, "ns", fence);
    await api.last.refuse(refused);
    await api.last.answer(lease(before));
    await api.last.answer({});
    await done;
    expect(marks(api)).toEqual(told);
  });
});
