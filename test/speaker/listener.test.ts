/** The multicast listener step by step, at times that are given. */
import { describe, expect, test } from "@jest/globals";
import { BURST, FRAMES_PER_SECOND, type ListenerInput, SPECIFIC_MAX } from "../../speaker/listener.ts";
import { type MldQuery, RECORDS_PER_REPORT } from "../../speaker/packet/mld.ts";
import { OLDER, range, SOURCE, settled, UP, World } from "./listener-world.ts";

describe("changes", () => {
  test("a join is told at once and once more within a second, in one report each", () => {
    const world = new World();
    world.join(1, 2);
    expect(world.times).toEqual([0]);
    world.until(60_000);
    expect(world.records).toEqual(["joined 1", "joined 2", "joined 1", "joined 2"]);
    expect(world.sent.map(({ effect }) => [effect.version, effect.source])).toEqual([
      [2, SOURCE],
      [2, SOURCE],
    ]);
    expect(world.times[1]).toBeGreaterThan(0);
    expect(world.times[1]).toBeLessThanOrEqual(1000);
    expect(world.wakeAt).toBe(Number.POSITIVE_INFINITY);
  });
  test("the second time differs from listener to listener", () => {
    const second = (seed: number) => {
      const world = new World(seed);
      world.join(1);
      world.until(60_000);
      return world.times[1];
    };
    expect(new Set(range(20).map(second)).size).toBe(20);
  });
  test("leaves are gathered for a tenth of a second, and told twice", () => {
    const world = settled([1, 2, 3]);
    world.leave(1);
    world.until(60_050);
    world.leave(2);
    world.until(60_099);
    expect(world.sent).toEqual([]);
    world.until(120_000);
    expect(world.records).toEqual(["left 1", "left 2", "left 1", "left 2"]);
    expect(world.times[0]).toBe(60_100);
    expect((world.times[1] ?? 0) - 60_100).toBeLessThan(1000);
  });
  test("at the end of the process what fits into one step is left at once", () => {
    const world = settled(range(3));
    world.give({ type: "end" });
    expect([world.records, world.wakeAt]).toEqual([["left 0", "left 1", "left 2"], Number.POSITIVE_INFINITY]);
    const many = settled(range(10_000));
    many.give({ type: "end" });
    expect(many.sent).toHaveLength(BURST);
  });
  test("the later of two changes of a group is the one that is told again", () => {
    const world = new World();
    world.join(1);
    world.leave(1);
    world.until(60_000);
    expect(world.records.slice(-2)).toEqual(["left 1", "left 1"]);
    world.forget();
    world.join(1);
    world.until(120_000);
    expect(world.records).toEqual(["joined 1", "joined 1"]);
  });
  test("as often as the querier's robustness says, twice at least", () => {
    for (const [robustness, times] of [
      [undefined, 2],
      [1, 2],
      [3, 3],
      [7, 7],
    ] as const) {
      const world = new World();
      world.ask({ robustness });
      world.join(1);
      world.until(60_000);
      expect([robustness, world.records]).toEqual([robustness, range(times).map(() => "joined 1")]);
      for (const [i, at] of world.times.entries()) if (i > 0) expect(at - (world.times[i - 1] ?? 0)).toBeLessThan(1000);
    }
  });
});

describe("queries", () => {
  test("about all: one report of all groups, at a random time within the maximum response delay", () => {
    const answeredAt = (seed: number) => {
      const world = settled([1, 2, 3], seed);
      world.ask();
      world.until(200_000);
      expect(world.records).toEqual(["listening 1", "listening 2", "listening 3"]);
      return (world.times[0] ?? 0) - 60_000;
    };
    const times = range(50).map(answeredAt);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...times)).toBeLessThan(10_000);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(5000);
  });
  test("one with no delay is answered at once", () => {
    const world = settled([1]);
    world.ask({ maxResponseMs: 0 });
    expect([world.records, world.times]).toEqual([["listening 1"], [60_000]]);
  });
  test("a second one changes nothing of an answer that is due sooner, and hastens one that is not", () => {
    const world = settled([1]);
    world.ask({ maxResponseMs: 1_000_000 });
    const first = world.wakeAt;
    world.ask({ maxResponseMs: 1 });
    expect(world.wakeAt).toBeLessThan(first);
    const hastened = world.wakeAt;
    world.ask({ maxResponseMs: 1_000_000 });
    expect(world.wakeAt).toBe(hastened);
    world.until(2_000_000);
    expect(world.records).toEqual(["listening 1"]);
  });
  test.each<[string, Partial<MldQuery>, string[]]>([
    ["one group", { group: 2 }, ["listening 2"]],
    ["a group that is not listened to", { group: 9 }, []],
    ["a group that is no solicited-node group", { group: "other" }, []],
  ])("about %s", (_what, query, records) => {
    const world = settled([1, 2, 3]);
    world.ask(query);
    world.until(200_000);
    expect(world.records).toEqual(records);
  });
  test("about several groups and then all: told once", () => {
    const world = settled([1, 2, 3]);
    world.ask({ group: 1, maxResponseMs: 1_000_000 });
    world.ask({ group: 2, maxResponseMs: 1_000_000 });
    world.ask({ maxResponseMs: 10 });
    world.ask({ group: 3, maxResponseMs: 1_000_000 });
    world.until(2_000_000);
    expect(world.records).toEqual(["listening 1", "listening 2", "listening 3"]);
  });
  test("what was left meanwhile is not told as listened to", () => {
    const world = settled([1, 2]);
    world.ask();
    world.leave(1);
    world.until(200_000);
    expect(world.records.filter((one) => one.startsWith("listening"))).toEqual(["listening 2"]);
  });
  test("nobody who listens to nothing answers", () => {
    const world = new World();
    world.ask();
    expect(world.wakeAt).toBe(Number.POSITIVE_INFINITY);
  });
  test("frames that were lost may have been one: all groups are told within ten seconds", () => {
    const world = settled([1, 2]);
    for (const _ of range(20)) world.give({ type: "missed" });
    world.until(70_000);
    expect(world.records).toEqual(["listening 1", "listening 2"]);
  });
});

