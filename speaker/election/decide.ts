/** The one decision of a step: from the record, the place and the world to what this node does about the address. */
import type { Holder } from "../../lib/model/virtual-ip.ts";
import type { Candidate } from "../candidates.ts";
import type { ExclusionReason, MoveReason, YieldReason } from "../reasons.ts";
import {
  claim,
  type Draft,
  due,
  fallSilent,
  isMine,
  isTaken,
  needRead,
  ownCandidate,
  pass,
  release,
  serve,
  silenceConfirmed,
  successor,
} from "./draft.ts";
import { settleContest, settleDefence } from "./hear.ts";
import { isLeftToTaker } from "./left.ts";
import { startProbe } from "./probe.ts";
import { decideOther } from "./take.ts";
import { TIMES } from "./types.ts";
import { moveByChoice } from "./voluntary.ts";

export function decide(d: Draft): void {
  const { s } = d;
  if (!d.w.acting) {
    standDown(d);
    return;
  }
  expire(d);
  mustFallSilent(d);
  if (s.handing !== undefined) {
    continueHandOver(d);
    return;
  }
  if (s.reading !== undefined) continueReading(d);
  if (s.task.kind === "write") return;
  if (s.deleting) {
    finish(d);
    return;
  }
  if (isMine(d)) {
    s.serving === undefined ? decideSilentHolder(d) : decideHolder(d);
    return;
  }
  decideOther(d);
}

/** Another instance acts for this node, or none yet: nothing is answered, and nothing is believed afterwards without a read. */
function standDown(d: Draft): void {
  const { s } = d;
  if (s.serving !== undefined) fallSilent(d, "lease-lost");
  if (isMine(d) && s.record?.instance === d.w.instance) needRead(d, "was-silent");
  if (s.task.kind !== "write") s.task = { kind: "none" };
}

function expire(d: Draft): void {
  const { s } = d;
  // Whoever was passed over counts again when its time is over, also where nothing else happens: it may be the preferred one.
  if (s.skipped.length > 0) s.skipped = s.skipped.filter((one) => !due(d, one.untilMs));
  if (s.task.kind === "probe" && due(d, s.task.sinceMs + TIMES.probeLimitMs)) s.task = { kind: "none" };
  if (s.foreign !== undefined && s.serving !== undefined && due(d, s.foreign.sinceMs + TIMES.conflictHoldMs))
    s.foreign = undefined;
  settleDefence(d);
  settleContest(d);
  endPursuit(d);
}

/** Until it is heard, or its process is another, which holds nothing (F8), or for ten minutes. */
function endPursuit(d: Draft): void {
  const { pursuit } = d.s;
  if (pursuit === undefined) return;
  const peer = d.w.peers.get(pursuit.node);
  const isAnother = peer?.lease === "fresh" && peer.instance !== pursuit.instance;
  const endMs = pursuit.backMs === undefined ? pursuit.sinceMs + TIMES.pursueMs : pursuit.backMs + TIMES.handOverMs;
  if (isAnother || due(d, endMs)) d.s.pursuit = undefined;
}

/** What ends answering at once, whoever else could do it. */
function mustFallSilent(d: Draft): void {
  const { s, place } = d;
  if (s.serving === undefined) return;
  const { interface: name, mac } = s.serving;
  if (!isMine(d) && s.handing === undefined && !isTaken(d))
    fallSilent(d, s.record?.node === "" ? "released" : "record-names-other");
  else if (s.deleting) fallSilent(d, "deleted");
  else if (!place.standing.usable.some((one) => one.interface === name && one.mac === mac)) {
    fallSilent(d, "interface-unusable");
    needRead(d, "was-silent");
  } else if (isSilencing(place.standing.rule)) fallSilent(d, silencedBy(place.standing.rule));
}

/** No traffic could be carried: answering would only draw it here (F12). */
export function isSilencing(rule: ExclusionReason | undefined): boolean {
  return rule === "no-service" || lacksEndpoint(rule);
}

