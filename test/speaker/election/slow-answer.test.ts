/** Rule Y with a server that takes seconds: whoever fell silent for a peer does not wait for its answer (election.md section 7). */
import { describe, expect, test } from "@jest/globals";
import { answered, type Beat, holder, MACS, next, place, play, probed, sketch, vip } from "./fixtures.ts";

const MAC_B = MACS["b"] ?? "";
const HOLDING = play(vip(holder("a", 3)), {});
const heard = next(HOLDING, { input: { type: "heard", mac: MAC_B, how: "announcement" }, afterMs: 5_000 });

describe("a peer was heard, and the server has not said within 200 ms who holds", () => {
  test("it comes back after its rank and a jitter, by a probe that finds nobody, as without the API", () => {
    const silent = next(heard, { afterMs: 200 });
    expect(silent.wakeAt - silent.now).toBeGreaterThanOrEqual(100);
    const asks = next(silent, { afterMs: 150 });
    expect(sketch(asks)).toBe("silent, reads (was-silent), probe (come-back) | probe");
    const back = next(asks, { input: probed(asks, []), afterMs: 300 });
    expect(sketch(back)).toBe("answers, reads (write-outcome) | announce, read");
    expect(sketch(next(back, { input: answered(back, vip(holder("b", 4))) }))).toBe(
      "silent | yielded record-names-other",
    );
  });

  test("the second in line a tenth of a second later", () => {
    const later = { place: place("bac") };
    const silent = next(heard, { ...later, afterMs: 200 });
    expect(silent.wakeAt - silent.now).toBeGreaterThanOrEqual(200);
    expect(sketch(next(silent, { ...later, afterMs: 150 }))).toBe("silent, reads (was-silent) | ");
  });

  test("the peer answers: it has the address until the server says something else", () => {
    const asks = next(next(heard, { afterMs: 200 }), { afterMs: 150 });
    const found = next(asks, { input: probed(asks, [MAC_B]), afterMs: 300 });
    expect(sketch(found)).toBe("silent, reads (was-silent) | ");
    expect(sketch(next(found, { input: answered(found, vip(holder("a", 3))) }))).toBe("answers | announce");
  });

  test.each<[string, Beat]>([
    ["the worker was fenced", { input: { type: "fenced" } }],
    ["the process was stopped", { world: { stalledMs: heard.now + 200 } }],
  ])("not when %s meanwhile: only the answer brings it back (S3)", (_, beat) => {
    const world = { ...beat.world };
    const silent = next(next(heard, { ...beat, world, afterMs: 200 }), { world, afterMs: 1_000 });
    expect(sketch(silent)).toBe("silent, reads (was-silent) | ");
    expect(sketch(next(silent, { world, input: answered(silent, vip(holder("a", 3))) }))).toMatch(/^answers/);
  });
});
