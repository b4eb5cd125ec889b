/**
 * Keeps a copy of one list of the API server up to date: list, then watch from there, for ever (Kubernetes API
 * concepts, "Efficient detection of changes"). A pure machine; lib/kube/informer.ts executes its effects.
 *
 *     stopped ──start──▶ listing ──last page──▶ watching ──end, error, silence──▶ waiting ──▶ watching or listing
 *
 * Lists name no resourceVersion, so that they are consistent reads. "0" would be served from the cache of any API
 * server, however far it lags behind, and an older record than one already acted on makes a holder yield for nothing
 * (hazard F6). Since Kubernetes 1.31 consistent lists come from the watch cache too, and cost etcd next to nothing.
 */
import { assertNever } from "../runtime/errors.ts";
import { drawRandom } from "../runtime/random.ts";
import type {
  Delivery,
  ReflectorEffect,
  ReflectorFailure,
  ReflectorInput,
  ReflectorPhase,
  ReflectorReason,
  ReflectorState,
  ReflectorStep,
} from "./reflector-types.ts";
import { compareResourceVersions } from "./resource-version.ts";

export const PAGE_ITEMS = 500;
/** A page from a busy server; a dead one is found by the pulse long before. */
export const LIST_MS = 30_000;
/**
 * What silenced a watch may have hit the connection too that the next list goes out on; the one after it goes out on another.
 * Only where the last list came soon: a server that is slow with lists must not be asked for each of them twice.
 */
export const DOUBTED_LIST_MS = 10_000;
export const SOON_MS = 5_000;
export const BACKOFF_MIN_MS = 100;
export const BACKOFF_MAX_MS = 30_000;
/**
 * A watch on which nothing arrived for this long is half-open. Bookmarks come about once a minute, so one of them and
 * half of the next are missing.
 */
export const IDLE_MS = 90_000;
/** The server ends a watch after a random time in this range, so that watches spread over the API servers. */
const WATCH_SECONDS_MIN = 240;
const WATCH_SECONDS_MAX = 480;
/** A watch that ends in order within this time and brought nothing is no watch: without a pause it would be a loop. */
const SHORT_WATCH_MS = 1_000;
/** After so many refusals of a watch in a row its version may be what is wrong, whatever the server says. */
const REFUSALS_UNTIL_LIST = 3;

type Watching = Extract<ReflectorPhase, { type: "watching" }>;
type Listing = Extract<ReflectorPhase, { type: "listing" }>;
type Listed = Extract<ReflectorInput, { type: "listed" }>;
type WatchEvent = Extract<ReflectorInput, { type: "event" }>;

/** `seed` decides jitter and the length of watches. */
export function initialReflector(seed: number): ReflectorState {
  return {
    phase: { type: "stopped" },
    sequence: 0,
    resourceVersion: "",
    failures: 0,
    listedSoon: false,
    expired: false,
    random: seed,
  };
}

export function stepReflector(state: ReflectorState, input: ReflectorInput, now: number): ReflectorStep {
  const { phase } = state;
  switch (input.type) {
    case "start":
      return phase.type === "stopped" ? list({ ...state, failures: 0, expired: false }, true, now) : same(state);
    case "stop":
      return { state: { ...state, phase: { type: "stopped" } }, effects: closing(phase), wakeAt: undefined };
    case "listed":
      return phase.type === "listing" && phase.request === input.request
        ? onListed(state, phase, input, now)
        : same(state);
    case "list-failed":
      if (phase.type !== "listing" || phase.request !== input.request) return same(state);
      return onListFailed(state, phase, input.failure, now);
    case "event":
      return phase.type === "watching" && phase.watch === input.watch ? onEvent(state, phase, input, now) : same(state);
    case "event-error":
      if (phase.type !== "watching" || phase.watch !== input.watch) return same(state);
      return withEffects(closing(phase), onWatchFailed(state, input.failure, now));
    case "watch-ended":
      if (phase.type !== "watching" || phase.watch !== input.watch) return same(state);
      return input.failure === undefined ? onClosed(state, phase, now) : onWatchFailed(state, input.failure, now);
    case "relist":
      return onRelist(state, now, LIST_MS);
    case "doubt":
      // Not again from the first page: a server so slow that doubts come faster than its lists would never finish one.
      if (phase.type === "listing") return same(state);
      return onRelist(state, now, state.listedSoon ? DOUBTED_LIST_MS : LIST_MS);
    case "retry-now":
      return phase.type === "waiting" && !phase.asked ? proceed(state, phase.next, now) : same(state);
    case "tick":
      return onTick(state, now);
    default:
      return assertNever(input);
  }
}

