/** What a verdict of the detector lets a node do (election.md sections 4 and 5). Node `a` is this one, `b` holds with epoch 3. */
import { describe, expect, test } from "@jest/globals";
import type { Holder } from "../../../lib/model/virtual-ip.ts";
import type { Input } from "../../../speaker/election/types.ts";
import { ADDRESS, answered, type Beat, holder, MACS, NOW, next, place, play, probed, sketch, vip } from "./fixtures.ts";
import { lost, OLD_MS, start, verdict } from "./on-wire.ts";

const [MAC_B = "", MAC_C = ""] = [MACS["b"], MACS["c"]];
const written = (record: Holder): Input => ({
  type: "written",
  epoch: record.epoch,
  result: { kind: "ok", vip: vip(record) },
});
const heard = (mac: string, how: "announcement" | "answer" = "announcement"): Input => ({ type: "heard", mac, how });
const TAKEN = "answers, claim 4 | announce, moved holder-unreachable, fence b, write a@4 holder-unreachable";

describe("a holder that the wire finds gone", () => {
  test("the first in line answers at once; the victim's Lease is marked and the record follows", () => {
    expect(sketch(start(...lost("abc")))).toBe(TAKEN);
  });

  test.each([
    ["bac", 0],
    ["cab", 100],
  ])("in the order %s after %i ms", (order, delayMs) => {
    const before = start(...lost(order));
    if (delayMs > 0) expect(sketch(before)).toBe("silent | ");
    const after = delayMs === 0 ? before : next(before, { afterMs: delayMs, place: place(order), world: verdict() });
    expect(sketch(after)).toBe(TAKEN);
  });

  test("whoever is found gone as well is not waited for (E7)", () => {
    const both = { wire: new Map([...verdict().wire, ...verdict({}, "c").wire]) };
    expect(sketch(start(...lost("cab", both)))).toBe(TAKEN);
  });

  test.each([
    ["that this node may not conclude (E1)", "abc", {}, { proven: false }],
    ["when this node is on its way out", "abc", { ending: true }, {}],
    ["of an address that this node is no candidate for", "cb", {}, {}],
  ])("nothing comes of a verdict %s", (_, order, world, view) => {
    expect(sketch(start(...lost(order, world, view)))).toBe("silent | ");
  });

  test("a record younger than a second is not judged unless its holder was heard (E2)", () => {
    const early = start({ afterMs: 400, world: verdict({ sinceMs: NOW }) });
    expect(sketch(early)).toBe("silent | ");
    expect(early.wakeAt).toBe(NOW + 1_000);
    const known = start({ input: heard(MAC_B), afterMs: 100 }, { afterMs: 300, world: verdict({ sinceMs: NOW }) });
    expect(known.state.serving).toBeDefined();
  });

  test("a verdict that was last told before the record, or before its holder was heard, says nothing of it", () => {
    const old = verdict({ kind: "silent", sinceMs: NOW - 1_000, toldMs: NOW });
    expect(sketch(start({}, { afterMs: 2_000, world: old }))).toBe("silent | ");
    const again = verdict({ kind: "silent", sinceMs: NOW - 1_000, toldMs: NOW + 1_500 });
    expect(start({}, { afterMs: 2_000, world: again }).state.serving).toBeDefined();
    const heardLater = start({ afterMs: 1_600, input: heard(MAC_B) }, { afterMs: 400, world: again });
    expect(sketch(heardLater)).toBe("silent | ");
  });

  test("somebody else was heard announcing it: believed for five seconds, and then asked for first (E2)", () => {
    const other = start({}, { input: heard(MAC_C), afterMs: 2_000 }, { afterMs: 3_000, world: verdict() });
    expect(sketch(other)).toBe("silent | ");
    const later = next(other, { afterMs: 2_000, world: verdict() });
    expect(sketch(later)).toBe("silent, probe (holder-unreachable) | probe");
    expect(sketch(next(later, { input: probed(later, []), world: verdict() }))).toContain("claim 4");
    expect(next(later, { input: probed(later, [MAC_C]), world: verdict() }).state.serving).toBeUndefined();
  });

  const instead = (mac: string): Input => ({ type: "heard", mac, how: "instead" });

  test("another candidate answers in its place: as if it had been heard announcing", () => {
    const other = start({}, { input: instead(MAC_C), afterMs: 2_000 }, { afterMs: 3_000, world: verdict() });
    expect(sketch(other)).toBe("silent | ");
    expect(sketch(next(other, { afterMs: 2_000, world: verdict() }))).toBe(
      "silent, probe (holder-unreachable) | probe",
    );
  });

  test("a node that is no candidate answers in its place: its kernel does, and has taken nothing (E12)", () => {
    const beats = [{}, { input: instead(MAC_C), afterMs: 2_000 }].map((beat) => ({ ...beat, place: place("ab") }));
    expect(sketch(start(...beats, { afterMs: 3_000, world: verdict(), place: place("ab") }))).toBe(TAKEN);
  });

  test("another one answered in its place before this one began: it does not yield to that", () => {
    expect(sketch(next(start(...lost("abc")), { input: instead(MAC_C), world: verdict() }))).toBe(
      "answers, claim 4 | ",
    );
  });

  test("an address that nobody answers is not delayed by refusals of the past (E13)", () => {
    const refused = start({}, { afterMs: OLD_MS });
    const state = { ...refused.state, failures: 5, retryAtMs: NOW + 60_000 };
    expect(next({ ...refused, state }, { world: verdict() }).state.serving).toBeDefined();
  });

  test("a probe of the slow way does not hold it up", () => {
    const slow = start(...lost("abc", { ...verdict({ proven: false }) }));
    const state = {
      ...slow.state,
      task: { kind: "probe", why: "holder-lease-expired", id: 9, sinceMs: slow.now } as const,
    };
    expect(next({ ...slow, state }, { world: verdict() }).state.serving).toBeDefined();
  });
});

