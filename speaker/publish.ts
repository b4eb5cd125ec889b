/** What the others must know of this node, for its Lease. */
import type { Batch } from "./batch.ts";
import { hearingTold, sameTold } from "./hearing.ts";
import type { InterfaceFacts } from "./interfaces.ts";
import { metSpeakers, segmentNames } from "./segments.ts";
import type { SpeakerState } from "./state.ts";

/** The facts go out when they are others than before, ahead of whatever else the step has brought. */
export function publish(before: SpeakerState, now: SpeakerState, batch: Batch): SpeakerState {
  const state = nameSegments(before, now, batch);
  const hearing = hearingTold(state);
  const same =
    state.interfaces === before.interfaces &&
    state.proxyReady === before.proxyReady &&
    state.kernelAnswers === before.kernelAnswers &&
    state.uplinkLost === before.uplinkLost &&
    state.world.segments === before.world.segments &&
    sameTold(hearing, hearingTold(before));
  if (!state.linked || (before.linked && same)) return state;
  const facts = {
    interfaces: interfaceFactsOf(state),
    proxyReady: state.proxyReady,
    kernelAnswers: [...state.kernelAnswers],
    uplinkLost: [...state.uplinkLost],
    segments: state.world.segments,
    hearing,
  };
  batch.effects.unshift({ type: "facts", facts });
  return state;
}

export function interfaceFactsOf(state: SpeakerState): readonly InterfaceFacts[] {
  return state.interfaces.map(({ networks: _, ...facts }) => facts);
}

/** By whom this node hears (E3), and whom of them it still has to remember. The object stays the same while what it says does. */
function nameSegments(before: SpeakerState, state: SpeakerState, batch: Batch): SpeakerState {
  const isSame = state.met === before.met && state.interfaces === before.interfaces;
  if (isSame && state.speakers === before.speakers) return state;
  const isKnown = (node: string): boolean => (state.speakers.get(node)?.lease ?? "none") !== "none";
  const met = metSpeakers(state.met, state.speakers);
  const live = state.interfaces.filter((one) => one.carrier).map((one) => one.name);
  const segments = segmentNames(state.node, live, met, isKnown);
  if (JSON.stringify(segments) === JSON.stringify(state.world.segments)) return { ...state, met };
  batch.allDue = true;
  return { ...state, met, world: { ...state.world, segments } };
}