function lacksEndpoint(rule: ExclusionReason | undefined): boolean {
  return rule === "no-endpoint" || rule === "no-local-endpoint";
}

function silencedBy(rule: ExclusionReason | undefined): YieldReason {
  return rule === "no-service" ? "not-candidate" : "no-endpoint";
}

/** The record names the successor, this node answers until it hears it, or until the time is over (section 8). */
function continueHandOver(d: Draft): void {
  const { s } = d;
  const handing = s.handing;
  if (handing === undefined || !due(d, handing.untilMs)) return;
  fallSilent(d, "hand-over-timeout");
  s.skipped = [...s.skipped, { node: handing.to, untilMs: d.now + TIMES.skipMs }];
  const on = ownCandidate(d);
  // Whoever hears nobody does not hear its successor either, which does hear others (E1).
  if (on?.isolated === true) return;
  const next = successor(d);
  if (next !== undefined && (on === undefined || d.w.stopping))
    pass(d, next, d.w.stopping ? "hand-over-shutdown" : "hand-over-not-candidate");
  // A leaving node without a next one has it until it ends. Not from one that has named itself: that one would again, and both answer each time.
  else if (on !== undefined && (handing.named || !d.w.stopping)) claim(d, on, "taken-back");
}

function continueReading(d: Draft): void {
  const { s } = d;
  const reading = s.reading;
  if (reading === undefined) return;
  if (reading.id === 0 && d.w.apiUp && s.task.kind !== "write" && due(d, s.retryAtMs)) {
    s.serial += 1;
    s.reading = { ...reading, id: s.serial, sinceMs: reading.failed ? reading.sinceMs : d.now };
    d.effects.push({ type: "read", name: s.name, id: s.serial });
  }
  if (reading.why !== "peer-heard" || s.serving === undefined) return;
  // Rule Y: without a confirmation in time the other one, whom clients hear, has it.
  if (d.w.apiUp && !reading.failed && !due(d, reading.sinceMs + TIMES.confirmMs)) return;
  fallSilent(d, "peer-heard-without-api");
  // A server that is so slow is as good as none: this node may come back before its answer. Not if it was stopped meanwhile (S3).
  const failed = reading.failed || reading.sinceMs > d.w.stalledMs;
  s.reading = { ...(s.reading ?? reading), why: "was-silent", sinceMs: d.now, failed };
}

/** The object is being deleted: silence first, then the record that says so; the controller then frees the address (A1). */
function finish(d: Draft): void {
  const { s } = d;
  if (s.task.kind !== "none") s.task = { kind: "none" };
  if (s.record?.node !== d.w.node || s.reading !== undefined || !silenceConfirmed(d)) return;
  release(d, "holder-released");
}

function decideHolder(d: Draft): void {
  const { s, place } = d;
  if (s.reading !== undefined || s.record === undefined) return;
  const { rule } = place.standing;
  const next = successor(d);
  if (rule !== undefined) {
    if (next !== undefined) pass(d, next, handOverReason(rule));
    else if (mayBeReleased(rule)) fallSilent(d, "not-candidate");
  } else if (d.w.stopping) {
    // Without a successor the address is answered until the process ends. All who have seen the mark in the Lease start by themselves.
    if (next !== undefined && due(d, d.w.markedMs + TIMES.markMs)) pass(d, next, "hand-over-shutdown");
  } else if (s.topEpoch > s.record.epoch && s.serving !== undefined) {
    claim(d, s.serving, "taken-back");
  } else moveByChoice(d);
}

/**
 * What somebody decided about the node is obeyed; what only happens to it silences nobody while traffic is carried. Where the
 * kernel answers, a silent speaker takes nothing from anybody, and the record can say that nobody announces the address.
 */
function mayBeReleased(rule: ExclusionReason): boolean {
  return (
    rule === "node-selector" || rule === "exclude-label" || rule === "out-of-service" || rule === "answered-by-kernel"
  );
}

