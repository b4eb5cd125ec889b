import { describe, expect, test } from "@jest/globals";
import {
  type Announced,
  type AnnouncementFrame,
  type AnnouncerState,
  createAnnouncer,
  ROUND_MS,
  stepAnnouncer,
} from "../../speaker/announcer.ts";

const v4 = (address: string, name = "eth0"): Announced => ({ address, family: 4, interface: name });
const v6 = (address: string, name = "eth0"): Announced => ({ address, family: 6, interface: name });
const many = (count: number, name = "eth0") =>
  Array.from({ length: count }, (_, i) => v4(`10.0.${i >> 8}.${i & 255}`, name));
type Sent = AnnouncementFrame & { readonly at: number };

/** Follows `wakeAt` from `from` until nothing is left or `until`, as the worker does. */
function run(start: AnnouncerState, from: number, until = Number.POSITIVE_INFINITY) {
  let state = start;
  let now = from;
  const sent: Sent[] = [];
  for (let turns = 0; turns < 100_000; turns++) {
    const step = stepAnnouncer(state, { type: "tick" }, now);
    state = step.state;
    sent.push(...step.effects.map((effect) => ({ ...effect, at: now })));
    if (step.wakeAt === undefined || step.wakeAt > until) return { state, sent, now };
    expect(step.wakeAt).toBeGreaterThan(now);
    now = step.wakeAt;
  }
  throw new Error("never ends");
}

const plan = (entries: readonly Announced[], now = 0, state = createAnnouncer()) =>
  stepAnnouncer(state, { type: "plan", entries }, now).state;

describe("the rounds", () => {
  test("IPv4: request form, then reply form, five times, 1.1 s apart", () => {
    const { sent, state } = run(plan([v4("10.0.0.1")]), 0);
    expect(sent.map(({ form, at }) => [form, at])).toEqual(
      [0, 1, 2, 3, 4].flatMap((round) => [
        ["request", round * ROUND_MS],
        ["reply", round * ROUND_MS],
      ]),
    );
    expect(state.lanes.size).toBe(0);
  });

  test("IPv6: one advertisement, five times", () => {
    const { sent } = run(plan([v6("2001:db8::1")]), 500);
    expect(sent.map(({ form, at }) => [form, at])).toEqual(
      [0, 1, 2, 3, 4].map((round) => ["advertisement", 500 + round * ROUND_MS]),
    );
  });

  test("a defence is one round, and none while rounds are under way", () => {
    const defence: Announced = { ...v4("10.0.0.1"), once: true };
    const alone = run(plan([defence, { ...v6("2001:db8::1"), once: true }]), 0);
    expect(alone.sent.map(({ form, at }) => [form, at])).toEqual([
      ["request", 0],
      ["advertisement", 0],
      ["reply", 0],
    ]);
    const before = run(plan([v4("10.0.0.1")]), 0, 1_500);
    const { sent } = run(plan([defence], 1_500, before.state), 1_500);
    expect(sent.filter(({ form }) => form === "request").map(({ at }) => at)).toEqual(
      [2, 3, 4].map((i) => i * ROUND_MS),
    );
  });

  test("announced again in the middle: the rounds begin anew, without doubles", () => {
    const before = run(plan([v4("10.0.0.1")]), 0, 1500);
    const { sent } = run(plan([v4("10.0.0.1")], 1500, before.state), 1500);
    expect(sent.filter(({ form }) => form === "request").map(({ at }) => at)).toEqual(
      [0, 1, 2, 3, 4].map((i) => 1500 + i * ROUND_MS),
    );
  });

  test("no longer held: not one frame more, the others go on", () => {
    const before = run(plan([v4("10.0.0.1"), v4("10.0.0.2")]), 0, 2000);
    const held = (entry: Announced) => entry.address === "10.0.0.2";
    const { sent } = run(stepAnnouncer(before.state, { type: "keep", held }, 2000).state, 2000);
    expect(new Set(sent.map(({ address }) => address))).toEqual(new Set(["10.0.0.2"]));
    expect(sent).toHaveLength(6);
  });

  test("the same address on another interface is another announcement", () => {
    const state = plan([v4("10.0.0.1"), v4("10.0.0.1", "eth1")]);
    const held = (entry: Announced) => entry.interface === "eth1";
    const { sent } = run(stepAnnouncer(state, { type: "keep", held }, 0).state, 0);
    expect(sent.map((frame) => frame.interface)).toEqual(Array(10).fill("eth1"));
  });

  test("a gap ends all of them", () => {
    const before = run(plan(many(30)), 0, 100);
    expect(run(stepAnnouncer(before.state, { type: "clear" }, 100).state, 100).sent).toEqual([]);
  });

  test("planning sends nothing by itself", () => {
    const step = stepAnnouncer(createAnnouncer(), { type: "plan", entries: [v4("10.0.0.1")] }, 7);
    expect([step.effects, step.wakeAt]).toEqual([[], 7]);
  });
});

describe("the pace", () => {
  test("never more than 1,000 frames in a second and a burst of 10, per interface", () => {
    const { sent } = run(plan([...many(400), ...many(300, "eth1")]), 0);
    for (const name of ["eth0", "eth1"]) {
      const times = sent.filter((frame) => frame.interface === name).map(({ at }) => at);
      const most = Math.max(...times.map((at) => times.filter((other) => other >= at && other < at + 1000).length));
      expect(most).toBeLessThanOrEqual(1010);
    }
    expect(sent).toHaveLength(700 * 10);
  });

  test("500 addresses: each is told once before any is told twice, within half a second", () => {
    const { sent } = run(plan(many(500)), 0);
    const first = sent.slice(0, 500);
    expect(new Set(first.map(({ address }) => address)).size).toBe(500);
    expect(first.every(({ form }) => form === "request")).toBe(true);
    expect(first.at(-1)?.at).toBeLessThanOrEqual(500);
  });

  test("a new address goes before the later rounds of the others", () => {
    const before = run(plan(many(800)), 0, 1200);
    const { sent } = run(plan([v4("192.0.2.1")], 1200, before.state), 1200);
    expect(sent.slice(0, 10).map(({ address }) => address)).toContain("192.0.2.1");
  });

  test("10,000 addresses all get their five rounds", () => {
    const { sent } = run(plan(Array.from({ length: 10_000 }, (_, i) => v6(`2001:db8::${i.toString(16)}`))), 0);
    const counts = Map.groupBy(sent, ({ address }) => address);
    expect(counts.size).toBe(10_000);
    expect([...counts.values()].every((frames) => frames.length === 5)).toBe(true);
    expect(
      [...counts.values()].every((frames) =>
        frames.every((f, i) => i === 0 || f.at - (frames[i - 1]?.at ?? 0) >= ROUND_MS),
      ),
    ).toBe(true);
  });
});
