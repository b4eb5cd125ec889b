/** What a node that hears nobody leaves to the candidates that do (election.md sections 4 and 5, E1). */
import { describe, expect, test } from "@jest/globals";
import type { Candidate } from "../../../speaker/candidates.ts";
import type { Place } from "../../../speaker/desired.ts";
import type { World } from "../../../speaker/election/types.ts";
import { answered, type Beat, holder, NOW, next, peer, place, play, sketch, vip } from "./fixtures.ts";

/** Node `a`, this one, hears nobody: it stands last, as candidates.ts has it. */
function heard(order: string, own: Partial<Candidate>, others: Partial<Candidate> = { hears: true }): Place {
  const { ordered, ...rest } = place(order);
  return { ...rest, ordered: ordered.map((one) => ({ ...one, ...(one.node === "a" ? own : others) })) };
}

const ISOLATED = { hears: false, isolated: true, demoted: true } as const;
const LAST = heard("ca", ISOLATED);
const hearing = (heardMs: number): Partial<World> => ({
  hearing: new Map([["eth0", { hears: false, sinceMs: 0, heardMs }]]),
});

describe("nobody has it, and others hear", () => {
  const lost = { world: peer("b", { lease: "expired" }) };

  test.each<[string, ReturnType<typeof vip>, Beat]>([
    ["the holder's Lease has run out", vip(holder("b", 3)), lost],
    ["it was released", vip(holder("", 3)), {}],
    ["it is new", vip(), {}],
    ["its holder leaves", vip(holder("b", 3)), { world: peer("b", { leaving: true }) }],
  ])("%s: that is theirs to take", (_, address, beat) => {
    const left = play(address, { ...beat, place: LAST });
    expect(sketch(next(left, { ...beat, place: LAST, afterMs: 60_000 }))).toBe("silent | ");
    // The same where this node hears.
    const sound = heard("ac", { hears: true });
    const takes = next(play(address, { ...beat, place: sound }), { ...beat, place: sound, afterMs: 10_000 });
    expect(sketch(takes)).not.toBe("silent | ");
  });

  test("its question was under way when it found that it hears nobody: no answer says nothing", () => {
    const asked = play(vip(holder("b", 3)), { ...lost, place: heard("ac", { hears: true }) });
    expect(sketch(asked)).toMatch(/probe/);
    const beat: Beat = { ...lost, place: LAST, input: { type: "probed", id: 1, answers: [], sent: true } };
    expect(sketch(next(asked, beat))).toBe("silent | ");
  });

  test("a former process of this node had it: its kernel still forwards, so it goes on all the same (F8)", () => {
    const former = play(vip(holder("a", 3, { instance: "before" })), { place: LAST });
    expect(sketch(former)).toMatch(/probe \(same-node-restart\)/);
  });
});

describe("the first addresses, before anybody has answered this process", () => {
  const unknown = { hears: undefined };
  const listening = { hearing: new Map([["eth0", { hears: undefined, sinceMs: NOW, heardMs: 0 }]]) };

  test("nobody says yet that he hears: it waits two seconds for the first answer, then it takes as ever (E3)", () => {
    const all = heard("ac", unknown, unknown);
    const waits = play(vip(), { place: all, world: listening });
    expect(sketch(waits)).toMatch(/^silent, wait/);
    expect(waits.wakeAt).toBe(NOW + 2_000);
    expect(sketch(next(waits, { place: all, world: listening, afterMs: 2_000 }))).toMatch(/probe/);
  });

  test("it is answered meanwhile: at once", () => {
    const waits = play(vip(), { place: heard("ac", unknown, unknown), world: listening });
    expect(sketch(next(waits, { place: heard("ac", { hears: true }, unknown) }))).toMatch(/probe/);
  });

  test("alone it waits for nobody", () => {
    expect(sketch(play(vip(), { place: heard("a", unknown), world: listening }))).toMatch(/probe/);
  });
});

describe("named by one that did not know", () => {
  const named = vip(holder("a", 4, { from: "b", reason: "hand-over-not-candidate" }));

  test("it leaves its predecessor the time to take it back, and passes it on after that", () => {
    const left = play(named, { place: LAST });
    expect(sketch(left)).toBe("silent | ");
    expect(left.wakeAt).toBe(NOW + 1_500);
    expect(sketch(next(left, { place: LAST, afterMs: 1_500 }))).toMatch(/pass 5 \| write c@5/);
  });

  test.each<[string, Beat]>([
    ["nobody else could hold it", { place: heard("a", ISOLATED) }],
    ["the next one hears nobody either", { place: heard("ca", ISOLATED, ISOLATED) }],
    ["the API server is away", { place: LAST, world: { apiUp: false } }],
  ])("it answers all the same: %s", (_, beat) => {
    expect(sketch(play(named, beat))).toMatch(/^answers/);
  });

  test("what it has answered under this record it goes on with, after a silence of its own, too (E15)", () => {
    const record = vip(holder("a", 4));
    const held = next(play(record, {}), { place: LAST, afterMs: 60_000 });
    expect(sketch(held)).toBe("answers | ");
    const stopped = next(held, { place: LAST, input: { type: "fenced" } });
    expect(sketch(stopped)).toMatch(/^silent, reads/);
    expect(sketch(next(stopped, { place: LAST, input: answered(stopped, record) }))).toMatch(/^answers/);
  });
});

describe("a holder that hears nobody", () => {
  const begun = play(vip(holder("a", 4)), {});

  test("nobody has answered it since it began: it hands over after three seconds, and does not wait to hear the other", () => {
    const beat: Beat = { place: LAST, world: hearing(NOW - 1) };
    const found = next(begun, beat);
    expect(sketch(next(found, { ...beat, afterMs: 2_999 }))).toBe("answers | ");
    const passing = next(found, { ...beat, afterMs: 3_000 });
    expect(sketch(passing)).toBe("answers, pass 5 | write c@5 from a hand-over-isolated");
    const record = vip(holder("c", 5, { from: "a", reason: "hand-over-isolated" }));
    const handing = next(passing, { ...beat, input: { type: "seen", vip: record } });
    expect(sketch(next(handing, { ...beat, afterMs: 1_000 }))).toBe("silent | yielded hand-over-timeout");
  });

  test("somebody has: others know that it answers, and judge it by the wire; it keeps what it has (E15)", () => {
    const beat: Beat = { place: LAST, world: hearing(NOW + 1) };
    expect(sketch(next(next(begun, beat), { ...beat, afterMs: 600_000 }))).toBe("answers | ");
  });

  test("nobody else hears: it keeps what it has", () => {
    const beat: Beat = { place: heard("ac", { hears: false }, { hears: false }), world: hearing(NOW - 1) };
    expect(sketch(next(next(begun, beat), { ...beat, afterMs: 600_000 }))).toBe("answers | ");
  });
});
