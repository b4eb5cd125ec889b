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

/** Each witness is asked so often within a burst: a lost frame must not make this node think itself deaf. */
const WITNESS_ASKS = 3;

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
    witnesses: witnessesOf(w.stations, s),
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
