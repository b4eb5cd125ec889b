/** What the detector tells, kept until it has not been repeated for a while (wire-view.ts). */
import { type Batch, tell } from "./batch.ts";
import type { Verdict } from "./detector/types.ts";
import { wireKey } from "./election/types.ts";

/** Told again every second while it lasts; the time of the first one counts, as long as it is the same process that is judged. */
export function onVerdict(batch: Batch, verdict: Verdict, now: number): void {
  const { state } = batch;
  const key = wireKey(verdict.node, verdict.interface);
  const instance = state.speakers.get(verdict.node)?.facts.instance ?? "";
  const before = state.verdicts.get(key);
  const goesOn = before !== undefined && before.instance === instance && before.verdict.kind === verdict.kind;
  const told = { verdict, instance, sinceMs: goesOn ? before.sinceMs : now, toldMs: now };
  batch.state = { ...state, verdicts: new Map(state.verdicts).set(key, told) };
}

export function onBack(batch: Batch, node: string, ownInterface: string): void {
  const verdicts = new Map(batch.state.verdicts);
  verdicts.delete(wireKey(node, ownInterface));
  batch.state = { ...batch.state, verdicts };
  for (const one of batch.state.addresses.values()) {
    if (one.serving?.interface === ownInterface) tell(batch, one.name, { type: "back", node });
  }
}
