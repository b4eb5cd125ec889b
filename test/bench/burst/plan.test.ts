import { describe, expect, test } from "@jest/globals";
import { lineOf } from "../figures.ts";
import {
  actorsFor,
  askedOf,
  burstMeasured,
  burstName,
  burstNames,
  countWrites,
  RESTART,
  restMeasured,
  sumOf,
  writesBetween,
} from "./plan.ts";

describe("the names", () => {
  test("are those of the documentation, each once", () => {
    expect(new Set(burstNames).size).toBe(burstNames.length);
    const documented = ["burst/bare/1000", "burst/ideal/1000", "burst/1000", "burst/10000", "restart/10000"];
    expect(burstNames).toEqual(expect.arrayContaining(documented));
  });

  test("a burst of Berth runs beside what it is compared with, the others run alone", () => {
    expect(actorsFor(1_000, new Set([burstName("berth", 1_000)]))).toEqual(["bare", "ideal", "berth"]);
    expect(actorsFor(1_000, new Set([burstName("bare", 1_000)]))).toEqual(["bare"]);
    expect(actorsFor(1_000, new Set([RESTART]))).toEqual([]);
    expect(actorsFor(10_000, new Set([RESTART]))).toEqual(["berth"]);
  });
});

describe("the API server's counters", () => {
  const metrics = (services: number, leases: number) =>
    [
      "# TYPE apiserver_request_total counter",
      `apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="services",scope="resource",subresource="status",verb="PATCH",version="v1"} ${services}`,
      `apiserver_request_total{code="409",component="apiserver",dry_run="",group="",resource="services",scope="resource",subresource="status",verb="PATCH",version="v1"} 2`,
      `apiserver_request_total{code="200",group="coordination.k8s.io",resource="leases",subresource="",verb="PATCH"} ${leases}`,
      `apiserver_request_total{code="200",group="berth.dev",resource="virtualips",subresource="",verb="LIST"} 7`,
      `apiserver_request_total{code="201",group="berth.dev",resource="virtualips",subresource="",verb="POST"} 1e+03`,
      `apiserver_request_terminations_total{resource="services",verb="POST"} 5`,
    ].join("\n");

  test("writes are summed over their codes; reads and Leases are none", () => {
    expect(countWrites(metrics(10, 50))).toEqual({ "PATCH services/status": 12, "POST berth.dev/virtualips": 1_000 });
  });

  test("what has not changed is left out of the difference", () => {
    const writes = writesBetween(countWrites(metrics(10, 50)), countWrites(metrics(13, 60)));
    expect(writes).toEqual({ "PATCH services/status": 3 });
    expect(sumOf(writes)).toBe(3);
    expect(sumOf(writes, (key) => key.startsWith("POST"))).toBe(0);
  });
});

test("at rest: requests are counted from the audit log, Leases and new watches beside", () => {
  const event = (verb: string, resource: string, more: object = {}) =>
    JSON.stringify({ kind: "Event", verb, objectRef: { resource, ...more } });
  const lease = event("patch", "leases", { apiGroup: "coordination.k8s.io", name: "berth-controller" });
  const asked = askedOf([
    ...[lease, lease, lease],
    ...[event("watch", "services"), event("list", "nodes"), event("patch", "services", { subresource: "status" })],
    JSON.stringify({ kind: "Event", verb: "get", requestURI: "/version" }),
  ]);
  expect(asked).toMatchObject({ "patch coordination.k8s.io/leases": 3, "patch services/status": 1, "get /version": 1 });
  const line = JSON.parse(lineOf({ name: "rest", unit: "requests", ...restMeasured({ asked, seconds: 60 }) }));
  expect(line).toMatchObject({ value: 3, writes: 1, watches: 1, leases: 3, seconds: 60 });
});

describe("the figure", () => {
  const round = (seconds: number, latencyMs: number) => ({
    seconds,
    latenciesMs: [1, 2, latencyMs],
    cpuS: seconds / 100,
    writes: {
      "POST berth.dev/virtualips": 10,
      "PATCH services/status": 11,
      "POST services": 10,
      "APPLY berth.dev/ippools/status": 3,
      "POST events.k8s.io/events": 1,
    },
  });

  test("value is the time, p50 and p99 are those of one address, and the ratios are those of the medians, to three digits", () => {
    const measured = burstMeasured([round(3, 30), round(1, 50), round(2.1234, 40)], 10, { bare: 1, ideal: 2 });
    const line = JSON.parse(lineOf({ name: "burst/10", unit: "s", ...measured }));
    expect(line).toMatchObject({ n: 3, value: 2.123, p50: 2, p99: 40, ratioToBare: 2.123, ratioToIdeal: 1.062 });
    expect(line).toMatchObject({ writesPerAddress: 2.1, poolWrites: 3, events: 1, perSecond: 5, cpuMs: 2.12 });
  });

  test("without anybody who gives addresses there is nothing but the time", () => {
    const measured = burstMeasured([{ seconds: 2, latenciesMs: [], writes: {}, cpuS: 0 }], 10, {});
    expect(measured.also).toEqual({ value: 2, p50: 2, p99: 2, max: 2, perSecond: 5 });
  });
});

test("a handful of writes in a large burst is not rounded away", () => {
  const writes = { "POST events.k8s.io/events": 3, "APPLY berth.dev/ippools/status": 7 };
  const measured = burstMeasured([{ seconds: 9, latenciesMs: [1], writes, cpuS: 1 }], 1_000, {});
  expect(measured.also).toMatchObject({ events: 3, poolWrites: 7 });
});
