/**
 * One active controller by a coordination.k8s.io Lease. A pure machine; lib/lease/leader-loop.ts executes its effects.
 *
 * Nobody's timestamp is compared with anybody's clock: a Lease is taken when its resourceVersion has not changed for
 * `durationMs` of the observer's own monotonic clock. The leader counts from when it SENT its last renewal that
 * succeeded, and falls silent `deadlineMs` after that, which is before anybody can have waited `durationMs` since.
 *
 * This is no fencing: a request that is under way when the time is over still arrives. What must never happen twice is
 * kept by the API server (an address is the name of its VirtualIP), not by this.
 */
import { compareResourceVersions, higherResourceVersion } from "../kube/resource-version.ts";
import { isSamePod } from "../model/speaker-lease.ts";
import { assertNever } from "../runtime/errors.ts";
import { drawRandom } from "../runtime/random.ts";

export interface LeaderTiming {
  /** Unchanged for this long, others take the Lease. */
  readonly durationMs: number;
  /** How often the leader renews, and the others look. */
  readonly renewMs: number;
  /** After this long without a renewal the leader stops; less than durationMs by more than a late timer. */
  readonly deadlineMs: number;
}

/** A dead leader is replaced within 8 s + 2 s; one lost renewal (2 s) and its repetition fit into the deadline. */
export const DEFAULT_TIMING: LeaderTiming = { durationMs: 8_000, renewMs: 2_000, deadlineMs: 5_000 };

/** A request that is not answered within this time gives the next one its chance before the deadline. */
const REQUEST_TIMEOUT_MS = 2_000;
const REQUEST_LOST_MS = 3_000;
const RETRY_MS = 300;
const JITTER = 0.2;

/** The Lease as far as the election is concerned. */
export interface LeaderLease {
  readonly resourceVersion: string;
  /** "" when it was released. */
  readonly holder: string;
  readonly transitions: number;
  /** As text, for each renewal has another one. Never compared with a clock. */
  readonly renewTime: string;
}

export type LeaderCall =
  | { readonly type: "read" }
  | { readonly type: "create" }
  /** Refused if the Lease changed since it was seen, to the same version too. */
  | { readonly type: "take"; readonly from: LeaderLease }
  /** Refused when somebody else holds it. */
  | { readonly type: "renew" }
  | { readonly type: "release" };

export interface LeaderState {
  readonly identity: string;
  readonly timing: LeaderTiming;
  readonly started: boolean;
  readonly known: boolean;
  readonly lease: LeaderLease | undefined;
  /** When the resourceVersion last changed before these eyes. */
  readonly changedMs: number;
  readonly floor: string;
  /** The store went back: an own name in it, or none, is old news, and somebody may be leading on what was lost. */
  readonly distrust: boolean;
  /** Leads until this time; undefined: does not lead. */
  readonly leadsUntilMs: number | undefined;
  readonly mustRead: boolean;
  readonly request: number;
  readonly inFlight: { readonly request: number; readonly call: LeaderCall; readonly sentMs: number } | undefined;
  readonly dueMs: number;
  readonly stopping: "no" | "asked" | "ended";
  readonly random: number;
}

export type LeaderInput =
  | { readonly type: "start" }
  | { readonly type: "answered"; readonly request: number; readonly lease: LeaderLease | undefined }
  | { readonly type: "refused"; readonly request: number; readonly retryAfterMs: number | undefined }
  | { readonly type: "failed"; readonly request: number }
  /** Clean shutdown, given when the program has stopped acting: the Lease is released, so that another takes it at once. */
  | { readonly type: "stop" }
  | { readonly type: "tick" };

export type LeaderLoss =
  /** It could not renew in time. */
  | "deadline"
  /** Somebody else is in the Lease. */
  | "taken"
  | "stopped";

export type LeaderEffect =
  | { readonly type: "request"; readonly request: number; readonly call: LeaderCall; readonly timeoutMs: number }
  | { readonly type: "leading" }
  | { readonly type: "not-leading"; readonly reason: LeaderLoss }
  | { readonly type: "pulse" }
  /** The API server did not answer: close every connection. */
  | { readonly type: "pulse-lost" }
  /** The API server's store went back: relist everything. */
  | { readonly type: "rollback" }
  | { readonly type: "ended" };

export interface LeaderStep {
  readonly state: LeaderState;
  readonly effects: readonly LeaderEffect[];
  readonly wakeAt: number | undefined;
}

