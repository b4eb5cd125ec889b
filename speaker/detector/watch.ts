/**
 * One station under watch: at rest a question every 100 ms; after a miss a burst; after sixteen losses in a row a verdict, which is
 * told again while it lasts (election.md section 4). Every function works on a draft of the station and adds what is to be done.
 */
import { assertNever } from "../../lib/runtime/errors.ts";
import {
  ALARM_AT,
  AWAY_LOSSES,
  AWAY_MS,
  ask,
  BROADCAST_LAST,
  BURST_STEP_MS,
  type Burst,
  type Draft,
  expire,
  expiryAt,
  type Judged,
  LOSSES,
  NODE_PROBES,
  nodeAddress,
  REPEAT_MS,
  rotate,
  STEADY_MS,
  type Station,
  settle,
} from "./station.ts";
import type { DetectorEffect, VerdictKind } from "./types.ts";
import { countHeard, witnessesOf } from "./witnesses.ts";

export interface Watch {
  readonly s: Draft;
  readonly now: number;
  readonly effects: DetectorEffect[];
  /** All stations, as they were before this step. */
  readonly stations: ReadonlyMap<string, Station>;
  /** Witnesses that are to be asked for their own address. */
  readonly toAsk: string[];
}

/** A verdict of a station that this node neither watches nor pursues is kept so long, for an answer that is late. */
const SLEEP_AFTER_MS = 3_000;
/** Each witness is asked so often within a burst: a lost frame must not make this node think itself deaf. */
const WITNESS_ASKS = 3;

function send(w: Watch, about: "target" | "node", address: string, toAll: boolean): void {
  w.effects.push({ type: "ask", probe: ask(w.s, about, address, toAll, w.now) });
}

/** Own addresses asked for, whatever the number of stations: ten a second at most. */
const ACQUAINT_GAP_MS = 100;

/** How long until a station is asked for its own address again. */
export function acquaintMs(everyMs: number, stations: number): number {
  return Math.max(everyMs, stations * ACQUAINT_GAP_MS);
}

/** What has come due: losses first, then questions. */
export function tick(w: Watch): void {
  const { s, now } = w;
  for (const lost of expire(s, now)) onLoss(w, lost.about, lost.address);
  if (s.judged !== undefined) tickJudged(w, s.judged);
  else if (s.burst !== undefined) tickBurst(w, s.burst);
  else if (now >= s.dueAt) tickRest(w);
}

function tickRest(w: Watch): void {
  const { s, now } = w;
  const address = rotate(s, () => false);
  // In step with its own phase, unless this thread fell behind.
  s.dueAt = s.dueAt + STEADY_MS > now ? s.dueAt + STEADY_MS : now + STEADY_MS;
  if (address !== undefined) send(w, "target", address, false);
}

function onLoss(w: Watch, about: "target" | "node", address: string): void {
  const { s } = w;
  const { burst, judged } = s;
  if (about === "node") s.acquaintAt = Math.min(s.acquaintAt, w.now + acquaintMs(REPEAT_MS, w.stations.size));
  if (judged !== undefined) {
    if (about === "node") s.judged = { ...judged, nodeLost: judged.nodeLost + 1 };
    if (judged.kind !== "addresses" || about === "node" || judged.addresses.includes(address)) return;
  }
  if (burst !== undefined) {
    if (about === "node") s.burst = { ...burst, nodeLost: burst.nodeLost + 1 };
    else if (!burst.isAlone || address === burst.suspect) s.burst = { ...burst, lost: burst.lost + 1 };
    return;
  }
  // Whoever never answered here is not judged by the wire (E3); a missed acquaintance says nothing.
  if (about === "target" && s.heardMs !== undefined && s.targets.includes(address)) startBurst(w, address, false);
}

export function startBurst(w: Watch, suspect: string, byAlarm: boolean): void {
  const { s, now } = w;
  s.burst = {
    startedMs: now,
    suspect,
    isAlone: false,
    byAlarm,
    lost: byAlarm ? 0 : 1,
    sent: byAlarm ? 0 : 1,
    nodeSent: 0,
    nodeLost: 0,
    nodeHeard: false,
    witnesses: witnessesOf(w.stations, s),
    dueAt: now,
  };
  s.burstMs = now;
}

