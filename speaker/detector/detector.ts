/**
 * The detector of one node: watches other nodes on the wire and says which of them are silent (election.md section 4). What comes
 * of a verdict is decided by the election, not here.
 */
import { assertNever } from "../../lib/runtime/errors.ts";
import { rendezvousWeight } from "../rendezvous.ts";
import { startBurst, type Watch } from "./burst.ts";
import { isFollowed } from "./judged.ts";
import {
  ACQUAINT_MS,
  ask,
  type Draft,
  isAskable,
  type Judged,
  nodeAddress,
  REPEAT_MS,
  rotate,
  STEADY_MS,
  type Station,
  stationKey,
  voidPending,
} from "./station.ts";
import type {
  Alarm,
  DetectorEffect,
  DetectorInput,
  LivenessAnswer,
  SegmentPlan,
  StationPlan,
  WatchPlan,
} from "./types.ts";
import { acquaintMs, onAnswer, tick, wakeAt } from "./watch.ts";

export interface DetectorState {
  /** By interface, node and MAC. BOUNDED by the plan. */
  readonly stations: ReadonlyMap<string, Station>;
  /** When the last step asked to be called again. */
  readonly dueMs: number;
}

export interface DetectorStep {
  readonly state: DetectorState;
  /** In this order. */
  readonly effects: readonly DetectorEffect[];
  /** Monotonic milliseconds; undefined when nothing is watched. */
  readonly wakeAt: number | undefined;
}

/** Whom it does not know yet this node asks in no more than so many questions a second: a large segment is not flooded at each start. */
const FIRST_GAP_MS = 30;
/** A step that comes so late was kept from running: what is under way was asked, and perhaps answered, too long ago (E5). */
export const LATE_MS = 20;

/** One step: what all its parts work on. */
interface Turn {
  /** As they are now: the state's own map until the first of them changes, for most steps concern one of hundreds. */
  stations: ReadonlyMap<string, Station>;
  changed: Map<string, Station> | undefined;
  readonly effects: DetectorEffect[];
  readonly now: number;
  readonly isLate: boolean;
}

export function createDetector(): DetectorState {
  return { stations: new Map(), dueMs: Number.POSITIVE_INFINITY };
}

/** `now` in monotonic milliseconds. Of one turn: `heard` with all that has arrived, and then `tick`. */
export function stepDetector(state: DetectorState, input: DetectorInput, now: number): DetectorStep {
  const effects: DetectorEffect[] = [];
  const isLate = now - state.dueMs > LATE_MS;
  const turn: Turn = { stations: state.stations, changed: undefined, effects, now, isLate };
  switch (input.type) {
    case "plan":
      return done(follow(state, input.plan, now), effects);
    case "heard":
      for (const answer of input.answers) onLivenessAnswer(turn, answer);
      for (const alarm of input.alarms) onAlarm(turn, alarm);
      break;
    case "gap":
      voidAll(turn);
      break;
    case "tick":
      if (isLate) voidAll(turn);
      tickAll(turn);
      break;
    default:
      return assertNever(input);
  }
  return done(turn.stations, effects);
}

function put(turn: Turn, station: Station): void {
  turn.changed ??= new Map(turn.stations);
  turn.changed.set(station.key, station);
  turn.stations = turn.changed;
}

function done(stations: ReadonlyMap<string, Station>, effects: readonly DetectorEffect[]): DetectorStep {
  let at = Number.POSITIVE_INFINITY;
  for (const station of stations.values()) at = Math.min(at, wakeAt(station));
  return { state: { stations, dueMs: at }, effects, wakeAt: at === Number.POSITIVE_INFINITY ? undefined : at };
}

