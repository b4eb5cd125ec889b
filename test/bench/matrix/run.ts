/** One run of a row: everything on the victim, clients on, the fault, until all is answered again and mended. */

import type { Seen } from "./promises.ts";
import type { Row } from "./rows.ts";
import { type Outcome, SERVICES, type ServiceName, type Stage, VICTIM } from "./stage.ts";

export interface RunResult {
  readonly byService: Readonly<Record<ServiceName, Outcome>>;
  /** Verdicts told meanwhile; where nothing dies each is a false one. A speaker that was started anew counts from none. */
  readonly verdicts: number;
  /** Which of the four addresses another node has afterwards. */
  readonly moved: readonly ServiceName[];
  /** What the row looks at beside its clients. */
  readonly seen: Seen;
}

export async function runRow(stage: Stage, row: Row): Promise<RunResult> {
  await stage.gather();
  await stage.connect();
  const before = await stage.verdicts();
  const faultMs = Date.now();
  const { mend, seen = {} } = await row.break(stage);
  try {
    await stage.answered(100);
    const holders = await stage.holders();
    await stage.answered(20);
    const byService = await stage.finish(faultMs);
    const verdicts = Math.max(0, (await stage.verdicts()) - before);
    return { byService, verdicts, seen, moved: SERVICES.filter((_, index) => holders[index] !== VICTIM) };
  } finally {
    await mend?.();
    await stage.berth.lab.heal();
  }
}