function handOverReason(rule: ExclusionReason | undefined): MoveReason {
  return rule === "local-endpoint-terminating" || isSilencing(rule)
    ? "hand-over-no-endpoint"
    : "hand-over-not-candidate";
}

/** The record names this node, which does not answer: just named, or silenced for a while. */
function decideSilentHolder(d: Draft): void {
  const { s, place } = d;
  const { record } = s;
  if (record === undefined || isLeftToTaker(d)) return;
  const on = ownCandidate(d);
  if (on === undefined) {
    decline(d);
    return;
  }
  if (d.w.stopping && successor(d) !== undefined) {
    decline(d);
    return;
  }
  if (s.reading !== undefined) {
    if (s.reading.why === "was-silent") comeBack(d);
    return;
  }
  if (s.topEpoch > record.epoch) {
    startProbe(d, "taken-back");
    return;
  }
  const named = place.standing.usable.find((one) => one.interface === record.interface && one.mac === record.mac);
  if (named === undefined) {
    claim(d, on, "interface-changed");
    return;
  }
  if (isBacklog(d)) {
    needRead(d, "was-silent");
    continueReading(d);
    return;
  }
  if (isLeftToNext(d, on, record)) {
    decline(d);
    return;
  }
  // Adopted, it goes on without a word with what it found when it began. What came since, by whoever took its predecessor for the one that
  // acts here, nobody has announced; and after a silence of its own somebody else may have been believed.
  const isAnnounced = record.instance !== d.w.instance && s.recordBy === "start" && s.silentGeneration === 0;
  serve(d, named, !isAnnounced);
}

/** Named by somebody who did not know yet that this node hears nobody, while the next in line does (E1). What it has answered for it goes on with. */
function isLeftToNext(d: Draft, on: Candidate, record: Holder): boolean {
  const isNew = record.instance === d.w.instance && record.epoch > d.s.toldEpoch;
  return isNew && on.isolated && d.w.apiUp && successor(d)?.isolated === false;
}

/** Named by an event that waited while this process was stopped: who knows how long ago that was (S3). */
function isBacklog(d: Draft): boolean {
  const { recordBy, recordSeenMs } = d.s;
  const { stalledMs } = d.w;
  return recordBy !== "answer" && recordSeenMs >= stalledMs && recordSeenMs <= stalledMs + TIMES.backlogMs;
}

/** Holder by record, unable to hold: hands on, or says that nobody holds. A predecessor that still answers gets time to take it back. */
function decline(d: Draft): void {
  const { s } = d;
  const from = s.record?.from ?? "";
  if (from !== "" && from !== d.w.node && !due(d, s.recordSeenMs + TIMES.declineMs)) return;
  if (s.reading !== undefined && s.reading.why !== "was-silent") return;
  if (s.task.kind !== "none") s.task = { kind: "none" };
  if (!silenceConfirmed(d)) return;
  const next = successor(d);
  const { rule } = d.place.standing;
  const why = d.w.stopping ? "hand-over-shutdown" : handOverReason(rule);
  if (next !== undefined) pass(d, next, why);
  // Without an endpoint nobody could hold it. Released, it would move to the first in line whenever its only pod restarts.
  else if (d.w.stopping || !lacksEndpoint(rule)) release(d, "holder-not-candidate");
}

/** Silent, and the API cannot be asked, or does not answer in time: after a pause by rank this node probes, and goes on if nobody else answers (rule Y). */
function comeBack(d: Draft): void {
  const { s } = d;
  const reading = s.reading;
  if (reading === undefined || s.task.kind === "probe") return;
  if (d.w.apiUp && !reading.failed) return;
  const rank = d.place.ordered.findIndex((one) => one.node === d.w.node);
  const jitterMs = (s.serial * 37 + rank * 13) % 50;
  if (due(d, reading.sinceMs + (rank + 1) * TIMES.comeBackRankMs + jitterMs)) startProbe(d, "come-back");
}
