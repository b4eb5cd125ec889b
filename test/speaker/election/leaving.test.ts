/** How an address leaves a node: hand-over, exclusion, a former instance, deletion; and what the conditions say. */
import { describe, expect, test } from "@jest/globals";
import { wireKey } from "../../../speaker/election/types.ts";
import {
  ADDRESS,
  answered,
  type Beat,
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

const MAC_B = MACS["b"] ?? "";
const HOLDING = play(vip(holder("a", 3)), {});

describe("hand-over (F10)", () => {
  const leaving: Beat = { world: { stopping: true } };
  const passing = next(HOLDING, leaving);

  test("names the best other candidate, with itself as `from`, and answers on", () => {
    expect(sketch(passing)).toBe("answers, pass 4 | write b@4 from a hand-over-shutdown");
    expect(passing.effects[0]).toMatchObject({ holder: { node: "b", instance: "ib", interface: "eth0", mac: MAC_B } });
  });

  const handed = next(passing, { ...leaving, input: { type: "seen", vip: vip(holder("b", 4, { from: "a" })) } });

  test("the watch may show it before the write is answered", () => {
    expect(sketch(handed)).toBe("answers, handing to b | ");
  });

  test("the successor may be heard before the write is answered: then the answer ends it", () => {
    const early = next(passing, { ...leaving, input: { type: "heard", mac: MAC_B, how: "announcement" } });
    expect(sketch(early)).toMatch(/^answers, /);
    const named = vip(holder("b", 4, { from: "a" }));
    const written = { type: "written", epoch: 4, result: { kind: "ok", vip: named } } as const;
    expect(sketch(next(early, { ...leaving, input: written }))).toBe(
      "silent, reads (peer-heard) | yielded successor-heard, read",
    );
    const other = next(passing, { ...leaving, input: { type: "heard", mac: MACS["c"] ?? "", how: "announcement" } });
    expect(sketch(next(other, { ...leaving, input: written }))).toMatch(/^answers.* handing to b/);
  });

  test("not heard: a leaving node tries the next one, another one takes it back; b is passed over for 30 s", () => {
    expect(sketch(next(handed, { ...leaving, afterMs: 1_000 }))).toBe(
      "silent, pass 5 | yielded hand-over-timeout, write c@5 hand-over-shutdown",
    );
    const back = next(handed, { afterMs: 1_000 });
    expect(sketch(back)).toBe("silent, claim 5 | yielded hand-over-timeout, write a@5 taken-back");
    expect(back.state.skipped).toEqual([{ node: "b", untilMs: back.now + 30_000 }]);
  });

  const only: Beat = { ...leaving, place: place("ab") };

  test("not heard, and nobody else: a leaving node takes it back, and has it until it ends", () => {
    const written = {
      type: "written",
      epoch: 4,
      result: { kind: "ok", vip: vip(holder("b", 4, { from: "a" })) },
    } as const;
    const named = next(passing, { ...only, input: written });
    expect(sketch(named)).toBe("answers, handing to b | ");
    const back = next(named, { ...only, afterMs: 1_000 });
    expect(sketch(back)).toBe("silent, claim 5 | yielded hand-over-timeout, write a@5 taken-back");
    const own = vip(holder("a", 5, { reason: "taken-back" }));
    const won = next(back, { ...only, input: { type: "written", epoch: 5, result: { kind: "ok", vip: own } } });
    expect(sketch(won)).toBe("answers | announce, moved taken-back");
    expect(sketch(next(won, { ...only, afterMs: 9_000 }))).toMatch(/^answers \|/);
  });

  test("not from one that has named itself: it runs, and is not heard here alone", () => {
    const took = next(HOLDING, { ...only, input: { type: "seen", vip: vip(holder("b", 4, { from: "a" })) } });
    expect(sketch(next(took, { ...only, afterMs: 1_000 }))).toBe("silent | yielded hand-over-timeout");
  });

  test("without a successor the address is answered until the end", () => {
    expect(sketch(next(HOLDING, { ...leaving, place: place("a") }))).toBe("answers | ");
  });

  test("the successor starts at once; named by surprise and unable, it gives the other time to take it back", () => {
    const named: Beat = { input: { type: "seen", vip: vip(holder("a", 4, { from: "b" })) } };
    expect(sketch(play(vip(holder("b", 3)), {}, named))).toBe("answers | announce, moved first-holder");
    const unable = play(vip(holder("b", 3)), { place: place("c") }, { ...named, place: place("c") });
    expect(sketch(unable)).toBe("silent | ");
    expect(unable.wakeAt).toBe(NOW + 1_500);
    expect(sketch(next(unable, { place: place("c"), afterMs: 1_500 }))).toBe(
      "silent, pass 5 | write c@5 hand-over-not-candidate",
    );
  });
});

describe("no longer a candidate", () => {
  test.each([
    ["exclude-label", "bc", "answers, pass 4 | write b@4 from a hand-over-not-candidate"],
    ["out-of-service", "bc", "answers, pass 4 | write b@4 from a hand-over-not-candidate"],
    ["node-selector", "", "silent | yielded not-candidate"],
    ["local-endpoint-terminating", "b", "answers, pass 4 | write b@4 from a hand-over-no-endpoint"],
    ["local-endpoint-terminating", "", "answers | "],
    ["no-local-endpoint", "b", "silent | yielded no-endpoint"],
    ["no-endpoint", "", "silent | yielded no-endpoint"],
  ] as const)("%s with candidates %j", (rule, order, outcome) => {
    const served = next(HOLDING, { world: { appliedGeneration: 7 }, place: place(order, { rule }) });
    expect(sketch(served).replace(/, Announced=False \w+/, "")).toBe(outcome);
  });

  test.each([
    ["gone", true, "c"],
    ["silent", true, "c"],
    ["gone", false, "b"],
    ["addresses", true, "b"],
  ] as const)("the first in line is found %s, proven: %s: handed over to %s", (kind, proven, to) => {
    const view = { kind, sinceMs: NOW, toldMs: NOW, addresses: new Set([ADDRESS]), proven, apart: undefined };
    const wire = new Map([[wireKey("b", "eth0"), view]]);
    const excluded = { place: place("bc", { rule: "exclude-label" }), world: { wire } } as const;
    expect(sketch(next(HOLDING, excluded))).toBe(`answers, pass 4 | write ${to}@4 from a hand-over-not-candidate`);
    // Silent already, it has only its interfaces to know the segment by.
    const ended = place("bc", { rule: "no-local-endpoint" });
    const silent = next(HOLDING, { place: ended, world: { wire } });
    const confirmed: Beat = { place: ended, world: { wire, appliedGeneration: 8 } };
    expect(sketch(next(silent, confirmed))).toBe(`silent, pass 4 | write ${to}@4 hand-over-no-endpoint`);
  });

  test("what was silenced is given up only when the worker has confirmed the silence", () => {
    const gone: Beat = { place: place("b", { rule: "no-local-endpoint" }) };
    const silent = next(HOLDING, gone);
    expect(sketch(next(silent, { ...gone, afterMs: 50 }))).toBe("silent | ");
    const confirmed: Beat = { ...gone, world: { appliedGeneration: 8 } };
    expect(sketch(next(silent, confirmed))).toBe("silent, pass 4 | write b@4 hand-over-no-endpoint");
    const nobody = place("", { rule: "no-service" });
    expect(sketch(next(next(HOLDING, { place: nobody }), { ...confirmed, place: nobody }))).toBe(
      "silent, release 4 | write nobody@4 holder-not-candidate",
    );
  });

  test.each(["no-endpoint", "no-local-endpoint"] as const)(
    "%s on any node: the record stays, and the address is answered here again when there is one",
    (rule) => {
      const nobody: Beat = { place: place("", { rule }), world: { appliedGeneration: 8 } };
      const silent = next(next(HOLDING, nobody), nobody);
      expect(sketch(silent)).toBe("silent | ");
      const back: Beat = { world: { appliedGeneration: 8 }, place: place("bac") };
      expect(sketch(next(silent, back))).toBe("answers | announce, Announced=True Announced");
      const stopping: Beat = { ...nobody, world: { appliedGeneration: 8, stopping: true } };
      expect(sketch(next(silent, stopping))).toBe("silent, release 4 | write nobody@4 holder-not-candidate");
    },
  );

  test("carrier lost: handed on without `from`; carrier back before that: read first", () => {
    const out: Beat = { place: place("bc", { rule: undefined, usable: [], unusable: "no-carrier" }) };
    const silent = next(HOLDING, out);
    expect(sketch(next(silent, { ...out, world: { appliedGeneration: 8 } }))).toBe(
      "silent, reads (was-silent), pass 4 | write b@4 hand-over-not-candidate",
    );
    expect(sketch(next(silent, { afterMs: 20 }))).toBe("silent, reads (was-silent) | ");
    expect(sketch(next(silent, { input: answered(silent, vip(holder("a", 3))) }))).toBe("answers | announce");
  });

  test("the interface has another MAC now: a new epoch says so, and clients are told", () => {
    const mac = "02:00:00:00:00:99";
    const changed: Beat = { place: place("abc", { usable: [{ interface: "eth0", mac }] }) };
    const silent = next(HOLDING, changed);
    expect(sketch(silent)).toBe("silent, reads (was-silent) | yielded interface-unusable, read");
    const claiming = next(silent, { ...changed, input: answered(silent, vip(holder("a", 3))) });
    expect(sketch(claiming)).toBe("silent, claim 4 | write a@4 interface-changed");
    const won = vip(holder("a", 4, { mac, reason: "interface-changed" }));
    const told = next(claiming, { ...changed, input: { type: "written", epoch: 4, result: { kind: "ok", vip: won } } });
    expect(sketch(told)).toBe("answers | announce, moved interface-changed");
    expect(told.state.serving?.mac).toBe(mac);
  });

  test("another interface carries the address now: a new epoch says so", () => {
    const moved = place("abc", { usable: [{ interface: "eth1", mac: "02:00:00:00:01:0a" }] });
    const silent = next(HOLDING, { place: moved });
    const read = next(silent, { place: moved, input: answered(silent, vip(holder("a", 3))) });
    expect(sketch(read)).toBe("silent, claim 4 | write a@4 interface-changed");
  });
});

describe("instances of one node", () => {
  test("F8: a record of a former instance is nobody's: probed for, and won by a new epoch", () => {
    const start = play(vip(holder("a", 3, { instance: "old" })), { place: place("bca") });
    expect(sketch(start)).toBe("silent, probe (same-node-restart) | probe");
    expect(sketch(next(start, { place: place("bca"), input: probed(start, []) }))).toBe(
      "silent, claim 4 | write a@4 same-node-restart",
    );
  });

  test("F9: handed over by the former instance it is answered at once, without a word", () => {
    expect(sketch(play(vip(holder("a", 3, { instance: "old" })), { world: { adopted: true } }))).toBe("answers | ");
  });

  test("F8: a former instance's record on a node that is no candidate is handed on", () => {
    const start = play(vip(holder("a", 3, { instance: "old" })), { place: place("bc") });
    expect(sketch(start)).toBe("silent, pass 4 | write b@4 hand-over-not-candidate");
  });

  test("an instance that does not act answers nothing, whatever the record says", () => {
    expect(sketch(play(vip(holder("a", 3)), { world: { acting: false } }))).toMatch(/^silent/);
  });

  test("S3: after a stop a record that only the watch has shown is read before it is believed", () => {
    const named: Beat = { input: { type: "seen", vip: vip(holder("a", 4)) }, world: { stalledMs: NOW } };
    expect(sketch(play(vip(holder("b", 3)), {}, named))).toBe("silent, reads (was-silent) | read");
  });
});

describe("the object goes (A1)", () => {
  const deleted = vip(holder("a", 3), { deletionTimestamp: "now" });

  test("silence, its confirmation, then the record that says so; others do nothing", () => {
    const silent = next(HOLDING, { input: { type: "seen", vip: deleted } });
    expect(sketch(silent)).toBe("silent | yielded deleted");
    expect(sketch(next(silent, { world: { appliedGeneration: 8 } }))).toBe(
      "silent, release 4 | write nobody@4 holder-released",
    );
    const other = vip(holder("b", 3), { deletionTimestamp: "now" });
    expect(sketch(play(other, { world: peer("b", { lease: "expired" }), place: place("ac") }))).toBe("silent | ");
  });

  test("gone when it is read: silent", () => {
    const lower = next(HOLDING, { input: { type: "seen", vip: vip(holder("b", 2)) } });
    const id = lower.state.reading?.id ?? -1;
    expect(sketch(next(lower, { input: { type: "read", id, result: { kind: "gone" } } }))).toBe(
      "silent | yielded deleted",
    );
  });
});

describe("conditions", () => {
  test("Announced says who answers, once, and only when the worker has confirmed it", () => {
    expect(HOLDING.effects.some((effect) => effect.type === "condition")).toBe(false);
    const applied: Beat = { world: { appliedGeneration: 8, nextGeneration: 9 } };
    const said = next(HOLDING, applied);
    expect(said.effects).toMatchObject([
      { type: "condition", claim: { status: "True", message: `a answers for ${ADDRESS} on eth0 with ${MACS["a"]}` } },
    ]);
    expect(next(said, { ...applied, afterMs: 29_000 }).effects).toEqual([]);
    expect(sketch(next(said, { ...applied, afterMs: 30_000 }))).toBe("answers | Announced=True Announced");
  });

  test("nobody can: the reporter names each node's reason", () => {
    const [effect] = play(vip(), { place: place("") }).effects;
    expect(effect).toMatchObject({
      type: "condition",
      claim: {
        type: "Announced",
        status: "False",
        reason: "NoNodeSelected",
        message: `No node can announce ${ADDRESS}. a: the pool's nodeSelector does not take the node; b: the pool's nodeSelector does not take the node; c: the pool's nodeSelector does not take the node`,
      },
    });
  });
});