export function initialLeader(identity: string, seed: number, timing: LeaderTiming = DEFAULT_TIMING): LeaderState {
  return {
    identity,
    timing,
    started: false,
    known: false,
    lease: undefined,
    changedMs: 0,
    floor: "",
    distrust: false,
    leadsUntilMs: undefined,
    mustRead: false,
    request: 0,
    inFlight: undefined,
    dueMs: 0,
    stopping: "no",
    random: seed,
  };
}

/** Whether this process may act now. Asked before each act: a process that was frozen has not been told yet. */
export function isLeading(state: LeaderState, now: number): boolean {
  return state.leadsUntilMs !== undefined && now < state.leadsUntilMs;
}

export function stepLeader(state: LeaderState, input: LeaderInput, now: number): LeaderStep {
  const expired = expire(state, now);
  const result = handle(expired.state, input, now);
  return { ...result, effects: [...expired.effects, ...result.effects] };
}

function handle(state: LeaderState, input: LeaderInput, now: number): LeaderStep {
  switch (input.type) {
    case "start":
      return plan({ ...state, started: true, dueMs: now }, [], now);
    case "answered":
      return state.inFlight?.request === input.request ? onAnswered(state, input.lease, now) : plan(state, [], now);
    case "refused":
      if (state.inFlight?.request !== input.request) return plan(state, [], now);
      return onRefused(state, input.retryAfterMs, now);
    case "failed":
      return state.inFlight?.request === input.request ? onFailed(state, now) : plan(state, [], now);
    case "stop": {
      const stopped = lose(state, "stopped");
      return plan({ ...stopped.state, stopping: "asked", dueMs: now }, stopped.effects, now);
    }
    case "tick": {
      const isLost = state.inFlight !== undefined && now >= state.inFlight.sentMs + REQUEST_LOST_MS;
      return isLost ? onFailed(state, now) : plan(state, [], now);
    }
    default:
      return assertNever(input);
  }
}

interface Partially {
  readonly state: LeaderState;
  readonly effects: readonly LeaderEffect[];
}

function expire(state: LeaderState, now: number): Partially {
  const isOver = state.leadsUntilMs !== undefined && now >= state.leadsUntilMs;
  return isOver ? lose(state, "deadline") : { state, effects: [] };
}

function lose(state: LeaderState, reason: LeaderLoss): Partially {
  if (state.leadsUntilMs === undefined) return { state, effects: [] };
  return { state: { ...state, leadsUntilMs: undefined }, effects: [{ type: "not-leading", reason }] };
}

function onAnswered(state: LeaderState, lease: LeaderLease | undefined, now: number): LeaderStep {
  const sent = state.inFlight;
  const effects: LeaderEffect[] = [{ type: "pulse" }];
  const base: LeaderState = { ...state, inFlight: undefined, known: true, mustRead: false };
  if (lease === undefined) {
    const isNews = state.lease !== undefined || !state.known;
    const absent: LeaderState = { ...base, lease: undefined, changedMs: isNews ? now : state.changedMs };
    const soon = canCreate(absent, now);
    return plan(soon ? { ...absent, dueMs: now } : beat(absent, now), effects, now);
  }
  if (sent?.call.type === "release") return end({ ...base, lease }, effects);
  const rolledBack = isPutBack(state, lease);
  if (rolledBack) effects.push({ type: "rollback" });
  const isChanged = rolledBack || lease.resourceVersion !== state.lease?.resourceVersion;
  const wrote = sent !== undefined && sent.call.type !== "read";
  const seen: LeaderState = {
    ...base,
    lease,
    changedMs: isChanged ? now : state.changedMs,
    floor: rolledBack ? lease.resourceVersion : higherResourceVersion(state.floor, lease.resourceVersion),
    distrust: wrote ? false : rolledBack || state.distrust,
  };
  const placed = wrote ? lead(seen, sent.sentMs, now) : notice(seen, lease);
  return plan(beat(placed.state, now), [...effects, ...placed.effects], now);
}

/** A version below one that was seen, or the last one again and not as it was: given a second time. */
function isPutBack({ floor, lease: known }: LeaderState, lease: LeaderLease): boolean {
  const order = compareResourceVersions(lease.resourceVersion, floor);
  const isSame = lease.holder === known?.holder && lease.renewTime === known.renewTime;
  return order === "lower" || (order === "equal" && !isSame);
}

/** A write that succeeded names this process, as of when it was sent. */
function lead(state: LeaderState, sentMs: number, now: number): Partially {
  const untilMs = sentMs + state.timing.deadlineMs;
  if (state.stopping !== "no" || now >= untilMs) return { state, effects: [] };
  const effects: LeaderEffect[] = state.leadsUntilMs === undefined ? [{ type: "leading" }] : [];
  return { state: { ...state, leadsUntilMs: untilMs }, effects };
}

