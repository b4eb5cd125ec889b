/** What the wire says (election.md section 7): announcements by others, answers to this node's own probes. */
import { FRAMES_PER_SECOND } from "../announcer.ts";
import type { MoveReason } from "../reasons.ts";
import { claim, type Draft, due, fallSilent, isMine, needRead, ownCandidate, serve } from "./draft.ts";
import { hearLeaver, isTakenOver } from "./left.ts";
import { startProbe } from "./probe.ts";
import { type Input, type ProbeWhy, type Serving, TIMES } from "./types.ts";
import { lostOnWire, takeNow } from "./wire.ts";

type Heard = Extract<Input, { type: "heard" }>;
type Probed = Extract<Input, { type: "probed" }>;

/** Probes of others are neither conflict nor evidence of anything on the wire (section 9). */
export function onHeard(d: Draft, mac: string, how: Heard["how"]): void {
  const { s, w } = d;
  const owner = w.macOwners.get(mac);
  if (owner === w.node) return;
  if (how === "probe") {
    if (owner !== undefined) onAsked(d);
    return;
  }
  if (how === "instead") {
    // A kernel that answers for the address by itself is no candidate, and has taken nothing (E12).
    const hasTaken = s.serving === undefined && d.place.ordered.some((one) => one.node === owner);
    if (hasTaken && owner !== undefined) s.announcer = { node: owner, atMs: d.now };
    return;
  }
  if (owner !== undefined && how === "announcement") s.announcer = { node: owner, atMs: d.now };
  if (s.serving === undefined) return;
  if (owner === undefined) {
    defend(d, mac);
    return;
  }
  if (s.handing !== undefined) {
    if (owner === s.handing.to) fallSilent(d, "successor-heard");
    return;
  }
  const isOldRound = owner === s.record?.from && hasJustBegun(d, s.serving);
  if (how === "announcement" && !isOldRound && isTakenOver(d, owner)) {
    fallSilent(d, "successor-heard");
    return;
  }
  // The record that is being written may have reached the successor before its answer reached this node (F10).
  if (s.task.kind === "write" && s.task.act === "pass") s.heardEarly = owner;
  if (how === "answer" && owner === s.pursuit?.node) {
    tellFormer(d);
    return;
  }
  if (isOldRound) return;
  if (hearLeaver(d, owner, how)) return;
  if (how === "announcement" && yieldByRank(d, owner)) return;
  if (s.reading?.why !== "peer-heard") needRead(d, "peer-heard");
}

/**
 * Rounds of the predecessor may be under way when it has named this node, and say nothing. The record keeps its name for good: whoever
 * begins to answer again under a record of before hears it as anybody else, or both would go on (rule Y).
 */
function hasJustBegun(d: Draft, { sinceMs }: Serving): boolean {
  return d.now < Math.min(d.s.recordSeenMs, sinceMs) + TIMES.declineMs;
}

/**
 * Two answer for what a third has lost, since the second in line began before it could hear the first: no record can tell yet. The one
 * that comes later yields at once, and the other lets it; both would, if they waited for a slow API server (E7). Where they do not
 * agree on who comes first they hear each other again in the next round.
 */
function yieldByRank(d: Draft, owner: string): boolean {
  const { s, place, w } = d;
  if (s.taken === undefined || s.serving === undefined || owner === s.record?.node) return false;
  const [own, other] = [w.node, owner].map((node) => place.ordered.findIndex((one) => one.node === node));
  if (own === undefined || other === undefined || own < 0 || other < 0) return false;
  if (other > own) {
    const isLet = d.now < s.serving.sinceMs + crossingMs(d);
    if (isLet) s.taken = { ...s.taken, contested: true };
    return isLet;
  }
  fallSilent(d, "first-in-line-heard");
  return true;
}

/** For so long another one that has begun as well may not have heard this node: its announcements of all that it has taken leave at their pace, two of each. */
function crossingMs({ w }: Draft): number {
  return Math.min(TIMES.handOverMs, TIMES.crossMs + (w.taking * 2_000) / FRAMES_PER_SECOND);
}