describe("other verdicts", () => {
  test("a silent speaker has two seconds to come back", () => {
    const silent = start(...lost("abc", {}, { kind: "silent" }));
    expect(sketch(silent)).toBe("silent | ");
    expect(silent.wakeAt).toBe(NOW + OLD_MS + 2_000);
    const over = next(silent, { afterMs: 2_000, world: verdict({ kind: "silent" }) });
    expect(sketch(over)).toContain("moved holder-speaker-silent");
    expect(sketch(next(silent, { afterMs: 2_000 }))).toBe("silent | ");
    // It lost those and was given this one since.
    const others = { kind: "silent", addresses: new Set(["10.0.0.7"]) } as const;
    expect(sketch(next(start(...lost("abc", {}, others)), { afterMs: 2_000, world: verdict(others) }))).toBe(
      "silent | ",
    );
  });

  test("one silent address is recorded first, and only that one (E2)", () => {
    const view = { kind: "addresses", addresses: new Set([ADDRESS]) } as const;
    const one = next(start(...lost("abc", {}, view)), { afterMs: 2_000, world: verdict(view) });
    expect(sketch(one)).toBe("silent, claim 4 | write a@4 holder-address-silent");
    const other = { kind: "addresses", addresses: new Set(["10.0.0.7"]) } as const;
    expect(sketch(next(start(...lost("abc", {}, other)), { afterMs: 2_000, world: verdict(other) }))).toBe("silent | ");
  });
});

