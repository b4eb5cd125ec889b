/** What must end: waiting for whoever cannot know better, writing against each other, paying for old failures, believing old answers. */
import { describe, expect, test } from "@jest/globals";
import type { VirtualIP } from "../../../lib/model/virtual-ip.ts";
import type { Effect, Input } from "../../../speaker/election/types.ts";
import { createProber, stepProber } from "../../../speaker/prober.ts";
import {
  answered,
  type Beat,
  FOREIGN,
  holder,
  MACS,
  next,
  type Play,
  peer,
  place,
  play,
  probed,
  sketch,
  vip,
} from "./fixtures.ts";

const MAC_B = MACS["b"] ?? "";

describe("a peer that is cut off answers for what it lost (E10)", () => {
  test.each([
    ["its Node is ready: it may come back", { lease: "expired", nodeReady: true }, "silent, reads (write-outcome) | "],
    ["its Lease is fresh", { lease: "fresh", nodeReady: false }, "silent, reads (write-outcome) | "],
    ["cut off, Node not ready", { lease: "expired", nodeReady: false }, "silent, claim 1 | write a@1 first-holder"],
    ["its Node is gone", { lease: "expired", nodeExists: false }, "silent, claim 1 | write a@1 first-holder"],
  ] as const)("a first use, %s", (_name, changes, outcome) => {
    const beat: Beat = { world: peer("b", changes), place: place("ac") };
    const start = play(vip(), beat);
    expect(sketch(next(start, { ...beat, input: probed(start, [MAC_B]) }))).toBe(outcome);
  });
});

describe("an adopted record", () => {
  const adopted = { world: { adopted: true } };
  const record = vip(holder("a", 3, { instance: "old" }));
  test("is announced when it comes back after a silence: somebody else may have been believed", () => {
    const silent = next(play(record, adopted), { ...adopted, input: { type: "lost", mac: MAC_B } });
    expect(sketch(silent)).toBe("silent, reads (was-silent) | yielded peer-announced-in-gap, read");
    expect(sketch(next(silent, { ...adopted, input: answered(silent, record) }))).toBe("answers | announce");
  });

  test("is announced if it has come since this process began: the one that it names may be gone, and has said nothing", () => {
    const start = play(vip(holder("b", 3)), adopted);
    const late: Input = { type: "seen", vip: vip(holder("a", 4, { instance: "old" })) };
    expect(sketch(next(start, { ...adopted, input: late }))).toBe("answers | announce, moved first-holder");
  });
});

describe("conditions cost a bounded number of writes", () => {
  const conditionsOf = (effects: readonly Effect[]) => effects.filter((effect) => effect.type === "condition");
  const shown = (claim: Extract<Effect, { type: "condition" }>["claim"]): VirtualIP => ({
    ...vip(),
    conditions: [{ ...claim, lastTransitionTime: "", observedGeneration: undefined }],
  });

  test("two reporters that see the nodes differently write once each, not for ever", () => {
    const views = [place(""), { ...place(""), excluded: [{ node: "b", reason: "no-carrier" as const }] }];
    let now: readonly Play[] = views.map((view) => play(vip(), { place: view }));
    let latest = now.flatMap(({ effects }) => conditionsOf(effects));
    let writes = 0;
    for (let round = 0; round < 50 && latest.length > 0; round++) {
      const effect = latest.shift();
      if (effect?.type !== "condition") break;
      writes += 1;
      const seen = { type: "seen", vip: shown(effect.claim) } as const;
      now = now.map((one, index) => next(one, { place: views[index] ?? place(""), input: seen, afterMs: 20 }));
      latest = [...latest, ...now.flatMap(({ effects }) => conditionsOf(effects))];
    }
    expect(writes).toBe(2);
  });

  test("strangers that take turns cost one condition, and each of them is told off", () => {
    const macs = [FOREIGN, "de:ad:00:00:00:02"];
    let now = play(vip(holder("a", 3)), {});
    const said: string[] = [];
    for (let round = 0; round < 100; round++) {
      now = next(now, { afterMs: 200, input: { type: "heard", mac: macs[round % 2] ?? "", how: "announcement" } });
      for (const effect of now.effects) said.push(effect.type);
    }
    expect(said).toEqual(["condition", "announce", "announce"]);
  });
});

describe("probes of many addresses at once", () => {
  test("each of 1,000 is answered by the worker before it is given up and asked again behind all others", () => {
    const waiting = play(vip(), {});
    const limitMs = waiting.wakeAt - waiting.now;
    const requests = Array.from({ length: 1_000 }, (_, id) => ({ id, address: `${id}`, interface: "eth0" }));
    let { state, wakeAt } = stepProber(createProber(), { type: "probe", requests }, 0);
    let now = 0;
    for (let turns = 0; state.probes.size > 0 && turns < 10_000; turns++) {
      now = wakeAt ?? now;
      ({ state, wakeAt } = stepProber(state, { type: "tick" }, now));
    }
    expect(state.probes.size).toBe(0);
    expect(now).toBeLessThan(limitMs);
  });
});

describe("the past", () => {
  test("refusals of long ago do not delay the next holder (E13)", () => {
    let now = play(vip(holder("", 3)), {}, {});
    for (let epoch = 4; epoch < 24; epoch += 2) {
      now = next(now, { input: { type: "written", epoch, result: { kind: "refused" } }, afterMs: 10_000 });
      now = next(now, { input: answered(now, vip(holder("b", epoch))) });
      now = next(now, { input: { type: "seen", vip: vip(holder("", epoch + 1)) } });
      expect(now.state.task.kind).toBe("write");
    }
    const refused = next(now, { input: { type: "written", epoch: 24, result: { kind: "refused" } } });
    expect(refused.state.retryAtMs).toBeLessThanOrEqual(refused.now);
  });

  test("A1: a late answer to a write for the former object does not bring it back", () => {
    const writing = play(vip(holder("", 3)), {}, {});
    expect(writing.state.task.kind).toBe("write");
    const anew = next(writing, {
      input: { type: "seen", vip: vip(holder("b", 1), { uid: "another" }) },
    });
    const late = { type: "written", epoch: 4, result: { kind: "ok", vip: vip(holder("a", 4)) } } as const;
    const after = next(anew, { input: late });
    expect([after.state.uid, sketch(after)]).toEqual(["another", "silent | "]);
  });
});
