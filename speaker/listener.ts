/**
 * The multicast listener of one interface (RFC 3810 section 6): tells of the groups that are joined and left, and answers
 * the querier, so that snooping switches let solicitations through. Where a querier of version 1 is heard it speaks that version
 * (section 8.2.1). Only solicited-node groups, always with all sources: a group is listened to, or it is not.
 *
 *     joined       → told at once, and again robustness - 1 times, each within a second
 *     left         → likewise, but gathered for a moment first: nobody waits for it
 *     query        → all groups, or the one, at a random time within the maximum response delay
 *     link         → everything told anew, when it came back or has another address or the kernel told its switch anew
 *
 * Changes are told before queries are answered, at most FRAMES_PER_SECOND in all.
 */
import { assertNever } from "../lib/runtime/errors.ts";
import { drawRandom } from "../lib/runtime/random.ts";
import { affordableAt, createPacer, type Pacer, refill, spend } from "./pacer.ts";
import { type GroupBits, type MldQuery, type MldRecord, RECORDS_PER_REPORT } from "./packet/mld.ts";

/** RFC 3810 sections 9.1 (and 2 at least, even if the querier has less), 9.2, 9.3 and 9.11. */
const ROBUSTNESS = 2;
const QUERY_INTERVAL_MS = 125_000;
const QUERY_RESPONSE_MS = 10_000;
const UNSOLICITED_MS = 1000;
/** As for announcements: what the smallest configurable storm control lets pass. A report has up to RECORDS_PER_REPORT groups, or one in version 1. */
export const FRAMES_PER_SECOND = 1000;
/** Frames of one step at most; when there is more to tell it comes every 20 ms. */
export const BURST = 20;
const GATHER_LEAVES_MS = 100;
/** Questions about single groups that wait for their answer; beyond this all groups are told at once. */
export const SPECIFIC_MAX = 256;

export interface ListenerLink {
  /** It has carrier. */
  readonly up: boolean;
  /** The link-local address of the interface, "::" while there is none. */
  readonly source: string;
  /** Goes up when switches have to be told anew though nothing else has changed. */
  readonly rejoins: number;
}

export interface ListenerState {
  readonly random: number;
  readonly link: ListenerLink;
  /** BOUNDED by the addresses of the table, as are the collections below unless they say otherwise. */
  readonly joined: ReadonlySet<GroupBits>;
  readonly robustness: number;
  readonly queryIntervalMs: number;
  /** Until when a querier of version 1 is taken to be there. */
  readonly olderUntil: number;
  /** How often each change is to be told again. BOUNDED by what was joined and left within the last few seconds. */
  readonly again: ReadonlyMap<GroupBits, number>;
  readonly againAt: number;
  /** Changes to be told now. */
  readonly changes: readonly GroupBits[];
  /** When all groups are told to a querier. */
  readonly generalAt: number;
  /** When single ones are. BOUNDED by SPECIFIC_MAX. */
  readonly specific: ReadonlyMap<GroupBits, number>;
  /** Answers to be given now. BOUNDED by the groups joined and SPECIFIC_MAX. */
  readonly answers: readonly GroupBits[];
  readonly pacer: Pacer;
}

export type ListenerInput =
  | ({ readonly type: "link" } & ListenerLink)
  | { readonly type: "change"; readonly join: readonly GroupBits[]; readonly leave: readonly GroupBits[] }
  | { readonly type: "query"; readonly query: MldQuery }
  /** Frames were lost; there may have been a query among them. */
  | { readonly type: "missed" }
  /** The process ends: as many leaves as fit into one step are told, the rest times out at the querier. */
  | { readonly type: "end" }
  | { readonly type: "tick" };

/** One frame; in version 1 it has one record. */
export interface ListenerEffect {
  readonly version: 1 | 2;
  readonly source: string;
  readonly records: readonly MldRecord[];
}

export interface ListenerStep {
  readonly state: ListenerState;
  readonly effects: readonly ListenerEffect[];
  readonly wakeAt: number;
}

