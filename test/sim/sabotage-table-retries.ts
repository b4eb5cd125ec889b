/** The rules about when somebody tries again, each broken on purpose (see sabotage-table.ts). */
import type { SpeakerInput, SpeakerState } from "../../speaker/state.ts";
import * as retries from "./sabotage-retries.ts";
import type { Broken } from "./sabotage-table.ts";

/** Whoever answers does not learn that another one was recorded. */
function othersUnread(input: SpeakerInput, state: SpeakerState): SpeakerInput | undefined {
  if (input.type !== "virtual-ip") return input;
  const isServing = state.addresses.get(input.name)?.serving !== undefined;
  return isServing && input.vip?.holder?.node !== state.node ? undefined : input;
}

export const BROKEN_RETRIES: readonly Broken[] = [
  {
    rule: "no address flaps, with two nodes that take from each other without end (S5, ADR 33)",
    sabotage: { state: (state) => ({ ...state, apart: new Map() }) },
    story: retries.oneWayPath,
  },
  {
    rule: "whoever learns of a higher epoch is silent within one tick (S1)",
    sabotage: { input: othersUnread },
    story: retries.recordedUnheard,
  },
  {
    rule: "and its worker with it (S1)",
    sabotage: { neverYields: true },
    story: retries.recordedUnheard,
  },
];
