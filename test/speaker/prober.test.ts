import { describe, expect, test } from "@jest/globals";
import {
  createProber,
  PROBES_MAX,
  type ProbeRequest,
  type ProberEffect,
  type ProberInput,
  type ProberState,
  stepProber,
} from "../../speaker/prober.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const request = (id: number, address: string, name = "eth0"): ProbeRequest => ({ id, address, interface: name });
const answer = (address: string, mac: string, name = "eth0", toQuestion = false) => ({
  address,
  interface: name,
  mac,
  toQuestion,
});

/** Gives the inputs at their times, follows `wakeAt` between them, and returns every effect with its time. */
function play(inputs: readonly (readonly [number, ProberInput])[], until = 10_000) {
  let state: ProberState = createProber();
  const seen: [number, ProberEffect][] = [];
  let wakeAt: number | undefined;
  const step = (input: ProberInput, now: number) => {
    const result = stepProber(state, input, now);
    state = result.state;
    wakeAt = result.wakeAt;
    for (const effect of result.effects) seen.push([now, effect]);
  };
  const catchUp = (to: number) => {
    for (let turns = 0; wakeAt !== undefined && wakeAt <= to && turns < 100_000; turns++)
      step({ type: "tick" }, wakeAt);
  };
  for (const [now, input] of inputs) {
    catchUp(now);
    step(input, now);
  }
  catchUp(until);
  return { seen, state };
}

const asks = (seen: readonly (readonly [number, ProberEffect])[]) =>
  seen.filter(([, e]) => e.type === "ask").map(([at]) => at);
const ends = (seen: readonly (readonly [number, ProberEffect])[]) =>
  seen.flatMap(([at, e]) => (e.type === "probed" ? [{ at, id: e.id, answers: e.answers, sent: e.sent }] : []));

describe("the prober", () => {
  test("asks three times, 100 ms apart, and ends 100 ms after the last", () => {
    const { seen, state } = play([[50, { type: "probe", requests: [request(1, "10.0.0.1")] }]]);
    expect(asks(seen)).toEqual([50, 150, 250]);
    expect(ends(seen)).toEqual([{ at: 350, id: 1, answers: [], sent: true }]);
    expect(state.probes.size).toBe(0);
  });

  test("ends with the first answer, with all MACs that came together, each once", () => {
    const { seen } = play([
      [0, { type: "probe", requests: [request(1, "10.0.0.1")] }],
      [120, { type: "answers", answers: [answer("10.0.0.1", B), answer("10.0.0.1", A), answer("10.0.0.1", B)] }],
    ]);
    expect(asks(seen)).toEqual([0, 100]);
    expect(ends(seen)).toEqual([{ at: 120, id: 1, answers: [B, A], sent: true }]);
  });

  const STRANGERS: readonly (readonly [string, ReturnType<typeof answer>])[] = [
    ["for another address", answer("10.0.0.2", A)],
    ["on another interface", answer("10.0.0.1", A, "eth1")],
  ];
  test.each(STRANGERS)("takes no answer %s", (_what, stranger) => {
    const { seen } = play([
      [0, { type: "probe", requests: [request(1, "10.0.0.1")] }],
      [10, { type: "answers", answers: [stranger] }],
    ]);
    expect(ends(seen)).toEqual([{ at: 300, id: 1, answers: [], sent: true }]);
  });

  test("E12: one station alone is asked six times, and what answers the detector is no sign of it", () => {
    const start: [number, ProberInput] = [0, { type: "probe", requests: [{ ...request(1, "10.0.0.1"), to: A }] }];
    const toDetector = { type: "answers", answers: [answer("10.0.0.1", A, "eth0", true)] } as const;
    const { seen } = play([start, [210, toDetector]]);
    expect(seen.filter(([, e]) => e.type === "ask")).toEqual(
      [0, 100, 200, 300, 400, 500].map((at) => [at, { type: "ask", address: "10.0.0.1", interface: "eth0", to: A }]),
    );
    expect(ends(seen)).toEqual([{ at: 600, id: 1, answers: [], sent: true }]);
    const lives = play([start, [210, { type: "answers", answers: [answer("10.0.0.1", A)] }]]);
    expect(ends(lives.seen)).toEqual([{ at: 210, id: 1, answers: [A], sent: true }]);
    const everybody = play([
      [0, { type: "probe", requests: [request(1, "10.0.0.1")] }],
      [210, toDetector],
    ]);
    expect(ends(everybody.seen)).toEqual([{ at: 210, id: 1, answers: [A], sent: true }]);
  });

  test("an answer after the end changes nothing", () => {
    const { seen } = play([
      [0, { type: "probe", requests: [request(1, "10.0.0.1")] }],
      [301, { type: "answers", answers: [answer("10.0.0.1", A)] }],
    ]);
    expect(ends(seen)).toEqual([{ at: 300, id: 1, answers: [], sent: true }]);
  });

  test("a failed interface ends its probes as not made, the others go on", () => {
    const { seen } = play([
      [0, { type: "probe", requests: [request(1, "10.0.0.1"), request(2, "10.0.0.2", "eth1")] }],
      [10, { type: "failed", interface: "eth1" }],
    ]);
    expect(ends(seen)).toEqual([
      { at: 10, id: 2, answers: [], sent: false },
      { at: 300, id: 1, answers: [], sent: true },
    ]);
  });

  test("lost frames end every probe as not made", () => {
    const { seen } = play([
      [0, { type: "probe", requests: [request(1, "10.0.0.1"), request(2, "10.0.0.2", "eth1")] }],
      [10, { type: "failed", interface: undefined }],
    ]);
    expect(ends(seen).map(({ sent }) => sent)).toEqual([false, false]);
  });

  test("a late loop delays questions but never crowds them", () => {
    const first = stepProber(createProber(), { type: "probe", requests: [request(1, "10.0.0.1")] }, 0);
    const late = stepProber(first.state, { type: "tick" }, 350);
    expect(late.effects).toEqual([{ type: "ask", address: "10.0.0.1", interface: "eth0" }]);
    expect(late.wakeAt).toBe(450);
  });

  test("500 at once: at most 500 questions a second, all made", () => {
    const requests = Array.from({ length: 500 }, (_, i) => request(i, `10.0.${i >> 8}.${i & 255}`));
    const { seen } = play([[0, { type: "probe", requests }]]);
    const times = asks(seen);
    expect(times).toHaveLength(1500);
    const most = Math.max(...times.map((at) => times.filter((other) => other >= at && other < at + 1000).length));
    expect(most).toBeLessThanOrEqual(511);
    expect(ends(seen).filter(({ sent }) => sent)).toHaveLength(500);
  });

  test("more than the bound are refused, not kept", () => {
    const requests = Array.from({ length: PROBES_MAX + 2 }, (_, id) => request(id, "10.0.0.1"));
    const { state, effects } = stepProber(createProber(), { type: "probe", requests }, 0);
    expect(state.probes.size).toBe(PROBES_MAX);
    expect(effects.filter((effect) => effect.type === "probed")).toEqual(
      [PROBES_MAX, PROBES_MAX + 1].map((id) => ({ type: "probed", id, address: "10.0.0.1", answers: [], sent: false })),
    );
  });
});
