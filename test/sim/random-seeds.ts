/** Random faults over many seeds, as a jest test; how many depends on how much of the simulation is to run. */
import { afterAll, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import { describeRun, randomRun } from "./random-run.ts";

const alone = process.env["BERTH_SIM_SEED"];
/** `make test` runs eighteen times as many as `make check`, beside thousands of runs of the small world and the pairs. */
const TIMES = IS_FULL ? 18 : 1;

export interface World {
  readonly name: string;
  readonly first: number;
  readonly count: number;
  readonly options: Omit<Parameters<typeof randomRun>[0], "seed">;
}

/** Safety always, liveness after healing. A failing run prints its seed; BERTH_SIM_SEED runs one alone. */
export function testRandomFaults(worlds: readonly World[]): void {
  let runs = 0;
  let spentMs = 0;
  test.each(worlds)("$name", ({ first, count, options }) => {
    const seeds =
      alone === undefined ? Array.from({ length: count * TIMES }, (_, index) => first + index) : [Number(alone)];
    const startedMs = performance.now();
    const wrong = seeds.map((seed) => randomRun({ seed, ...options })).filter((run) => run.wrong.length > 0);
    spentMs += performance.now() - startedMs;
    runs += seeds.length;
    expect(wrong.slice(0, 3).map(describeRun).join("\n\n")).toBe("");
  });
  afterAll(() => {
    if (IS_FULL)
      process.stderr.write(`random faults: ${runs} seeds, ${((1_000 * runs) / spentMs).toFixed(1)} a second\n`);
  });
}
