/** Each rule, how it is broken on purpose, and the story that must find it. */
import type { StationPlan, WatchPlan } from "../../speaker/detector/types.ts";
import type { AddressState } from "../../speaker/election/types.ts";
import type { SpeakerEffect, SpeakerState } from "../../speaker/state.ts";
import type { Sabotage } from "./sabotage.ts";
import * as leaving from "./sabotage-leave.ts";
import * as off from "./sabotage-off.ts";
import * as stories from "./sabotage-stories.ts";
import * as wide from "./sabotage-wide.ts";

export interface Broken {
  readonly rule: string;
  readonly sabotage: Sabotage;
  readonly story: stories.SabotageStory;
}

/** Whoever is first in line claims what a living node holds. */
function takeBack(effects: readonly SpeakerEffect[], state: SpeakerState, now: number): readonly SpeakerEffect[] {
  const claims = [...state.addresses.values()].flatMap((one): readonly SpeakerEffect[] => {
    const first = state.places.get(one.name)?.ordered[0];
    const { record, task } = one;
    const isIdle = task.kind === "none" && record !== undefined && now > one.recordSeenMs + 2_000;
    if (first?.node !== state.node || !isIdle || record.node === state.node || record.node === "") return [];
    const holder = { ...first, from: "", epoch: record.epoch + 1, reason: "first-holder" };
    const { name, uid, resourceVersion } = one;
    const about = { name, uid, resourceVersion, fromEpoch: record.epoch, bareStatus: false, holder };
    return [{ type: "compare-and-set", ...about }];
  });
  return [...effects, ...claims];
}

function justMoved(addresses: Iterable<AddressState>, now: number): boolean {
  return [...addresses].some((one) => one.record !== undefined && now < one.recordSeenMs + 30_000);
}

/** Every station of a plan, as `change` makes it. */
export function withStations(plan: WatchPlan, change: (one: StationPlan) => StationPlan): WatchPlan {
  return { segments: plan.segments.map((segment) => ({ ...segment, stations: segment.stations.map(change) })) };
}