/**
 * Whoever was let goes on if a record names it that this node could not read, and all that the two have said may have come within that time. What
 * this node says now is answered, and the answer is not let any more (rule Y); one that only missed it yields.
 */
export function settleContest(d: Draft): void {
  const { s } = d;
  const { taken, serving } = s;
  if (taken?.contested !== true || serving === undefined || !due(d, serving.sinceMs + crossingMs(d))) return;
  s.taken = { ...taken, contested: false };
  d.effects.push({ type: "announce", address: s.address, interface: serving.interface, reason: taken.why });
}

/**
 * A peer that asks before it takes finds no record that names this node. Usually this node has lost its way to the API server; but a
 * store that was put back by less than a renewal shows itself in no resourceVersion, and then only a read does (F6).
 */
function onAsked(d: Draft): void {
  const { s, now } = d;
  if (s.serving === undefined || s.handing !== undefined || s.taken !== undefined || s.reading !== undefined) return;
  if (now < s.askedMs + TIMES.askedMs) return;
  s.askedMs = now;
  needRead(d, "peer-asks");
}

/**
 * Whoever was away may have been on another side of a split segment, or stopped without a trace in any clock, and answer on for what
 * it has lost: it must hear at once who answers now (F2).
 */
export function onBack(d: Draft, node: string): void {
  const { s } = d;
  if (s.serving === undefined || s.handing !== undefined) return;
  if (s.pursuit?.node === node) s.pursuit = { ...s.pursuit, toldMs: d.now, backMs: d.now };
  d.effects.push({ type: "announce", address: s.address, interface: s.serving.interface, reason: "taken-back" });
}

/** An answer for this node's address by the node that it was taken from. */
function tellFormer(d: Draft): void {
  const { s } = d;
  if (s.serving === undefined || s.pursuit === undefined || d.now < s.pursuit.toldMs + TIMES.handOverMs) return;
  s.pursuit = { ...s.pursuit, toldMs: d.now };
  d.effects.push({ type: "announce", address: s.address, interface: s.serving.interface, reason: "taken-back" });
}

/** RFC 5227 section 2.4 (c): one announcement in ten seconds, never cease. An unknown MAC silences nobody (A4). */
function defend(d: Draft, mac: string): void {
  const { s } = d;
  // The first one is named until it is quiet: strangers that take turns must not cost a write of the condition each time.
  const before = s.foreign;
  if (before === undefined || before.mac === mac || d.now >= before.sinceMs + TIMES.conflictHoldMs)
    s.foreign = { mac, sinceMs: d.now };
  s.owesDefenceMs ??= d.now;
  settleDefence(d);
}

/**
 * The announcement that is owed, once ten seconds are over since the last, and the host has had the time to say all it says when it comes
 * up. There is only one, and the last word stands in every neighbour cache until that gives up on it, which takes a minute.
 */
export function settleDefence(d: Draft): void {
  const { s } = d;
  if (s.owesDefenceMs === undefined) return;
  const dueMs = Math.max(s.defendedMs + TIMES.defendMs, s.owesDefenceMs + TIMES.defendAfterMs);
  if (s.serving !== undefined && !due(d, dueMs)) return;
  s.owesDefenceMs = undefined;
  if (s.serving === undefined) return;
  s.defendedMs = d.now;
  const reason = (s.record?.reason ?? "first-holder") as MoveReason;
  d.effects.push({ type: "announce", address: s.address, interface: s.serving.interface, reason, once: true });
}

/** The worker has dropped the address by itself; a read decides whether it is still this node's. */
export function onLost(d: Draft): void {
  if (d.s.serving === undefined) return;
  fallSilent(d, "peer-announced-in-gap");
  needRead(d, "was-silent");
}

