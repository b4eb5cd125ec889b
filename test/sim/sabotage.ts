/**
 * Rules broken on purpose, one at a time, around the production cores and never inside them: what they are told, what they want
 * done, and what they know can be bent here. A simulation that does not find each of these proves nothing (sabotage.test.ts).
 */
import type { DetectorState } from "../../speaker/detector/detector.ts";
import type { DetectorInput, Verdict, WatchPlan } from "../../speaker/detector/types.ts";
import type { TIMES } from "../../speaker/election/types.ts";
import { type FenceInput, type FenceState, type FenceStep, stepFence } from "../../speaker/net/fence.ts";
import type { SpeakerEffect, SpeakerInput, SpeakerState } from "../../speaker/state.ts";

export interface Sabotage {
  /** The API server takes what it must refuse. */
  readonly ignoresEpoch?: boolean;
  /** Records of a hand-over do not say who hands over. */
  readonly forgetsFrom?: boolean;
  /** A Lease never says that its node leaves. */
  readonly forgetsLeaving?: boolean;
  /** A process that waits for its turn does not say so in the Lease. */
  readonly forgetsNext?: boolean;
  /** A renewal without an answer closes no connection, and one that shows a store put back lists nothing anew. */
  readonly ignoresPulse?: boolean;
  /** Addresses that leave the table are answered on. */
  readonly neverYields?: boolean;
  /** The worker leaves it to its main thread to yield, even where that one stands still. */
  readonly waitsForMain?: boolean;
  /** Announcements of others are not heard. */
  readonly deaf?: boolean;
  /** What was asked while the worker stood still is answered when it runs again. */
  readonly answersBacklog?: boolean;
  /** Announcements leave as fast as they are wanted. */
  readonly unpaced?: boolean;
  /** Announcements that were planned before a gap leave after it. */
  readonly keepsRounds?: boolean;
  /** What the fence of the worker is told, and what it knows then. */
  readonly fence?: (told: FenceTold, now: number) => FenceTold;
  /** After a short stop the detector judges before it has read what came; rounds that came late count, and late answers do not. */
  readonly judgesUnread?: boolean;
  /** What the main thread is told; undefined: it never hears of it. */
  readonly input?: (input: SpeakerInput, state: SpeakerState, now: number) => SpeakerInput | undefined;
  /** What it knows before a step. */
  readonly state?: (state: SpeakerState, now: number) => SpeakerState;
  /** What it wants done after a step. */
  readonly effects?: (effects: readonly SpeakerEffect[], state: SpeakerState, now: number) => readonly SpeakerEffect[];
  /** Other times than those of the rules. */
  readonly times?: Partial<Record<keyof typeof TIMES, number>>;
  readonly plan?: (plan: WatchPlan) => WatchPlan;
  readonly detector?: (state: DetectorState) => DetectorState;
  /** What the detector is told. */
  readonly watching?: (input: DetectorInput, state: DetectorState) => DetectorInput;
  readonly verdict?: (verdict: Verdict) => Verdict;
}

export interface FenceTold {
  readonly input: FenceInput;
  readonly state: FenceState;
}

/** Everything by the rules. */
export const HONEST: Sabotage = {};

/** The real fence, told what the sabotage makes of it. */
export function stepBent({ fence }: Sabotage, state: FenceState, input: FenceInput, now: number): FenceStep {
  const told = fence?.({ input, state }, now) ?? { input, state };
  return stepFence(told.state, told.input, now);
}

/** What the main thread is told of all that it should be. */
export function bentInputs(
  { input: bend }: Sabotage,
  told: readonly SpeakerInput[],
  before: SpeakerState,
  now: number,
): readonly SpeakerInput[] {
  if (bend === undefined) return told;
  return told.map((input) => bend(input, before, now)).filter((input) => input !== undefined);
}
