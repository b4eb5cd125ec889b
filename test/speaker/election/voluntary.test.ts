/** Moves by choice (E13): who is preferred, what is wrong with the holder's node, and how long each time waits. */
import { describe, expect, test } from "@jest/globals";
import type { Candidate } from "../../../speaker/candidates.ts";
import type { Place } from "../../../speaker/desired.ts";
import { type Beat, candidate, holder, next, type Play, peer, place, play, sketch, vip } from "./fixtures.ts";

/** Candidates in the order of the letters; `a` is this node. */
function placed(order: string, changes: Readonly<Record<string, Partial<Candidate>>>): Place {
  const usable = place(order).standing.usable.map((one) => ({ ...one, fault: changes["a"]?.fault }));
  return { ...place(order, { usable }), ordered: [...order].map((node) => ({ ...candidate(node), ...changes[node] })) };
}

const PREFER_B = placed("bac", { b: { preference: 10 } });
const NONE = place("abc");
const HOLDING = play(vip(holder("a", 3)), {});
const MINUTE = 60_000;

function moved(from: Play, epoch: number, to: string, reason: string, beat: Beat = {}): Play {
  const record = holder(to, epoch, { from: to === "a" ? "b" : "a", reason });
  return next(from, { ...beat, input: { type: "seen", vip: vip(record) } });
}

