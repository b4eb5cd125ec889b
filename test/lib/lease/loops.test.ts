/** The shells of lib/lease against a scripted API: what they send, and what they tell. */
import { beforeEach, describe, expect, test } from "@jest/globals";
import type { Json } from "../../../lib/kube/api.ts";
import { KubeError } from "../../../lib/kube/errors.ts";
import { createHeartbeat, type HeartbeatNews } from "../../../lib/lease/heartbeat-loop.ts";
import { createLeader, type LeaderNews } from "../../../lib/lease/leader-loop.ts";
import { silentLogger } from "../../../lib/runtime/log.ts";
import { seededRandom } from "../../../lib/runtime/random.ts";
import { FakeApi, FakeTime } from "../kube/fakes.ts";

let api: FakeApi;
let time: FakeTime;

beforeEach(() => {
  api = new FakeApi();
  time = new FakeTime();
});

const LEASES = "/apis/coordination.k8s.io/v1/namespaces/berth-system/leases";
const notFound = () => new KubeError("not-found", "no", { status: 404 });
const lease = (name: string, resourceVersion: string, holderIdentity: string): Json => ({
  metadata: { name, namespace: "berth-system", resourceVersion, annotations: { "berth.dev/interfaces": "[]" } },
  spec: { holderIdentity, leaseTransitions: 4 },
});

describe("the heartbeat's shell", () => {
  function setUp() {
    const news: HeartbeatNews["type"][] = [];
    const heartbeat = createHeartbeat({
      api,
      namespace: "berth-system",
      node: "n1",
      instance: "pod/1",
      onNews: (one) => news.push(one.type),
      clock: time,
      random: seededRandom(1),
      log: silentLogger,
      scheduler: time,
    });
    heartbeat.facts({ interfaces: [], proxyReady: true, kernelAnswers: [], uplinkLost: [], segments: {}, hearing: {} });
    heartbeat.start();
    return { heartbeat, news };
  }

  test("reads, creates, renews; each with its time-out", async () => {
    const { heartbeat, news } = setUp();
    expect(api.last).toMatchObject({ verb: "get", path: `${LEASES}/berth-speaker-n1`, options: { timeoutMs: 2_000 } });
    await api.last.refuse(notFound());
    expect(api.last).toMatchObject({
      verb: "create",
      path: LEASES,
      body: {
        kind: "Lease",
        metadata: { name: "berth-speaker-n1", namespace: "berth-system", labels: { "berth.dev/component": "speaker" } },
        spec: { holderIdentity: "pod/1", renewTime: "2026-01-01T00:00:00.000000Z" },
      },
    });
    await api.last.answer(lease("berth-speaker-n1", "5", "pod/1"));
    expect([heartbeat.role, heartbeat.pulse, heartbeat.lease?.instance]).toEqual(["acting", "heard", "pod/1"]);
    expect(news).toEqual(["pulse", "pulse", "renewed", "acting"]);
    await time.advance(4_000);
    expect(api.last).toMatchObject({ verb: "patch", type: "json", path: `${LEASES}/berth-speaker-n1` });
    expect((api.last.body as Json[])[0]).toEqual({ op: "test", path: "/spec/holderIdentity", value: "pod/1" });
  });

  test("no answer closes every connection before it is told; a refusal does not", async () => {
    const { news } = setUp();
    await api.last.refuse(new KubeError("api-timeout", "slow"));
    expect([api.closings, news]).toEqual([1, ["pulse-lost"]]);
    await time.advance(1_300);
    await api.last.refuse(new KubeError("api-refused", "no", { status: 403 }));
    expect([api.closings, news]).toEqual([1, ["pulse-lost", "pulse"]]);
  });

  test("the watch, a fence, shutdown and release reach the machine", async () => {
    const { heartbeat, news } = setUp();
    await api.last.refuse(notFound());
    await api.last.answer(lease("berth-speaker-n1", "5", "pod/1"));
    await api.last.answer(lease("berth-speaker-n1", "6", "pod/1"));
    const seen = heartbeat.lease;
    if (seen === undefined) throw new Error("no lease");
    const meta = { ...seen.meta, resourceVersion: "7", annotations: { "berth.dev/fenced-by": "n2" } };
    heartbeat.observed({ ...seen, meta, fencedBy: "n2" });
    expect(news.at(-1)).toBe("fenced");
    heartbeat.fenceAnswered();
    expect(api.last.body).toContainEqual({ op: "remove", path: "/metadata/annotations/berth.dev~1fenced-by" });
    await api.last.answer(lease("berth-speaker-n1", "8", "pod/1"));
    heartbeat.shutdown();
    expect(api.last.body).toContainEqual({
      op: "add",
      path: "/metadata/annotations/berth.dev~1leaving",
      value: "true",
    });
    await api.last.answer(lease("berth-speaker-n1", "9", "pod/1"));
    heartbeat.release();
    await api.last.answer(lease("berth-speaker-n1", "10", "pod/1"));
    expect(api.last.body).toContainEqual({ op: "remove", path: "/spec/holderIdentity" });
    await api.last.answer(lease("berth-speaker-n1", "11", ""));
    expect([news.at(-1), heartbeat.role, time.pending]).toEqual(["ended", "ended", 0]);
  });

  test("an answer that is no Lease is a refusal, not a crash", async () => {
    const { heartbeat, news } = setUp();
    await api.last.answer({ kind: "Status" });
    expect([heartbeat.role, news]).toEqual(["waiting", ["pulse"]]);
  });
});

