import { describe, expect, test } from "@jest/globals";
import type { Json } from "../../../lib/kube/api.ts";
import { initialHeartbeat } from "../../../lib/lease/heartbeat.ts";
import { acting, annotate, facts, PATH, type Process, role, World } from "./heartbeat-world.ts";

describe("who acts for a node", () => {
  test("no Lease: it is made, with the facts, and nothing is adopted", () => {
    const { world, old } = acting();
    expect(old.news).toEqual(["acting"]);
    expect(old.sent.slice(0, 2)).toEqual(["read", "create"]);
    expect(world.lease()).toMatchObject({ instance: "old/1", facts: facts(), leaving: false, previousInstance: "" });
    expect(world.lease().meta.labels).toEqual({ "berth.dev/component": "speaker" });
  });

  test("without facts it only reads, and does not spin", () => {
    const world = new World();
    const process = world.boot("a/1");
    process.state = initialHeartbeat("n1", "a/1", 1);
    world.input(process, { type: "start" });
    world.run(10_000);
    expect([role(process), new Set(process.sent)]).toEqual(["waiting", new Set(["read"])]);
    expect(process.sent.length).toBeLessThan(15);
    world.input(process, { type: "facts", facts: facts() });
    world.run(100);
    expect(role(process)).toBe("acting");
  });

  test("renewals come every 3 s, spread by 20 %", () => {
    const { world, old } = acting();
    const before = old.sent.length;
    world.run(300_000);
    const renewals = old.sent.slice(before);
    expect(new Set(renewals)).toEqual(new Set(["renew"]));
    expect(renewals.length).toBeGreaterThan(300 / 3.6);
    expect(renewals.length).toBeLessThan(300 / 2.4);
    expect(Math.abs(renewals.length - 100)).toBeLessThan(5);
  });

  test("another that renews: the new one queues and waits; after SIGTERM it gets the Lease and may adopt", () => {
    const { world, old } = acting();
    const fresh = world.boot("new/1", 2);
    world.run(30_000);
    expect([role(old), role(fresh), fresh.news]).toEqual(["acting", "waiting", ["queued"]]);
    expect(world.lease()).toMatchObject({ instance: "old/1", nextInstance: "new/1" });
    world.input(old, { type: "shutdown" });
    world.run(20);
    expect(world.lease()).toMatchObject({
      instance: "new/1",
      previousInstance: "old/1",
      nextInstance: "",
      leaving: false,
    });
    world.show(fresh);
    world.run(1_000);
    expect(fresh.news).toEqual(["queued", "acting old/1"]);
    expect(old.news).toEqual(["acting", "handed-over new/1", "successor-acting", "ended"]);
    expect([role(old), role(fresh)]).toEqual(["ended", "acting"]);
  });

  test("without a watch the waiting one finds the hand-over by its own reads", () => {
    const { world, old } = acting();
    const fresh = world.boot("new/1", 2);
    world.run(10_000);
    world.input(old, { type: "shutdown" });
    world.run(4_000);
    expect([role(old), fresh.news]).toEqual(["ended", ["queued", "acting old/1"]]);
  });

  test("the watch may show the own hand-over before its answer, and the answer may be lost: both are a hand-over", () => {
    const { world, old } = acting();
    const fresh = world.boot("new/1", 2);
    world.run(10_000);
    old.link = "lost";
    world.input(old, { type: "shutdown" });
    world.show(old);
    expect(old.news.at(-1)).toBe("handed-over new/1");
    old.link = "up";
    world.run(10_000);
    expect([role(old), role(fresh)]).toEqual(["ended", "acting"]);
    expect(old.news).not.toContain("lost new/1");
  });

  test("the same, found by a read", () => {
    const { world, old } = acting();
    const fresh = world.boot("new/1", 2);
    world.run(10_000);
    old.link = "lost";
    world.input(old, { type: "shutdown" });
    world.run(2_500);
    old.link = "up";
    world.run(10_000);
    expect(old.news).toContain("handed-over new/1");
    expect([role(old), role(fresh)]).toEqual(["ended", "acting"]);
  });

  test("an old one that dies is replaced 10 s after its last renewal, whoever comes to wait meanwhile, or marks it", () => {
    const { world, old } = acting();
    world.run(10_000);
    const fresh = world.boot("new/1", 2);
    world.run(10_000);
    old.alive = false;
    world.run(6_000);
    world.boot("newer/1", 3);
    world.run(500);
    expect(world.lease().nextInstance).toBe("newer/1");
    world.server.patch(PATH, [{ op: "add", path: "/metadata/annotations/berth.dev~1fenced-by", value: "n2/1" }]);
    world.show(fresh);
    world.run(4_000);
    expect(world.lease().instance).toBe("new/1");
  });

  test("an old one that dies is replaced after 10 s without a renewal, and nothing is adopted", () => {
    const { world, old } = acting();
    const fresh = world.boot("new/1", 2);
    world.run(10_000);
    old.alive = false;
    world.run(7_000);
    expect(role(fresh)).toBe("waiting");
    world.run(4_500);
    expect(fresh.news).toEqual(["queued", "acting"]);
    expect(world.lease()).toMatchObject({ instance: "new/1", previousInstance: "", nextInstance: "", transitions: 1 });
  });

  test("E4: after an outage one that waits takes nothing from an old one that lives and could not renew either", () => {
    const { world, old } = acting();
    const fresh = world.boot("new/1", 2);
    world.run(5_000);
    for (const link of ["down", "up"] as const) {
      old.link = link;
      fresh.link = link;
      world.run(60_000);
    }
    expect([role(old), role(fresh)]).toEqual(["acting", "waiting"]);
  });

  test("the same pod's earlier process is dead: taken at once", () => {
    const { world, old } = acting();
    old.alive = false;
    const again = world.boot("old/2", 2);
    world.run(50);
    expect([again.news, again.sent.slice(0, 2)]).toEqual([["acting"], ["read", "take"]]);
  });

  test("a pod uid that is only a prefix of another is another pod", () => {
    const { world } = acting();
    const other = world.boot("o/1", 2);
    const empty = world.boot("/1", 3);
    world.run(9_000);
    expect([role(other), role(empty)]).toEqual(["waiting", "waiting"]);
  });

  test("a released Lease is taken at once", () => {
    const { world, old } = acting();
    world.input(old, { type: "shutdown" });
    world.run(50);
    world.input(old, { type: "release" });
    world.run(50);
    expect([old.news.at(-1), world.lease().instance]).toEqual(["ended", ""]);
    const fresh = world.boot("new/1", 2);
    world.run(50);
    expect([fresh.news, world.lease().leaving]).toEqual([["acting"], false]);
  });

  test("a process that was frozen while another took over is lost, for good", () => {
    const { world, old } = acting();
    const fresh = world.boot("new/1", 2);
    world.run(5_000);
    old.alive = false;
    world.run(15_000);
    expect(role(fresh)).toBe("acting");
    old.alive = true;
    old.wakeAt = world.now;
    world.run(60_000);
    expect(old.news.at(-1)).toBe("lost new/1");
    expect([role(old), role(fresh), world.lease().instance]).toEqual(["lost", "acting", "new/1"]);
    world.input(old, { type: "shutdown" });
    expect(old.news.at(-1)).toBe("ended");
  });

  test("the watch tells of a take-over before the next renewal", () => {
    const { world, old } = acting();
    world.server.edit(PATH, (object) => {
      object["spec"] = { holderIdentity: "new/1" };
    });
    world.show(old);
    expect(old.news.at(-1)).toBe("lost new/1");
  });

  test("a watch that lags behind tells nothing", () => {
    const { world, old } = acting();
    const before = world.lease();
    world.run(10_000);
    world.input(old, { type: "observed", lease: { ...before, instance: "ancient/1" } });
    expect(role(old)).toBe("acting");
  });

  test("two that wait do not write against each other; the newest is next", () => {
    const { world } = acting();
    const first = world.boot("first/1", 2);
    world.run(5_000);
    const second = world.boot("second/1", 3);
    world.run(60_000);
    expect(world.lease().nextInstance).toBe("second/1");
    const queued = (process: Process) => process.sent.filter((call) => call === "queue").length;
    expect([queued(first), queued(second)]).toEqual([1, 1]);
  });

  test("of two that find a dead one's Lease exactly one takes it", () => {
    const { world, old } = acting();
    const first = world.boot("first/1", 2);
    const second = world.boot("second/1", 3);
    world.run(5_000);
    old.alive = false;
    world.run(20_000);
    expect([role(first), role(second)].sort()).toEqual(["acting", "waiting"]);
  });

  test("a deleted Lease is made again by the one that acts", () => {
    const { world, old } = acting();
    world.server.delete(PATH);
    world.input(old, { type: "observed", lease: undefined });
    world.run(100);
    expect([role(old), world.lease().instance]).toEqual(["acting", "old/1"]);
    world.server.delete(PATH);
    world.run(4_000);
    expect([role(old), world.lease().instance, old.news]).toEqual(["acting", "old/1", ["acting"]]);
  });

  test("annotations that somebody stripped are written again", () => {
    const { world, old } = acting();
    world.server.edit(PATH, (object) => {
      const { annotations: _, ...metadata } = object["metadata"] as { [key: string]: Json };
      object["metadata"] = metadata;
    });
    world.run(8_000);
    expect([world.lease().facts, role(old)]).toEqual([facts(), "acting"]);
  });
});