describe("answered before any record", () => {
  const taken = start(...lost("abc"));

  test("recorded: nothing more is said, and the lost node is pursued (F2)", () => {
    const done = next(taken, { input: written(holder("a", 4)), world: verdict() });
    expect(sketch(done)).toBe("answers | ");
    expect(done.state.pursuit).toMatchObject({ node: "b", mac: MAC_B });
    const back = next(done, { input: { type: "back", node: "b" }, afterMs: 60_000 });
    expect(sketch(back)).toBe("answers | announce");
    // Its answers that were under way come after it; then the pursuit is over.
    const late = next(back, { input: heard(MAC_B, "answer"), afterMs: 10, world: { ...verdict(), apiUp: false } });
    expect(sketch(late)).toBe("answers | ");
    expect(next(back, { afterMs: 1_000, world: verdict() }).state.pursuit).toBeUndefined();
  });

  test("who has handed on after it was silent is not pursued", () => {
    const named = (reason: string): Beat => ({ input: { type: "seen", vip: vip(holder("a", 4, { reason })) } });
    expect(play(vip(holder("b", 3)), {}, named("holder-lease-expired")).state.pursuit).toMatchObject({ node: "b" });
    expect(play(vip(holder("b", 3)), {}, named("hand-over-no-endpoint")).state.pursuit).toBeUndefined();
  });

  test("it answers for it again although the verdict stands: told, once a second, and not yielded to", () => {
    const done = next(taken, { input: written(holder("a", 4)), world: verdict() });
    const told = next(done, { input: heard(MAC_B, "answer"), afterMs: 1_000, world: verdict() });
    expect(sketch(told)).toBe("answers | announce");
    expect(sketch(next(told, { input: heard(MAC_B, "answer"), afterMs: 500, world: verdict() }))).toBe("answers | ");
  });

  test("any record wins: another has taken it", () => {
    const other = next(taken, { input: { type: "seen", vip: vip(holder("c", 4)) }, world: verdict() });
    expect(sketch(other)).toContain("silent");
  });

  test("refused, the record is read, and what it says holds", () => {
    const refused = next(taken, {
      input: { type: "written", epoch: 4, result: { kind: "refused" } },
      world: verdict(),
    });
    expect(sketch(refused)).toContain("answers, reads (write-outcome)");
    const same = next(refused, { input: answered(refused, vip(holder("b", 3))), world: verdict() });
    expect(sketch(same)).toContain("answers, claim 4");
    const other = next(refused, { input: answered(refused, vip(holder("c", 9))), world: verdict() });
    expect(sketch(other)).toContain("silent");
  });

  test("without the API it is answered, and written when the API is there again", () => {
    const down = start(...lost("abc", { apiUp: false }));
    expect(sketch(down)).toBe("answers | announce, moved holder-unreachable, fence b");
    expect(sketch(next(down, { afterMs: 60_000 }))).toContain("claim 4");
  });

  test("without the API it yields at once to another that announces, and comes back by rank, asking first (rule Y)", () => {
    const down = { apiUp: false };
    const hears: Beat = { input: heard(MAC_C), afterMs: 1_000, world: { ...verdict(), ...down } };
    const yielded = next(start(...lost("abc", down)), hears);
    expect(sketch(yielded)).toContain("silent");
    const later = next(yielded, { afterMs: 6_000, world: { ...verdict(), ...down } });
    expect(sketch(later)).toContain("probe (holder-unreachable)");
    const again = next(later, { input: probed(later, []), afterMs: 300, world: { ...verdict(), ...down } });
    expect(again.state.serving).toBeDefined();
  });

  test("two have begun, neither heard the other first: the first in line goes on, the second yields at once (E7)", () => {
    const hears: Beat = { input: heard(MAC_C), world: verdict() };
    expect(sketch(next(taken, hears))).toBe("answers, claim 4 | ");
    const second = start(...lost("cab"), { afterMs: 100, world: verdict(), place: place("cab") });
    expect(sketch(second)).toMatch(/^answers/);
    expect(sketch(next(second, { ...hears, place: place("cab") }))).toMatch(/^silent.*yielded first-in-line-heard/);
    // Each takes itself for the first: they hear each other again a round later, and then the record decides.
    const refused = next(taken, {
      input: { type: "written", epoch: 4, result: { kind: "refused" } },
      world: verdict(),
    });
    const again = next(refused, { input: answered(refused, vip(holder("b", 3))), world: verdict() });
    expect(sketch(next(again, { ...hears, afterMs: 1_000 }))).toContain("reads (peer-heard)");
  });

  test("the one that is let is told once more, when it has had the time to hear of it: whoever goes on after that has a record (E7, rule Y)", () => {
    const down = { ...verdict(), apiUp: false, taking: 1 };
    const early = next(start(...lost("abc", down)), { input: heard(MAC_C), afterMs: 300, world: down });
    expect(sketch(early)).toBe("answers | ");
    expect(early.wakeAt).toBe(early.now + 102);
    const told = next(early, { afterMs: 102, world: down });
    expect(sketch(told)).toBe("answers | announce");
    expect(sketch(next(told, { afterMs: 500, world: down }))).toBe("answers | ");
    expect(sketch(next(told, { input: heard(MAC_C), afterMs: 10, world: down }))).toContain("silent");
  });

  test.each([
    [1, 401, "answers"],
    [1, 402, "silent"],
    [250, 899, "answers"],
    [250, 900, "silent"],
    [5_000, 999, "answers"],
    [5_000, 1_000, "silent"],
  ])("of %i addresses that were taken at once, the other is heard after %i ms: %s", (taking, afterMs, what) => {
    const down = { ...verdict(), apiUp: false, taking };
    const begun = start(...lost("abc", down));
    expect(sketch(next(begun, { input: heard(MAC_C), afterMs, world: down }))).toContain(what);
  });

  test("the holder of the record is heard announcing: it lives, and an unrecorded holder loses", () => {
    const refused = next(taken, {
      input: { type: "written", epoch: 4, result: { kind: "refused" } },
      world: verdict(),
    });
    const alive = next(refused, { input: heard(MAC_B), afterMs: 1, world: verdict() });
    const read = next(alive, { input: answered(alive, vip(holder("b", 3))), world: {} });
    expect(sketch(read)).toContain("silent");
  });
});
