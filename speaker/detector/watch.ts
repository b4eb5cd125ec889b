/**
 * One station under watch: at rest a question every 100 ms; after a miss a burst; after sixteen losses in a row a verdict, which is
 * told again while it lasts (election.md section 4). Every function works on a draft of the station and adds what is to be done.
 */
import { advanceBurst, answerBurst, burstWakeAt, send, startBurst, type Watch } from "./burst.ts";
import { answerJudged, back, beJudged, endsTold, forget, isFollowed, probeJudged, tell } from "./judged.ts";
import {
  AWAY_LOSSES,
  AWAY_MS,
  type Burst,
  type Draft,
  expire,
  expiryAt,
  type Judged,
  LOSSES,
  nodeAddress,
  REPEAT_MS,
  rotate,
  STEADY_MS,
  type Station,
  settle,
  windowMs,
} from "./station.ts";

/** A router's return is told once in this time. */
const ROUTER_BACK_MS = 30_000;
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
  if (about === "node") {
    s.acquaintAt = Math.min(s.acquaintAt, w.now + acquaintMs(REPEAT_MS, w.stations.size));
    if (judged !== undefined) s.judged = { ...judged, nodeLost: judged.nodeLost + 1 };
    if (burst !== undefined) s.burst = { ...burst, nodeLost: burst.nodeLost + 1 };
    return;
  }
  if (judged !== undefined && (judged.kind !== "addresses" || judged.addresses.includes(address))) return;
  if (burst !== undefined) {
    if (!burst.isAlone || address === burst.suspect) s.burst = { ...burst, lost: burst.lost + 1 };
    return;
  }
  if (s.isSpeakerKnown && s.targets.includes(address)) startBurst(w, address, false);
}

function tickBurst(w: Watch, burst: Burst): void {
  const isNodeKnown = burst.isAlone || burst.nodeHeard || burst.nodeLost >= burst.nodeSent;
  if (burst.lost >= LOSSES && isNodeKnown) judge(w, burst);
  else advanceBurst(w, burst);
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

function tickJudged(w: Watch, before: Judged): void {
  const { s, now } = w;
  if (now >= before.untilMs || s.targets.length === 0) {
    forget(s, now);
    return;
  }
  // Another of its addresses is missed while some are judged: that one is followed beside.
  if (s.burst !== undefined) tickBurst(w, s.burst);
  if (s.judged?.isOld === true) askAnew(s, s.judged, now);
  let judged = s.judged;
  if (judged === undefined) return;
  if (judged.kind === "silent" && judged.nodeLost >= LOSSES) {
    judged = { ...judged, kind: "gone" };
    tell(w, judged);
  } else if (now >= judged.tellAt) tell(w, judged);
  if (now < s.dueAt) return;
  probeJudged(w, s.judged ?? judged);
}

/** It may have come back while this node did not run: whoever is told before it was asked may act on that. */
function askAnew(s: Draft, judged: Judged, now: number): void {
  s.judged = { ...judged, isOld: false, tellAt: Math.max(judged.tellAt, now + windowMs(s)) };
  if (isFollowed(s)) s.dueAt = now;
}

/** An answer with this station's MAC. */
export function onAnswer(w: Watch, address: string): void {
  const { s, now } = w;
  const isFirst = s.heardMs === undefined;
  const question = settle(s, address, now, w.isLate);
  if (question === undefined) return;
  const { node, doubted } = s.plan;
  if ((isFirst && node !== "") || doubted) w.effects.push({ type: "met", node, interface: s.segment.interface });
  if (question.about === "target") s.isSpeakerKnown = true;
  const { count, sinceMs } = s.unheard;
  s.unheard = { count: 0, sinceMs: now };
  const wasAway = count >= AWAY_LOSSES && now - sinceMs >= AWAY_MS;
  const isNews = wasAway && (s.plan.node !== "" || mayTellRouter(s, now));
  if (s.judged === undefined && (isNews || endsTold(s, question.about, address, now))) back(w);
  if (s.judged !== undefined) {
    answerJudged(w, s.judged, question.about, address);
    return;
  }
  answerBurst(s, question.about, address);
}

/**
 * A router that is heard again stands for all who came with it: the hosts on its side of a split have heard no announcement since
 * (F3). One that answers now and then only must not make every holder announce without end.
 */
function mayTellRouter(s: Station, now: number): boolean {
  return now >= s.backMs + ROUTER_BACK_MS;
}

/** When this station wants to be looked at next. */
export function wakeAt(s: Station): number {
  let at = Math.min(expiryAt(s), s.acquaintAt);
  if (s.judged !== undefined) at = Math.min(at, s.judged.tellAt, s.judged.untilMs, s.dueAt);
  if (s.burst !== undefined) at = Math.min(at, burstWakeAt(s, s.burst));
  if (s.judged === undefined && s.burst === undefined) at = Math.min(at, s.dueAt);
  return at;
}
