import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "@jest/globals";
import {
  createFence,
  type FenceEffect,
  type FenceInput,
  type FenceState,
  isAnswering,
  isInTime,
  isPlainTurn,
  stepFence,
} from "../../../speaker/net/fence.ts";

type Timed = readonly [number, FenceInput];
const TURN: FenceInput = { type: "turn" };
const SIGN: FenceInput = { type: "signed" };
const drained = (dropped = 0, announced: readonly { address: string; mac: string }[] = []): FenceInput => ({
  type: "drained",
  dropped,
  announced,
});
const LOST = [{ address: "10.0.0.1", mac: "02:00:00:00:00:0a" }];

function play(inputs: readonly Timed[]): { state: FenceState; effects: readonly FenceEffect[] } {
  let state = createFence(0);
  const effects: FenceEffect[] = [];
  for (const [now, input] of inputs) {
    const step = stepFence(state, input, now);
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects };
}

/** A loop that turns every 50 ms and a main thread that signs every second. */
function healthy(from: number, to: number, signs = true): Timed[] {
  const inputs: Timed[] = [];
  for (let now = from; now <= to; now += 50)
    inputs.push(...(signs && now % 1000 === 0 ? [[now, SIGN] as const] : []), [now, TURN]);
  return inputs;
}
const DRAIN = { type: "drain" };
const fenced = (fence: number, reason: string, gapMs: number) => ({ type: "fenced", fence, reason, gapMs });

const CASES: readonly (readonly [string, readonly Timed[], readonly object[], boolean])[] = [
  ["a healthy minute", healthy(0, 60_000), [], true],
  ["a gap of 150 ms", [[150, TURN]], [], true],
  ["a gap of 151 ms, until the queue is read", [[151, TURN]], [DRAIN], false],
  [
    "a gap of 151 ms, after",
    [
      [151, TURN],
      [152, drained()],
    ],
    [DRAIN],
    true,
  ],
  [
    "a gap in which another announced",
    [
      [1000, TURN],
      [1001, drained(0, LOST)],
    ],
    [DRAIN, { type: "lost", addresses: LOST }],
    true,
  ],
  [
    "a gap of 5 s",
    [
      [5000, TURN],
      [5001, drained()],
    ],
    [DRAIN],
    true,
  ],
  [
    "a gap above 5 s",
    [
      [5001, TURN],
      [5002, drained()],
    ],
    [DRAIN, fenced(1, "loop-gap", 5001)],
    false,
  ],
  [
    "a gap with dropped frames",
    [
      [200, TURN],
      [201, drained(1)],
    ],
    [DRAIN, fenced(1, "drops", 200)],
    false,
  ],
  [
    "a gap with both kinds of evidence",
    [
      [200, TURN],
      [201, drained(9, LOST)],
    ],
    [DRAIN, { type: "lost", addresses: LOST }, fenced(1, "drops", 200)],
    false,
  ],
  ["a main thread silent for 3 s", healthy(0, 3000, false), [], true],
  ["a main thread silent for more", healthy(0, 9000, false), [fenced(1, "main-silent", 3050)], false],
  [
    "its return alone",
    [...healthy(0, 4000, false), [4010, SIGN], ...healthy(4050, 5000)],
    [fenced(1, "main-silent", 3050)],
    false,
  ],
  [
    "its resume",
    [...healthy(0, 4000, false), [4010, SIGN], [4020, { type: "resume", fence: 1 }]],
    [fenced(1, "main-silent", 3050)],
    true,
  ],
  [
    "both threads frozen for 4 s: silence counts only while it could be heard",
    [
      [4000, TURN],
      [4001, drained()],
      [4050, TURN],
    ],
    [DRAIN],
    true,
  ],
  [
    "frozen for 4 s, and then no sign either",
    [[4000, TURN], [4001, drained()], ...healthy(4050, 7050, false)],
    [DRAIN, fenced(1, "main-silent", 3050)],
    false,
  ],
  [
    "a resume that was decided before a second fence",
    [
      [6000, TURN],
      [6001, drained()],
      [12_100, TURN],
      [12_101, drained()],
      [12_110, { type: "resume", fence: 1 }],
    ],
    [DRAIN, fenced(1, "loop-gap", 6000), DRAIN, fenced(2, "loop-gap", 6099)],
    false,
  ],
  [
    "a resume after a second silence",
    [...healthy(0, 4000, false), [4010, SIGN], ...healthy(4050, 7100, false), [7110, { type: "resume", fence: 1 }]],
    [fenced(1, "main-silent", 3050), fenced(2, "main-silent", 3040)],
    false,
  ],
  ["a resume while nothing is fenced", [[10, { type: "resume", fence: 0 }]], [], true],
];

test.each(CASES)("%s", (_what, inputs, effects, answering) => {
  const result = play(inputs);
  expect(result.effects).toEqual(effects);
  expect(isAnswering(result.state)).toBe(answering);
});

describe("a batch in flight", () => {
  const { state } = play([[100, TURN]]);
  test.each([
    [101, true],
    [250, true],
    [251, false],
  ])("at %i ms may leave: %s", (now, inTime) => {
    expect(isInTime(state.loopAt, now)).toBe(inTime);
  });
});

describe("a plain turn", () => {
  const states: readonly (readonly [string, FenceState])[] = [
    ["at the start", createFence(0)],
    ["fenced by silence", play(healthy(0, 4000, false)).state],
    ["fenced by silence and signed", play([...healthy(0, 4000, false), [4000, SIGN]]).state],
    [
      "fenced by drops",
      play([
        [1000, TURN],
        [1001, drained(1)],
      ]).state,
    ],
    ["after a minute", play(healthy(0, 60_000)).state],
  ];
  test.each(states)("%s: changes the time of the loop alone, and any other turn more", (_name, state) => {
    let plain = 0;
    // An expectation for each of so many turns takes ten times as long as the turns.
    const wrong: unknown[] = [];
    for (let gap = 0; gap < 8000; gap += 1) {
      const now = state.loopAt + gap;
      for (const loopAt of [state.loopAt, Math.max(state.loopAt, now - 150), Math.max(state.loopAt, now - 151)]) {
        const before = { ...state, loopAt };
        const step = stepFence(before, TURN, now);
        const same = { state: { ...before, loopAt: now }, effects: [] };
        const isPlain = isPlainTurn(state, loopAt, now);
        plain += Number(isPlain);
        const isRight = isPlain ? isDeepStrictEqual(step, same) : step.effects.length === 1;
        if (!isRight) wrong.push({ now, before, isPlain, step });
      }
    }
    expect(wrong).toEqual([]);
    expect(plain).toBeGreaterThan(150);
  });
});