describe("shutdown", () => {
  test("nobody is next: leaving is written, the heart beats on until release", () => {
    const { world, old } = acting();
    world.input(old, { type: "shutdown" });
    world.run(100);
    expect([old.news, world.lease().leaving]).toEqual([["acting", "leaving"], true]);
    const version = world.lease().meta.resourceVersion;
    world.run(8_000);
    expect(Number(world.lease().meta.resourceVersion)).toBeGreaterThan(Number(version));
    world.input(old, { type: "release" });
    world.run(100);
    expect([old.news.at(-1), world.lease().instance]).toEqual(["ended", ""]);
  });

  test("a next one that the answer of the leaving write shows gets the Lease after all", () => {
    const { world, old } = acting();
    annotate(world, "berth.dev/next-instance", "new/1");
    world.input(old, { type: "shutdown" });
    world.run(100);
    expect(old.news).toEqual(["acting", "handed-over new/1"]);
    expect(world.lease()).toMatchObject({ instance: "new/1", previousInstance: "old/1", leaving: false });
  });

  test("a release whose answer is lost is not undone", () => {
    const { world, old } = acting();
    world.input(old, { type: "shutdown" });
    world.run(100);
    old.link = "lost";
    world.input(old, { type: "release" });
    world.run(10);
    old.link = "up";
    world.run(10_000);
    expect([old.news.at(-1), role(old), world.lease().instance]).toEqual(["ended", "ended", ""]);
  });

  test("one that waits takes its name back and ends; one that left no trace ends at once", () => {
    const { world, old } = acting();
    const fresh = world.boot("new/1", 2);
    world.run(100);
    world.input(fresh, { type: "shutdown" });
    world.run(100);
    expect([fresh.news.at(-1), world.lease().nextInstance, role(old)]).toEqual(["ended", "", "acting"]);
    const untouched = new World();
    const early = untouched.boot("x/1");
    early.link = "down";
    untouched.input(early, { type: "shutdown" });
    untouched.run(5_000);
    expect(early.news.at(-1)).toBe("ended");
  });
});