function tickBurst(w: Watch, before: Burst): void {
  const { s, now } = w;
  let burst = before;
  const open = s.pending.filter((one) => one.about === "target" && !one.isLost).length;
  const isNodeKnown = burst.isAlone || burst.nodeHeard || burst.nodeLost >= burst.nodeSent;
  if (burst.lost >= LOSSES && isNodeKnown) {
    judge(w, burst);
    return;
  }
  if (now < burst.dueAt) return;
  burst = { ...burst, dueAt: now + BURST_STEP_MS };
  s.burst = burst;
  if (burst.lost + open >= LOSSES) return;
  const place = burst.lost + open;
  const isAlarm = !burst.byAlarm && burst.sent + 1 === ALARM_AT;
  const toAll = !burst.isAlone && (isAlarm || place >= LOSSES - BROADCAST_LAST);
  const address = burst.isAlone ? burst.suspect : rotate(s, (one) => s.targets.length > 1 && isRepeat(s, one));
  send(w, "target", address ?? burst.suspect, toAll);
  burst = { ...burst, sent: burst.sent + 1 };
  s.burst = askBeside(w, burst, place);
}

/** The rotation goes through different addresses by itself; only right after the miss it must not begin with the same one. */
function isRepeat(s: Station, address: string): boolean {
  return s.burst?.sent === 1 && address === s.burst.suspect;
}

/** Beside the addresses: the station's own address four times, the last time everybody, and each witness three times. */
function askBeside(w: Watch, burst: Burst, place: number): Burst {
  const own = nodeAddress(w.s);
  const { witnesses } = burst;
  const asks = WITNESS_ASKS * witnesses.length;
  const step = Math.ceil(asks / (LOSSES - 1));
  for (let index = 0; index < step; index++) {
    const at = (burst.sent - 1) * step + index;
    const key = at < asks ? witnesses[at % witnesses.length] : undefined;
    if (key !== undefined) w.toAsk.push(key);
  }
  const isDue = place >= LOSSES - 1 || burst.sent % (LOSSES / NODE_PROBES) === 2;
  if (own === "" || burst.isAlone || burst.nodeSent >= NODE_PROBES || !isDue) return burst;
  send(w, "node", own, burst.nodeSent === NODE_PROBES - 1);
  return { ...burst, nodeSent: burst.nodeSent + 1 };
}

function judge(w: Watch, burst: Burst): void {
  const { s } = w;
  s.burst = undefined;
  if (burst.isAlone) {
    const silent = new Set([...(s.judged?.addresses ?? []), burst.suspect]);
    const all = s.targets.every((address) => silent.has(address));
    beJudged(w, all ? "silent" : "addresses", [...silent].sort(), burst);
    return;
  }
  // Without an address of its own to ask for, its node is taken to live: the slower of the two verdicts.
  const isGone = nodeAddress(s) !== "" && !burst.nodeHeard;
  beJudged(w, isGone ? "gone" : "silent", s.targets, burst);
}

function beJudged(w: Watch, kind: VerdictKind, addresses: readonly string[], burst: Burst): void {
  const { s, now } = w;
  const goesOn = s.plan.watched || s.plan.pursued;
  s.judged = {
    kind,
    addresses,
    witnesses: burst.witnesses,
    // Only what was answered since the first miss: an answer from before it may be older than the fault (E1).
    askedMs: burst.startedMs,
    tellAt: Number.POSITIVE_INFINITY,
    untilMs: goesOn ? Number.POSITIVE_INFINITY : now + SLEEP_AFTER_MS,
    nodeLost: 0,
    alarmAt: now + REPEAT_MS,
  };
  s.dueAt = goesOn ? now : Number.POSITIVE_INFINITY;
  tell(w, s.judged);
}

/** Tells the verdict, asks the witnesses anew, and says it again in a second. */
function tell(w: Watch, judged: Judged): void {
  const { s, now } = w;
  const heard = countHeard(w.stations, judged.witnesses, judged.askedMs);
  const { kind, addresses } = judged;
  const verdict = { node: s.plan.node, interface: s.segment.interface, kind, addresses, ...heard };
  w.effects.push({ type: "verdict", verdict });
  const goesOn = s.plan.watched || s.plan.pursued;
  const witnesses = witnessesOf(w.stations, s);
  if (goesOn) w.toAsk.push(...witnesses);
  s.judged = { ...judged, witnesses, askedMs: now, tellAt: goesOn ? now + REPEAT_MS : Number.POSITIVE_INFINITY };
}

