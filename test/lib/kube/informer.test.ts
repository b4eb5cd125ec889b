import { beforeEach, describe, expect, test } from "@jest/globals";
import type { Informer, Json } from "../../../lib/kube/api.ts";
import { KubeError } from "../../../lib/kube/errors.ts";
import { createInformer } from "../../../lib/kube/informer.ts";
import { asText, fields } from "../../../lib/model/decode.ts";
import { silentLogger } from "../../../lib/runtime/log.ts";
import { renderMetrics } from "../../../lib/runtime/metrics.ts";
import { seededRandom } from "../../../lib/runtime/random.ts";
import { FakeApi, FakeTime } from "./fakes.ts";

let api: FakeApi;
let time: FakeTime;
let told: string[];
let informer: Informer<string>;

beforeEach(() => {
  api = new FakeApi();
  time = new FakeTime();
  told = [];
  informer = createInformer<string>(
    api,
    {
      path: "/api/v1/widgets",
      query: { labelSelector: "a=b" },
      parse: (raw) => asText(fields(raw)["colour"]),
      onChange: (key) => told.push(key),
      onSynced: () => told.push(`synced ${informer.synced}`),
    },
    { clock: time, random: seededRandom(1), log: silentLogger, scheduler: time },
  );
});

const widget = (name: string, resourceVersion: string, colour: Json, namespace = "ns"): Json => ({
  metadata: { namespace, name, uid: `uid-${name}`, resourceVersion },
  colour,
});
const listOf = (resourceVersion: string, ...items: Json[]): Json => ({ metadata: { resourceVersion }, items });
const watch = () => {
  const last = api.watches.at(-1);
  if (last === undefined) throw new Error("no watch was opened");
  return last;
};

async function synced(...items: Json[]): Promise<void> {
  informer.start();
  await api.last.answer(listOf("10", ...items));
  told.length = 0;
}

async function relistAs(resourceVersion: string, ...items: Json[]): Promise<void> {
  informer.relist();
  await api.last.answer(listOf(resourceVersion, ...items));
}