describe("the leader's shell", () => {
  function setUp() {
    const news: LeaderNews["type"][] = [];
    const leader = createLeader({
      api,
      namespace: "berth-system",
      name: "berth-controller",
      identity: "pod/1",
      onNews: (one) => news.push(one.type),
      clock: time,
      random: seededRandom(1),
      log: silentLogger,
      scheduler: time,
    });
    leader.start();
    return { leader, news };
  }

  test("creates the Lease, leads, renews, and releases on stop", async () => {
    const { leader, news } = setUp();
    await api.last.refuse(notFound());
    expect(api.last).toMatchObject({
      verb: "create",
      path: LEASES,
      body: { metadata: { name: "berth-controller" }, spec: { holderIdentity: "pod/1", leaseDurationSeconds: 8 } },
    });
    await api.last.answer(lease("berth-controller", "5", "pod/1"));
    expect([leader.isLeading(), leader.holder, news]).toEqual([true, "pod/1", ["pulse", "pulse", "leading"]]);
    await time.advance(2_500);
    expect(api.last).toMatchObject({ verb: "patch", type: "json", path: `${LEASES}/berth-controller` });
    await api.last.answer(lease("berth-controller", "6", "pod/1"));
    const stopped = leader.stop();
    expect(leader.isLeading()).toBe(false);
    expect(api.last.body).toContainEqual({ op: "remove", path: "/spec/holderIdentity" });
    await api.last.answer(lease("berth-controller", "7", ""));
    await stopped;
    expect([news.at(-1), time.pending]).toEqual(["ended", 0]);
  });

  test("isLeading ends by the clock alone, before any timer has run", async () => {
    const { leader, news } = setUp();
    await api.last.refuse(notFound());
    await api.last.answer(lease("berth-controller", "5", "pod/1"));
    const frozen = time.monotonicMs() + 60_000;
    expect(leader.isLeading()).toBe(true);
    time.monotonicMs = () => frozen;
    expect([leader.isLeading(), news.includes("not-leading")]).toEqual([false, false]);
  });

  test("a take carries what it relies on, and no answer closes the connections", async () => {
    const { news } = setUp();
    await api.last.answer(lease("berth-controller", "5", ""));
    expect(api.last.body).toContainEqual({ op: "test", path: "/metadata/resourceVersion", value: "5" });
    expect(api.last.body).toContainEqual({ op: "add", path: "/spec/leaseTransitions", value: 5 });
    await api.last.refuse(new KubeError("api-unreachable", "gone"));
    expect([api.closings, news.at(-1)]).toEqual([1, "pulse-lost"]);
  });

  test("stop before start ends at once", async () => {
    const idle = createLeader({
      api,
      namespace: "berth-system",
      name: "berth-controller",
      identity: "pod/2",
      onNews: () => {},
      clock: time,
      random: seededRandom(1),
      log: silentLogger,
      scheduler: time,
    });
    await idle.stop();
    expect(api.calls).toHaveLength(0);
  });
});