/** What was learned of a station stays; a verdict on one that holds nothing any more ends by itself. */
function follow(state: DetectorState, plan: WatchPlan, now: number): ReadonlyMap<string, Station> {
  const stations = new Map<string, Station>();
  const all = plan.segments.reduce((sum, segment) => sum + segment.stations.length, 0);
  for (const segment of plan.segments) {
    for (const one of segment.stations) {
      const key = stationKey(segment.interface, one);
      const before = state.stations.get(key);
      const station = before === undefined ? fresh(key, segment, one, all, now) : renew(before, segment, one, now);
      stations.set(key, station);
    }
  }
  return stations;
}

function fresh(key: string, segment: SegmentPlan, plan: StationPlan, stations: number, now: number): Station {
  const targets = plan.targets.filter((address) => isAskable(address, plan, segment));
  // Three watchers of one station must not ask in step; the own address makes their phases differ.
  const phase = rendezvousWeight(key, `${segment.address4} ${segment.linkLocal}`) / 2 ** 32;
  const station: Station = {
    key,
    plan,
    segment: { interface: segment.interface, address4: segment.address4, linkLocal: segment.linkLocal },
    targets,
    mac: plan.mac,
    heardMs: undefined,
    isSpeakerKnown: false,
    unheard: { count: 0, sinceMs: now },
    next: 0,
    dueAt: Number.POSITIVE_INFINITY,
    acquaintAt: now + phase * Math.max(STEADY_MS, stations * FIRST_GAP_MS),
    pending: [],
    burst: undefined,
    burstMs: Number.NEGATIVE_INFINITY,
    backMs: Number.NEGATIVE_INFINITY,
    judged: undefined,
    told: undefined,
    rtt: { sinceMs: now, worstMs: 0, formerMs: 0 },
  };
  return isFollowed(station) ? { ...station, dueAt: now + phase * STEADY_MS } : station;
}

function renew(before: Station, segment: SegmentPlan, plan: StationPlan, now: number): Station {
  const targets = plan.targets.filter((address) => isAskable(address, plan, segment));
  const station: Station = {
    ...before,
    plan,
    segment: { interface: segment.interface, address4: segment.address4, linkLocal: segment.linkLocal },
    targets,
    next: targets.length === 0 ? 0 : before.next % targets.length,
    burst: before.burst !== undefined && targets.includes(before.burst.suspect) ? before.burst : undefined,
    judged: stillJudged(before.judged, targets, plan),
    acquaintAt: plan.doubted && !before.plan.doubted ? now : before.acquaintAt,
  };
  if (!isFollowed(station)) {
    // A verdict that is told once is forgotten by time; nothing else is under way.
    return station.judged === undefined ? { ...station, dueAt: Number.POSITIVE_INFINITY } : station;
  }
  return station.dueAt > now + STEADY_MS ? { ...station, dueAt: now } : station;
}

/**
 * An address that it holds no more is not silent there; should it come back to the station, it must be missed anew. So must one that was
 * given to it again just now, which no plan has for a second. And a speaker that was silent may be back without a word: what it holds by
 * now has not been asked for.
 */
function stillJudged(
  judged: Judged | undefined,
  targets: readonly string[],
  { watched, pursued }: StationPlan,
): Judged | undefined {
  if (judged === undefined || judged.kind === "gone") return judged;
  if (judged.kind === "silent") {
    // It is told no more, and forgotten with the next tick; an answer that is under way still ends it.
    if (targets.length === 0) return judged;
    // Whoever only looked for itself would not miss anything by itself: it asks once more before its time.
    if ((watched || pursued) && targets.some((address) => !judged.addresses.includes(address))) return undefined;
  }
  const addresses = judged.addresses.filter((address) => targets.includes(address));
  return addresses.length === 0 ? undefined : { ...judged, addresses };
}

function edit(turn: Turn, station: Station, change: (watch: Watch) => void): void {
  const { stations, effects, now, isLate } = turn;
  const s: Draft = { ...station };
  const toAsk: string[] = [];
  change({ s, now, isLate, effects, stations, toAsk });
  put(turn, s);
  for (const key of toAsk) askForNode(turn, key);
}