export function onProbed(d: Draft, probed: Probed): void {
  const { s } = d;
  const task = s.task;
  if (task.kind !== "probe" || task.id !== probed.id) return;
  s.task = { kind: "none" };
  if (!probed.sent) {
    retry(d, TIMES.rankMs);
    return;
  }
  const peers = probed.answers.filter((mac) => (d.w.macOwners.get(mac) ?? d.w.node) !== d.w.node);
  const foreign = probed.answers.filter((mac) => !d.w.macOwners.has(mac) && mac !== s.record?.mac);
  if (task.why === "come-back") {
    onComeBack(d, peers);
    return;
  }
  const holder = answerOfHolder(d, probed.answers);
  if (holder !== undefined) {
    // Its speaker lives and is cut off from the API only: nothing moves until its Node is not ready either (E10).
    const peer = d.w.peers.get(s.record?.node ?? "");
    if (peer?.nodeExists === true && peer.nodeReady) {
      // Or a switch answers in its name what is asked of everybody, as EVPN and access points do; what is for its MAC alone they pass on (E12).
      if (task.to === undefined) startProbe(d, task.why, holder);
      else retry(d, TIMES.cutOffRetryMs);
      return;
    }
  } else if (peers.some((mac) => mayHold(d, mac))) {
    needRead(d, "write-outcome");
    retry(d, TIMES.peerRetryMs);
    return;
  }
  const mac = foreign[0];
  if (mac !== undefined) s.foreign = { mac, sinceMs: d.now };
  if (task.why === "first-holder" && mac !== undefined) {
    retry(d, conflictPause(d));
    return;
  }
  if (mac === undefined) s.foreign = undefined;
  take(d, task.why);
}

/** The MAC by which the node that the record names has answered: the recorded one, or another of its interfaces. */
function answerOfHolder(d: Draft, answers: readonly string[]): string | undefined {
  const { record } = d.s;
  if (record === undefined || record.node === "" || record.node === d.w.node) return undefined;
  return answers.find((mac) => mac === record.mac || d.w.macOwners.get(mac) === record.node);
}

/**
 * Whoever is cut off from the API on a node that is not ready cannot read who holds now, and yields to an announcement (E10, rule
 * Y): waiting for its silence would be waiting for ever.
 */
function mayHold(d: Draft, mac: string): boolean {
  const peer = d.w.peers.get(d.w.macOwners.get(mac) ?? "");
  return peer !== undefined && (peer.lease === "fresh" || (peer.nodeExists && peer.nodeReady));
}

/** Without the API: nobody else answers, so the former holder goes on, and reads as soon as it can. */
function onComeBack(d: Draft, peers: readonly string[]): void {
  const on = ownCandidate(d);
  if (peers.length > 0 || on === undefined || !isMine(d)) {
    retry(d, TIMES.peerRetryMs);
    return;
  }
  d.s.reading = undefined;
  needRead(d, "write-outcome");
  serve(d, on, true);
}

/** What the wire has found it proves by itself, and what this node had is its own. */
const BY_LEASE: ReadonlySet<ProbeWhy> = new Set(["first-holder", "holder-lease-expired", "holder-node-gone"]);

function take(d: Draft, why: Exclude<ProbeWhy, "come-back">): void {
  const on = ownCandidate(d);
  // Whoever hears nobody has not heard an answer either (E1).
  if (on === undefined || (on.isolated && BY_LEASE.has(why))) return;
  // Without the API the wire alone lets this node answer, as long as it says so.
  if (d.w.apiUp) claim(d, on, why);
  else if (lostOnWire(d, on) !== undefined) takeNow(d, on, why);
}

function retry(d: Draft, pauseMs: number): void {
  d.s.retryAtMs = Math.max(d.s.retryAtMs, d.now + pauseMs);
}

function conflictPause(d: Draft): number {
  d.s.failures = Math.min(d.s.failures + 1, 10);
  return Math.min(TIMES.conflictRetryMs * 2 ** (d.s.failures - 1), TIMES.conflictRetryMaxMs);
}
