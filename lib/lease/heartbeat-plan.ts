/** What a heartbeat asks of the API server next, from its state alone. */
import { factAnnotations, isSamePod, type SpeakerFacts, type SpeakerLease } from "../model/speaker-lease.ts";
import { assertNever } from "../runtime/errors.ts";
import type { HeartbeatState, LeaseCall } from "./heartbeat-types.ts";

/** A waiting process takes a Lease that was not renewed for this long before its own eyes. */
export const TAKE_OVER_MS = 10_000;

/** The next call; "end" when a process that never acted is told to go and has left no trace. */
export function nextCall(state: HeartbeatState, now: number): LeaseCall | "end" {
  switch (state.role.type) {
    case "waiting":
      return state.shutdown === "no" ? waitingCall(state, now) : standDown(state);
    case "acting":
      return actingCall(state);
    case "handed":
      return { type: "read" };
    case "lost":
    case "ended":
      return "end";
    default:
      return assertNever(state.role);
  }
}

/** The facts to write; undefined when the Lease has them, or when they are not known yet. */
export function factsToWrite(state: HeartbeatState): SpeakerFacts | undefined {
  if (state.facts === undefined) return undefined;
  const { facts, lease } = state;
  const written = Object.entries(factAnnotations(facts)).every(
    ([key, value]) => lease?.meta.annotations[key] === value,
  );
  return written ? undefined : facts;
}

/**
 * Whether others must know it before the next renewal. Where a node hears somebody no more, or again, it protects itself until then, and a
 * port that flaps must cost no writes; but that it hears at all others wait for (election.md section 5).
 */
export function isUrgent(state: HeartbeatState): boolean {
  const { facts, lease } = state;
  if (facts === undefined) return false;
  const known = lease?.facts.hearing ?? {};
  const isFirst = Object.entries(facts.hearing).some(([name, hears]) => hears && known[name] === undefined);
  const hearing = isFirst ? facts.hearing : known;
  return factsToWrite({ ...state, facts: { ...facts, hearing } }) !== undefined;
}

/**
 * Whether this process is to name itself as the next instance: once over whoever stands there, because the newest
 * process is the one that a rolling update wants and an older entry may be dead; after that only where nobody stands,
 * so that two waiting processes do not write against each other for ever.
 */
export function wantsQueue(state: HeartbeatState, lease: SpeakerLease): boolean {
  if (state.facts === undefined || state.shutdown !== "no" || lease.nextInstance === state.instance) return false;
  return lease.nextInstance === "" || !state.queuedOnce;
}

function waitingCall(state: HeartbeatState, now: number): LeaseCall {
  const { lease, facts } = state;
  // Without facts the others would see a node that can announce nothing.
  if (!state.known || state.mustRead || facts === undefined) return { type: "read" };
  if (lease === undefined) return { type: "create", facts };
  const isFree = lease.instance === "" || isSamePod(lease.instance, state.instance);
  if (isFree || now - state.changedMs >= TAKE_OVER_MS) return { type: "take", from: lease, facts };
  return wantsQueue(state, lease) ? { type: "queue", from: lease } : { type: "read" };
}

function standDown(state: HeartbeatState): LeaseCall | "end" {
  const { lease } = state;
  return lease !== undefined && lease.nextInstance === state.instance ? { type: "unqueue", from: lease } : "end";
}

function actingCall(state: HeartbeatState): LeaseCall | "end" {
  const { lease } = state;
  const facts = state.facts ?? {
    interfaces: [],
    proxyReady: true,
    kernelAnswers: [],
    uplinkLost: [],
    segments: {},
    hearing: {},
  };
  if (state.mustRead) return { type: "read" };
  // A release whose answer was lost: it took effect, and taking the Lease again would undo it.
  if (state.shutdown === "release" && lease?.instance !== state.instance) return "end";
  if (lease === undefined) return { type: "create", facts };
  if (lease.instance !== state.instance) return { type: "take", from: lease, facts };
  const next = lease.nextInstance;
  if (state.shutdown !== "no" && next !== "" && next !== state.instance)
    return { type: "hand-over", from: lease, to: next };
  if (state.shutdown === "release") return { type: "release", from: lease };
  return {
    type: "renew",
    from: lease,
    facts: factsToWrite(state),
    leaving: state.shutdown === "asked",
    unfence: state.fence.answered ? state.fence.by : "",
  };
}