/** A listener whose link is down. `random` is a state of drawRandom. */
export function createListener(random: number, now: number): ListenerState {
  return {
    random,
    link: { up: false, source: "::", rejoins: 0 },
    joined: new Set(),
    robustness: ROBUSTNESS,
    queryIntervalMs: QUERY_INTERVAL_MS,
    olderUntil: Number.NEGATIVE_INFINITY,
    ...NOTHING_DUE,
    pacer: createPacer(FRAMES_PER_SECOND, BURST, now),
  };
}

const NOTHING_DUE = {
  again: new Map<GroupBits, number>(),
  againAt: Number.POSITIVE_INFINITY,
  changes: [],
  generalAt: Number.POSITIVE_INFINITY,
  specific: new Map<GroupBits, number>(),
  answers: [],
} as const;

/** `now` in monotonic milliseconds. */
export function stepListener(state: ListenerState, input: ListenerInput, now: number): ListenerStep {
  const next = taken(state, input, now);
  if (!next.link.up) return { state: { ...next, ...NOTHING_DUE }, effects: [], wakeAt: Number.POSITIVE_INFINITY };
  return sent(due(next, now), now);
}

function taken(state: ListenerState, input: ListenerInput, now: number): ListenerState {
  switch (input.type) {
    case "link": {
      const { up, source, rejoins } = input;
      const { link } = state;
      if (link.up === up && link.source === source && link.rejoins === rejoins) return state;
      return told({ ...state, ...NOTHING_DUE, link: { up, source, rejoins } }, [...state.joined]);
    }
    case "change": {
      const joined = new Set(state.joined);
      for (const group of input.join) joined.add(group);
      for (const group of input.leave) joined.delete(group);
      return gathered(told({ ...state, joined }, input.join), input.leave, now);
    }
    case "query":
      return asked(state, input.query, now);
    case "missed":
      return answeredWithin(state, "all", QUERY_RESPONSE_MS, now);
    case "end":
      return { ...state, ...NOTHING_DUE, joined: new Set(), changes: [...state.joined] };
    case "tick":
      return state;
    default:
      return assertNever(input);
  }
}

/** These groups are told of now, and again later. */
function told(state: ListenerState, groups: readonly GroupBits[]): ListenerState {
  if (groups.length === 0) return state;
  const waiting = new Set(state.changes);
  const changes = [...state.changes, ...groups.filter((group) => !waiting.has(group))];
  return { ...state, changes, again: withTimes(state.again, groups, state.robustness - 1) };
}

/** These are told of with the next repetition, which comes soon. */
function gathered(state: ListenerState, groups: readonly GroupBits[], now: number): ListenerState {
  if (groups.length === 0) return state;
  const again = withTimes(state.again, groups, state.robustness);
  return { ...state, again, againAt: Math.min(state.againAt, now + GATHER_LEAVES_MS) };
}

function withTimes(
  again: ReadonlyMap<GroupBits, number>,
  groups: readonly GroupBits[],
  times: number,
): ReadonlyMap<GroupBits, number> {
  const next = new Map(again);
  for (const group of groups) next.set(group, times);
  return next;
}

function asked(state: ListenerState, query: MldQuery, now: number): ListenerState {
  const robustness = Math.max(ROBUSTNESS, query.robustness ?? ROBUSTNESS);
  const queryIntervalMs = query.queryIntervalMs ?? QUERY_INTERVAL_MS;
  // RFC 3810 section 9.12: an older querier is there as long as one of its queries may have been lost.
  const next: ListenerState =
    query.version === 2
      ? { ...state, robustness, queryIntervalMs }
      : { ...state, olderUntil: now + state.robustness * state.queryIntervalMs + QUERY_RESPONSE_MS };
  return answeredWithin(next, query.group, query.maxResponseMs, now);
}

/** RFC 3810 section 6.2: an answer that is due sooner stands. */
function answeredWithin(state: ListenerState, group: MldQuery["group"], maxMs: number, now: number): ListenerState {
  if (state.joined.size === 0 || (group !== "all" && (group === "other" || !state.joined.has(group)))) return state;
  const { value, next: random } = drawRandom(state.random);
  const at = now + value * maxMs;
  if (state.generalAt <= at) return { ...state, random };
  if (group === "all" || (state.specific.size >= SPECIFIC_MAX && !state.specific.has(group)))
    return { ...state, random, generalAt: at };
  if ((state.specific.get(group) ?? Number.POSITIVE_INFINITY) <= at) return { ...state, random };
  return { ...state, random, specific: new Map(state.specific).set(group, at) };
}

