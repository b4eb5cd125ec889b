/** Whether a node hears anybody at all, verdict or not (election.md section 4, E1). */
import { describe, expect, test } from "@jest/globals";
import type { StationPlan } from "../../../speaker/detector/types.ts";
import { GATEWAY, station, TARGETS, world } from "./world.ts";

/** Nobody holds anything, so everybody is asked for its own address every three seconds only. */
const IDLE: readonly StationPlan[] = [station("a"), station("b"), GATEWAY];

/** A segment at rest, and when each of the stations fell silent. */
function silentAll(options: { readonly stations?: readonly StationPlan[]; readonly afterMs?: number } = {}) {
  const { segment, silent } = world({ stations: options.stations ?? IDLE });
  segment.run(options.afterMs ?? 10_000);
  for (const one of ["a", "b", "g"]) silent.add(one);
  return { segment, silent, sinceMs: segment.now };
}

describe("somebody is heard", () => {
  test("told with the first answer, and not again", () => {
    const { segment } = world();
    segment.run(20_000);
    expect(segment.hearing).toEqual([{ at: expect.any(Number), hears: true }]);
    expect(segment.hearing[0]?.at).toBeLessThan(1_100);
  });

  test("nobody ever answers: nothing is told, for nobody can be missed (E3)", () => {
    const { segment, silent } = world({ stations: IDLE });
    for (const one of ["a", "b", "g"]) silent.add(one);
    segment.run(60_000);
    expect(segment.hearing).toEqual([]);
  });
});

describe("nobody is heard any more", () => {
  test.each(Array.from({ length: 12 }, (_, index) => 10_000 + index * 250))(
    "of stations that are asked every three seconds it is told within 6.2 s (after %i ms)",
    (afterMs) => {
      const { segment, sinceMs } = silentAll({ afterMs });
      segment.run(20_000);
      const [, told, ...more] = segment.hearing;
      expect(told?.hears).toBe(false);
      expect((told?.at ?? 0) - sinceMs).toBeGreaterThanOrEqual(3_000);
      expect((told?.at ?? 0) - sinceMs).toBeLessThan(6_200);
      expect(more).toEqual([]);
    },
  );

  test("and it ends when anybody has answered two questions in a row, also one that does not count", () => {
    const { segment, silent } = silentAll({ stations: [station("a"), GATEWAY, station("b", { counts: false })] });
    segment.run(10_000);
    silent.delete("b");
    segment.run(2_200);
    expect(segment.hearing.map(({ hears }) => hears)).toEqual([true, false, true]);
  });

  test("one answer alone does not end it: a port that lets a frame through now and then is none to hold addresses", () => {
    const { segment, silent } = silentAll();
    segment.run(10_000);
    const { answer } = segment;
    let left = 1;
    segment.answer = (probe) => (left-- > 0 ? answer(probe) : undefined);
    silent.clear();
    segment.run(10_000);
    expect(segment.hearing.map(({ hears }) => hears)).toEqual([true, false]);
  });

  test("a switch that learns anew: three seconds of silence are not enough", () => {
    const { segment, silent } = silentAll({
      stations: [station("a", { targets: TARGETS, watched: true }), station("b")],
    });
    segment.run(2_900);
    silent.clear();
    segment.run(10_000);
    expect(segment.hearing.map(({ hears }) => hears)).toEqual([true]);
  });
});

describe("what proves nothing", () => {
  test.each<[string, readonly StationPlan[]]>([
    ["one other station alone is silent", [station("a")]],
    ["the others are off by their Leases", [station("a"), station("b", { counts: false })]],
    ["the second one was never heard", [station("a"), station("c")]],
  ])("%s", (_, stations) => {
    const { segment } = silentAll({ stations });
    segment.run(60_000);
    expect(segment.hearing.map(({ hears }) => hears)).toEqual([true]);
  });

  test("a gateway that has been off for a minute, when the peer falls silent as well (E16)", () => {
    const { segment, silent } = world({ stations: [station("a"), GATEWAY] });
    segment.run(10_000);
    silent.add("g");
    segment.run(70_000);
    silent.add("a");
    segment.run(30_000);
    expect(segment.hearing.map(({ hears }) => hears)).toEqual([true]);
  });

  test("time in which this node did not run: silence is counted from then on", () => {
    const { segment, sinceMs } = silentAll({
      stations: [station("a", { targets: TARGETS, watched: true }), station("b")],
    });
    segment.run(2_500);
    segment.stall(60_000);
    segment.input({ type: "gap" });
    const resumedMs = segment.now;
    segment.run(2_900);
    expect(segment.hearing).toHaveLength(1);
    segment.run(3_500);
    expect(segment.hearing.at(-1)).toEqual({ at: expect.any(Number), hears: false });
    expect(segment.hearing.at(-1)?.at).toBeGreaterThanOrEqual(resumedMs + 3_000);
    expect(sinceMs).toBeLessThan(resumedMs);
  });

  test("a step that comes late: the time until then is not counted", () => {
    const { segment } = silentAll({ stations: [station("a", { targets: TARGETS, watched: true }), station("b")] });
    segment.run(2_500);
    segment.stall(10_000);
    segment.run(300);
    expect(segment.hearing).toHaveLength(1);
  });

  test("a fifth of the frames lost each way, and a holder that is watched: nobody takes himself for isolated in an hour", () => {
    const { segment } = world({ loss: 0.2 });
    segment.run(3_600_000);
    expect(segment.hearing.map(({ hears }) => hears)).toEqual([true]);
  });

  test("a hundredth of them lost, and nobody holds anything: nor in a day", () => {
    const { segment } = world({ loss: 0.01, stations: [station("a"), station("b")] });
    segment.run(86_400_000);
    expect(segment.hearing.map(({ hears }) => hears)).toEqual([true]);
  });
});