function askForNode(turn: Turn, key: string): void {
  const station = turn.stations.get(key);
  if (station === undefined) return;
  const own = nodeAddress(station);
  if (own === "") return;
  const s: Draft = { ...station };
  turn.effects.push({ type: "ask", probe: ask(s, "node", own, s.mac === "", turn.now) });
  put(turn, s);
}

/** An answer counts with the MAC of the station that was asked (E12); whoever answers for the gateway is the gateway. */
function onLivenessAnswer(turn: Turn, answer: LivenessAnswer): void {
  let [isPeer, isMissed] = [false, false];
  for (const station of turn.stations.values()) {
    if (station.segment.interface !== answer.interface) continue;
    const isGateway = station.plan.node === "" && nodeAddress(station) === answer.address;
    if (station.mac !== answer.mac && !isGateway) {
      const isInDoubt = station.burst !== undefined || station.judged !== undefined;
      isMissed ||= isInDoubt && station.targets.includes(answer.address);
      continue;
    }
    isPeer ||= station.plan.node !== "";
    edit(turn, station, (watch) => {
      if (isGateway) watch.s.mac = answer.mac;
      onAnswer(watch, answer.address);
    });
  }
  // What goes to everybody another node has answered: it has taken the address from the one that is missed here.
  if (isPeer && isMissed) turn.effects.push({ type: "heard", how: "instead", ...answer });
}

/** Somebody else misses the holder of this address: every candidate looks for itself, once a second at most (E6). */
function onAlarm(turn: Turn, alarm: Alarm): void {
  const { stations, now } = turn;
  const here = [...stations.values()].filter((one) => one.segment.interface === alarm.interface);
  if (!here.some((one) => one.mac === alarm.mac && one.plan.node !== "")) return;
  for (const station of here) {
    if (station.mac === alarm.mac || !station.targets.includes(alarm.address)) continue;
    const isBusy = station.burst !== undefined || station.judged !== undefined;
    if (isBusy || !station.isSpeakerKnown || now < station.burstMs + REPEAT_MS) continue;
    edit(turn, station, (watch) => startBurst(watch, alarm.address, true));
  }
}

function voidAll(turn: Turn): void {
  const { now } = turn;
  for (const station of turn.stations.values()) {
    const s: Draft = { ...station };
    voidPending(s);
    if (s.burst !== undefined)
      s.burst = { ...s.burst, nodeSent: s.burst.nodeLost, dueAt: Math.max(s.burst.dueAt, now) };
    if (s.judged !== undefined) s.judged = { ...s.judged, isOld: true };
    put(turn, s);
  }
}

function tickAll(turn: Turn): void {
  const { stations, now } = turn;
  for (const key of stations.keys()) {
    // It may have been asked as a witness of one before it.
    const station = turn.stations.get(key);
    if (station === undefined || wakeAt(station) > now) continue;
    edit(turn, station, (watch) => {
      if (now >= watch.s.acquaintAt) acquaint(watch, stations.size);
      tick(watch);
    });
  }
}

/** Asks for its own address now and then, so that it has been heard before it is to be judged, or to bear witness. */
function acquaint(watch: Watch, stations: number): void {
  const { s, now, toAsk } = watch;
  const wantsSpeaker = s.heardMs !== undefined && !s.isSpeakerKnown && s.targets.length > 0;
  const isKnown = s.heardMs !== undefined && s.unheard.count === 0 && !wantsSpeaker;
  s.acquaintAt = now + acquaintMs(isKnown ? ACQUAINT_MS : REPEAT_MS, stations);
  // A gateway that moved to another MAC is looked for anew.
  if (s.plan.node === "" && s.heardMs !== undefined && now - s.heardMs > 3 * ACQUAINT_MS) s.mac = "";
  const address = wantsSpeaker ? rotate(s, () => false) : undefined;
  if (address === undefined) toAsk.push(s.key);
  else watch.effects.push({ type: "ask", probe: ask(s, "target", address, false, now) });
}
