/** How a speaker goes (election.md section 8): to its own successor on the node if one waits, else by handing every address over. */
import { assertNever } from "../lib/runtime/errors.ts";
import { maySettle } from "./election/settled.ts";
import { GIVE_LIMIT_MS, LEAVE_LIMIT_MS, type SpeakerEffect, type SpeakerState } from "./state.ts";

export function leave(state: SpeakerState, shutdown: boolean, now: number, effects: SpeakerEffect[]): SpeakerState {
  const { leaving } = state;
  if (leaving === undefined) return shutdown ? begin(state, now, effects) : state;
  switch (leaving.kind) {
    case "giving":
      if (state.own.phase !== "acting") return exit(state, "lease-given", effects);
      return now - leaving.sinceMs < GIVE_LIMIT_MS ? state : handOver(state, now, effects);
    case "handing-over":
      if (state.own.phase !== "acting" || allHandedOver(state)) return exit(state, "handed-over", effects);
      return now - leaving.sinceMs < LEAVE_LIMIT_MS ? state : exit(state, "deadline", effects);
    case "done":
      return state;
    default:
      return assertNever(leaving);
  }
}

function begin(state: SpeakerState, now: number, effects: SpeakerEffect[]): SpeakerState {
  if (state.own.phase !== "acting") return exit(state, "handed-over", effects);
  const next = waitingInstance(state);
  if (next === "") return handOver(state, now, effects);
  effects.push({ type: "give-lease", to: next });
  return { ...state, leaving: { kind: "giving", sinceMs: now } };
}

/** The process that waits on this node for the Lease, as the Lease says; "" when none does. */
function waitingInstance(state: SpeakerState): string {
  const own = state.peers.peers.get(state.node);
  if (own?.present !== true || own.lease.instance !== state.instance) return "";
  return own.lease.nextInstance === state.instance ? "" : own.lease.nextInstance;
}

function handOver(state: SpeakerState, now: number, effects: SpeakerEffect[]): SpeakerState {
  effects.push({ type: "mark-leaving" });
  return { ...state, leaving: { kind: "handing-over", sinceMs: now } };
}

/** An address without a successor is answered until the process ends. */
function allHandedOver(state: SpeakerState): boolean {
  return [...state.addresses.values()].every((address) => {
    const place = state.places.get(address.name);
    return place === undefined || maySettle(address, place, state.world);
  });
}

function exit(
  state: SpeakerState,
  reason: Extract<SpeakerEffect, { type: "exit" }>["reason"],
  effects: SpeakerEffect[],
): SpeakerState {
  effects.push({ type: "exit", reason });
  return { ...state, leaving: { kind: "done" } };
}
