/** The rules of the election one by one: what follows from the outcome of a probe, a write, a read, and from time. */
import { describe, expect, test } from "@jest/globals";
import type { Input } from "../../../speaker/election/types.ts";
import {
  answered,
  type Beat,
  FOREIGN,
  holder,
  MACS,
  NOW,
  next,
  peer,
  place,
  play,
  probed,
  sketch,
  vip,
} from "./fixtures.ts";

const [MAC_B = "", MAC_C = ""] = [MACS["b"], MACS["c"]];
const HOLDING = play(vip(holder("a", 3)), {});

describe("who waits, and for how long", () => {
  test.each([
    ["abc", 0],
    ["bac", 1_000],
    ["bca", 2_000],
  ])("first holder in the order %s probes after %i ms", (order, delayMs) => {
    const start = play(vip(), { place: place(order) });
    expect(next(start, { place: place(order), afterMs: Math.max(0, delayMs - 1) }).state.task.kind).toBe(
      delayMs === 0 ? "probe" : "wait",
    );
    expect(next(start, { place: place(order), afterMs: delayMs }).state.task).toMatchObject({ kind: "probe" });
    if (delayMs > 0) expect(start.wakeAt).toBe(NOW + delayMs);
  });

  test("speakers that start together share: no first claim within two seconds of acting", () => {
    const early = play(vip(), { world: { actingSinceMs: NOW - 500 } });
    expect(sketch(early)).toBe("silent, wait (first-holder) | ");
    expect(early.wakeAt).toBe(NOW + 1_500);
  });

  test("the rank for a dead holder's address does not count the dead one", () => {
    const gone = { world: peer("b", { lease: "expired" }), place: place("bac") };
    expect(sketch(play(vip(holder("b", 3)), gone))).toBe("silent, probe (holder-lease-expired) | probe");
  });

  test.each([
    ["expired", {}, "holder-lease-expired"],
    ["released", {}, "holder-released"],
    ["none", {}, "holder-node-gone"],
    ["fresh", { nodeExists: false }, "holder-node-gone"],
  ] as const)("a holder whose Lease is %s is succeeded with its reason", (lease, changes, why) => {
    const start = play(vip(holder("b", 3)), { world: peer("b", { lease, ...changes }), place: place("ac") });
    expect(start.state.task).toMatchObject({ kind: "probe", why });
  });

  test("who is no candidate, or has no API, or is leaving, takes nothing", () => {
    const dead = peer("b", { lease: "expired" });
    expect(sketch(play(vip(holder("b", 3)), { world: dead, place: place("c") }))).toBe("silent | ");
    expect(sketch(play(vip(holder("b", 3)), { world: { ...dead, apiUp: false }, place: place("ac") }))).toBe(
      "silent | ",
    );
    expect(sketch(play(vip(holder("b", 3)), { world: { ...dead, stopping: true }, place: place("ac") }))).toBe(
      "silent | ",
    );
  });
});