function notice(state: LeaderState, lease: LeaderLease): Partially {
  return lease.holder === state.identity ? { state, effects: [] } : lose(state, "taken");
}

function onRefused(state: LeaderState, retryAfterMs: number | undefined, now: number): LeaderStep {
  const effects: LeaderEffect[] = [{ type: "pulse" }];
  const base: LeaderState = { ...state, inFlight: undefined, mustRead: true };
  // Not ours any more, so there is nothing to release.
  if (state.inFlight?.call.type === "release") return end(base, effects);
  // A leader has its deadline to meet; for the others a refusal mostly means that somebody else was faster.
  const waitMs = state.leadsUntilMs === undefined ? state.timing.renewMs : RETRY_MS;
  return plan({ ...base, dueMs: now + Math.max(waitMs, retryAfterMs ?? 0) }, effects, now);
}

function onFailed(state: LeaderState, now: number): LeaderStep {
  const effects: LeaderEffect[] = [{ type: "pulse-lost" }];
  const base: LeaderState = { ...state, inFlight: undefined };
  if (state.inFlight?.call.type === "release") return end(base, effects);
  const drawn = drawRandom(state.random);
  const dueMs = now + RETRY_MS * (1 + JITTER * (2 * drawn.value - 1));
  return plan({ ...base, random: drawn.next, dueMs }, effects, now);
}

/** The next look: at the beat, or when the Lease of another can be taken, whichever comes first. */
function beat(state: LeaderState, now: number): LeaderState {
  const drawn = drawRandom(state.random);
  const beatMs = state.timing.renewMs * (1 + JITTER * (2 * drawn.value - 1));
  const next: LeaderState = { ...state, random: drawn.next, dueMs: now + beatMs };
  if (state.leadsUntilMs !== undefined || state.lease === undefined) return next;
  const takeAt = isFree(state, state.lease) ? now : state.changedMs + state.timing.durationMs;
  return { ...next, dueMs: Math.min(next.dueMs, Math.max(now, takeAt)) };
}

/** Nobody else can be leading on this Lease: it is released, our own, or of a dead process of this very pod. */
function isFree(state: LeaderState, lease: LeaderLease): boolean {
  if (state.distrust) return false;
  return lease.holder === "" || lease.holder === state.identity || isSamePod(lease.holder, state.identity);
}

/**
 * A Lease that was never there is made at once. One that was deleted may have left a leader behind that has not
 * noticed: whoever saw it waits as if it had not changed, and the leader itself makes it anew.
 */
function canCreate(state: LeaderState, now: number): boolean {
  return state.floor === "" || state.leadsUntilMs !== undefined || now - state.changedMs >= state.timing.durationMs;
}

function nextCall(state: LeaderState, now: number): LeaderCall {
  const { lease } = state;
  if (state.stopping === "asked") return { type: "release" };
  if (!state.known || state.mustRead) return { type: "read" };
  if (lease === undefined) return canCreate(state, now) ? { type: "create" } : { type: "read" };
  if (lease.holder === state.identity && !state.distrust) return { type: "renew" };
  if (isFree(state, lease) || now - state.changedMs >= state.timing.durationMs) return { type: "take", from: lease };
  return { type: "read" };
}

function plan(state: LeaderState, effects: readonly LeaderEffect[], now: number): LeaderStep {
  if (!state.started || state.stopping === "ended") return { state, effects, wakeAt: undefined };
  if (state.inFlight !== undefined)
    return { state, effects, wakeAt: earliest(state, state.inFlight.sentMs + REQUEST_LOST_MS) };
  if (now < state.dueMs) return { state, effects, wakeAt: earliest(state, state.dueMs) };
  // One that never held the Lease has nothing to release.
  if (state.stopping === "asked" && state.lease?.holder !== state.identity) return end(state, effects);
  const call = nextCall(state, now);
  const request = state.request + 1;
  const next: LeaderState = { ...state, request, inFlight: { request, call, sentMs: now } };
  const sent: LeaderEffect = { type: "request", request, call, timeoutMs: REQUEST_TIMEOUT_MS };
  return { state: next, effects: [...effects, sent], wakeAt: earliest(next, now + REQUEST_LOST_MS) };
}

function end(state: LeaderState, effects: readonly LeaderEffect[]): LeaderStep {
  return { state: { ...state, stopping: "ended" }, effects: [...effects, { type: "ended" }], wakeAt: undefined };
}

function earliest(state: LeaderState, at: number): number {
  return state.leadsUntilMs === undefined ? at : Math.min(at, state.leadsUntilMs);
}