export const BROKEN: readonly Broken[] = [
  { rule: "the compare of the compare-and-set (F4)", sabotage: { ignoresEpoch: true }, story: stories.twoTakers },
  { rule: "what leaves the table is not answered (S1, S5)", sabotage: { neverYields: true }, story: stories.handOver },
  { rule: "announcements of others are heard (F3)", sabotage: { deaf: true }, story: stories.splitWithoutApi },
  {
    rule: "rule Y: whoever hears a peer announce its address asks, or yields (F3)",
    sabotage: {
      input: (input) => {
        if (input.type !== "worker" || input.message.type !== "heard") return input;
        return input.message.how === "announcement" ? undefined : input;
      },
    },
    story: stories.splitWithoutApi,
  },
  {
    rule: "the worker yields alone where its main thread does not answer (rule Y)",
    sabotage: { waitsForMain: true },
    story: stories.stuckAtHealing,
  },
  {
    rule: "a verdict needs the proof of one's own hearing (E1)",
    sabotage: { verdict: (verdict) => ({ ...verdict, seen: verdict.stations }) },
    story: stories.deadPortBeside,
  },
  {
    rule: "one silent address is no silent node (E2)",
    sabotage: {
      verdict: (verdict) =>
        verdict.kind === "addresses" ? { ...verdict, kind: "gone", seen: verdict.stations } : verdict,
    },
    story: stories.oneAddressSilent,
  },
  {
    rule: "a node that answers for itself has a silent speaker, which gets two seconds (E2)",
    sabotage: {
      verdict: (verdict) =>
        verdict.kind === "silent" ? { ...verdict, kind: "gone", seen: verdict.stations } : verdict,
    },
    story: stories.restartAtHome,
  },
  {
    rule: "a silent speaker gets two seconds to come back",
    sabotage: { times: { silentMs: 0 } },
    story: stories.restartAtHome,
  },
  {
    rule: "the window stretches with the round trips (E5)",
    sabotage: {
      detector: (state) => {
        const stations = [...state.stations].map(([key, one]) => {
          return [key, { ...one, rtt: { ...one.rtt, worstMs: 0, formerMs: 0 } }] as const;
        });
        return { ...state, stations: new Map(stations) };
      },
    },
    story: stories.slowAnswers,
  },
  {
    rule: "what has come is read before anything is judged, and late rounds are void (E5)",
    sabotage: { judgesUnread: true },
    story: stories.starvedWatchers,
  },
  { rule: "the second in line waits (E7)", sabotage: { times: { wireRankMs: 0 } }, story: stories.oneTaker },
  {
    rule: "fenced-by on one's own Lease silences (F5)",
    sabotage: {
      input: (input) => (input.type === "lease-event" && input.event === "fenced" ? undefined : input),
    },
    story: stories.pausedWithSlowApi,
  },
  { rule: "what queued up in a gap is never answered (S3)", sabotage: { answersBacklog: true }, story: stories.frozen },
  { rule: "a hand-over says who hands over (F10)", sabotage: { forgetsFrom: true }, story: stories.handOver },
  {
    rule: "a successor is handed no more than it can announce in time",
    sabotage: { times: { lotMs: 1_000_000 } },
    story: wide.manyHandedOver,
  },
  { rule: "a Lease says that its node leaves (F5)", sabotage: { forgetsLeaving: true }, story: stories.twoLeave },
  {
    rule: "all successors start as a Lease says that its node leaves (F5)",
    sabotage: { forgetsLeaving: true },
    story: leaving.leftWithSlowApi,
  },
  {
    rule: "whoever leaves gives those who have read that a second before it writes records (F5)",
    sabotage: { times: { markMs: 0 } },
    story: leaving.leavesAsAnotherDies,
  },
  {
    rule: "rounds of the one that leaves may be under way as another one begins (F5)",
    sabotage: { times: { crossMs: 0 } },
    story: leaving.leavesInARound,
  },
  { rule: "sticky: nothing moves without need", sabotage: { effects: takeBack }, story: stories.returns },
  {
    rule: "who was never heard cannot be missed (E3)",
    sabotage: {
      detector: (state) => {
        const stations = [...state.stations].map(([key, one]) => {
          return [key, { ...one, isSpeakerKnown: true, heardMs: one.heardMs ?? 0 }] as const;
        });
        return { ...state, stations: new Map(stations) };
      },
    },
    story: stories.privateVlan,
  },
  {
    rule: "who is off does not count (E16)",
    sabotage: { plan: (plan) => withStations(plan, (one) => ({ ...one, counts: true })) },
    story: off.oneOfThreeIsOff,
  },
  {
    rule: "who is silent counts by its Lease (E1, E16)",
    sabotage: { verdict: (verdict) => ({ ...verdict, stations: verdict.seen + 1 }) },
    story: off.twoAgainstTwo,
  },
  {
    rule: "who answers without a Lease proves the hearing only (E1, E16)",
    sabotage: {
      verdict: ({ seen, stations, beside, ...verdict }) => {
        return { ...verdict, seen: seen + beside, stations: stations + beside, beside: 0 };
      },
    },
    story: off.oneBesideOnEachSide,
  },
  {
    rule: "a gateway that is off does not count (E16)",
    sabotage: {
      detector: (state) => {
        const lastMs = Math.max(...[...state.stations.values()].map((one) => one.heardMs ?? 0));
        const stations = [...state.stations].map(([key, one]) => {
          const isSilent = one.plan.node === "" && one.heardMs !== undefined && one.heardMs < lastMs - 2_000;
          return [key, isSilent ? { ...one, heardMs: lastMs - 2_000 } : one] as const;
        });
        return { ...state, stations: new Map(stations) };
      },
    },
    story: off.gatewayIsOff,
  },
  {
    rule: "a gateway that falls silent with the holder counts (E1)",
    sabotage: { plan: (plan) => withStations(plan, (one) => ({ ...one, counts: one.counts && one.node !== "" })) },
    story: off.gatewayStaysWithTheHolder,
  },
  {
    rule: "who is off watches nobody (E17)",
    sabotage: { plan: (plan) => off.ringOfAll(plan, ["n1", "n2", "n3", "n4", "n5", "n6"]) },
    story: off.followersAreOff,
  },
  {
    rule: "a holder that answers keeps its addresses until its Node is not Ready (E10)",
    sabotage: {
      input: (input) =>
        input.type === "node" && input.node !== undefined ? { ...input, node: { ...input.node, ready: false } } : input,
    },
    story: stories.cutOff,
  },
  {
    rule: "an unanswered address is never delayed by what was before (E13)",
    sabotage: {
      input: (input, state, now) => {
        const isVerdict = input.type === "worker" && input.message.type === "verdict";
        return isVerdict && justMoved(state.addresses.values(), now) ? undefined : input;
      },
    },
    story: stories.threeDeaths,
  },
  {
    rule: "a verdict counts for what it was told after",
    sabotage: {
      state: (state, now) => {
        const verdicts = [...state.verdicts].map(([key, one]) => [key, { ...one, toldMs: now + 1_000 }] as const);
        return { ...state, verdicts: new Map(verdicts) };
      },
    },
    story: stories.backInTime,
  },
  {
    rule: "the lost node is pursued, and told when it is back (F2)",
    sabotage: {
      input: (input) => (input.type === "worker" && input.message.type === "back" ? undefined : input),
      plan: (plan) => ({
        segments: plan.segments.map((segment) => ({
          ...segment,
          stations: segment.stations.map((one) => (one.pursued ? { ...one, pursued: false, targets: [] } : one)),
        })),
      }),
    },
    story: stories.pausedWithoutApi,
  },
  {
    rule: "whoever takes an address announces it (W1)",
    sabotage: {
      effects: (effects) => effects.filter((effect) => effect.type !== "worker" || effect.message.type !== "announce"),
    },
    story: stories.deadNode,
  },
  {
    rule: "what one wire says is about that wire alone (E11)",
    sabotage: { verdict: (verdict) => ({ ...verdict, interface: "eth0" }) },
    story: wide.oneInterface,
  },
  {
    rule: "a mark in the Lease is about the interface that is gone (E11)",
    sabotage: {
      effects: (effects) => effects.map((effect) => (effect.type === "fence" ? { ...effect, interface: "" } : effect)),
    },
    story: wide.oneInterface,
  },
  {
    rule: "the proof of one's own hearing is by interface (E11)",
    sabotage: {
      verdict: (verdict) => (verdict.interface === "eth1" ? { ...verdict, seen: verdict.stations } : verdict),
    },
    story: wide.deafOnOne,
  },
  {
    rule: "a record says 'released' when the worker is silent (F13)",
    sabotage: { state: (state) => ({ ...state, applied: state.generation + 1 }) },
    story: stories.deleted,
  },
];
