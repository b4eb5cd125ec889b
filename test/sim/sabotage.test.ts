/** A simulation that cannot find a broken rule proves nothing: each is broken once on purpose, and its story must find it. */
import { describe, expect, test } from "@jest/globals";
import { TIMES } from "../../speaker/election/types.ts";
import { IS_FULL } from "../scale.ts";
import { randomRun } from "./random-run.ts";
import { HONEST, type Sabotage } from "./sabotage.ts";
import { BROKEN_BOUNDS } from "./sabotage-bounds.ts";
import { BROKEN } from "./sabotage-table.ts";
import { BROKEN_MOVES } from "./sabotage-table-moves.ts";
import { BROKEN_RECORDS } from "./sabotage-table-records.ts";
import { BROKEN_RETRIES } from "./sabotage-table-retries.ts";
import { BROKEN_WIRE } from "./sabotage-table-wire.ts";

const EVERY = [...BROKEN, ...BROKEN_RECORDS, ...BROKEN_WIRE, ...BROKEN_MOVES, ...BROKEN_BOUNDS, ...BROKEN_RETRIES];
const ALL = IS_FULL ? EVERY : EVERY.filter((_, index) => index % 4 === 0);

/** The times of the rules are constants for everybody but this test. */
function withTimes<T>(times: Sabotage["times"], run: () => T): T {
  const before = { ...TIMES };
  Object.assign(TIMES, times);
  try {
    return run();
  } finally {
    Object.assign(TIMES, before);
  }
}

/** Without the API nothing is answered: the worker's table is emptied again and again. */
const silentWithoutApi: Sabotage = {
  effects: (effects, { apiUp, generation }) => {
    const entries = { type: "table", generation, entries: [] } as const;
    return apiUp ? effects : [...effects, { type: "worker", message: entries }];
  },
};

describe("each story ends well by the rules", () => {
  test.each([...new Set(ALL.map(({ story }) => story))].map((story) => [story.name, story] as const))(
    "%s",
    (_, story) => {
      expect(story(HONEST)).toEqual([]);
    },
  );
});

describe("a rule broken on purpose is found", () => {
  test.each(ALL)("$rule", ({ sabotage, story }) => {
    expect(withTimes(sabotage.times, () => story(sabotage))).not.toEqual([]);
  });

  /** Without a story: random faults come to it by themselves. */
  test.each([
    ["never yields", 10, { neverYields: true }],
    ["deaf", 60, { deaf: true }],
    ["silent without the API (S4)", 10, silentWithoutApi],
  ] as const)("%s: by random faults within %i seeds", (_, seeds, sabotage) => {
    const found = Array.from({ length: seeds }, (_unused, index) => 50_001 + index).some(
      (seed) => randomRun({ seed, nodes: 3, addresses: 2, faults: 8, sabotage }).wrong.length > 0,
    );
    expect(found).toBe(true);
  });
});
