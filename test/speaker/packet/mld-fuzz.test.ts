/** No input stops the decoder of listener discovery either; see fuzz.test.ts. */
import { expect, test } from "@jest/globals";
import { decodeMldQuery, type MldDrop } from "../../../speaker/packet/mld.ts";
import { alike, each, flip, known, RUNS, recordedFrames, same, spoiled } from "./fuzz.ts";
import { finishMld } from "./mld-frames.ts";

const MLD_DROPS: Record<MldDrop, true> = {
  "mld-short": true,
  "mld-version": true,
  "mld-hop-by-hop": true,
  "mld-router-alert": true,
  "mld-hop-limit": true,
  "mld-source": true,
  "mld-type": true,
  "mld-checksum": true,
  "mld-group": true,
  "mld-destination": true,
  "mld-sources": true,
};
const recorded = recordedFrames();

test("a query or a known reason; every kind of query is come by", () => {
  const queries = [...recorded].flatMap(([name, one]) => (name.includes("query") ? [one] : []));
  const seen = new Set<string>();
  each(
    (dice) => {
      const input = spoiled(dice, queries);
      return dice.below(4) === 0 ? input : finishMld(input.slice());
    },
    (input) => {
      const [one, other] = alike(input.slice(14), ({ bytes, at, end }) => decodeMldQuery(bytes, at, end));
      same(one, other);
      seen.add(one.ok ? `${one.value.version} ${typeof one.value.group}` : one.reason);
      if (!one.ok) return known(MLD_DROPS, one.reason);
      const { maxResponseMs, group, robustness = 1, queryIntervalMs = 1000 } = one.value;
      same([maxResponseMs >= 0 && maxResponseMs < 2 ** 23, robustness > 0 && robustness < 8], [true, true]);
      same(queryIntervalMs > 0 && queryIntervalMs < 2 ** 25, true);
      same(typeof group === "string" || (group >= 0 && group < 2 ** 24), true);
    },
    RUNS * 2,
  );
  for (const one of ["1 string", "1 number", "2 string", "2 number", ...Object.keys(MLD_DROPS)])
    expect([one, seen.has(one)]).toEqual([one, true]);
});

test("one wrong bit, and it is no query; padding of the options, which no checksum covers, apart", () => {
  for (const [name, whole] of recorded) {
    if (!name.includes("query")) continue;
    const right = decodeMldQuery(whole, 14, whole.length);
    // Traffic class and flow label mean nothing here; from the IPv6 header to the end of its addresses, and from the message on.
    for (let bit = 14 * 8; bit < whole.length * 8; bit++) {
      if (bit >= 14 * 8 + 4 && bit < 18 * 8) continue;
      const bytes = whole.slice();
      flip(bytes, bit);
      const read = decodeMldQuery(bytes, 14, bytes.length);
      const isPadding = bit >= 60 * 8 && bit < 62 * 8;
      expect([name, bit, read.ok && (!isPadding || read)]).toEqual([name, bit, isPadding && read.ok ? right : false]);
    }
  }
});