describe("the pool prefers another node", () => {
  const waiting = next(HOLDING, { place: PREFER_B });

  test("it is handed the address when it has been a candidate for 30 s, and not before", () => {
    expect(sketch(waiting)).toBe("answers | ");
    expect(waiting.wakeAt).toBe(waiting.now + 30_000);
    expect(sketch(next(waiting, { place: PREFER_B, afterMs: 29_999 }))).toBe("answers | ");
    expect(sketch(next(waiting, { place: PREFER_B, afterMs: 30_000 }))).toBe(
      "answers, pass 4 | write b@4 from a hand-over-preferred",
    );
  });

  test("a gap starts the time anew, another process too", () => {
    const gap = next(next(waiting, { place: NONE, afterMs: 29_000 }), { place: PREFER_B, afterMs: 10 });
    expect(sketch(next(gap, { place: PREFER_B, afterMs: 29_999 }))).toBe("answers | ");
    const other = placed("bac", { b: { preference: 10, instance: "ib-2" } });
    const again = next(waiting, { place: other, afterMs: 29_000 });
    expect(sketch(next(again, { place: other, afterMs: 29_999 }))).toBe("answers | ");
    expect(sketch(next(again, { place: other, afterMs: 30_000 }))).toMatch(/hand-over-preferred$/);
  });

  test("one that comes and goes does not hide one that stays", () => {
    const both = placed("bca", { b: { preference: 10 }, c: { preference: 5 } });
    const onlyC = placed("ca", { c: { preference: 5 } });
    const seen = next(next(HOLDING, { place: both }), { place: onlyC, afterMs: 20_000 });
    const back = next(seen, { place: both, afterMs: 9_000 });
    expect(sketch(next(back, { place: both, afterMs: 1_000 }))).toBe(
      "answers, pass 4 | write c@4 from a hand-over-preferred",
    );
  });

  test("of two that appear one after the other the better one is waited for, if it has done half of its time", () => {
    const onlyC = placed("ca", { c: { preference: 5 } });
    const both = placed("bca", { b: { preference: 10 }, c: { preference: 5 } });
    const seen = next(next(HOLDING, { place: onlyC }), { place: both, afterMs: 10_000 });
    const later = next(seen, { place: both, afterMs: 20_000 });
    expect(sketch(later)).toBe("answers | ");
    expect(later.wakeAt).toBe(later.now + 10_000);
    expect(sketch(next(later, { place: both, afterMs: 10_000 }))).toMatch(/^answers, pass 4 | write b@4/);
  });

  test.each<[string, Place, Beat["world"]]>([
    ["as much preferred as this one", placed("bac", { a: { preference: 10 }, b: { preference: 10 } }), {}],
    ["preferred, but demoted", placed("bac", { b: { preference: 10, demoted: true } }), {}],
    ["preferred, without the API", PREFER_B, { apiUp: false }],
    ["first by the hash alone", place("bac"), {}],
  ])("nothing moves: %s", (_, there, world) => {
    const start = next(HOLDING, { place: there, world: world ?? {} });
    expect(sketch(next(start, { place: there, world: world ?? {}, afterMs: 10 * MINUTE }))).toBe("answers | ");
  });

  test("who is preferred takes nothing from a holder that lives", () => {
    const other = play(vip(holder("b", 3)), { place: placed("abc", { a: { preference: 10 } }) });
    expect(sketch(next(other, { place: placed("abc", { a: { preference: 10 } }), afterMs: 10 * MINUTE }))).toBe(
      "silent | ",
    );
  });

  test("each move of late doubles the time, up to an hour; two hours without one forget them", () => {
    const waits: number[] = [];
    let at = HOLDING;
    for (let epoch = 4; epoch < 24; epoch += 2) {
      const start = next(at, { place: PREFER_B });
      waits.push((start.wakeAt - start.now) / 1000);
      const gone = moved(start, epoch, "b", "hand-over-preferred", { place: PREFER_B });
      // What happens because b dies does not count.
      const record = holder("a", epoch + 1, { reason: "holder-unreachable" });
      at = next(gone, { place: NONE, afterMs: 5_000, input: { type: "seen", vip: vip(record) } });
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    const quiet = next(at, { place: NONE, afterMs: 120 * MINUTE });
    const calm = next(quiet, { place: PREFER_B });
    expect(calm.wakeAt - calm.now).toBe(30_000);
  });

  test("a successor that was not heard waits for its full time again", () => {
    const due = next(waiting, { place: PREFER_B, afterMs: 30_000 });
    const handing = moved(due, 4, "b", "hand-over-preferred", { place: PREFER_B });
    const back = next(handing, { place: PREFER_B, afterMs: 1_000 });
    expect(sketch(back)).toBe("silent, claim 5 | yielded hand-over-timeout, write a@5 taken-back");
    const record = holder("a", 5, { reason: "taken-back" });
    const held = next(back, { place: PREFER_B, input: { type: "seen", vip: vip(record) } });
    // Passed over for 30 s first, and then twice 30 s without a gap; it may be that nothing else happens all that time.
    expect(held.wakeAt).toBe(held.now + 30_000);
    const seen = next(held, { place: PREFER_B, afterMs: 30_000 });
    expect(seen.wakeAt).toBe(seen.now + 60_000);
    expect(sketch(next(seen, { place: PREFER_B, afterMs: 59_999 }))).toBe("answers | ");
    expect(sketch(next(seen, { place: PREFER_B, afterMs: 60_000 }))).toMatch(/hand-over-preferred$/);
  });

  test("an address that nobody answers is never delayed by moves by choice (E13)", () => {
    let other = play(vip(holder("b", 3)), {});
    for (let epoch = 4; epoch < 10; epoch++) {
      other = moved(other, epoch, epoch % 2 === 0 ? "c" : "b", "hand-over-preferred");
    }
    const lost = next(other, { world: peer("b", { lease: "expired" }) });
    expect(sketch(lost)).toBe("silent, probe (holder-lease-expired) | probe");
  });
});

describe("something is wrong with the holder's node", () => {
  const faulty = { a: { demoted: true, fault: "hand-over-uplink-lost" } } as const;
  const unavailable = placed("bca", { a: { demoted: true, fault: "hand-over-network-unavailable" } });
  const THERE = placed("bca", faulty);
  const noticed = next(HOLDING, { place: THERE });

  test("it hands over to one that is better off, after a moment in which others may find the same", () => {
    expect(sketch(noticed)).toBe("answers | ");
    expect(sketch(next(noticed, { place: THERE, afterMs: 2_999 }))).toBe("answers | ");
    expect(sketch(next(noticed, { place: THERE, afterMs: 3_000 }))).toBe(
      "answers, pass 4 | write b@4 from a hand-over-uplink-lost",
    );
  });

  test("NetworkUnavailable waits 30 s: calico-node sets it at each start, and traffic flows", () => {
    const start = next(HOLDING, { place: unavailable });
    expect(sketch(next(start, { place: unavailable, afterMs: 29_999 }))).toBe("answers | ");
    expect(sketch(next(start, { place: unavailable, afterMs: 30_000 }))).toBe(
      "answers, pass 4 | write b@4 from a hand-over-network-unavailable",
    );
  });

  test("one fault after another: the second has its own time", () => {
    const start = next(next(HOLDING, { place: unavailable }), { place: THERE, afterMs: 29_000 });
    expect(sketch(next(start, { place: THERE, afterMs: 2_999 }))).toBe("answers | ");
    expect(sketch(next(start, { place: THERE, afterMs: 3_000 }))).toMatch(/hand-over-uplink-lost$/);
  });

  test("the interface that answers counts, and not the best one", () => {
    const [eth0 = { interface: "", mac: "" }] = place("a").standing.usable;
    const best = { interface: "eth9", mac: "02:00:00:00:09:0a" };
    const fault = "hand-over-uplink-lost";
    const bestLost = { ...THERE, standing: { ...THERE.standing, usable: [{ ...best, fault }, eth0] } } as const;
    const start = next(HOLDING, { place: bestLost });
    expect(sketch(next(start, { place: bestLost, afterMs: 10 * MINUTE }))).toBe("answers | ");
    const ownLost = { ...NONE, standing: { ...NONE.standing, usable: [best, { ...eth0, fault }] } } as const;
    const other = next(HOLDING, { place: ownLost });
    expect(sketch(next(other, { place: ownLost, afterMs: 3_000 }))).toMatch(/hand-over-uplink-lost$/);
  });

  test("nobody passes the soft rules: the holder stays (E9)", () => {
    const all = placed("abc", { ...faulty, b: { demoted: true }, c: { demoted: true } });
    const start = next(HOLDING, { place: all });
    expect(sketch(next(start, { place: all, afterMs: 10 * MINUTE }))).toBe("answers | ");
  });

  test("it was everybody's, and one recovers before the others: nothing moves", () => {
    const lost = { demoted: true, fault: "hand-over-uplink-lost" } as const;
    const all = placed("abc", { a: lost, b: lost, c: lost });
    const down = next(next(HOLDING, { place: all }), { place: all, afterMs: 10 * MINUTE });
    const first = placed("bac", { a: lost, c: lost });
    const found = next(next(down, { place: first }), { place: first, afterMs: 2_500 });
    expect(sketch(found)).toBe("answers | ");
    const back = next(found, { place: NONE });
    expect(sketch(next(back, { place: NONE, afterMs: 10 * MINUTE }))).toBe("answers | ");
    // It stays lost here alone: then it was not the router.
    expect(sketch(next(found, { place: first, afterMs: 500 }))).toBe(
      "answers, pass 4 | write b@4 from a hand-over-uplink-lost",
    );
  });

  test("not Ready alone moves nothing: it answers, and its traffic flows", () => {
    const unready = placed("bca", { a: { demoted: true } });
    const start = next(HOLDING, { place: unready });
    expect(sketch(next(start, { place: unready, afterMs: 10 * MINUTE }))).toBe("answers | ");
  });

  describe("externalTrafficPolicy Local", () => {
    const notReady = peer("a", { nodeReady: false });
    const local = (order: string, changes: Parameters<typeof placed>[1]): Place => {
      const there = placed(order, changes);
      return { ...there, standing: { ...there.standing, isLocal: true } };
    };
    const demoted = { demoted: true } as const;

    test("its Node is not Ready, so its endpoints go next: handed over at once", () => {
      expect(sketch(next(HOLDING, { place: local("bca", { a: demoted }), world: notReady }))).toBe(
        "answers, pass 4 | write b@4 from a hand-over-node-not-ready",
      );
    });

    test("the second time is not a moment later: it is no move by choice", () => {
      const there = local("bca", { a: demoted });
      const gone = moved(HOLDING, 4, "b", "hand-over-node-not-ready");
      const back = moved(gone, 5, "a", "hand-over-preferred");
      expect(sketch(next(back, { place: there, world: notReady }))).toMatch(
        /write b@6 from a hand-over-node-not-ready$/,
      );
    });

    test.each<[string, Place, Beat["world"]]>([
      ["nobody's Node is Ready (E9)", local("abc", { a: demoted, b: demoted, c: demoted }), notReady],
      ["no other node has an endpoint", local("a", { a: demoted }), notReady],
      ["demoted for another reason", local("bca", { a: demoted }), {}],
      ["any node can serve it", placed("bca", { a: demoted }), notReady],
    ])("nothing moves: %s", (_, there, world) => {
      const start = next(HOLDING, { place: there, world: world ?? {} });
      expect(sketch(next(start, { place: there, world: world ?? {}, afterMs: 10 * MINUTE }))).toBe("answers | ");
    });
  });

  test("a fault that ends in time moves nothing", () => {
    const well = next(noticed, { place: NONE, afterMs: 2_000 });
    const again = next(well, { place: THERE, afterMs: 500 });
    expect(sketch(next(again, { place: THERE, afterMs: 2_999 }))).toBe("answers | ");
  });

  test("the second time waits 30 s after the first, the third 60 s", () => {
    let at = HOLDING;
    const waits: number[] = [];
    for (let epoch = 4; epoch < 10; epoch += 2) {
      const start = next(at, { place: THERE });
      waits.push(start.wakeAt - start.now);
      const gone = moved(start, epoch, "b", "hand-over-uplink-lost", { place: THERE });
      const record = holder("a", epoch + 1, { from: "b", reason: "hand-over-shutdown" });
      at = next(gone, { place: NONE, input: { type: "seen", vip: vip(record) } });
    }
    expect(waits).toEqual([3_000, 30_000, 60_000]);
  });
});
