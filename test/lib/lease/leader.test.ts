import { describe, expect, test } from "@jest/globals";
import {
  DEFAULT_TIMING,
  initialLeader,
  isLeading,
  type LeaderEffect,
  type LeaderInput,
  type LeaderLease,
  type LeaderState,
  stepLeader,
} from "../../../lib/lease/leader.ts";
import { CUT, GOOD, LeaderWorld, PATH } from "./leader-world.ts";

type At = readonly [now: number, input: LeaderInput];

const lease = (resourceVersion: string, holder: string): LeaderLease => ({
  resourceVersion,
  holder,
  transitions: 0,
  renewTime: `of ${resourceVersion}`,
});
const answered = (request: number, found?: LeaderLease): LeaderInput => ({ type: "answered", request, lease: found });
const refused = (request: number): LeaderInput => ({ type: "refused", request, retryAfterMs: undefined });
const failed = (request: number): LeaderInput => ({ type: "failed", request });
const start: At = [0, { type: "start" }];
const tick: LeaderInput = { type: "tick" };

function line(effect: LeaderEffect): string {
  if (effect.type === "request") return effect.call.type;
  return "reason" in effect ? `${effect.type} ${effect.reason}` : effect.type;
}

function run(inputs: readonly At[]) {
  let state: LeaderState = initialLeader("me/1", 7);
  let effects: readonly LeaderEffect[] = [];
  let wakeAt: number | undefined;
  for (const [now, input] of inputs) ({ state, effects, wakeAt } = stepLeader(state, input, now));
  return { state, lines: effects.map(line), wakeAt };
}

/** Leads since the write that was sent at 10 and answered at 20. */
const leading: readonly At[] = [start, [10, answered(1)], [20, answered(2, lease("5", "me/1"))]];
const follower: readonly At[] = [start, [10, answered(1, lease("5", "you/1"))]];

const rows: readonly [name: string, before: readonly At[], last: At, effects: readonly string[]][] = [
  ["it looks first", [], start, ["read"]],
  ["no Lease at the first look: made at once", [start], [10, answered(1)], ["pulse", "create"]],
  ["made: leads", [start, [10, answered(1)]], [20, answered(2, lease("5", "me/1"))], ["pulse", "leading"]],
  ["another made it first: looks again", [start, [10, answered(1)]], [20, refused(2)], ["pulse"]],
  ["and then follows", [start, [10, answered(1)], [20, refused(2)]], [2_500, tick], ["read"]],
  ["held by another: waits", [start], [10, answered(1, lease("5", "you/1"))], ["pulse"]],
  ["released: taken at once", [start], [10, answered(1, lease("5", ""))], ["pulse", "take"]],
  ["of a dead process of this pod: taken at once", [start], [10, answered(1, lease("5", "me/0"))], ["pulse", "take"]],
  ["my own (an answer was lost): renewed at once", [start], [10, answered(1, lease("5", "me/1"))], ["pulse", "renew"]],
  [
    "unchanged for less than 8 s: looks",
    [
      ...follower,
      [2_500, tick],
      [2_510, answered(2, lease("5", "you/1"))],
      [5_000, tick],
      [5_010, answered(3, lease("5", "you/1"))],
    ],
    [7_500, tick],
    ["read"],
  ],
  [
    "unchanged for 8 s: taken",
    [...follower, [2_500, tick], [2_510, answered(2, lease("5", "you/1"))]],
    [8_010, tick],
    ["take"],
  ],
  [
    "a change starts the 8 s again",
    [...follower, [2_500, tick], [2_510, answered(2, lease("6", "you/1"))]],
    [8_010, tick],
    ["read"],
  ],
  [
    "a take that was refused: looks",
    [start, [10, answered(1, lease("5", ""))], [20, refused(2)]],
    [2_100, tick],
    ["read"],
  ],
  ["a renewal on its beat", leading, [2_500, tick], ["renew"]],
  ["a renewal that succeeds", [...leading, [2_500, tick]], [2_510, answered(3, lease("6", "me/1"))], ["pulse"]],
  [
    "a renewal that is not answered is repeated soon",
    [...leading, [2_500, tick], [4_500, failed(3)]],
    [4_900, tick],
    ["renew"],
  ],
  ["no answer closes the connections", [...leading, [2_500, tick]], [4_500, failed(3)], ["pulse-lost"]],
  [
    "5 s after the last good one was sent it stops",
    [...leading, [2_500, tick], [4_500, failed(3)]],
    [5_010, tick],
    ["not-leading deadline", "renew"],
  ],
  ["one that was frozen stops at whatever it hears first", leading, [60_000, tick], ["not-leading deadline", "renew"]],
  ["a renewal that is refused: looks", [...leading, [2_500, tick], [2_510, refused(3)]], [2_900, tick], ["read"]],
  [
    "and finds another: stops",
    [...leading, [2_500, tick], [2_510, refused(3)], [2_900, tick]],
    [2_910, answered(4, lease("9", "you/1"))],
    ["pulse", "not-leading taken"],
  ],
  [
    "and finds nothing: makes it anew and goes on",
    [...leading, [2_500, tick], [2_510, refused(3)], [2_900, tick]],
    [2_910, answered(4)],
    ["pulse", "create"],
  ],
  [
    "a follower whose Lease was deleted waits 8 s, for the leader may not know yet",
    [...follower, [2_500, tick]],
    [2_510, answered(2)],
    ["pulse"],
  ],
  ["then it makes it", [...follower, [2_500, tick], [2_510, answered(2)]], [10_510, tick], ["create"]],
  [
    "a request without an outcome for 3 s is a failure",
    [...leading, [2_500, tick]],
    [5_500, tick],
    ["not-leading deadline", "pulse-lost"],
  ],
  ["an answer to an older request counts for nothing", leading, [100, answered(1, lease("9", "you/1"))], []],
  ["stop while leading releases", leading, [100, { type: "stop" }], ["not-leading stopped", "release"]],
  ["released: the end", [...leading, [100, { type: "stop" }]], [110, answered(3, lease("6", ""))], ["pulse", "ended"]],
  [
    "a release that is not answered is the end too",
    [...leading, [100, { type: "stop" }]],
    [2_100, failed(3)],
    ["pulse-lost", "ended"],
  ],
  ["a release that is refused as well", [...leading, [100, { type: "stop" }]], [110, refused(3)], ["pulse", "ended"]],
  ["stop as a follower ends at once", follower, [100, { type: "stop" }], ["ended"]],
  [
    "stop while a take is under way: released when it succeeds",
    [start, [10, answered(1, lease("5", ""))], [15, { type: "stop" }]],
    [20, answered(2, lease("6", "me/1"))],
    ["pulse", "release"],
  ],
  [
    "a store that went back is told",
    [...leading, [2_500, tick]],
    [2_510, answered(3, lease("3", "me/1"))],
    ["pulse", "rollback"],
  ],
  [
    "a follower does not believe its own name in a store that went back",
    [...follower, [2_500, tick]],
    [2_510, answered(2, lease("3", "me/1"))],
    ["pulse", "rollback"],
  ],
  [
    "nor that nobody holds it",
    [...follower, [2_500, tick], [2_510, answered(2, lease("3", ""))]],
    [5_000, tick],
    ["read"],
  ],
  [
    "until it has not changed for 8 s",
    [...follower, [2_500, tick], [2_510, answered(2, lease("3", "me/1"))]],
    [10_510, tick],
    ["take"],
  ],
];

