/** How a speaker goes (election.md section 8): to its own successor on the node if one waits, else by handing every address over. */
import { assertNever } from "../lib/runtime/errors.ts";
import { maySettle } from "./election/settled.ts";
import {
  ASK_LIMIT_MS,
  type ExitReason,
  GIVEN_LINGER_MS,
  LEAVE_LIMIT_MS,
  type LeaseEvent,
  RELEASE_LIMIT_MS,
  type SpeakerEffect,
  type SpeakerState,
} from "./state.ts";

export interface LeaveInputs {
  readonly shutdown: boolean;
  readonly events: readonly LeaseEvent[];
}

export function leave(state: SpeakerState, told: LeaveInputs, now: number, effects: SpeakerEffect[]): SpeakerState {
  const { leaving } = state;
  if (state.own.phase === "lost" && leaving?.kind !== "done") return exit(state, "lease-lost", effects);
  if (leaving === undefined) return told.shutdown ? ask(state, now, effects) : state;
  switch (leaving.kind) {
    case "asked":
      if (told.events.includes("handed-over")) return give(state, leaving.sinceMs, told, now);
      if (told.events.includes("ended")) return exit(state, "handed-over", effects);
      if (!told.events.includes("leaving") && now - leaving.sinceMs < ASK_LIMIT_MS) return state;
      // A process that never acted holds nothing; its heartbeat may not even have begun.
      if (state.own.phase === "waiting") return exit(state, "handed-over", effects);
      return { ...state, leaving: { ...leaving, kind: "handing-over", markedMs: markedAt(told, now) } };
    case "giving": {
      const successorMs = told.events.includes("successor-acting") ? now : leaving.successorMs;
      if (now >= successorMs + GIVEN_LINGER_MS) return exit(state, "lease-given", effects);
      return bounded({ ...state, leaving: { ...leaving, successorMs } }, leaving.sinceMs, now, effects);
    }
    case "handing-over":
      // The next instance has come to wait after the mark: those who read of it take nothing, and this one must pass nothing on, either.
      if (told.events.includes("handed-over")) return give(state, leaving.sinceMs, told, now);
      if (told.events.includes("leaving")) return { ...state, leaving: { ...leaving, markedMs: now } };
      if (!allHandedOver(state)) return bounded(state, leaving.sinceMs, now, effects);
      effects.push({ type: "heartbeat", input: "release" });
      return { ...state, leaving: { kind: "releasing", sinceMs: now } };
    case "releasing":
      if (told.events.includes("ended")) return exit(state, "handed-over", effects);
      return now - leaving.sinceMs < RELEASE_LIMIT_MS ? state : exit(state, "deadline", effects);
    case "done":
      return state;
    default:
      return assertNever(leaving);
  }
}

/** The next instance has the Lease: this one answers on until it acts. */
function give(state: SpeakerState, sinceMs: number, told: LeaveInputs, now: number): SpeakerState {
  const successorMs = told.events.includes("successor-acting") ? now : Number.POSITIVE_INFINITY;
  return { ...state, leaving: { kind: "giving", sinceMs, successorMs } };
}

function markedAt(told: LeaveInputs, now: number): number {
  return told.events.includes("leaving") ? now : Number.NEGATIVE_INFINITY;
}

/** A process that acts for nobody has nothing to hand over, but its name may stand in the Lease. */
function ask(state: SpeakerState, now: number, effects: SpeakerEffect[]): SpeakerState {
  effects.push({ type: "heartbeat", input: "shutdown" });
  return { ...state, leaving: { kind: "asked", sinceMs: now } };
}

function bounded(state: SpeakerState, sinceMs: number, now: number, effects: SpeakerEffect[]): SpeakerState {
  return now - sinceMs < LEAVE_LIMIT_MS ? state : exit(state, "deadline", effects);
}

/** An address without a successor is answered until the process ends. */
function allHandedOver(state: SpeakerState): boolean {
  return [...state.addresses.values()].every((address) => {
    const place = state.places.get(address.name);
    return place === undefined || maySettle(address, place, state.world);
  });
}

function exit(state: SpeakerState, reason: ExitReason, effects: SpeakerEffect[]): SpeakerState {
  effects.push({ type: "exit", reason });
  return { ...state, leaving: { kind: "done" } };
}
