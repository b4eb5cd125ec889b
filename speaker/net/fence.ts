/**
 * The fence: when the worker must stop to answer by itself. Whoever was frozen cannot know what was decided meanwhile.
 *
 *     running ──gap > 150 ms──▶ draining ──queue read──▶ running   (what others announced meanwhile is lost)
 *        │                         └── gap > 5 s, or frames were dropped ──▶ fenced
 *        └── main thread silent for 3 s ──────────────────────────────────▶ fenced ──resume──▶ running
 *
 * Times are milliseconds of CLOCK_BOOTTIME, which also counts while the machine sleeps.
 */
import { assertNever } from "../../lib/runtime/errors.ts";

/** The loop polls for at most 50 ms, so three missed turns are a gap. */
export const LOOP_GAP_MS = 150;
/** After a gap as long as this the receive queue is no longer evidence: an announcement has ended long ago. */
export const LONG_GAP_MS = 5000;
export const MAIN_SILENT_MS = 3000;

export type FenceReason = "loop-gap" | "main-silent" | "drops";

export interface FenceState {
  /** When the loop last turned. */
  readonly loopAt: number;
  /** When the main thread last said anything. */
  readonly signAt: number;
  /** Number of the last fence; `resume` must name it. */
  readonly fence: number;
  readonly fenced: boolean;
  /** Length of the gap whose queued frames are being read, or undefined. */
  readonly drainingGapMs: number | undefined;
  /** The silence of the main thread has been reported; its next message ends it. */
  readonly mainSilent: boolean;
}

export interface LostAddress {
  readonly address: string;
  readonly mac: string;
}

export type FenceInput =
  /** The loop turns: the first thing in each turn. */
  | { readonly type: "turn" }
  /** Everything that was queued during the gap has been read. */
  | { readonly type: "drained"; readonly dropped: number; readonly announced: readonly LostAddress[] }
  /** Any message of the main thread. */
  | { readonly type: "signed" }
  | { readonly type: "resume"; readonly fence: number };

export type FenceEffect =
  /** Read the receive queues as evidence without answering, forget planned announcements, then say `drained`. */
  | { readonly type: "drain" }
  | { readonly type: "fenced"; readonly fence: number; readonly reason: FenceReason; readonly gapMs: number }
  | { readonly type: "lost"; readonly addresses: readonly LostAddress[] };

export interface FenceStep {
  readonly state: FenceState;
  readonly effects: readonly FenceEffect[];
}

export function createFence(now: number): FenceState {
  return { loopAt: now, signAt: now, fence: 0, fenced: false, drainingGapMs: undefined, mainSilent: false };
}

/** Whether a frame may be answered or announced. */
export function isAnswering(state: FenceState): boolean {
  return !state.fenced && state.drainingGapMs === undefined;
}

/** Whether a batch received in the turn that began at `loopAt` may still leave at `now`. */
export function isInTime(loopAt: number, now: number): boolean {
  return now - loopAt <= LOOP_GAP_MS;
}

/**
 * Whether a turn at `now` changes nothing but the time of the loop, which is the last one at `loopAt`: no gap, and nothing new
 * about the main thread. Such a turn is what runs for every frame, and a caller that asks first saves it the new state.
 */
export function isPlainTurn(state: FenceState, loopAt: number, now: number): boolean {
  if (now - loopAt > LOOP_GAP_MS) return false;
  return state.mainSilent || now - state.signAt <= MAIN_SILENT_MS;
}

export function stepFence(state: FenceState, input: FenceInput, now: number): FenceStep {
  switch (input.type) {
    case "turn":
      return turned(state, now);
    case "drained":
      return drained(state, input.dropped, input.announced, now);
    case "signed":
      return { state: { ...state, signAt: now, mainSilent: false }, effects: [] };
    case "resume":
      return { state: { ...state, fenced: state.fenced && input.fence !== state.fence }, effects: [] };
    default:
      return assertNever(input);
  }
}

function turned(state: FenceState, now: number): FenceStep {
  const gapMs = now - state.loopAt;
  if (gapMs > LOOP_GAP_MS) {
    // The main thread was frozen with the worker: its silence counts only while the worker could hear it.
    const signAt = state.signAt + gapMs;
    return { state: { ...state, loopAt: now, signAt, drainingGapMs: gapMs }, effects: [{ type: "drain" }] };
  }
  const next = { ...state, loopAt: now };
  if (next.mainSilent || now - next.signAt <= MAIN_SILENT_MS) return { state: next, effects: [] };
  return fenced({ ...next, mainSilent: true }, "main-silent", now - next.signAt);
}

function drained(state: FenceState, dropped: number, announced: readonly LostAddress[], now: number): FenceStep {
  const gapMs = state.drainingGapMs ?? 0;
  const next: FenceState = { ...state, loopAt: now, drainingGapMs: undefined };
  const lost: FenceEffect[] = announced.length > 0 ? [{ type: "lost", addresses: announced }] : [];
  if (gapMs <= LONG_GAP_MS && dropped === 0) return { state: next, effects: lost };
  const step = fenced(next, gapMs > LONG_GAP_MS ? "loop-gap" : "drops", gapMs);
  return { state: step.state, effects: [...lost, ...step.effects] };
}

/** A new number each time, so that a `resume` that was decided before this moment does not count. */
function fenced(state: FenceState, reason: FenceReason, gapMs: number): FenceStep {
  const fence = state.fence + 1;
  return { state: { ...state, fence, fenced: true }, effects: [{ type: "fenced", fence, reason, gapMs }] };
}
