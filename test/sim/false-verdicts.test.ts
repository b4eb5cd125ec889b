/**
 * How often the wire is wrong about a station that lives (E5): one stream, every question and every answer lost by itself with the same
 * chance. The rate is counted where it can be, and compared with the arithmetic of election.md section 4, which then says the rest.
 */
import { describe, expect, test } from "@jest/globals";
import type { VerdictKind } from "../../speaker/detector/types.ts";
import { IS_FULL } from "../scale.ts";
import { GATEWAY, station, TARGETS, world } from "../speaker/detector/world.ts";

const HOUR_S = 3_600;
/** A question without an answer starts a burst; so many more in a row make a verdict. */
const MORE_LOSSES = 15;
const NODE_QUESTIONS = 4;

interface Rates {
  /** Of all kinds, in an hour of one stream. */
  readonly all: number;
  /** Of those that move at once; the others end by the first answer within two seconds, and move nothing. */
  readonly gone: number;
}

/**
 * A burst begins with each missing answer, so one in 100 ms / q, and lasts until the first answer. Sixteen in a row: q^15 after the first. Where
 * another address is answered first, the one that was missed is followed alone, and may miss as many again.
 */
function arithmetic(lossEachWay: number, addresses: number): Rates {
  const q = 1 - (1 - lossEachWay) ** 2;
  const alone = addresses === 1 ? 0 : 1 - q ** (addresses - 1);
  const cycleS = 0.1 / q + (0.01 / (1 - q)) * (1 + alone);
  const runs = (HOUR_S / cycleS) * q ** MORE_LOSSES;
  return { all: runs * (1 + alone), gone: runs * q ** NODE_QUESTIONS };
}

function verdictsIn(
  hours: number,
  lossEachWay: number,
  addresses: number,
): { readonly all: number; readonly gone: number } {
  const watched = station("a", { targets: TARGETS.slice(0, addresses), watched: true });
  const { segment } = world({ seed: 7, stations: [watched, station("b"), GATEWAY] });
  segment.run(10_000);
  segment.loss = lossEachWay;
  const kinds: VerdictKind[] = [];
  let lasts = false;
  for (let at = 0; at < hours * HOUR_S; at += 10) {
    segment.run(10_000);
    for (const { effect } of segment.told) {
      if (effect.type === "verdict" && !lasts) kinds.push(effect.verdict.kind);
      lasts = effect.type === "verdict";
    }
    segment.told.length = 0;
    segment.asked.length = 0;
  }
  return { all: kinds.length, gone: kinds.filter((kind) => kind === "gone").length };
}

describe("E5: false verdicts in hours of one stream, as many as the arithmetic says", () => {
  test.each([
    ["45 % lost each way, one address", 0.45, 1, 2, 10],
    ["45 % lost each way, four addresses", 0.45, 4, 2, 10],
    ["40 % lost each way, four addresses", 0.4, 4, 3, 20],
    ["35 % lost each way, four addresses", 0.35, 4, 3, 20],
    ["20 % lost each way, four addresses", 0.2, 4, 4, 50],
  ])("%s", (_, loss, addresses, part, full) => {
    const hours = IS_FULL ? full : part;
    const found = verdictsIn(hours, loss, addresses);
    const rates = arithmetic(loss, addresses);
    for (const kind of ["all", "gone"] as const) {
      const expected = rates[kind] * hours;
      // A tenth for what the arithmetic leaves out, and four times the spread of such a count.
      const spread = 0.1 * expected + 4 * Math.sqrt(expected) + 1;
      const line = `${found[kind]} verdicts (${kind}) in ${hours} stream-hours, ${expected.toFixed(4)} expected`;
      expect([line, Math.abs(found[kind] - expected) <= spread]).toEqual([line, true]);
    }
  });

  test("a fifth of all frames lost each way: one in eight days of a stream, and one that moves anything in two and a half years", () => {
    const { all, gone } = arithmetic(0.2, 4);
    expect(1 / all / 24).toBeGreaterThan(8);
    expect(1 / gone / 24 / 365).toBeGreaterThan(2.5);
    expect(1 / arithmetic(0.2, 1).all / 24).toBeGreaterThan(15);
  });
});
