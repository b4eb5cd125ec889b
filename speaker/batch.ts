import type { Input } from "./election/types.ts";
import type { LeaseEvent, SpeakerEffect, SpeakerState } from "./state.ts";

/** What one batch of inputs has brought so far. It lives as long as the step. */
export interface Batch {
  state: SpeakerState;
  readonly effects: SpeakerEffect[];
  /** Inputs for single addresses, in the order in which they came. BOUNDED by the batch. */
  readonly inputs: Map<string, Input[]>;
  /** Addresses whose place is to be computed again. */
  readonly misplaced: Set<string>;
  readonly due: Set<string>;
  /** Services whose endpoints changed. */
  readonly services: Set<string>;
  allDue: boolean;
  /** Nodes, Leases or interfaces changed: every place may be another. */
  clusterChanged: boolean;
  leasesTouched: boolean;
  /** An address began or ended to be answered. */
  touched: boolean;
  /** The detector's plan may be another. */
  rewatch: boolean;
  shutdown: boolean;
  readonly events: LeaseEvent[];
  fence: number | undefined;
}

export function tell(batch: Batch, name: string, input: Input): void {
  const inputs = batch.inputs.get(name);
  if (inputs === undefined) batch.inputs.set(name, [input]);
  else inputs.push(input);
}
