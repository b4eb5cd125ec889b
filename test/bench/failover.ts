import type { Berth } from "../e2e/berth.ts";
import { type Figure, runs } from "./figures.ts";
import { massFigure } from "./mass.ts";
import { printServices, samplesOf } from "./matrix/lines.ts";
import { missedGoals, type Seen, worstOf } from "./matrix/promises.ts";
import { type Row, rows } from "./matrix/rows.ts";
import { type RunResult, runRow } from "./matrix/run.ts";
import { SERVICES, Stage } from "./matrix/stage.ts";

/**
 * The row's own line is printed by the caller; those of its four Services come before it. A row counts the worst of its four
 * Services in each run: its `lost` and `cut` are the sums of these over the runs, not over the Services.
 */
async function measure(berth: Berth, row: Row) {
  const stage = new Stage(berth);
  await stage.build();
  const results: RunResult[] = [];
  let broken = 0;
  const times = runs(row.runs);
  for (let run = 1; run <= times; run += 1) {
    const result = await runRow(stage, row);
    const worst = worstOf(result);
    const missed = missedGoals(row.promised, result);
    broken += Number(missed.length > 0);
    const told = SERVICES.map((name) => `${name} ${Math.round(result.byService[name].outageMs)}`).join(", ");
    console.error(
      `bench: ${row.name} ${run} of ${times}: ${told} ms; ${worst.lost} lost, ${worst.cut} cut, ${result.moved.length} moved`,
      ...Object.entries(result.seen).map(([name, value]) => `${name} ${Math.round(value)}`),
      ...missed.map((what) => `NOT AS PROMISED: ${what}`),
    );
    results.push(result);
  }
  printServices(
    row.name,
    results.map(({ byService }) => byService),
  );
  const moved = results.reduce((sum, result) => sum + result.moved.length, 0);
  const verdicts = results.reduce((sum, result) => sum + result.verdicts, 0);
  const { samples, also } = samplesOf(results.map(worstOf));
  return { samples, also: { ...also, moved, verdicts, broken, ...worstSeen(results) } };
}

/** The worst run of each figure that only this row has. */
function worstSeen(results: readonly RunResult[]): Seen {
  const names = [...new Set(results.flatMap(({ seen }) => Object.keys(seen)))] as readonly (keyof Seen)[];
  const worst = (name: keyof Seen): number => Math.max(...results.map(({ seen }) => seen[name] ?? 0));
  return Object.fromEntries(names.map((name) => [name, Math.round(worst(name))]));
}

export const failoverFigures: readonly Figure[] = [
  ...rows.map((row): Figure => ({ name: `failover/${row.name}`, unit: "ms", measure: (berth) => measure(berth, row) })),
  massFigure,
];
