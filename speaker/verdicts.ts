/** What the detector tells, kept until it has not been repeated for a while (wire-view.ts). */
import { notApart } from "./apart.ts";
import { type Batch, tell } from "./batch.ts";
import type { Verdict } from "./detector/types.ts";
import { ofWireKey, wireKey } from "./election/types.ts";
import { hasCarrier, type InterfaceFacts } from "./interfaces.ts";
import type { SpeakerState } from "./state.ts";

/** Told again every second while it lasts; the time of the first one counts, as long as it is the same process that is judged. */
export function onVerdict(batch: Batch, verdict: Verdict, now: number): void {
  const { state } = batch;
  // Told before the detector knew of it.
  if (isUnplugged(state, verdict.interface)) return;
  const key = wireKey(verdict.node, verdict.interface);
  const instance = state.speakers.get(verdict.node)?.facts.instance ?? "";
  const before = state.verdicts.get(key);
  const goesOn = before !== undefined && before.instance === instance && before.verdict.kind === verdict.kind;
  const told = { verdict, instance, sinceMs: goesOn ? before.sinceMs : now, toldMs: now };
  batch.state = { ...state, verdicts: new Map(state.verdicts).set(key, told) };
}

function isUnplugged({ linked, interfaces }: SpeakerState, name: string): boolean {
  return linked && !hasCarrier(interfaces, name);
}

/** What was found there says nothing any more once the own cable was out: the detector forgets its stations as well. By wireKey. */
export function stillTold<T>(found: ReadonlyMap<string, T>, live: readonly InterfaceFacts[]): ReadonlyMap<string, T> {
  const kept = [...found].filter(([key]) => hasCarrier(live, ofWireKey(key).ownInterface));
  return kept.length === found.size ? found : new Map(kept);
}

export function onBack(batch: Batch, node: string, ownInterface: string): void {
  const verdicts = new Map(batch.state.verdicts);
  const key = wireKey(node, ownInterface);
  verdicts.delete(key);
  batch.state = { ...batch.state, verdicts, apart: notApart(batch.state.apart, key) };
  for (const one of batch.state.addresses.values()) {
    if (one.serving?.interface === ownInterface) tell(batch, one.name, { type: "back", node });
  }
}
