import type { Berth } from "../e2e/berth.ts";
import { type Figure, lineOf, runs } from "./figures.ts";
import { massFigure } from "./mass.ts";
import { type Row, rows } from "./matrix/rows.ts";
import { type RunResult, runRow, worstOf } from "./matrix/run.ts";
import { type Outcome, SERVICES, Stage } from "./matrix/stage.ts";

/** The row's own line is printed by the caller; those of its four Services come before it. */
async function measure(berth: Berth, row: Row) {
  const stage = new Stage(berth);
  await stage.build();
  const results: RunResult[] = [];
  const times = runs(row.runs);
  for (let run = 1; run <= times; run += 1) {
    const result = await runRow(stage, row);
    const worst = worstOf(result);
    const told = SERVICES.map((name) => `${name} ${Math.round(result.byService[name].outageMs)}`).join(", ");
    console.error(
      `bench: ${row.name} ${run} of ${times}: ${told} ms; ${worst.lost} lost, ${worst.cut} cut, ${result.moved.length} moved`,
    );
    results.push(result);
  }
  for (const name of SERVICES) {
    const outcomes = results.map(({ byService }) => byService[name]);
    console.log(lineOf({ name: `failover/${row.name}/${name}`, unit: "ms", ...samplesOf(outcomes) }));
  }
  const moved = results.reduce((sum, result) => sum + result.moved.length, 0);
  const verdicts = results.reduce((sum, result) => sum + result.verdicts, 0);
  const { samples, also } = samplesOf(results.map(worstOf));
  return { samples, also: { ...also, moved, verdicts } };
}

function samplesOf(outcomes: readonly Outcome[]) {
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
  const also = { lost: sum(({ lost }) => lost), cut: sum(({ cut }) => cut) };
  return { samples: outcomes.map(({ outageMs }) => outageMs), also };
}

export const failoverFigures: readonly Figure[] = [
  ...rows.map((row): Figure => ({ name: `failover/${row.name}`, unit: "ms", measure: (berth) => measure(berth, row) })),
  massFigure,
];