describe("the link", () => {
  const link = (change: Partial<Extract<ListenerInput, { type: "link" }>>): ListenerInput =>
    ({ ...UP, ...change }) as ListenerInput;
  test("while it is down nothing is sent and nothing is due; when it is back all is told anew", () => {
    const world = settled([1, 2]);
    world.leave(2);
    world.give(link({ up: false }));
    world.forget();
    world.join(3);
    world.ask();
    world.give({ type: "missed" });
    expect([world.sent, world.wakeAt]).toEqual([[], Number.POSITIVE_INFINITY]);
    world.give(UP);
    world.until(120_000);
    expect(world.records).toEqual(["joined 1", "joined 3", "joined 1", "joined 3"]);
  });
  test.each<[string, ListenerInput, string]>([
    ["it has another link-local address", link({ source: "fe80::2" }), "fe80::2"],
    ["it has none any more", link({ source: "::" }), "::"],
    ["it was down and up unseen, or moved to another port", link({ rejoins: 1 }), SOURCE],
  ])("%s: all is told anew, twice", (_what, input, source) => {
    const world = settled([1]);
    world.give(input);
    world.until(120_000);
    expect(world.sent.map(({ effect }) => [effect.source, effect.records])).toEqual([
      [source, [{ kind: "joined", group: 1 }]],
      [source, [{ kind: "joined", group: 1 }]],
    ]);
  });
  test("the same again: nothing", () => {
    const world = settled([1]);
    world.give(UP);
    world.until(120_000);
    expect(world.sent).toEqual([]);
  });
});

describe("a querier of version 1", () => {
  test("is answered in its version, one group in a report", () => {
    const world = settled([1, 2]);
    world.ask({}, OLDER);
    world.until(75_000);
    expect(world.records).toEqual(["listening 1", "listening 2"]);
    expect(world.sent.map(({ effect }) => effect.version)).toEqual([1, 1]);
  });
  test("hears of joins and leaves in its version", () => {
    const world = settled([1]);
    world.ask({ group: 9 }, OLDER);
    world.join(2);
    world.leave(1);
    world.until(60_100);
    expect([world.records[0], world.records.includes("left 1")]).toEqual(["joined 2", true]);
    expect(new Set(world.sent.map(({ effect }) => `${effect.version} ${effect.records.length}`))).toEqual(
      new Set(["1 1"]),
    );
  });
  test("is taken to be there for two intervals and a response after its last query; one of version 2 does not end that", () => {
    const versionAt = (ms: number, queries: (world: World) => void) => {
      const world = settled([1]);
      queries(world);
      world.until(60_000 + ms);
      world.forget();
      world.join(2);
      return world.sent[0]?.effect.version;
    };
    const once = (world: World) => world.ask({}, OLDER);
    expect([versionAt(259_999, once), versionAt(260_000, once)]).toEqual([1, 2]);
    const both = (world: World) => {
      once(world);
      world.ask();
    };
    expect(versionAt(100_000, both)).toBe(1);
    const quick = (world: World) => {
      world.ask({ robustness: 3, queryIntervalMs: 10_000 });
      once(world);
    };
    expect([versionAt(39_999, quick), versionAt(40_000, quick)]).toEqual([1, 2]);
  });
});

describe("many groups", () => {
  const MANY = 10_000;
  /** The most frames within any second. */
  const mostInASecond = (times: readonly number[]) =>
    Math.max(...times.map((at) => times.filter((other) => other >= at && other < at + 1000).length));

  test("are told in as few reports as there may be, and no more than 1,000 frames leave in a second", () => {
    const world = new World();
    world.join(...range(MANY));
    world.until(60_000);
    const frames = Math.ceil(MANY / RECORDS_PER_REPORT);
    expect(world.sent).toHaveLength(2 * frames);
    expect(new Set(world.records).size).toBe(MANY);
    expect(world.times[frames - 1]).toBeLessThan(200);
  });
  test("to a querier of version 1 at the same pace, a change before what was asked for", () => {
    const world = settled(range(MANY));
    world.ask({ maxResponseMs: 0 }, OLDER);
    world.until(61_000);
    world.join(77_777);
    world.until(90_000);
    const told = world.records.indexOf("joined 77777");
    expect([told >= 900, told < 1100]).toEqual([true, true]);
    expect(world.records.filter((one) => one.startsWith("listening"))).toHaveLength(MANY);
    expect(mostInASecond(world.times.slice(0, 3000))).toBeLessThanOrEqual(FRAMES_PER_SECOND + BURST);
  });
  test("asked for one by one beyond the bound: all are told instead", () => {
    const world = settled(range(MANY));
    for (const group of range(SPECIFIC_MAX + 50)) world.ask({ group, maxResponseMs: 5000 });
    expect(world.state.specific.size).toBeLessThanOrEqual(SPECIFIC_MAX);
    expect(Number.isFinite(world.state.generalAt)).toBe(true);
    world.until(120_000);
    expect(new Set(world.records).size).toBe(MANY);
  });
  test("a forger who asks without end gets no more than the pace", () => {
    const world = settled(range(MANY));
    for (let ms = 0; ms < 3000; ms++) {
      world.ask({ maxResponseMs: 0 });
      world.until(60_001 + ms);
    }
    expect(world.sent.length).toBeLessThanOrEqual(3 * FRAMES_PER_SECOND + BURST);
  });
});
