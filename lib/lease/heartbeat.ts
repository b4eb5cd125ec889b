/**
 * The heartbeat of a speaker (election.md section 2; hazards F5, F7, F8, F9): which of the processes of a node acts for
 * it, and whether the API server is there. A pure machine; lib/lease/heartbeat-loop.ts executes its effects.
 *
 *     waiting ──absent, released, not renewed for 10 s, own pod's dead process, or handed over──▶ acting
 *     acting ──another instance in the Lease──▶ lost        acting ──SIGTERM and a next instance──▶ handed ──▶ ended
 *                                                           acting ──SIGTERM, leaving, release──▶ ended
 *
 * Losing the API server changes no role: the holder goes on (rule S4).
 */
import { compareResourceVersions } from "../kube/resource-version.ts";
import { isSamePod, type SpeakerFacts, type SpeakerLease } from "../model/speaker-lease.ts";
import { assertNever } from "../runtime/errors.ts";
import { drawRandom } from "../runtime/random.ts";
import { accept, finishCall } from "./heartbeat-accept.ts";
import { isUrgent, nextCall, TAKE_OVER_MS, wantsQueue } from "./heartbeat-plan.ts";
import type { HeartbeatEffect, HeartbeatInput, HeartbeatState, HeartbeatStep } from "./heartbeat-types.ts";

export const RENEW_MS = 3_000;
/** Renewals are spread by ± 20 %, so that the speakers of a cluster do not fall into step. */
const RENEW_JITTER = 0.2;
export const REQUEST_TIMEOUT_MS = 2_000;
/** A request without any outcome for this long counts as failed, whatever became of it below. */
const REQUEST_LOST_MS = 3_000;
/** After a failure the API server is asked again this soon: L1 counts from its first answer. */
const RETRY_MS = 1_000;
const REFUSED_MIN_MS = 100;
/** BOUNDED: changed facts (a link that flaps) cost at most one write in this time. */
const WRITE_GAP_MS = 200;
/** How often one that waits looks, in case the watch does not show it the hand-over. Lasts for one rolling update. */
const WAIT_POLL_MS = 1_000;
/** How often the one that handed over looks whether the next one renews. */
const HANDED_POLL_MS = 500;

type Answered = Extract<HeartbeatInput, { type: "answered" }>;

export function initialHeartbeat(node: string, instance: string, seed: number): HeartbeatState {
  return {
    node,
    instance,
    role: { type: "waiting" },
    started: false,
    lease: undefined,
    known: false,
    changedMs: 0,
    floor: "",
    facts: undefined,
    request: 0,
    inFlight: undefined,
    dueMs: 0,
    writtenMs: Number.NEGATIVE_INFINITY,
    mustRead: false,
    refusals: 0,
    pulse: "unknown",
    shutdown: "no",
    leavingTold: false,
    queuedOnce: false,
    fence: { by: "", answered: false },
    random: seed,
  };
}

export function stepHeartbeat(state: HeartbeatState, input: HeartbeatInput, now: number): HeartbeatStep {
  switch (input.type) {
    case "start":
      return plan({ ...state, started: true, dueMs: now }, [], now);
    case "observed":
      return onObserved(state, input.lease, now);
    case "answered":
      return state.inFlight?.request === input.request ? onAnswered(state, input, now) : plan(state, [], now);
    case "refused":
      return state.inFlight?.request === input.request
        ? onRefused(state, input.retryAfterMs, now)
        : plan(state, [], now);
    case "failed":
      return state.inFlight?.request === input.request ? onFailed(state, now) : plan(state, [], now);
    case "facts":
      return onFacts(state, input.facts, now);
    case "fence-answered":
      if (state.fence.by === "" || state.fence.answered) return plan(state, [], now);
      return plan({ ...state, fence: { ...state.fence, answered: true }, dueMs: now }, [], now);
    case "shutdown":
      if (state.shutdown !== "no") return plan(state, [], now);
      return plan({ ...state, shutdown: "asked", dueMs: now }, [], now);
    case "release":
      return plan({ ...state, shutdown: "release", dueMs: now }, [], now);
    case "tick": {
      const isLost = state.inFlight !== undefined && now >= state.inFlight.sentMs + REQUEST_LOST_MS;
      return isLost ? onFailed(state, now) : plan(state, [], now);
    }
    default:
      return assertNever(input);
  }
}