describe("what a probe's answer means", () => {
  const dead: Beat = { world: peer("b", { lease: "expired", nodeReady: true }), place: place("ac") };
  const deadNotReady: Beat = { world: peer("b", { lease: "expired", nodeReady: false }), place: place("ac") };
  test.each([
    ["first use, silence", undefined, {}, [], "silent, claim 1 | write a@1 first-holder"],
    [
      "first use, a stranger",
      undefined,
      {},
      [FOREIGN],
      "silent, wait (first-holder) | Announced=False AddressInUse, Conflict=True ForeignHost",
    ],
    ["first use, a peer", undefined, {}, [MAC_B], "silent, reads (write-outcome) | "],
    ["dead holder, silence", holder("b", 3), dead, [], "silent, claim 4 | write a@4 holder-lease-expired"],
    [
      "E10: dead Lease, it answers, Node ready",
      holder("b", 3),
      dead,
      [MAC_B],
      "silent, probe (holder-lease-expired) | probe",
    ],
    [
      "E10: it answers, Node not ready",
      holder("b", 3),
      deadNotReady,
      [MAC_B],
      "silent, claim 4 | write a@4 holder-lease-expired",
    ],
    ["dead holder, another peer answers", holder("b", 3), dead, [MAC_C], "silent, reads (write-outcome) | "],
    [
      "dead holder, a stranger answers",
      holder("b", 3),
      dead,
      [FOREIGN],
      "silent, claim 4 | write a@4 holder-lease-expired",
    ],
  ] as const)("%s", (_name, record, beat, answers, outcome) => {
    const start = play(vip(record), beat);
    expect(start.state.task.kind).toBe("probe");
    expect(sketch(next(start, { ...beat, input: probed(start, answers) }))).toBe(outcome);
  });

  test.each([
    ["E10: it answers its own MAC's question, and nothing moves", [MAC_B], "silent, wait (holder-lease-expired) | "],
    [
      "E12: it does not; somebody else has answered in its name",
      [],
      "silent, claim 4 | write a@4 holder-lease-expired",
    ],
  ] as const)("a dead Lease, an answer to what was asked of everybody. %s", (_name, answers, outcome) => {
    const start = play(vip(holder("b", 3)), dead);
    const again = next(start, { ...dead, input: probed(start, [MAC_B]) });
    expect(again.effects).toMatchObject([{ type: "probe", to: MAC_B }]);
    expect(sketch(next(again, { ...dead, input: probed(again, answers) }))).toBe(outcome);
  });

  test("the words about a stranger do not say that this node answers before it does", () => {
    const said = (played: ReturnType<typeof play>) =>
      played.effects.flatMap((one) =>
        one.type === "condition" && one.claim.type === "Conflict" ? [one.claim.message] : [],
      );
    const start = play(vip(), {});
    const text = `${FOREIGN}, no node of this cluster, answers for ${start.state.address}`;
    expect(said(next(start, { input: probed(start, [FOREIGN]) }))).toEqual([`${text}: give that host another address`]);
    const heard = next(HOLDING, { input: { type: "heard", mac: FOREIGN, how: "announcement" } });
    expect(said(heard)).toEqual([`${text} as well: give that host another address`]);
  });

  test("a probe that could not be sent is no silence", () => {
    const start = play(vip(), {});
    expect(sketch(next(start, { input: probed(start, [], false) }))).toBe("silent, wait (first-holder) | ");
  });

  test("an answer to an older probe counts for nothing; a probe without an answer ends after a minute", () => {
    const start = play(vip(), {});
    expect(next(start, { input: { type: "probed", id: 99, answers: [], sent: true } }).state.task.kind).toBe("probe");
    expect(start.wakeAt).toBe(NOW + 60_000);
    const again = next(start, { afterMs: 60_000 });
    expect(again.state.task).toMatchObject({ kind: "probe", id: 2 });
  });

  test("a stranger on a first use is asked again after 5, 10, 20 s … and at most 60 s, and only by the first in line", () => {
    let now = play(vip(), {});
    const pauses: number[] = [];
    for (let round = 0; round < 6; round++) {
      const refused = next(now, { input: probed(now, [FOREIGN]) });
      pauses.push(refused.state.retryAtMs - refused.now);
      now = next(refused, { afterMs: refused.state.retryAtMs - refused.now });
      expect(now.state.task.kind).toBe("probe");
    }
    expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    const conflict = { type: "Conflict", status: "True", reason: "ForeignHost", message: "" } as const;
    const taken = { ...vip(), conditions: [{ ...conflict, lastTransitionTime: "", observedGeneration: undefined }] };
    expect(sketch(play(taken, { place: place("bac") }))).toBe("silent | ");
  });
});

