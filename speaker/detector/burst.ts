/** The burst of questions after a miss or an alarm, and who is asked beside (election.md section 4). */
import {
  ALARM_AT,
  ask,
  BROADCAST_LAST,
  BURST_STEP_MS,
  type Burst,
  type Draft,
  LOSSES,
  NODE_PROBES,
  nodeAddress,
  rotate,
  type Station,
} from "./station.ts";
import type { DetectorEffect } from "./types.ts";
import { witnessesOf } from "./witnesses.ts";

export interface Watch {
  readonly s: Draft;
  readonly now: number;
  /** This step came later than it was asked for: what it finds may have waited. */
  readonly isLate: boolean;
  readonly effects: DetectorEffect[];
  /** All stations, as they were before this step. */
  readonly stations: ReadonlyMap<string, Station>;
  /** Witnesses that are to be asked for their own address. */
  readonly toAsk: string[];
}

/**
 * The witnesses are asked in so many parts, one with each question of the burst from the alarm on: each of them three times until the
 * last question, unless it has answered. Before the alarm most bursts have ended by an answer, and nobody needs a witness (E6).
 */
const WITNESS_PARTS = 4;

export function send(w: Watch, about: "target" | "node", address: string, toAll: boolean): void {
  w.effects.push({ type: "ask", probe: ask(w.s, about, address, toAll, w.now) });
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
    witnesses: [],
    dueAt: now,
  };
  s.burstMs = now;
}

/** The next question of the burst, if it is time and not all are out. */
export function advanceBurst(w: Watch, before: Burst): void {
  const { s, now } = w;
  let burst = before;
  const open = s.pending.filter((one) => one.about === "target" && !one.isLost).length;
  if (now < burst.dueAt) return;
  burst = { ...burst, dueAt: now + BURST_STEP_MS };
  s.burst = burst;
  if (burst.lost + open >= LOSSES) return;
  const place = burst.lost + open;
  const isAlarm = !burst.byAlarm && burst.sent + 1 === ALARM_AT;
  const toAll = !burst.isAlone && mayAskAll(s) && (isAlarm || place >= LOSSES - BROADCAST_LAST);
  const address = burst.isAlone
    ? burst.suspect
    : rotate(s, (one) => isJudged(s, one) || (s.targets.length > 1 && isRepeat(s, one)));
  send(w, "target", address ?? burst.suspect, toAll);
  burst = { ...burst, sent: burst.sent + 1 };
  s.burst = askBeside(w, burst, place);
}

/**
 * Everybody hears what is asked of everybody, so only the watchers ask so, who are three; all others may run a burst at once (E6). Theirs
 * is no less sure: a station that lives answers the watchers, and by that every switch learns anew where it is.
 */
function mayAskAll(s: Station): boolean {
  return s.plan.watched;
}

/** The rotation goes through different addresses by itself; only right after the miss it must not begin with the same one. */
function isRepeat(s: Station, address: string): boolean {
  return s.burst?.sent === 1 && address === s.burst.suspect;
}

/** Its losses do not count, and its answers come with the questions of every 100 ms. */
function isJudged(s: Station, address: string): boolean {
  return s.judged?.addresses.includes(address) === true;
}

/** Beside the addresses: the station's own address four times, the last time everybody, and the witnesses. */
function askBeside(w: Watch, before: Burst, place: number): Burst {
  const own = nodeAddress(w.s);
  const burst = askWitnesses(w, before, place);
  const isDue = place >= LOSSES - 1 || burst.sent % (LOSSES / NODE_PROBES) === 2;
  if (own === "" || burst.isAlone || burst.nodeSent >= NODE_PROBES || !isDue) return burst;
  send(w, "node", own, mayAskAll(w.s) && burst.nodeSent === NODE_PROBES - 1);
  return { ...burst, nodeSent: burst.nodeSent + 1 };
}

function askWitnesses(w: Watch, burst: Burst, place: number): Burst {
  if (place < ALARM_AT - 1) return burst;
  const witnesses = burst.witnesses.length > 0 ? burst.witnesses : witnessesOf(w.stations, w.s);
  const missing = (key: string): boolean =>
    (w.stations.get(key)?.heardMs ?? Number.NEGATIVE_INFINITY) < burst.startedMs;
  w.toAsk.push(...witnesses.filter((key, at) => at % WITNESS_PARTS === place % WITNESS_PARTS && missing(key)));
  return { ...burst, witnesses };
}

export function answerBurst(s: Draft, about: "target" | "node", address: string): void {
  const { burst } = s;
  if (burst === undefined) return;
  if (about === "node") s.burst = { ...burst, nodeHeard: true };
  else if (address === burst.suspect) s.burst = undefined;
  else if (!burst.isAlone) {
    // Its speaker lives. Losses of other addresses do not count against the one that is followed from here on.
    s.burst = { ...burst, isAlone: true, lost: 1, sent: Math.max(burst.sent, ALARM_AT) };
  }
}

/** All questions of the burst are out: only their answers or their losses matter. */
export function burstWakeAt(s: Station, burst: Burst): number {
  const open = s.pending.filter((one) => one.about === "target" && !one.isLost).length;
  return burst.lost + open >= LOSSES ? Number.POSITIVE_INFINITY : burst.dueAt;
}
