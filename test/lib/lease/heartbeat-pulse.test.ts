import { describe, expect, test } from "@jest/globals";
import { initialHeartbeat, stepHeartbeat } from "../../../lib/lease/heartbeat.ts";
import { FENCED_BY_ANNOTATION, type SpeakerFacts } from "../../../lib/model/speaker-lease.ts";
import { acting, annotate, facts, role, World } from "./heartbeat-world.ts";

describe("the pulse", () => {
  test("no answer is a lost pulse, asked again after about 1 s; no role changes", () => {
    const { world, old } = acting();
    old.link = "down";
    world.run(60_000);
    const lost = old.news.filter((news) => news === "pulse-lost").length;
    expect(role(old)).toBe("acting");
    expect(lost).toBeGreaterThan(60 / 3.3);
    expect(old.state.pulse).toBe("lost");
    old.link = "up";
    world.run(4_000);
    expect([old.state.pulse, role(old)]).toEqual(["heard", "acting"]);
  });

  test("the first answer after an outage says so", () => {
    const state = initialHeartbeat("n1", "a/1", 1);
    const started = stepHeartbeat(state, { type: "start" }, 0).state;
    const failed = stepHeartbeat(started, { type: "failed", request: 1 }, 10);
    expect(failed.effects).toEqual([{ type: "pulse-lost" }]);
    const again = stepHeartbeat(failed.state, { type: "tick" }, failed.wakeAt ?? 0).state;
    const answered = stepHeartbeat(again, { type: "answered", request: 2, lease: undefined }, 2_000);
    expect(answered.effects).toContainEqual({ type: "pulse", restored: true });
  });

  test("a request without any outcome counts as failed after 3 s, and its late answer for nothing", () => {
    const started = stepHeartbeat(initialHeartbeat("n1", "a/1", 1), { type: "start" }, 0);
    expect(started.wakeAt).toBe(3_000);
    const failed = stepHeartbeat(started.state, { type: "tick" }, 3_000);
    expect(failed.effects).toEqual([{ type: "pulse-lost" }]);
    expect(stepHeartbeat(failed.state, { type: "answered", request: 1, lease: undefined }, 3_001).state).toEqual(
      failed.state,
    );
  });

  test("a refusal is an answer: no pulse is lost, and it is asked slower and slower", () => {
    const { world, old } = acting();
    const sent = old.sent.length;
    const patch = world.server.patch.bind(world.server);
    world.server.patch = (path) => patch(path, [{ op: "test", path: "/metadata/name", value: "forbidden" }]);
    world.run(60_000);
    expect([old.news, role(old)]).toEqual([["acting"], "acting"]);
    expect(old.sent.length - sent).toBeLessThan(60);
  });

  test("a store that was put back is a rollback, once, and the one that acts goes on acting", () => {
    const { world, old } = acting();
    world.server.save();
    world.run(60_000);
    world.server.restore();
    world.run(8_000);
    expect(old.news).toEqual(["acting", "rollback"]);
    expect(world.lease().instance).toBe("old/1");
  });

  test("put back to just before its last renewal: the next one is given the same version a second time, and shows it", () => {
    const { world, old } = acting();
    world.server.save();
    const version = () => world.lease().meta.resourceVersion;
    for (const before = version(); version() === before; ) world.run(10);
    const renewed = version();
    world.server.restore();
    world.run(3_600);
    expect(version()).toBe(renewed);
    expect(old.news).toEqual(["acting", "rollback"]);
    world.run(60_000);
    expect(old.news).toEqual(["acting", "rollback"]);
  });

  test("put back to when an older process acted: it is taken back, not lost", () => {
    const { world, old } = acting();
    world.server.save();
    old.alive = false;
    const again = world.boot("old/2", 2);
    world.run(30_000);
    world.server.restore();
    world.run(8_000);
    expect(again.news).toEqual(["acting", "rollback"]);
    expect([role(again), world.lease().instance]).toEqual(["acting", "old/2"]);
  });

  test("put back to before there was a Lease", () => {
    const world = new World();
    world.server.save();
    const process = world.boot("a/1");
    world.run(30_000);
    world.server.restore();
    world.run(8_000);
    expect(process.news).toEqual(["acting", "rollback"]);
    expect(world.lease().instance).toBe("a/1");
  });
});

describe("facts and marks", () => {
  test("changed facts are written at once, a flapping link at most every 200 ms", () => {
    const { world, old } = acting();
    world.run(1_000);
    world.input(old, { type: "facts", facts: facts(false) });
    world.run(20);
    expect(world.lease().facts).toEqual(facts(false));
    const before = old.sent.length;
    for (let flap = 0; flap < 100; flap++) {
      world.input(old, { type: "facts", facts: facts(flap % 2 === 0) });
      world.run(10);
    }
    expect(old.sent.length - before).toBeLessThanOrEqual(6);
    world.run(300);
    expect(world.lease().facts).toEqual(facts(false));
  });

  test("that somebody is heard for the first time is written at once; the end of it, and its return, with the next renewal", () => {
    const { world, old } = acting();
    world.run(1_000);
    const hears = (eth0: boolean): SpeakerFacts => ({ ...facts(), hearing: { eth0 } });
    world.input(old, { type: "facts", facts: hears(true) });
    world.run(20);
    expect(world.lease().facts.hearing).toEqual({ eth0: true });
    world.run(1_000);
    for (let flap = 0; flap < 10; flap++) {
      const before = old.sent.length;
      world.input(old, { type: "facts", facts: hears(flap % 2 === 1) });
      world.run(20);
      expect(old.sent.length).toBe(before);
      world.run(4_000);
      expect(world.lease().facts.hearing).toEqual({ eth0: flap % 2 === 1 });
    }
  });

  test("the same facts again are not written", () => {
    const { world, old } = acting();
    const before = old.sent.length;
    world.input(old, { type: "facts", facts: facts() });
    world.run(100);
    expect(old.sent.length).toBe(before);
  });

  test("fenced-by survives renewals, is told once, and goes when it was answered", () => {
    const { world, old } = acting();
    annotate(world, FENCED_BY_ANNOTATION, "n2");
    world.run(10_000);
    expect([old.news, world.lease().fencedBy]).toEqual([["acting", "fenced n2"], "n2"]);
    world.input(old, { type: "fence-answered" });
    world.run(100);
    expect(world.lease().fencedBy).toBe("");
    annotate(world, FENCED_BY_ANNOTATION, "n2");
    world.run(4_000);
    expect(old.news).toEqual(["acting", "fenced n2", "fenced n2"]);
  });

  test("another fence that came meanwhile is not taken away with the first", () => {
    const { world, old } = acting();
    annotate(world, FENCED_BY_ANNOTATION, "n2");
    world.show(old);
    annotate(world, FENCED_BY_ANNOTATION, "n3");
    world.input(old, { type: "fence-answered" });
    world.run(10_000);
    expect([world.lease().fencedBy, old.news]).toEqual(["n3", ["acting", "fenced n2", "fenced n3"]]);
  });

  test("a fence on the old one's Lease is told to the one that it is handed to", () => {
    const { world, old } = acting();
    const fresh = world.boot("new/1", 2);
    world.run(4_000);
    annotate(world, FENCED_BY_ANNOTATION, "n2");
    world.input(old, { type: "shutdown" });
    world.run(4_000);
    expect(fresh.news).toEqual(["queued", "acting old/1", "fenced n2"]);
  });
});
