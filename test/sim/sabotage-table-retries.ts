/** The rules about when somebody tries again, each broken on purpose (see sabotage-table.ts). */
import type { AddressState } from "../../speaker/election/types.ts";
import type { SpeakerEffect, SpeakerInput, SpeakerState } from "../../speaker/state.ts";
import * as retries from "./sabotage-retries.ts";
import type { Broken } from "./sabotage-table.ts";
import { withAddresses } from "./sabotage-table-moves.ts";
import { eachStation } from "./sabotage-table-wire.ts";

/** Whoever answers does not learn that another one was recorded. */
function othersUnread(input: SpeakerInput, state: SpeakerState): SpeakerInput | undefined {
  if (input.type !== "virtual-ip") return input;
  const isServing = state.addresses.get(input.name)?.serving !== undefined;
  return isServing && input.vip?.holder?.node !== state.node ? undefined : input;
}

function withoutOutcome(one: AddressState): AddressState {
  return one.reading?.why === "write-outcome" ? { ...one, reading: undefined } : one;
}

/** A MAC that stands in no Lease any more is foreign at once. */
function withoutFormerMacs(state: SpeakerState): SpeakerState {
  const { peers, world } = state;
  const macOwners = new Map([...world.macOwners].filter(([mac]) => peers.macs.get(mac)?.lastSeenMs === undefined));
  return { ...state, world: { ...world, macOwners } };
}

/** Once it was told to end it answers nothing. */
function silentAsItLeaves(effects: readonly SpeakerEffect[], state: SpeakerState): readonly SpeakerEffect[] {
  const silence = { type: "table", generation: state.generation, entries: [] } as const;
  return state.leaving !== undefined ? [...effects, { type: "worker", message: silence }] : effects;
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
  {
    rule: "by the Lease candidates take their turns, one second apart (section 5)",
    sabotage: { times: { rankMs: 0 } },
    story: retries.turnsByLease,
  },
  {
    rule: "a holder that is cut off from the API server is asked again after three seconds (E10)",
    sabotage: { times: { cutOffRetryMs: 60_000 } },
    story: retries.diesAfterItAnswered,
  },
  {
    rule: "whoever has yielded asks again two seconds after somebody answered (rule Y)",
    sabotage: { times: { peerRetryMs: 60_000 } },
    story: retries.otherOneDies,
  },
  {
    rule: "after a write that was refused the record is read anew (F4)",
    sabotage: { state: (state) => withAddresses(state, withoutOutcome) },
    story: retries.refusedUnseen,
  },
  {
    rule: "an alarm makes one burst a second of each pair at most (E6)",
    sabotage: { detector: (state) => eachStation(state, (one) => ({ ...one, burstMs: Number.NEGATIVE_INFINITY })) },
    story: retries.manyAlarms,
  },
  {
    rule: "a MAC that stood in a Lease within the hour belongs to a peer (E8)",
    sabotage: { state: withoutFormerMacs },
    story: retries.withoutLease,
  },
  {
    rule: "whoever leaves without a successor answers until its process ends (section 8)",
    sabotage: { effects: silentAsItLeaves },
    story: retries.leavesAlone,
  },
];