describe("the leader election", () => {
  test.each(rows)("%s", (_, before, last, effects) => {
    expect(run([...before, last]).lines).toEqual(effects);
  });

  test("it leads until 5 s after the last good renewal was sent, not answered", () => {
    const { state, wakeAt } = run([...leading, [2_500, tick], [4_000, answered(3, lease("6", "me/1"))]]);
    expect([isLeading(state, 7_499), isLeading(state, 7_500)]).toEqual([true, false]);
    expect(wakeAt).toBeLessThanOrEqual(7_500);
  });

  test("the deadline is a wake-up even while a request is under way", () => {
    expect(run([...leading, [2_500, tick]]).wakeAt).toBe(5_010);
  });

  test("the defaults leave a margin between the deadline and the take-over", () => {
    expect(DEFAULT_TIMING).toEqual({ durationMs: 8_000, renewMs: 2_000, deadlineMs: 5_000 });
  });
});

describe("two controllers", () => {
  test("one leads; when it dies the other takes over within 8 s and a look; when it is stopped, within a look", () => {
    const world = new LeaderWorld(1);
    const first = world.boot("a/1");
    world.run(1_000);
    const second = world.boot("b/1");
    world.run(60_000);
    expect(world.leaders()).toEqual([first]);
    first.alive = false;
    world.run(10_500);
    expect(world.leaders()).toEqual([second]);
    const third = world.boot("c/1");
    world.run(10_000);
    world.input(second, { type: "stop" });
    world.run(2_500);
    expect([world.leaders(), second.news.at(-1), world.leadersMax]).toEqual([[third], "ended", 1]);
  });

  test("a leader that is cut off stops before the other starts", () => {
    const world = new LeaderWorld(2);
    const first = world.boot("a/1");
    world.run(1_000);
    const second = world.boot("b/1");
    world.run(10_000);
    first.network = CUT;
    world.run(5_100);
    expect(world.leaders()).toEqual([]);
    world.run(6_000);
    expect(world.leaders()).toEqual([second]);
    first.network = GOOD;
    world.run(60_000);
    expect([world.leaders(), world.leadersMax, first.news.at(-1)]).toEqual([[second], 1, "pulse-lost"]);
  });

  test("the Lease is deleted, and the store is put back, under a leader", () => {
    const world = new LeaderWorld(3);
    const first = world.boot("a/1");
    world.run(1_000);
    world.server.save();
    const second = world.boot("b/1");
    world.run(5_000);
    first.alive = false;
    world.run(20_000);
    expect(world.leaders()).toEqual([second]);
    world.server.delete(PATH);
    world.run(20_000);
    expect([world.leaders(), world.leadersMax]).toEqual([[second], 1]);
    world.server.restore();
    world.run(20_000);
    expect([world.leaders(), world.leadersMax, second.news.includes("rollback")]).toEqual([[second], 1, true]);
  });

  test.each(Array.from({ length: 150 }, (_, seed) => seed))(
    "never two at once, and one in the end: seed %i",
    (seed) => {
      const world = new LeaderWorld(seed);
      const { random } = world;
      // Two machines' clocks agree to some 100 ppm; ten times that is tried.
      world.boot("a/1", { rate: 1.001 });
      world.boot("b/1", { rate: 0.999 });
      world.run(100);
      for (let round = 0; round < 60; round++) {
        const dice = random();
        world.disturb(dice);
        if (dice > 0.97) world.server.edit(PATH, (object) => ({ ...object }));
        world.run(random() * 8_000);
        expect(world.leadersMax).toBeLessThanOrEqual(1);
      }
      world.heal();
      world.run(20_000);
      expect([world.leaders().length, world.leadersMax]).toEqual([1, 1]);
    },
  );
});
