/** A station that was judged: the verdict is told again while it lasts, and ends with the first answer. */
import { assertNever } from "../../lib/runtime/errors.ts";
import { answerBurst, send, type Watch } from "./burst.ts";
import {
  type Burst,
  type Draft,
  type Judged,
  nodeAddress,
  REPEAT_MS,
  rotate,
  STEADY_MS,
  type Station,
} from "./station.ts";
import type { VerdictKind } from "./types.ts";
import { countHeard, witnessesOf } from "./witnesses.ts";

/** The main thread goes on so long by what it was told last (wire-view.ts); whom this node does not watch it knows as judged no longer. */
const TOLD_MS = 3_000;
/**
 * A silent speaker has two seconds to come back (election.md section 5). Whoever watches it asks all that time; of the others each asks so long
 * after its verdict, and for so long, that the last answer comes before it may take: three times, for they may be hundreds (E6).
 */
const ASK_AFTER_MS = 1_700;
const ASK_FOR_MS = 200;

export function beJudged(w: Watch, kind: VerdictKind, addresses: readonly string[], burst: Burst): void {
  const { s, now } = w;
  const goesOn = s.plan.watched || s.plan.pursued;
  s.judged = {
    kind,
    addresses,
    witnesses: burst.witnesses,
    // Only what was answered since the first miss: an answer from before it may be older than the fault (E1).
    askedMs: burst.startedMs,
    tellAt: Number.POSITIVE_INFINITY,
    untilMs: goesOn ? Number.POSITIVE_INFINITY : now + TOLD_MS,
    nodeLost: 0,
    alarmAt: now + REPEAT_MS,
    isOld: false,
  };
  if (goesOn) s.dueAt = now;
  else s.dueAt = kind === "gone" ? Number.POSITIVE_INFINITY : now + ASK_AFTER_MS;
  tell(w, s.judged);
}

/** Tells the verdict, asks the witnesses anew, and says it again in a second. */
export function tell(w: Watch, judged: Judged): void {
  const { s, now } = w;
  const heard = countHeard(w.stations, s, judged.witnesses, judged.askedMs);
  const { kind, addresses } = judged;
  const verdict = { node: s.plan.node, interface: s.segment.interface, kind, addresses, ...heard };
  w.effects.push({ type: "verdict", verdict });
  s.told = { kind, addresses, untilMs: now + TOLD_MS };
  const goesOn = s.plan.watched || s.plan.pursued;
  const witnesses = witnessesOf(w.stations, s);
  if (goesOn) w.toAsk.push(...witnesses);
  s.judged = { ...judged, witnesses, askedMs: now, tellAt: goesOn ? now + REPEAT_MS : Number.POSITIVE_INFINITY };
}

/** An address and, where its node is in question, its own address by turns; once a second everybody is asked: later candidates hear it. */
export function probeJudged(w: Watch, judged: Judged): void {
  const { s, now } = w;
  if (!isFollowed(s) && judged.untilMs !== Number.POSITIVE_INFINITY) {
    probeAsleep(w, judged);
    return;
  }
  s.dueAt = now + STEADY_MS;
  const address = rotate(s, () => false);
  const isAlarm = s.plan.watched && judged.kind !== "addresses" && now >= judged.alarmAt;
  if (isAlarm && s.judged !== undefined) s.judged = { ...s.judged, alarmAt: now + REPEAT_MS };
  if (address !== undefined) send(w, "target", address, isAlarm);
  const own = nodeAddress(s);
  if (own !== "" && judged.kind !== "addresses") send(w, "node", own, false);
}

function probeAsleep(w: Watch, judged: Judged): void {
  const { s, now } = w;
  const isLast = now >= judged.untilMs - TOLD_MS + ASK_AFTER_MS + ASK_FOR_MS;
  s.dueAt = isLast ? Number.POSITIVE_INFINITY : now + STEADY_MS;
  const address = rotate(s, (one) => judged.kind === "addresses" && !judged.addresses.includes(one));
  if (address !== undefined) send(w, "target", address, false);
}

export function forget(s: Draft, now: number): void {
  s.judged = undefined;
  s.burst = undefined;
  s.dueAt = isFollowed(s) ? now + STEADY_MS : Number.POSITIVE_INFINITY;
}

/** Whether this node asks for its addresses all the time. */
export function isFollowed(s: Station): boolean {
  return s.targets.length > 0 && (s.plan.watched || s.plan.pursued);
}

export function answerJudged(w: Watch, judged: Judged, about: "target" | "node", address: string): void {
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
      // It may have been told of one that is not judged here any more.
      if (s.told?.addresses.includes(address) !== true) return;
      s.judged = { ...judged, addresses, tellAt: now };
      if (addresses.length === 0) back(w);
      return;
    }
    default:
      assertNever(kind);
  }
}

/**
 * A verdict that was dropped because of a new plan was not taken back: should its addresses be silent still, nothing is lost. An answer
 * that would have ended it ends it all the same.
 */
export function endsTold({ told }: Station, about: "target" | "node", address: string, now: number): boolean {
  if (told === undefined || now >= told.untilMs) return false;
  if (told.kind === "addresses") return told.addresses.includes(address);
  return told.kind === "gone" || about === "target";
}

export function back(w: Watch): void {
  const { s, now } = w;
  if (s.judged !== undefined) forget(s, now);
  s.told = undefined;
  s.backMs = now;
  w.effects.push({ type: "back", node: s.plan.node, interface: s.segment.interface });
}