/** What the watch shows counts only forward: it may lag behind what a read or an own write has told. */
function onObserved(state: HeartbeatState, lease: SpeakerLease | undefined, now: number): HeartbeatStep {
  if (lease === undefined) {
    if (!state.known || state.lease === undefined) return plan(state, [], now);
    return plan({ ...state, mustRead: true, dueMs: Math.min(state.dueMs, now) }, [], now);
  }
  const known = state.lease?.meta.resourceVersion ?? state.floor;
  const order = compareResourceVersions(lease.meta.resourceVersion, known);
  if (known !== "" && order !== "higher") return plan(state, [], now);
  const accepted = accept(state, lease, false, now);
  return plan(hasten(accepted.state, now), accepted.effects, now);
}

function onAnswered(state: HeartbeatState, input: Answered, now: number): HeartbeatStep {
  const sent = state.inFlight;
  const effects: HeartbeatEffect[] = [{ type: "pulse", restored: state.pulse === "lost" }];
  const answered: HeartbeatState = { ...state, inFlight: undefined, pulse: "heard" };
  if (input.lease === undefined) {
    // A read that found nothing: whoever waits or acts makes the Lease anew, once there is something to say in it.
    const canCreate = state.role.type === "acting" || (state.role.type === "waiting" && state.facts !== undefined);
    const absent = schedule({ ...answered, lease: undefined, known: true, mustRead: false }, now);
    return plan(canCreate ? { ...absent, dueMs: now } : absent, effects, now);
  }
  const version = input.lease.meta.resourceVersion;
  const isWrite = sent !== undefined && sent.call.type !== "read";
  const isRenewal = isWrite && sent.call.type !== "queue" && sent.call.type !== "unqueue";
  const order = compareResourceVersions(version, sent?.floor ?? "");
  // Each renewal has a version of its own: the last one again is given a second time, by a store that was put back to just before it.
  const rolledBack = order === "lower" || (isRenewal && order === "equal");
  if (rolledBack) effects.push({ type: "rollback" });
  if (isRenewal) effects.push({ type: "renewed", resourceVersion: version });
  const cleared: HeartbeatState = { ...answered, mustRead: false, refusals: isWrite ? 0 : answered.refusals };
  const done = finishCall(rolledBack ? { ...cleared, floor: version } : cleared, sent?.call.type, input.lease);
  const accepted = accept(done.state, input.lease, rolledBack, now);
  return plan(schedule(accepted.state, now), [...effects, ...done.effects, ...accepted.effects], now);
}

/**
 * The Lease is not what was thought, or the call is not allowed. A read tells; slower and slower, because a refusal
 * that does not depend on the Lease (RBAC, admission) comes again.
 */
function onRefused(state: HeartbeatState, retryAfterMs: number | undefined, now: number): HeartbeatStep {
  const effects: HeartbeatEffect[] = [{ type: "pulse", restored: state.pulse === "lost" }];
  const call = state.inFlight?.call.type;
  if (call === "unqueue") return end({ ...state, inFlight: undefined }, effects);
  const backoff = Math.min(RENEW_MS, REFUSED_MIN_MS * 2 ** Math.min(state.refusals, 10));
  const next: HeartbeatState = {
    ...state,
    inFlight: undefined,
    pulse: "heard",
    mustRead: true,
    // Without an answer nothing is known of the Lease: its age counts anew (E4), or a living process would lose it after an outage.
    changedMs: now,
    refusals: state.refusals + 1,
    dueMs: now + Math.max(backoff, retryAfterMs ?? 0),
  };
  return plan(next, effects, now);
}

function onFailed(state: HeartbeatState, now: number): HeartbeatStep {
  const call = state.inFlight?.call.type;
  const effects: HeartbeatEffect[] = [{ type: "pulse-lost" }];
  if (call === "unqueue") return end({ ...state, inFlight: undefined }, effects);
  const drawn = drawRandom(state.random);
  const next: HeartbeatState = {
    ...state,
    inFlight: undefined,
    pulse: "lost",
    changedMs: now,
    random: drawn.next,
    dueMs: now + RETRY_MS * (1 + RENEW_JITTER * (2 * drawn.value - 1)),
  };
  return plan(next, effects, now);
}