describe("what a write's outcome means", () => {
  const start = play(vip(holder("", 3)), {}, {});
  const written = (result: Extract<Input, { type: "written" }>["result"]): Beat => ({
    input: { type: "written", epoch: 4, result },
  });

  test("granted: answers and announces at once", () => {
    const won = vip(holder("a", 4, { reason: "holder-released" }));
    expect(sketch(next(start, written({ kind: "ok", vip: won })))).toBe("answers | announce, moved holder-released");
  });

  test.each(["refused", "unknown"] as const)("%s: the intent is dropped and the record read", (kind) => {
    const after = next(start, written({ kind }));
    expect(sketch(after)).toBe("silent, reads (write-outcome) | read");
    expect(sketch(next(after, { input: answered(after, vip(holder("b", 4))) }))).toBe("silent | ");
    // It was written after all, though the answer was lost.
    expect(sketch(next(after, { input: answered(after, vip(holder("a", 4))) }))).toBe(
      "answers | announce, moved first-holder",
    );
  });

  test("refused again and again: slower and slower, up to 5 s", () => {
    let now = start;
    const pauses: number[] = [];
    for (let round = 0; round < 7; round++) {
      now = next(now, { input: { type: "written", epoch: 4, result: { kind: "refused" } } });
      pauses.push(Math.max(0, now.state.retryAtMs - now.now));
      now = next(now, { afterMs: Math.max(0, now.state.retryAtMs - now.now) });
      now = next(now, { input: answered(now, vip(holder("", 3))) });
      now = next(now, {});
      expect(now.state.task.kind).toBe("write");
    }
    expect(pauses).toEqual([0, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });
});

describe("epochs that go back (F6)", () => {
  const lower = next(HOLDING, { input: { type: "seen", vip: vip(holder("b", 2)) }, afterMs: 1_000 });

  test("a lagging event is answered by a read, and the holder goes on", () => {
    expect(sketch(lower)).toBe("answers, reads (lower-epoch) | read");
    expect(sketch(next(lower, { input: answered(lower, vip(holder("a", 3))) }))).toBe("answers | ");
  });

  test("confirmed and not named: yields to the record of the restored store", () => {
    expect(sketch(next(lower, { input: answered(lower, vip(holder("b", 2))) }))).toBe(
      "silent | yielded record-names-other",
    );
  });

  test("confirmed and named: goes on, and writes above all that was ever seen", () => {
    expect(sketch(next(lower, { input: answered(lower, vip(holder("a", 2))) }))).toBe(
      "answers, claim 4 | write a@4 taken-back",
    );
  });

  test("an answer that is older than what was learned meanwhile is asked for again", () => {
    const newer = next(lower, { input: { type: "seen", vip: vip(holder("a", 5)) }, afterMs: 5 });
    expect(sketch(next(newer, { input: answered(newer, vip(holder("a", 3))) }))).toBe(
      "answers, reads (lower-epoch) | read",
    );
  });
});

describe("rule Y: a known peer announces what is answered here", () => {
  const heard = next(HOLDING, { input: { type: "heard", mac: MAC_B, how: "announcement" }, afterMs: 5_000 });

  test("confirmed by the record: announces once more", () => {
    expect(sketch(next(heard, { input: answered(heard, vip(holder("a", 3))) }))).toBe("answers | announce");
  });

  test("confirmed, though an event that goes back has asked for the read anew: announces once more all the same", () => {
    const lower = next(heard, { input: { type: "seen", vip: vip(holder("b", 2)) }, afterMs: 5 });
    expect(sketch(lower)).toBe("answers, reads (peer-heard) | read");
    // What was asked before the event proves nothing about it.
    expect(sketch(next(lower, { input: answered(heard, vip(holder("a", 3))) }))).toBe("answers, reads (peer-heard) | ");
    expect(sketch(next(lower, { input: answered(lower, vip(holder("a", 3))) }))).toBe("answers | announce");
    expect(sketch(next(lower, { afterMs: 200 }))).toMatch(/yielded peer-heard-without-api$/);
  });

  test("the record names the other: silent", () => {
    expect(sketch(next(heard, { input: answered(heard, vip(holder("b", 4))) }))).toBe(
      "silent | yielded record-names-other",
    );
  });

  test("no answer within 200 ms: silent; then the API's word brings it back", () => {
    expect(heard.wakeAt).toBe(heard.now + 200);
    const silent = next(heard, { afterMs: 200 });
    expect(sketch(silent)).toBe("silent, reads (was-silent) | yielded peer-heard-without-api");
    expect(sketch(next(silent, { input: answered(silent, vip(holder("a", 3))) }))).toBe("answers | announce");
  });

  test("no API: silent at once; comes back by a probe that finds nobody, after its rank and a jitter", () => {
    const cut = { world: { apiUp: false } };
    const silent = next(HOLDING, { ...cut, input: { type: "heard", mac: MAC_B, how: "announcement" }, afterMs: 5_000 });
    expect(sketch(silent)).toBe("silent, reads (was-silent) | yielded peer-heard-without-api");
    expect(silent.wakeAt - silent.now).toBeGreaterThanOrEqual(100);
    expect(silent.wakeAt - silent.now).toBeLessThan(150);
    const asks = next(silent, { ...cut, afterMs: 150 });
    expect(sketch(asks)).toBe("silent, reads (was-silent), probe (come-back) | probe");
    expect(sketch(next(asks, { ...cut, input: probed(asks, [MAC_B]), afterMs: 300 }))).toBe(
      "silent, reads (was-silent) | ",
    );
    expect(sketch(next(asks, { ...cut, input: probed(asks, []), afterMs: 300 }))).toBe(
      "answers, reads (write-outcome) | announce",
    );
  });

  test("the predecessor of a hand-over may still be heard, and a successor's rounds do not count against it", () => {
    const named = play(vip(holder("b", 3)), {}, { input: { type: "seen", vip: vip(holder("a", 4, { from: "b" })) } });
    expect(named.state.serving).toBeDefined();
    const early = next(named, { input: { type: "heard", mac: MAC_B, how: "announcement" }, afterMs: 1_000 });
    expect(sketch(early)).toBe("answers | ");
    const late = next(named, { input: { type: "heard", mac: MAC_B, how: "announcement" }, afterMs: 2_000 });
    expect(sketch(late)).toBe("answers, reads (peer-heard) | read");
  });

  test("who once handed it over is heard as anybody else when this node comes back under the same record", () => {
    const cut = { world: { apiUp: false } };
    const heard: Beat = { ...cut, input: { type: "heard", mac: MAC_B, how: "announcement" } };
    const held = play(vip(holder("b", 3)), {}, { input: { type: "seen", vip: vip(holder("a", 4, { from: "b" })) } });
    const silent = next(held, { ...heard, afterMs: 5_000 });
    const asks = next(silent, { ...cut, afterMs: 150 });
    const back = next(asks, { ...cut, input: probed(asks, []), afterMs: 300 });
    expect(sketch(back)).toBe("answers, reads (write-outcome) | announce");
    expect(sketch(next(back, heard))).toBe("silent, reads (was-silent) | yielded peer-heard-without-api");
  });

  test("A4: a stranger never silences, is told off once in ten seconds, and is forgotten after a minute", () => {
    const stranger: Beat = { input: { type: "heard", mac: FOREIGN, how: "announcement" } };
    const first = next(HOLDING, stranger);
    expect(sketch(first)).toBe("answers | Conflict=True ForeignHost");
    expect(first.wakeAt).toBe(first.now + 2_500);
    const defended = next(first, { afterMs: 2_500 });
    expect(sketch(defended)).toBe("answers | announce");
    const again = next(defended, { ...stranger, afterMs: 1_000 });
    expect(again.wakeAt).toBe(again.now + 9_000);
    expect(sketch(next(again, { ...stranger, afterMs: 8_999 }))).toBe("answers | ");
    expect(sketch(next(again, { ...stranger, afterMs: 9_000 }))).toBe("answers | announce");
    expect(sketch(next(defended, { afterMs: 60_000 }))).not.toContain("announce");
    expect(next(defended, { afterMs: 60_000 }).state.foreign).toBeUndefined();
  });

  test("A4: the one announcement comes after all that a host says when it comes up", () => {
    const stranger: Beat = { input: { type: "heard", mac: FOREIGN, how: "announcement" } };
    const last = [1_000, 1_000].reduce(
      (state, afterMs) => next(state, { ...stranger, afterMs }),
      next(HOLDING, stranger),
    );
    const defended = next(last, { afterMs: 500 });
    expect(sketch(defended)).toBe("answers | announce");
    expect(sketch(next(defended, { afterMs: 10_000 }))).toBe("answers | ");
  });

  test("A4: nothing is defended that went elsewhere meanwhile: the stranger was a node not known yet", () => {
    const stranger: Beat = { input: { type: "heard", mac: FOREIGN, how: "announcement" } };
    const gone = next(next(HOLDING, stranger), { input: { type: "lost", mac: MAC_B } });
    expect(sketch(next(gone, { afterMs: 2_500 }))).not.toContain("announce");
  });
});