/** Moves what is due to what is told now. What is being told is told to its end first. */
function due(state: ListenerState, now: number): ListenerState {
  let next = state;
  if (next.changes.length === 0 && next.againAt <= now) {
    const again = new Map<GroupBits, number>();
    for (const [group, left] of next.again) if (left > 1) again.set(group, left - 1);
    next = { ...next, changes: [...next.again.keys()], again, againAt: Number.POSITIVE_INFINITY };
  }
  if (next.answers.length > 0) return next;
  if (next.generalAt <= now)
    return { ...next, answers: [...next.joined], generalAt: Number.POSITIVE_INFINITY, specific: new Map() };
  if (firstOf(next.specific) > now) return next;
  const answers = [...next.specific].flatMap(([group, at]) => (at <= now ? [group] : []));
  return { ...next, answers, specific: new Map([...next.specific].filter(([, at]) => at > now)) };
}

/** As many frames as may leave now. What is not told yet is copied once for a step, since there may be very much of it. */
function sent(state: ListenerState, now: number): ListenerStep {
  const pacer = refill(state.pacer, now);
  const frames = Math.floor(pacer.tokens);
  if (frames === 0 || state.changes.length + state.answers.length === 0)
    return { effects: [], ...planned({ ...state, pacer }, now) };
  const version = now < state.olderUntil ? 1 : 2;
  const perFrame = version === 1 ? 1 : RECORDS_PER_REPORT;
  const changes = state.changes.slice(0, frames * perFrame);
  const changeFrames = Math.ceil(changes.length / perFrame);
  const answers = state.answers.slice(0, (frames - changeFrames) * perFrame);
  const records = [
    changes.map((group): MldRecord => ({ kind: state.joined.has(group) ? "joined" : "left", group })),
    answers.flatMap((group): MldRecord[] => (state.joined.has(group) ? [{ kind: "listening", group }] : [])),
  ];
  const effects = records
    .flatMap((all) => inFrames(all, perFrame))
    .map((some): ListenerEffect => ({ version, source: state.link.source, records: some }));
  const rest = {
    ...state,
    pacer: spend(pacer, effects.length),
    changes: state.changes.slice(changes.length),
    answers: state.answers.slice(answers.length),
  };
  return { effects, ...planned(rest, now) };
}

function inFrames(records: readonly MldRecord[], perFrame: number): readonly (readonly MldRecord[])[] {
  return Array.from({ length: Math.ceil(records.length / perFrame) }, (_, index) =>
    records.slice(index * perFrame, (index + 1) * perFrame),
  );
}

/** When to come again; and the time of the next repetition, once everything was told. */
function planned(state: ListenerState, now: number): { readonly state: ListenerState; readonly wakeAt: number } {
  let next = state;
  if (state.changes.length === 0 && state.again.size > 0 && state.againAt === Number.POSITIVE_INFINITY) {
    const { value, next: random } = drawRandom(state.random);
    next = { ...state, random, againAt: now + value * UNSOLICITED_MS };
  }
  const perFrame = now < next.olderUntil ? 1 : RECORDS_PER_REPORT;
  const frames = Math.ceil(next.changes.length / perFrame) + Math.ceil(next.answers.length / perFrame);
  const wakeAt = Math.min(
    frames > 0 ? affordableAt(next.pacer, frames) : Number.POSITIVE_INFINITY,
    next.changes.length === 0 ? next.againAt : Number.POSITIVE_INFINITY,
    next.answers.length === 0 ? Math.min(next.generalAt, firstOf(next.specific)) : Number.POSITIVE_INFINITY,
  );
  return { state: next, wakeAt };
}

function firstOf(specific: ReadonlyMap<GroupBits, number>): number {
  let first = Number.POSITIVE_INFINITY;
  for (const at of specific.values()) if (at < first) first = at;
  return first;
}
