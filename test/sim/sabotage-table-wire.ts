/** The rules about what is asked on the wire, what an answer is worth, and when a worker stops to answer, each broken on purpose (see sabotage-table.ts). */

import type { Candidate } from "../../speaker/candidates.ts";
import type { DetectorState } from "../../speaker/detector/detector.ts";
import type { Station } from "../../speaker/detector/station.ts";
import type { SpeakerEffect, SpeakerInput, SpeakerState } from "../../speaker/state.ts";
import type { FenceTold } from "./sabotage.ts";
import * as apart from "./sabotage-apart.ts";
import * as fences from "./sabotage-fence.ts";
import * as isolated from "./sabotage-isolated.ts";
import * as stories from "./sabotage-stories.ts";
import { type Broken, withStations } from "./sabotage-table.ts";
import * as wire from "./sabotage-wire.ts";

export function eachStation(state: DetectorState, change: (one: Station) => Station): DetectorState {
  return { ...state, stations: new Map([...state.stations].map(([key, one]) => [key, change(one)])) };
}

/** The loop turns as if it had turned all the time, and the main thread had not been waited for meanwhile. */
function withoutGaps({ input, state }: FenceTold, now: number): FenceTold {
  return { input, state: { ...state, loopAt: now, signAt: state.signAt + now - state.loopAt } };
}

/** Two losses in a row are enough for it: one that is missed and one of the burst. */
function judgedSoon(one: Station): Station {
  const { burst } = one;
  if (burst === undefined || burst.lost < 2) return one;
  return { ...one, burst: { ...burst, lost: 16, nodeLost: burst.nodeSent } };
}

function nobodyAnswers(input: SpeakerInput): SpeakerInput {
  if (input.type !== "worker" || input.message.type !== "probed") return input;
  return { ...input, message: { ...input.message, answers: [] } };
}

/** Whoever has answered is not asked alone, but with everybody. */
function askedWithAll(effect: SpeakerEffect): SpeakerEffect {
  if (effect.type !== "worker" || effect.message.type !== "probe") return effect;
  return { ...effect, message: { ...effect.message, to: undefined } };
}

function withoutSegments(effect: SpeakerEffect): SpeakerEffect {
  return effect.type === "facts" ? { ...effect, facts: { ...effect.facts, segments: {} } } : effect;
}

function withoutHearing(effect: SpeakerEffect): SpeakerEffect {
  return effect.type === "facts" ? { ...effect, facts: { ...effect.facts, hearing: {} } } : effect;
}

/** What a node knows of itself as a candidate. */
function asOwn(state: SpeakerState, change: (own: Candidate) => Partial<Candidate>): SpeakerState {
  const places = [...state.places].map(([name, place]) => {
    const ordered = place.ordered.map((one) => (one.node === state.node ? { ...one, ...change(one) } : one));
    return [name, { ...place, ordered }] as const;
  });
  return { ...state, places: new Map(places) };
}

/** As if it had answered under the next record already. */
function asHeldBefore(state: SpeakerState): SpeakerState {
  const addresses = [...state.addresses].map(([name, one]) => {
    return [name, { ...one, toldEpoch: (one.record?.epoch ?? 0) + 1 }] as const;
  });
  return { ...state, addresses: new Map(addresses) };
}

/** Whom nobody has answered takes itself to hear. */
function asHearing(state: SpeakerState): SpeakerState {
  const hearing = [...state.world.hearing].map(([name, one]) => [name, { ...one, hears: one.hears ?? true }] as const);
  return { ...state, world: { ...state.world, hearing: new Map(hearing) } };
}

/** As if others had answered it ever since. */
function asHeardNow(state: SpeakerState, now: number): SpeakerState {
  const hearing = [...state.world.hearing].map(([name, one]) => [name, { ...one, heardMs: now }] as const);
  return { ...state, world: { ...state.world, hearing: new Map(hearing) } };
}

