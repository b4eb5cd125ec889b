/** What becomes of a verdict when the plan changes: an address that the records have given to the station anew was not asked for under them. */
import { describe, expect, test } from "@jest/globals";
import { GATEWAY, planOf, station, TARGETS, world } from "./world.ts";

test("silent: an address that is out of the plan for the first second of its record is not named, and must be missed anew", () => {
  const [again = "", ...others] = TARGETS;
  const { segment, silent } = world();
  const follow = (targets: readonly string[]): void =>
    segment.input({ type: "plan", plan: planOf(station("a", { targets, watched: true }), station("b"), GATEWAY) });
  segment.run(2_000);
  for (const address of TARGETS) silent.add(address);
  segment.run(1_000);
  expect(segment.verdicts.at(-1)).toMatchObject({ kind: "silent", addresses: [...TARGETS].sort() });
  // It is recorded as the holder of that one under a new epoch, and answers for it.
  silent.delete(again);
  follow(others);
  segment.told.length = 0;
  segment.run(1_000);
  expect(segment.verdicts).not.toEqual([]);
  follow(TARGETS);
  segment.run(1_000);
  expect(segment.verdicts.filter(({ addresses }) => addresses.includes(again))).toEqual([]);
  expect(segment.verdicts.at(-1)?.addresses).toEqual([...others].sort());
});

describe("a verdict that was told ends with the first answer, also when it was dropped here in between: the main thread goes on by it", () => {
  const [first = "", second = "", ...more] = TARGETS;
  const holding = (targets: readonly string[]) => ({
    type: "plan" as const,
    plan: planOf(station("a", { targets, watched: true }), station("b"), GATEWAY),
  });

  function judged(how: "silent" | "gone") {
    const stations = [station("a", { targets: [first, second], watched: true }), station("b"), GATEWAY];
    const { segment, silent } = world({ stations });
    segment.run(2_000);
    for (const address of TARGETS) silent.add(address);
    if (how === "gone") silent.add("a");
    segment.run(500);
    expect(segment.verdicts.map(({ kind }) => kind)).toEqual([how]);
    segment.told.length = 0;
    return { segment, silent };
  }

  test("silent, and given another address just before it is back", () => {
    const { segment, silent } = judged("silent");
    segment.input(holding(TARGETS));
    silent.clear();
    segment.run(250);
    expect(segment.told.map(({ effect }) => effect.type)).toEqual(["back"]);
  });

  test("silent still, and given others again and again: it is told as it would be without", () => {
    const { segment } = judged("silent");
    for (const targets of [[second], [first, second], [second, ...more], TARGETS]) {
      segment.input(holding(targets));
      segment.run(1_000);
    }
    expect(segment.told.every(({ effect }) => effect.type === "verdict")).toBe(true);
    expect(segment.verdicts.at(-1)).toMatchObject({ kind: "silent", addresses: [...TARGETS].sort() });
  });

  test.each(["silent", "gone"] as const)("%s, without an address for a moment", (how) => {
    const { segment, silent } = judged(how);
    segment.input(holding([]));
    segment.run(500);
    segment.input(holding([first, second]));
    silent.clear();
    segment.run(250);
    expect(segment.told.map(({ effect }) => effect.type)).toEqual(["back"]);
  });

  test("one address that it did not hold for a moment; answers for others do not end it", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add(first);
    segment.run(1_000);
    segment.input(holding(TARGETS.filter((address) => address !== first)));
    segment.told.length = 0;
    segment.run(1_000);
    expect(segment.told).toEqual([]);
    segment.input(holding(TARGETS));
    silent.clear();
    segment.run(600);
    expect(segment.told.map(({ effect }) => effect.type)).toEqual(["back"]);
  });

  test("after three seconds it is forgotten there: an answer is no news", () => {
    const { segment, silent } = judged("silent");
    segment.input(holding([]));
    segment.run(3_000);
    segment.input(holding([first, second]));
    silent.clear();
    segment.run(1_000);
    expect(segment.told).toEqual([]);
  });
});

describe("a verdict of before a stop is not told again before the station was asked again", () => {
  test.each(["a gap", "a step that comes late"])("%s: it is back, or it is told after one more loss", (how) => {
    for (const isBack of [true, false]) {
      const { segment, silent } = world();
      segment.run(2_000);
      silent.add("a");
      segment.run(1_000);
      segment.told.length = 0;
      if (isBack) silent.clear();
      segment.now += 1_500;
      if (how === "a gap") segment.input({ type: "gap" });
      const from = segment.now;
      segment.run(200);
      expect(segment.told.map(({ effect }) => effect.type)).toEqual([isBack ? "back" : "verdict"]);
      expect((segment.told[0]?.at ?? 0) - from).toBeLessThanOrEqual(60);
    }
  });
});

test("one address is silent, and a moment later the node is gone: found as soon as without, although the address is not missed anew", () => {
  const [first = ""] = TARGETS;
  for (let phase = 0; phase < 100; phase += 10) {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add(first);
    segment.run(1_000 + phase);
    expect(segment.verdicts.at(-1)?.kind).toBe("addresses");
    for (const one of [...TARGETS, "a"]) silent.add(one);
    const from = segment.now;
    segment.run(1_000);
    const gone = segment.told.find(({ effect }) => effect.type === "verdict" && effect.verdict.kind === "gone");
    // Its turn may be the one of the address that is judged already.
    expect((gone?.at ?? Number.POSITIVE_INFINITY) - from).toBeLessThan(450);
  }
});
