/** The small pure parts of the controller: holders, events, own writes, pool status. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  admitEvent,
  type EventLimit,
  eventJson,
  eventNamespace,
  initialEventLimit,
  type Warning,
} from "../../controller/events.ts";
import { isExpired, judgeHeld, judgeHolder, type LeaseReads, noteRead } from "../../controller/held.ts";
import { createLedger, setPools, setService, setVip } from "../../controller/ledger.ts";
import { finalizerChange, planPoolStatus } from "../../controller/pool-status.ts";
import { activePools, type Pools, setPool } from "../../controller/pools.ts";
import { assignedMessage, claimedIps, publishedGiven, publishedIps } from "../../controller/published.ts";
import { ASSUMED_MS, createView } from "../../controller/view.ts";
import { formatIp } from "../../lib/address/ip.ts";
import { fields } from "../../lib/model/decode.ts";
import type { IPPool } from "../../lib/model/ip-pool.ts";
import { readCrd, schemaOf, violations } from "../crds/schema.ts";
import { ip } from "../lib/address/text.ts";
import { assigned, poolOf, serviceOf, vipOf } from "./objects.ts";

describe("letting a VirtualIP go", () => {
  const web = serviceOf("web");
  test.each([
    { name: "living", vip: vipOf("10.0.0.1", web), verdict: { type: "nothing" } },
    { name: "being deleted, never held", vip: vipOf("10.0.0.1", web, { deleting: true }), verdict: { type: "let-go" } },
    {
      name: "silent",
      vip: vipOf("10.0.0.1", web, { deleting: true, holder: { node: "", epoch: 2 } }),
      verdict: { type: "let-go" },
    },
    {
      name: "held",
      vip: vipOf("10.0.0.1", web, { deleting: true, holder: { node: "n1" } }),
      verdict: { type: "ask", node: "n1" },
    },
    {
      name: "already let go",
      vip: vipOf("10.0.0.1", web, { deleting: true, finalizers: ["other.io/x"] }),
      verdict: { type: "nothing" },
    },
  ])("$name", ({ vip, verdict }) => {
    expect(judgeHeld(vip)).toEqual(verdict);
  });

  const read = (...reads: readonly (readonly [version: string, atMs: number])[]) =>
    reads.reduce<LeaseReads | undefined>((before, [version, at]) => noteRead(before, version, at), undefined);

  test.each([
    { name: "one read proves nothing", reads: read(["5", 0]), expired: false },
    { name: "unchanged just under 10 s", reads: read(["5", 0], ["5", 4000], ["5", 8000], ["5", 9999]), expired: false },
    { name: "unchanged for 10 s", reads: read(["5", 0], ["5", 4000], ["5", 8000], ["5", 10_000]), expired: true },
    { name: "renewed in between", reads: read(["5", 0], ["5", 4000], ["6", 8000], ["6", 10_000]), expired: false },
    { name: "no Lease for 10 s", reads: read(["", 0], ["", 4000], ["", 8000], ["", 12_000]), expired: true },
    { name: "through an outage nothing is proven", reads: read(["5", 0], ["5", 4000], ["5", 30_000]), expired: false },
    { name: "nor by the first seconds after it", reads: read(["5", 0], ["5", 30_000], ["5", 34_000]), expired: false },
  ])("$name", ({ reads, expired }) => {
    expect(reads !== undefined && isExpired(reads)).toBe(expired);
    expect(judgeHolder(true, reads)).toBe(expired ? "lease-expired" : "holding");
    expect(judgeHolder(false, reads)).toBe("node-gone");
  });
});

describe("warnings", () => {
  const warning = (message: string): Warning => ({
    kind: "Service",
    apiVersion: "v1",
    meta: serviceOf("web").meta,
    reason: "PoolExhausted",
    action: "AssignAddress",
    message,
  });

  function admitted(times: readonly (readonly [message: string, atMs: number])[]): readonly boolean[] {
    let limit: EventLimit = initialEventLimit;
    return times.map(([message, at]) => {
      const decided = admitEvent(limit, warning(message), at);
      limit = decided.limit;
      return decided.admitted;
    });
  }

  test("the same one not twice in ten minutes, another one at once", () => {
    const sent = admitted([
      ["a", 0],
      ["a", 1000],
      ["b", 1000],
      ["a", 599_999],
      ["a", 600_000],
    ]);
    expect(sent).toEqual([true, false, true, false, true]);
  });

  test("a storm is cut to the burst and the rate", () => {
    const storm = Array.from({ length: 100 }, (_, at) => [`m${at}`, 0] as const);
    expect(admitted(storm).filter(Boolean)).toHaveLength(50);
    expect(admitted([...storm, ["later", 1000], ["x", 1000]]).slice(-2)).toEqual([true, true]);
  });

  test("what is remembered is bounded", () => {
    let limit: EventLimit = initialEventLimit;
    for (let at = 0; at < 3000; at++) limit = admitEvent(limit, warning(`m${at}`), at * 200).limit;
    expect(limit.sent.size).toBe(1000);
    const [text = ""] = admitEvent(initialEventLimit, warning("m".repeat(100_000)), 0).limit.sent.keys();
    expect(text.length).toBeLessThan(1_200);
  });

  test("the event of a pool stands in the namespace default, and its note has an end", () => {
    const ofPool: Warning = {
      ...warning("x".repeat(5000)),
      kind: "IPPool",
      apiVersion: "berth.dev/v1alpha1",
      meta: poolOf("first", []).meta,
    };
    expect(eventNamespace(ofPool)).toBe("default");
    const event = fields(eventJson(ofPool, { name: "first.1", nowText: "2026-01-01T00:00:00.123Z", instance: "pod" }));
    expect(event).toMatchObject({
      type: "Warning",
      eventTime: "2026-01-01T00:00:00.123000Z",
      reportingInstance: "pod",
      regarding: { kind: "IPPool", name: "first" },
    });
    expect(Buffer.byteLength(String(event["note"]))).toBe(1024);
  });
});

describe("own writes", () => {
  interface Thing {
    readonly meta: { readonly resourceVersion: string };
  }
  const thing = (resourceVersion: string): Thing => ({ meta: { resourceVersion } });

  test("count until the cache has them, or something newer", () => {
    const cache = new Map([["a", thing("1")]]);
    const view = createView<Thing>((key) => cache.get(key));
    view.assume("a", thing("5"), 0);
    expect(view.get("a")).toEqual(thing("5"));
    // What another one wrote before.
    cache.set("a", thing("3"));
    expect(view.get("a")).toEqual(thing("5"));
    cache.set("a", thing("6"));
    expect(view.get("a")).toEqual(thing("6"));
    cache.set("a", thing("1"));
    expect(view.get("a")).toEqual(thing("1"));
  });

  test("end where the versions cannot be compared, and when the store goes back", () => {
    const cache = new Map([["a", thing("x")]]);
    const view = createView<Thing>((key) => cache.get(key));
    view.assume("a", thing("y"), 0);
    cache.set("a", thing("z"));
    expect(view.get("a")).toEqual(thing("z"));
    cache.set("a", thing("2"));
    view.assume("a", thing("5"), 0);
    view.expire(Number.POSITIVE_INFINITY);
    expect(view.get("a")).toEqual(thing("2"));
  });

  test("of an object that the cache does not have yet, and of one that is gone", () => {
    const cache = new Map([["old", thing("1")]]);
    const view = createView<Thing>((key) => cache.get(key));
    view.assume("new", thing("5"), 0);
    view.assume("old", undefined, 0);
    expect([view.get("new"), view.get("old")]).toEqual([thing("5"), undefined]);
    cache.set("new", thing("7"));
    cache.delete("old");
    expect([view.get("new"), view.get("old")]).toEqual([thing("7"), undefined]);
  });

  test("are told from what others write when the watch brings them", () => {
    const cache = new Map([["a", thing("1")]]);
    const view = createView<Thing>((key) => cache.get(key));
    view.assume("a", thing("5"), 0);
    expect(view.confirmed("a")).toBe(false);
    cache.set("a", thing("6"));
    expect(view.confirmed("a")).toBe(false);
    cache.set("a", thing("5"));
    expect(view.confirmed("a")).toBe(true);
    view.assume("gone", undefined, 0);
    expect(view.confirmed("gone")).toBe(false);
  });

  test("that the watch has shown before the answer came are not kept", () => {
    const cache = new Map([["a", thing("5")]]);
    const view = createView<Thing>((key) => cache.get(key));
    view.assume("a", thing("5"), 0);
    expect(view.expire(ASSUMED_MS)).toEqual([]);
    expect(view.get("a")).toEqual(thing("5"));
  });

  test("end by age when the watch never shows them", () => {
    const view = createView<Thing>(() => undefined);
    view.assume("ghost", thing("5"), 0);
    expect(view.expire(ASSUMED_MS - 1)).toEqual([]);
    expect(view.expire(ASSUMED_MS)).toEqual(["ghost"]);
    expect(view.get("ghost")).toBeUndefined();
  });
});

test("a pool is in use while a Service has an address from it by Berth's record, also without a VirtualIP", () => {
  const pool = poolOf("first", ["10.0.0.0/24"], { finalizers: ["berth.dev/in-use"], deleting: true });
  const ledger = createLedger();
  const change = () =>
    finalizerChange(
      { pool, compiled: { config: undefined, problems: [] }, inForce: undefined, kept: undefined },
      ledger,
    );
  const web = serviceOf("web", { ingress: ["10.0.0.1"], conditions: [assigned("10.0.0.1 from IPPool first")] });
  setService(ledger, "default/web", web);
  expect(change()).toBeUndefined();
  // Listed by somebody else, and from another pool.
  setService(ledger, "default/web", serviceOf("web", { ingress: ["10.0.0.1"] }));
  expect(change()).toBe(false);
  setService(ledger, "default/web", serviceOf("web", { conditions: [assigned("10.0.0.1 from IPPool second")] }));
  expect(change()).toBe(false);
});

describe("what was published", () => {
  test("the condition's message reads back, problems and all", () => {
    const given = [
      { ip: ip("10.0.0.1"), pool: "first", renumber: "today, (at) noon; 100 %", isContested: true },
      { ip: ip("fd99::1"), pool: "second", renumber: "", isContested: false },
    ];
    const message = assignedMessage(given, [
      "10.0.0.9 is in use by default/other",
      "there is no IPPool b: create it, or correct the annotation",
    ]);
    const service = serviceOf("web", { ingress: ["192.0.2.1", "fd99::1"], conditions: [assigned(message)] });
    expect(publishedGiven(service)).toEqual(given);
    expect(claimedIps(service).map(formatIp)).toEqual(["10.0.0.1", "fd99::1", "192.0.2.1"]);
  });

  test.each(["%zz", "a".repeat(64)])("a note that Berth has not written is none: %s", (note) => {
    const message = `10.0.0.1 from IPPool first (renumber ${note})`;
    const service = serviceOf("web", { conditions: [assigned(message)] });
    expect(publishedGiven(service)).toMatchObject([{ pool: "first", renumber: "", isContested: false }]);
  });

  test("a Service without addresses has published none, whatever its message names", () => {
    const message = assignedMessage([], ["10.0.0.9 from IPPool first is what somebody wanted"]);
    expect(publishedIps(serviceOf("web", { conditions: [assigned(message, "AddressInUse", "False")] }))).toEqual([]);
  });
});

test("the speakers' message of a conflict begins with the MAC, as the controller reads it", () => {
  const source = readFileSync(new URL("../../speaker/election/conditions.ts", import.meta.url), "utf8");
  expect(source).toMatch(
    /const message = `\$\{s\.foreign\.mac\}, [^`]*`;\s*return \{ type: "Conflict", status: "True"/,
  );
});

describe("status of a pool", () => {
  const NOW = "2026-03-01T00:00:00.000Z";
  const web = serviceOf("web");

  function statusOf(name: string, all: readonly IPPool[], before?: Pools) {
    const ledger = createLedger();
    const pools = all.reduce((map: Pools, pool) => setPool(map, pool.meta.name, pool), before ?? new Map());
    setPools(ledger, activePools(pools));
    setVip(ledger, "10.0.0.1", vipOf("10.0.0.1", web, { pool: name }));
    setVip(ledger, "10.0.0.2", vipOf("10.0.0.2", web, { pool: "other" }));
    const entry = pools.get(name);
    if (entry === undefined) throw new Error("no such pool");
    return planPoolStatus(entry, ledger, NOW);
  }

  const conditionOf = (apply: unknown) => JSON.parse(JSON.stringify(apply)).status.conditions[0];

  test("counts, and fits the schema", () => {
    const { apply, warning } = statusOf("first", [
      poolOf("first", ["10.0.0.0/29", "fd99::/64"], { excluded: ["10.0.0.7/32"] }),
    ]);
    expect(apply).toMatchObject({
      metadata: { name: "first", uid: "pool-first" },
      status: {
        addresses: "10.0.0.0/29,fd99::/64",
        totalIPv4: 7,
        assignedIPv4: 1,
        availableIPv4: 5,
        totalIPv6: Number.MAX_SAFE_INTEGER,
        assignedIPv6: 0,
        availableIPv6: Number.MAX_SAFE_INTEGER,
      },
    });
    expect(conditionOf(apply)).toMatchObject({
      type: "Ready",
      status: "True",
      reason: "Valid",
      lastTransitionTime: NOW,
    });
    expect(warning).toBeUndefined();
    const status = schemaOf(readCrd("ippool.yaml")).properties?.["status"];
    expect(status && violations(status, fields(apply)["status"])).toEqual([]);
  });

  test("every problem is named, and that the last valid addresses stay in force", () => {
    const good = poolOf("first", ["10.0.0.0/29"]);
    const bad = poolOf("first", ["lan", "fd99::9-fd99::1"], { generation: 2 });
    const { apply, warning } = statusOf("first", [bad], setPool(new Map(), "first", good));
    const condition = conditionOf(apply);
    expect(condition).toMatchObject({ status: "False", reason: "InvalidRange", observedGeneration: 2 });
    for (const text of ['"lan"', "swap the two addresses", "stay in force: 10.0.0.0-10.0.0.7"])
      expect(condition.message).toContain(text);
    expect(warning?.reason).toBe("InvalidRange");
    expect(apply).toMatchObject({ status: { totalIPv4: 8 } });
  });

  test.each([
    {
      name: "the loser of an overlap",
      pools: [poolOf("first", ["10.0.0.0/29"]), poolOf("a", ["10.0.0.4/32"])],
      of: "first",
      ready: "False",
      reason: "Overlap",
      text: "the IPPool a",
    },
    {
      name: "its winner",
      pools: [poolOf("first", ["10.0.0.0/29"]), poolOf("a", ["10.0.0.4/32"])],
      of: "a",
      ready: "True",
      reason: "Valid",
      text: "also belongs to the IPPool first; this one comes first",
    },
    {
      name: "a harmless repetition",
      pools: [poolOf("first", ["10.0.0.0/29", "10.0.0.1/32"])],
      of: "first",
      ready: "True",
      reason: "Valid",
      text: "repeats",
    },
    {
      name: "nothing left",
      pools: [poolOf("first", ["10.0.0.0/29"], { excluded: ["10.0.0.0/24"] })],
      of: "first",
      ready: "False",
      reason: "Empty",
      text: "every address",
    },
  ])("$name", ({ pools, of, ready, reason, text }) => {
    const condition = conditionOf(statusOf(of, pools).apply);
    expect(condition).toMatchObject({ status: ready, reason, message: expect.stringContaining(text) });
  });
});