describe("the informer", () => {
  test("before the first list it is empty and not synced; then all keys are told, sorted, and synced once", async () => {
    informer.start();
    expect([informer.synced, informer.list()]).toEqual([false, []]);
    expect(api.last).toMatchObject({
      path: "/api/v1/widgets",
      options: { query: { labelSelector: "a=b", limit: "500" } },
    });
    await api.last.answer(
      listOf("10", widget("b", "2", "blue"), widget("a", "1", "red"), widget("c", "3", "green", "")),
    );
    expect(told).toEqual(["c", "ns/a", "ns/b", "synced true"]);
    expect(informer.list()).toEqual(["green", "red", "blue"]);
    expect(informer.get("ns/a")).toBe("red");
    expect(watch().query).toMatchObject({ labelSelector: "a=b", resourceVersion: "10", allowWatchBookmarks: "true" });
  });

  test("a list after a doubt that hangs is given up after 10 s, and asked for again with the time of any list", async () => {
    await synced(widget("a", "1", "red"));
    informer.doubt();
    const doubted = api.last;
    expect(doubted.options).toMatchObject({ timeoutMs: 10_000 });
    await doubted.refuse(new KubeError("api-timeout", "nothing was heard for 10000 ms"));
    await time.advance(100);
    expect(api.last).not.toBe(doubted);
    expect(api.last.options).toMatchObject({ timeoutMs: 30_000 });
  });

  test("events change the cache and are told", async () => {
    await synced(widget("a", "1", "red"));
    const { onEvent } = watch().handlers;
    onEvent("ADDED", widget("b", "11", "blue"));
    onEvent("MODIFIED", widget("a", "12", "grey"));
    expect(informer.list()).toEqual(["grey", "blue"]);
    onEvent("DELETED", widget("b", "13", "blue"));
    expect([informer.list(), told]).toEqual([["grey"], ["ns/b", "ns/a", "ns/b"]]);
  });

  test("the same state again is not told, a deletion of the unknown neither, a bookmark neither", async () => {
    await synced(widget("a", "1", "red"));
    const { onEvent } = watch().handlers;
    onEvent("ADDED", widget("b", "11", "blue"));
    onEvent("ADDED", widget("b", "11", "blue"));
    onEvent("DELETED", widget("x", "12", "blue"));
    onEvent("BOOKMARK", { metadata: { resourceVersion: "20" } });
    expect(told).toEqual(["ns/b"]);
  });

  test("list() is the same array until something changes", async () => {
    await synced(widget("a", "1", "red"));
    const before = informer.list();
    expect(informer.list()).toBe(before);
    watch().handlers.onEvent("MODIFIED", widget("a", "11", "grey"));
    expect(informer.list()).not.toBe(before);
  });

  test("a relist finds what came, changed and went, and tells nothing of the rest", async () => {
    await synced(widget("gone", "1", "red"), widget("kept", "2", "red"), widget("new", "3", "red"));
    await relistAs("30", widget("kept", "2", "red"), widget("new", "25", "blue"), widget("more", "26", "pink"));
    expect(told).toEqual(["ns/gone", "ns/more", "ns/new"]);
    expect([informer.get("ns/gone"), informer.get("ns/new")]).toEqual([undefined, "blue"]);
  });

  test("an object deleted and made again under its name is told", async () => {
    await synced(widget("a", "1", "red"));
    await relistAs("30", {
      ...fields(widget("a", "1", "blue")),
      metadata: { namespace: "ns", name: "a", uid: "other", resourceVersion: "1" },
    });
    expect([told, informer.get("ns/a")]).toEqual([["ns/a"], "blue"]);
  });

  test("after a rollback the older state is what counts", async () => {
    await synced(widget("a", "9", "red"), widget("b", "8", "red"));
    await relistAs("5", widget("a", "4", "blue"));
    expect([told, informer.list()]).toEqual([["ns/a", "ns/b"], ["blue"]]);
    expect(watch().query["resourceVersion"]).toBe("5");
  });

  test("an object that cannot be read is counted, and its last readable state stays", async () => {
    const name = 'berth_informer_unreadable_total{resource="widgets"}';
    const count = async () => {
      const line = (await renderMetrics()).split("\n").find((one) => one.startsWith(name));
      return Number(line?.split(" ")[1] ?? 0);
    };
    const before = await count();
    await synced(widget("a", "1", "red"), widget("bad", "2", 7));
    watch().handlers.onEvent("MODIFIED", widget("a", "11", null));
    expect([informer.list(), told]).toEqual([["red"], []]);
    await relistAs("30", widget("a", "11", null), {});
    expect([informer.list(), told]).toEqual([["red"], []]);
    expect((await count()) - before).toBe(4);
    watch().handlers.onEvent("MODIFIED", widget("a", "31", "green"));
    expect([informer.list(), told]).toEqual([["green"], ["ns/a"]]);
  });

  test("pages are put together", async () => {
    informer.start();
    await api.last.answer({ metadata: { resourceVersion: "10", continue: "t" }, items: [widget("a", "1", "red")] });
    expect([informer.synced, api.last.options?.query?.["continue"]]).toEqual([false, "t"]);
    await api.last.answer(listOf("10", widget("b", "2", "blue")));
    expect([informer.synced, informer.list()]).toEqual([true, ["red", "blue"]]);
  });

  test("410 inside the watch lists again; later events of that watch do not count", async () => {
    await synced(widget("a", "1", "red"));
    const first = watch();
    first.handlers.onEvent("ERROR", { kind: "Status", code: 410, reason: "Expired" });
    expect([first.closed, api.calls.length]).toEqual([true, 2]);
    first.handlers.onEvent("ADDED", widget("late", "11", "red"));
    expect(informer.get("ns/late")).toBeUndefined();
  });

  test("an event without a version ends the watch", async () => {
    await synced();
    watch().handlers.onEvent("ADDED", { metadata: { name: "a" } });
    expect([watch().closed, told]).toEqual([true, []]);
  });

  test("a reset watch is opened again from the last version after its back-off", async () => {
    await synced();
    watch().handlers.onEvent("ADDED", widget("a", "15", "red"));
    watch().handlers.onEnd(new KubeError("api-unreachable", "reset"));
    expect(api.watches).toHaveLength(1);
    await time.advance(100);
    expect([api.watches.length, watch().query["resourceVersion"], api.calls.length]).toEqual([2, "15", 1]);
  });

  test("retryNow ends a back-off, and a list that failed is made again", async () => {
    informer.start();
    await api.last.refuse(new KubeError("api-unreachable", "refused"));
    expect(api.calls).toHaveLength(1);
    informer.retryNow();
    expect(api.calls).toHaveLength(2);
  });

  test("a silent watch is given up after 90 s, by time alone", async () => {
    await synced();
    await time.advance(60_000);
    watch().handlers.onEvent("BOOKMARK", { metadata: { resourceVersion: "20" } });
    await time.advance(89_999);
    expect([watch().closed, api.calls.length]).toEqual([false, 1]);
    await time.advance(1);
    expect([watch().closed, api.calls.length]).toEqual([true, 2]);
  });

  test("stop closes the watch and leaves no timer", async () => {
    await synced(widget("a", "1", "red"));
    informer.stop();
    expect([watch().closed, time.pending]).toEqual([true, 0]);
    watch().handlers.onEvent("ADDED", widget("late", "11", "red"));
    expect(informer.list()).toEqual(["red"]);
  });

  test("a handler that calls back into the informer is served in its turn, one that throws costs nobody an event", async () => {
    await synced();
    const broken = createInformer<string>(
      api,
      {
        path: "/api/v1/widgets",
        parse: () => "x",
        onChange: (key) => {
          told.push(key);
          broken.relist();
          throw new Error("broken");
        },
        onSynced: () => told.push("synced"),
      },
      { clock: time, random: seededRandom(1), log: silentLogger, scheduler: time },
    );
    broken.start();
    await api.last.answer(listOf("10", widget("a", "1", "x"), widget("b", "2", "x")));
    expect(told).toEqual(["ns/a", "ns/b", "synced"]);
    expect([api.last.verb, watch().closed]).toEqual(["get", true]);
  });
});
