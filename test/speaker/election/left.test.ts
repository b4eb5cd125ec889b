/** A node says in its Lease that it leaves: who begins in its place, and when either of the two falls silent. */
import { describe, expect, test } from "@jest/globals";
import { answered, type Beat, holder, MACS, NOW, next, peer, place, play, sketch, vip } from "./fixtures.ts";

const MAC_B = MACS["b"] ?? "";
const HOLDING = play(vip(holder("a", 3)), {});

describe("a Lease says that its node leaves (F5)", () => {
  const marked: Beat = { world: peer("b", { leaving: true }), place: place("ac") };
  const held = vip(holder("b", 3));

  test("the first in line announces at once, and its record says who still answers", () => {
    expect(sketch(play(held, marked))).toBe(
      "answers, claim 4 | announce, moved hand-over-shutdown, write a@4 from b hand-over-shutdown",
    );
  });

  test.each<[string, Beat]>([
    ["the second in line", { ...marked, place: place("ca") }],
    ["without the API", { ...marked, world: { ...marked.world, apiUp: false } }],
    ["itself about to go", { ...marked, world: { ...marked.world, ending: true, stopping: true } }],
    ["right after a stop of its own", { ...marked, world: { ...marked.world, stalledMs: NOW } }],
    [
      "with as many on their way as can be announced",
      { ...marked, world: { ...marked.world, handing: new Map([["a", 200]]) } },
    ],
    [
      "released since: nobody is about to answer it",
      { place: place("ac"), world: peer("b", { lease: "expired", leaving: true }) },
    ],
  ])("waits: %s", (_, beat) => {
    expect(sketch(play(held, beat))).not.toMatch(/answers|write/);
  });

  test("another one was heard announcing it: that one has it, or has given up when no record says so within 5 s", () => {
    const heard: Beat = { ...marked, input: { type: "heard", mac: MACS["c"] ?? "", how: "announcement" } };
    const left = play(held, heard);
    expect(sketch(left)).toBe("silent | ");
    expect(left.wakeAt).toBeLessThanOrEqual(NOW + 5_000);
    expect(sketch(next(left, { ...marked, afterMs: 4_999 }))).toBe("silent | ");
    expect(sketch(next(left, { ...marked, afterMs: 5_000 }))).toMatch(/^answers, claim 4/);
  });

  test("rounds of the one that leaves were under way: they do not silence the taker, later ones do", () => {
    const taken = play(held, marked);
    const round: Beat = { ...marked, input: { type: "heard", mac: MAC_B, how: "announcement" } };
    expect(sketch(next(taken, round))).toBe("answers, claim 4 | ");
    // The last of a lot is announced 200 ms after it was taken, and its leaver has not heard that a moment later.
    expect(sketch(next(taken, { ...round, afterMs: 250 }))).toBe("answers, claim 4 | ");
    const late = next(taken, { ...round, afterMs: 400 });
    expect(sketch(late)).toBe("silent, claim 4 | yielded record-names-other");
    // Its Lease speaks of the past, perhaps: it is not robbed again for that.
    const refused: Beat = { ...marked, input: { type: "written", epoch: 4, result: { kind: "refused" } } };
    const before = next(late, refused);
    expect(sketch(next(before, { ...marked, input: answered(before, held) }))).toBe("silent | ");
  });

  test("nor does its answer to a question, which it gave before it heard the taker; about a later one the server is asked", () => {
    const answer: Beat = { ...marked, input: { type: "heard", mac: MAC_B, how: "answer" } };
    const taken = play(held, marked);
    expect(sketch(next(taken, answer))).toBe("answers, claim 4 | ");
    expect(sketch(next(taken, { ...answer, afterMs: 400 }))).toBe("answers, reads (peer-heard), claim 4 | ");
  });

  const ending: Beat = { world: { ending: true, stopping: true, markedMs: NOW } };

  test("the leaver waits a second for them before it writes records itself", () => {
    const waiting = next(HOLDING, ending);
    expect(sketch(waiting)).toBe("answers | ");
    expect(sketch(next(waiting, { ...ending, afterMs: 1_000 }))).toMatch(/^answers, pass 4/);
  });

  test("it falls silent as it hears a candidate announce, and leaves the record to that one for 5 s", () => {
    const heard: Beat = { ...ending, input: { type: "heard", mac: MACS["c"] ?? "", how: "announcement" } };
    const silent = next(HOLDING, heard);
    expect(sketch(silent)).toBe("silent | yielded successor-heard");
    const later: Beat = { world: { ...ending.world, appliedGeneration: 8 } };
    expect(sketch(next(silent, later))).toBe("silent | ");
    expect(sketch(next(silent, { ...later, afterMs: 5_000 }))).toBe("silent, pass 4 | write b@4 hand-over-shutdown");
    expect(sketch(next(HOLDING, { ...heard, place: place("ab") }))).toMatch(/^answers, reads \(peer-heard\)/);
  });

  test("the one that it got the address from counts as well, once its own rounds cannot be under way any more", () => {
    const heard: Beat = { ...ending, input: { type: "heard", mac: MACS["c"] ?? "", how: "announcement" } };
    const got = play(vip(holder("a", 3, { from: "c" })), {});
    expect(sketch(next(got, { ...heard, afterMs: 1_499 }))).toMatch(/^answers/);
    expect(sketch(next(got, { ...heard, afterMs: 1_500 }))).toBe("silent | yielded successor-heard");
  });
});