function onListed(state: ReflectorState, phase: Listing, input: Listed, now: number): ReflectorStep {
  const items = phase.items.length === 0 ? input.items : [...phase.items, ...input.items];
  if (input.continueToken !== "") {
    const request = state.sequence + 1;
    const next: Listing = { ...phase, request, continueToken: input.continueToken, items };
    const query = { limit: String(PAGE_ITEMS), continue: input.continueToken };
    const { timeoutMs } = phase;
    return step({ ...state, sequence: request, phase: next }, [{ type: "list", request, query, timeoutMs }]);
  }
  const rolledBack = compareResourceVersions(input.resourceVersion, state.resourceVersion) === "lower";
  const effects: ReflectorEffect[] = [{ type: "deliver", delivery: { type: "replace", items, rolledBack } }];
  if (rolledBack) effects.push({ type: "restarted", reason: "rolled-back", delayMs: 0 });
  // Failures stay counted until the watch brings something: a list that works beside a watch that does not is no cure.
  const listedSoon = now - phase.sinceMs < SOON_MS;
  return withEffects(effects, watch({ ...state, resourceVersion: input.resourceVersion, listedSoon }, now));
}

function onListFailed(state: ReflectorState, phase: Listing, failure: ReflectorFailure, now: number): ReflectorStep {
  // The continue token outlived its snapshot (etcd was compacted between two pages): ask for everything at once.
  if (failure.kind === "expired" && phase.continueToken !== "") {
    return withEffects([{ type: "restarted", reason: "expired", delayMs: 0 }], list(state, false, now));
  }
  return wait({ ...state, listedSoon: false }, "list", reasonOf(failure), failure, now);
}

function onEvent(state: ReflectorState, phase: Watching, input: WatchEvent, now: number): ReflectorStep {
  // Versions only grow within a watch. One that does not comes from a server whose store was put back.
  if (compareResourceVersions(input.resourceVersion, state.resourceVersion) === "lower") {
    return withEffects(
      [...closing(phase), { type: "restarted", reason: "rolled-back", delayMs: 0 }],
      list(state, true, now),
    );
  }
  const next: ReflectorState = {
    ...state,
    phase: { ...phase, heard: true, heardMs: now },
    resourceVersion: input.resourceVersion,
    failures: 0,
    expired: false,
  };
  const delivery = deliveryOf(input);
  return step(next, delivery === undefined ? [] : [{ type: "deliver", delivery }]);
}

function deliveryOf(input: WatchEvent): Delivery | undefined {
  switch (input.event) {
    case "ADDED":
    case "MODIFIED":
      return { type: "upsert", object: input.object };
    case "DELETED":
      return { type: "delete", object: input.object };
    case "BOOKMARK":
      return undefined;
    default:
      return assertNever(input.event);
  }
}

/** The server closed in order: its time was over, or it shuts down. Resume from the last version, at once. */
function onClosed(state: ReflectorState, phase: Watching, now: number): ReflectorStep {
  if (!phase.heard && now - phase.openedMs < SHORT_WATCH_MS) {
    return wait(state, "watch", "short-watch", undefined, now);
  }
  return withEffects([{ type: "restarted", reason: "closed", delayMs: 0 }], watch(state, now));
}

function onWatchFailed(state: ReflectorState, failure: ReflectorFailure, now: number): ReflectorStep {
  if (failure.kind === "expired") {
    // The first time at once, whatever failed before it (an API server that comes back answers 410): the list is what
    // helps. Again without an event between: a loop, so it is slowed down.
    if (state.expired) return wait(state, "list", "expired", failure, now);
    const effects: ReflectorEffect[] = [{ type: "restarted", reason: "expired", delayMs: 0 }];
    return withEffects(effects, list({ ...state, failures: state.failures + 1, expired: true }, true, now));
  }
  const isStuck = failure.kind === "refused" && state.failures + 1 >= REFUSALS_UNTIL_LIST;
  return wait(state, isStuck ? "list" : "watch", reasonOf(failure), failure, now);
}