function tickJudged(w: Watch, before: Judged): void {
  const { s, now } = w;
  if (now >= before.untilMs || s.targets.length === 0) {
    forget(s, now);
    return;
  }
  // Another of its addresses is missed while some are judged: that one is followed beside.
  if (s.burst !== undefined) tickBurst(w, s.burst);
  let judged = s.judged;
  if (judged === undefined) return;
  if (judged.kind === "silent" && judged.nodeLost >= LOSSES) {
    judged = { ...judged, kind: "gone" };
    tell(w, judged);
  } else if (now >= judged.tellAt) tell(w, judged);
  if (now < s.dueAt) return;
  s.dueAt = now + STEADY_MS;
  probeJudged(w, s.judged ?? judged);
}

/** An address and, where its node is in question, its own address by turns; once a second everybody is asked: later candidates hear it. */
function probeJudged(w: Watch, judged: Judged): void {
  const { s, now } = w;
  const address = rotate(s, () => false);
  const isAlarm = s.plan.watched && judged.kind !== "addresses" && now >= judged.alarmAt;
  if (isAlarm && s.judged !== undefined) s.judged = { ...s.judged, alarmAt: now + REPEAT_MS };
  if (address !== undefined) send(w, "target", address, isAlarm);
  const own = nodeAddress(s);
  if (own !== "" && judged.kind !== "addresses") send(w, "node", own, false);
}

function forget(s: Draft, now: number): void {
  s.judged = undefined;
  s.burst = undefined;
  s.dueAt = isFollowed(s) ? now + STEADY_MS : Number.POSITIVE_INFINITY;
}

/** Whether this node asks for its addresses all the time. */
export function isFollowed(s: Station): boolean {
  return s.targets.length > 0 && (s.plan.watched || s.plan.pursued);
}

/** An answer with this station's MAC. */
export function onAnswer(w: Watch, address: string): void {
  const { s, now } = w;
  const question = settle(s, address, now);
  if (question === undefined) return;
  const { count, sinceMs } = s.unheard;
  s.unheard = { count: 0, sinceMs: now };
  if (s.judged === undefined && count >= AWAY_LOSSES && now - sinceMs >= AWAY_MS && s.plan.node !== "") back(w);
  if (s.judged !== undefined) {
    answerJudged(w, s.judged, question.about, address);
    return;
  }
  answerBurst(s, question.about, address);
}

function answerBurst(s: Draft, about: "target" | "node", address: string): void {
  const { burst } = s;
  if (burst === undefined) return;
  if (about === "node") s.burst = { ...burst, nodeHeard: true };
  else if (address === burst.suspect) s.burst = undefined;
  else if (!burst.isAlone) {
    // Its speaker lives. Losses of other addresses do not count against the one that is followed from here on.
    s.burst = { ...burst, isAlone: true, lost: 1, sent: Math.max(burst.sent, ALARM_AT) };
  }
}

function answerJudged(w: Watch, judged: Judged, about: "target" | "node", address: string): void {
  const { s, now } = w;
  const { kind } = judged;
  switch (kind) {
    case "gone":
      back(w);
      return;
    case "silent":
      if (about === "target") back(w);
      else s.judged = { ...judged, nodeLost: 0 };
      return;
    case "addresses": {
      answerBurst(s, about, address);
      const addresses = judged.addresses.filter((one) => one !== address);
      if (addresses.length === judged.addresses.length) return;
      s.judged = { ...judged, addresses, tellAt: now };
      if (addresses.length === 0) back(w);
      return;
    }
    default:
      assertNever(kind);
  }
}

function back(w: Watch): void {
  const { s, now } = w;
  if (s.judged !== undefined) forget(s, now);
  w.effects.push({ type: "back", node: s.plan.node, interface: s.segment.interface });
}

/** When this station wants to be looked at next. */
export function wakeAt(s: Station): number {
  let at = Math.min(expiryAt(s), s.acquaintAt);
  if (s.judged !== undefined) at = Math.min(at, s.judged.tellAt, s.judged.untilMs, s.dueAt);
  if (s.burst !== undefined) at = Math.min(at, burstWakeAt(s, s.burst));
  if (s.judged === undefined && s.burst === undefined) at = Math.min(at, s.dueAt);
  return at;
}

/** All questions of the burst are out: only their answers or their losses matter. */
function burstWakeAt(s: Station, burst: Burst): number {
  const open = s.pending.filter((one) => one.about === "target" && !one.isLost).length;
  return burst.lost + open >= LOSSES ? Number.POSITIVE_INFINITY : burst.dueAt;
}
