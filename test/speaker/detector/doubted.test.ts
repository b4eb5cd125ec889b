/** A station that has found this node gone (ADR 33): whether their path carries both ways is asked at once. */
import { expect, test } from "@jest/globals";
import { GATEWAY, planOf, type Segment, station, TARGETS, world } from "./world.ts";

/** This node does not watch it: it would ask in three seconds. */
function plan(doubted: boolean) {
  return planOf(station("a", { targets: TARGETS, doubted }), station("b"), GATEWAY);
}

function doubt(segment: Segment): void {
  segment.input({ type: "plan", plan: plan(false) });
  segment.run(10_000);
  segment.met.length = 0;
  segment.asked.length = 0;
  segment.input({ type: "plan", plan: plan(true) });
}

test("it is asked for its own address at once, and that it answers is told", () => {
  const { segment } = world();
  doubt(segment);
  segment.run(1);
  expect(segment.asked.map(({ probe }) => probe.address)).toEqual([station("a").address4]);
  expect(segment.met).toEqual(["a on eth0"]);
});

test("it is asked once a second until it answers, and no other one for its sake", () => {
  const { segment, silent } = world();
  segment.run(1_000);
  silent.add("a");
  doubt(segment);
  segment.run(10_000);
  const own = segment.asked.filter(({ probe }) => probe.address === station("a").address4);
  expect(own.length).toBeGreaterThanOrEqual(9);
  expect(own.length).toBeLessThanOrEqual(11);
  expect(segment.met).toEqual([]);
  silent.clear();
  segment.run(1_100);
  expect(new Set(segment.met)).toEqual(new Set(["a on eth0"]));
});

test("the answer of one that is not doubted any more is nothing to tell", () => {
  const { segment } = world();
  doubt(segment);
  segment.run(100);
  segment.input({ type: "plan", plan: plan(false) });
  segment.met.length = 0;
  segment.run(10_000);
  expect(segment.met).toEqual([]);
});