/** When to ask again after an answer: at once if there is something to do, else at the next beat. */
function schedule(state: HeartbeatState, now: number): HeartbeatState {
  const drawn = drawRandom(state.random);
  const beat = beatMs(state);
  const dueMs = now + beat * (1 + RENEW_JITTER * (2 * drawn.value - 1));
  return hasten({ ...state, random: drawn.next, dueMs }, now);
}

function beatMs(state: HeartbeatState): number {
  if (state.role.type === "handed") return HANDED_POLL_MS;
  return state.role.type === "waiting" ? WAIT_POLL_MS : RENEW_MS;
}

function hasten(state: HeartbeatState, now: number): HeartbeatState {
  const { lease } = state;
  if (lease === undefined || !state.started) return state;
  const sooner = (at: number): HeartbeatState => ({ ...state, dueMs: Math.min(state.dueMs, Math.max(at, now)) });
  if (state.role.type === "waiting") {
    if (state.facts === undefined) return state;
    const isFree = lease.instance === "" || isSamePod(lease.instance, state.instance);
    return sooner(isFree || wantsQueue(state, lease) ? now : state.changedMs + TAKE_OVER_MS);
  }
  if (state.role.type !== "acting") return state;
  // The role has just been won, or something waits to be written.
  const canHand = state.shutdown !== "no" && lease.nextInstance !== "" && lease.nextInstance !== state.instance;
  if (lease.instance !== state.instance || canHand) return sooner(now);
  if (state.shutdown === "asked" && !lease.leaving) return sooner(now);
  if (state.shutdown === "release") return sooner(now);
  if (state.fence.answered && state.fence.by === lease.fencedBy) return sooner(now);
  return dueForFacts(state, now);
}

function onFacts(state: HeartbeatState, facts: SpeakerFacts, now: number): HeartbeatStep {
  const next: HeartbeatState = { ...state, facts };
  const isFirst = state.facts === undefined && state.role.type === "waiting";
  return plan(isFirst ? { ...next, dueMs: Math.min(state.dueMs, now) } : dueForFacts(next, now), [], now);
}

function dueForFacts(state: HeartbeatState, now: number): HeartbeatState {
  if (state.role.type !== "acting" || !isUrgent(state)) return state;
  return { ...state, dueMs: Math.min(state.dueMs, Math.max(now, state.writtenMs + WRITE_GAP_MS)) };
}

/** Sends what is due, if nothing is under way. */
function plan(state: HeartbeatState, effects: readonly HeartbeatEffect[], now: number): HeartbeatStep {
  if (!state.started) return { state, effects, wakeAt: undefined };
  if (state.role.type === "ended" || state.role.type === "lost") {
    const isAsked = state.shutdown !== "no" && state.role.type === "lost";
    return isAsked ? end(state, effects) : { state, effects, wakeAt: undefined };
  }
  if (state.inFlight !== undefined) return { state, effects, wakeAt: state.inFlight.sentMs + REQUEST_LOST_MS };
  if (now < state.dueMs) return { state, effects, wakeAt: state.dueMs };
  const call = nextCall(state, now);
  if (call === "end") return end(state, effects);
  const request = state.request + 1;
  const next: HeartbeatState = {
    ...state,
    request,
    inFlight: { request, call, sentMs: now, floor: state.floor },
    writtenMs: call.type === "read" ? state.writtenMs : now,
  };
  const sent: HeartbeatEffect = { type: "request", request, call, timeoutMs: REQUEST_TIMEOUT_MS };
  return { state: next, effects: [...effects, sent], wakeAt: now + REQUEST_LOST_MS };
}

function end(state: HeartbeatState, effects: readonly HeartbeatEffect[]): HeartbeatStep {
  return { state: { ...state, role: { type: "ended" } }, effects: [...effects, { type: "ended" }], wakeAt: undefined };
}