function onRelist(state: ReflectorState, now: number, timeoutMs: number): ReflectorStep {
  const { phase } = state;
  if (phase.type === "stopped") return same(state);
  if (phase.type === "waiting" && phase.asked) return step({ ...state, phase: { ...phase, next: "list" } }, []);
  const effects: ReflectorEffect[] = [...closing(phase), { type: "restarted", reason: "commanded", delayMs: 0 }];
  return withEffects(effects, list(state, true, now, timeoutMs));
}

function onTick(state: ReflectorState, now: number): ReflectorStep {
  const { phase } = state;
  if (phase.type === "waiting" && now >= phase.untilMs) return proceed(state, phase.next, now);
  if (phase.type === "watching" && now >= phase.heardMs + IDLE_MS) {
    // Not resumed: a watch above the version of a server that was put back is silent like this for ever (hazard M13),
    // and only a list shows it.
    const effects: ReflectorEffect[] = [...closing(phase), { type: "restarted", reason: "idle", delayMs: 0 }];
    return withEffects(effects, list(state, true, now));
  }
  return same(state);
}

function proceed(state: ReflectorState, next: "list" | "watch", now: number): ReflectorStep {
  return next === "list" ? list(state, true, now) : watch(state, now);
}

function list(state: ReflectorState, paged: boolean, now: number, timeoutMs = LIST_MS): ReflectorStep {
  const request = state.sequence + 1;
  const phase: Listing = { type: "listing", request, paged, continueToken: "", sinceMs: now, timeoutMs, items: [] };
  const query: Record<string, string> = paged ? { limit: String(PAGE_ITEMS) } : {};
  return step({ ...state, sequence: request, phase }, [{ type: "list", request, query, timeoutMs }]);
}

function watch(state: ReflectorState, now: number): ReflectorStep {
  const drawn = drawRandom(state.random);
  const watchNumber = state.sequence + 1;
  const seconds = WATCH_SECONDS_MIN + Math.floor(drawn.value * (WATCH_SECONDS_MAX - WATCH_SECONDS_MIN + 1));
  const query = {
    resourceVersion: state.resourceVersion,
    allowWatchBookmarks: "true",
    timeoutSeconds: String(seconds),
  };
  const phase: Watching = { type: "watching", watch: watchNumber, openedMs: now, heardMs: now, heard: false };
  const next = { ...state, sequence: watchNumber, random: drawn.next, phase };
  return step(next, [{ type: "open-watch", watch: watchNumber, query }]);
}

/** Doubles from 0.1 s to 30 s, of which a random half to all is waited; at least what the server asks for. */
function wait(
  state: ReflectorState,
  next: "list" | "watch",
  reason: ReflectorReason,
  failure: ReflectorFailure | undefined,
  now: number,
): ReflectorStep {
  const drawn = drawRandom(state.random);
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(state.failures, 20));
  const delayMs = Math.max(full * (0.5 + drawn.value / 2), failure?.retryAfterMs ?? 0);
  const asked = failure?.retryAfterMs !== undefined;
  const phase: ReflectorPhase = { type: "waiting", untilMs: now + delayMs, next, asked };
  const waiting = { ...state, phase, failures: state.failures + 1, random: drawn.next };
  return step(waiting, [{ type: "restarted", reason, delayMs }]);
}

function reasonOf(failure: ReflectorFailure): ReflectorReason {
  return failure.kind;
}

function closing(phase: ReflectorPhase): readonly ReflectorEffect[] {
  return phase.type === "watching" ? [{ type: "close-watch", watch: phase.watch }] : [];
}

function same(state: ReflectorState): ReflectorStep {
  return step(state, []);
}

function step(state: ReflectorState, effects: readonly ReflectorEffect[]): ReflectorStep {
  return { state, effects, wakeAt: wakeAt(state.phase) };
}

function withEffects(before: readonly ReflectorEffect[], result: ReflectorStep): ReflectorStep {
  return { ...result, effects: [...before, ...result.effects] };
}

function wakeAt(phase: ReflectorPhase): number | undefined {
  if (phase.type === "waiting") return phase.untilMs;
  if (phase.type === "watching") return phase.heardMs + IDLE_MS;
  return undefined;
}