export const BROKEN_WIRE: readonly Broken[] = [
  { rule: "the worker notices its own gaps (F1)", sabotage: { fence: withoutGaps }, story: stories.frozen },
  {
    rule: "a main thread that is silent for three seconds stops the answers (F1)",
    sabotage: { fence: ({ input, state }) => ({ input, state: { ...state, mainSilent: true } }) },
    story: fences.mainStandsStill,
  },
  {
    rule: "after a gap in which frames were lost every record is read first (F1)",
    sabotage: {
      fence: ({ input, state }) => ({ input: input.type === "drained" ? { ...input, dropped: 0 } : input, state }),
    },
    story: fences.stoppedInAFlood,
  },
  {
    rule: "after a gap of more than five seconds every record is read first (F1)",
    sabotage: {
      fence: ({ input, state }) => ({ input, state: { ...state, drainingGapMs: state.drainingGapMs && 0 } }),
    },
    story: fences.asleep,
  },
  {
    rule: "rounds of announcements die with a gap (F1)",
    sabotage: { keepsRounds: true },
    story: fences.stoppedWhileItAnnounces,
  },
  {
    rule: "whoever was stopped reads the record before it believes that it is named (F1)",
    sabotage: { times: { backlogMs: 0 } },
    story: fences.namedWhileStopped,
  },
  {
    rule: "whoever was stopped does not believe for a second that another one leaves (F1)",
    sabotage: { times: { backlogMs: 0 } },
    story: fences.saidToLeaveWhileStopped,
  },
  {
    rule: "where no third station counts the Lease must miss a renewal, too (E1)",
    sabotage: {
      verdict: (verdict) => (verdict.stations <= 2 ? { ...verdict, seen: verdict.stations } : verdict),
    },
    story: wire.twoAlone,
  },
  {
    rule: "a node finds that it hears nobody, also where it judges nobody (E1)",
    sabotage: {
      input: (input) =>
        input.type === "worker" && input.message.type === "hearing" && !input.message.hears ? undefined : input,
    },
    story: isolated.leaseRunsOut,
  },
  {
    rule: "who hears nobody takes nothing by a Lease while another candidate hears (E1)",
    sabotage: { state: (state) => asOwn(state, () => ({ isolated: false })) },
    story: isolated.leaseRunsOut,
  },
  {
    rule: "who hears nobody says so in its Lease (E1)",
    sabotage: { effects: (effects) => effects.map(withoutHearing) },
    story: isolated.handedOn("deaf"),
  },
  {
    rule: "who hears nobody does not begin in the place of one that leaves (E1)",
    sabotage: { effects: (effects) => effects.map(withoutHearing) },
    story: isolated.left("deaf"),
  },
  {
    rule: "who has heard nobody yet leaves the first addresses to those who hear (E1)",
    sabotage: { state: asHearing },
    story: isolated.firstEver("dead-port"),
  },
  {
    rule: "who hears nobody declines what it is handed (E1)",
    sabotage: { state: asHeldBefore },
    story: isolated.namedTooEarly,
  },
  {
    rule: "who has heard nobody since it began to answer hands over (E1)",
    sabotage: { state: asHeardNow },
    story: isolated.brokenBefore("deaf", 2_000),
  },
  {
    rule: "where nobody hears anybody all take as ever (E3)",
    sabotage: { state: (state) => asOwn(state, ({ hears }) => ({ isolated: hears === false })) },
    story: isolated.nobodyHears,
  },
  {
    rule: "questions go through all addresses of a holder by turns (E2)",
    sabotage: { detector: (state) => eachStation(state, (one) => ({ ...one, next: 0 })) },
    story: wire.oneOfManySilent,
  },
  {
    rule: "a candidate on another segment than the holder's waits (E3)",
    sabotage: { effects: (effects) => effects.map(withoutSegments) },
    story: wire.twoSites,
  },
  {
    rule: "sixteen questions in a row must be lost (E5)",
    sabotage: { detector: (state) => eachStation(state, judgedSoon) },
    story: wire.lossyLink,
  },
  {
    rule: "each node is watched by three (E6)",
    sabotage: { plan: (plan) => withStations(plan, (one) => ({ ...one, watched: one.node !== "" })) },
    story: wire.manyNodes,
  },
  {
    rule: "the alarm: candidates that do not watch a holder are told (E6)",
    sabotage: { watching: (input) => (input.type === "heard" ? { ...input, alarms: [] } : input) },
    story: wire.diesAmongMany,
  },
  {
    rule: "an answer counts only with the MAC of the one that was asked (E12)",
    sabotage: { watching: wire.anyMac },
    story: wire.strangerAnswers,
  },
  {
    rule: "a holder that answers by its Lease's end is asked alone, past a switch that answers for it (E12)",
    sabotage: { effects: (effects) => effects.map(askedWithAll) },
    story: wire.suppressingSwitch,
  },
  {
    rule: "whoever takes by a Lease asks the wire first (S2)",
    sabotage: { input: nobodyAnswers },
    story: stories.cutOff,
  },
  {
    rule: "the wire is asked before an address is announced for the first time (A3)",
    sabotage: {
      input: (input, state) =>
        [...state.addresses.values()].some((one) => one.record === undefined) ? nobodyAnswers(input) : input,
    },
    story: wire.usedBefore,
  },
  {
    rule: "a stranger is told off when it has said all that it says (A4)",
    sabotage: { times: { defendAfterMs: 0 } },
    story: wire.strangerComesUp,
  },
  {
    rule: "with the API server a record confirms whoever hears a peer announce its address (rule Y)",
    sabotage: { times: { confirmMs: 0 } },
    story: wire.peerInError,
  },
  {
    rule: "whoever is apart from a peer leaves it to the others to find it gone (ADR 33)",
    sabotage: { state: (state) => ({ ...state, apart: new Map() }) },
    story: apart.heardByAThird,
  },
  {
    rule: "where there are no others the two leave each other alone for a while (ADR 33)",
    sabotage: { times: { apartMs: 0 } },
    story: apart.heardByNobodyElse,
  },
  {
    rule: "and no longer than for a while: nobody may be left to answer (E13)",
    sabotage: { times: { apartMs: 3_600_000 } },
    story: apart.takerFallsSilent,
  },
  {
    rule: "a peer that is heard again is apart no more (ADR 33)",
    sabotage: { state: apart.apartForGood() },
    story: apart.mendedBefore,
  },
  {
    rule: "whoever was found gone asks the peer that has taken at once, and is not apart from one that answers (ADR 33)",
    sabotage: { plan: (plan) => withStations(plan, (one) => ({ ...one, doubted: false })) },
    story: apart.foundGoneBefore,
  },
];
