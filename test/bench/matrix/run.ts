/** One run of a row: everything on the victim, clients on, the fault, until all is answered again and mended. */

import type { Row } from "./rows.ts";
import { type Outcome, SERVICES, type ServiceName, type Stage, VICTIM } from "./stage.ts";

export interface RunResult {
  readonly byService: Readonly<Record<ServiceName, Outcome>>;
  /** Verdicts told meanwhile; where nothing dies each is a false one. A speaker that was started anew counts from none. */
  readonly verdicts: number;
  /** Which of the four addresses another node has afterwards. */
  readonly moved: readonly ServiceName[];
}

export async function runRow(stage: Stage, row: Row): Promise<RunResult> {
  await stage.gather();
  await stage.connect();
  const before = await stage.verdicts();
  const mend = await row.break(stage);
  try {
    await stage.answered(100);
    const holders = await stage.holders();
    await stage.answered(20);
    const byService = await stage.finish();
    const verdicts = Math.max(0, (await stage.verdicts()) - before);
    return { byService, verdicts, moved: SERVICES.filter((_, index) => holders[index] !== VICTIM) };
  } finally {
    await mend();
    await stage.berth.lab.heal();
  }
}

/** The worst of the four: what the row counts for. */
export function worstOf({ byService }: RunResult): Outcome {
  const all = Object.values(byService);
  return {
    outageMs: Math.max(...all.map(({ outageMs }) => outageMs)),
    lost: all.reduce((sum, { lost }) => sum + lost, 0),
    cut: all.reduce((sum, { cut }) => sum + cut, 0),
  };
}
