/**
 * A node that leaves says so in its Lease, one write for all its addresses (election.md section 8, F5): each address is announced at once by
 * the first in line, the leaver falls silent as it hears that, and the records follow. With a slow API server a record for each
 * would come too late for most.
 */
import { type Draft, due, fallSilent, fitsInLot, type On, rankOf, serveLeft } from "./draft.ts";
import { TIMES } from "./types.ts";
import { recordTaken } from "./wire.ts";

/** Begins to answer what the record's holder is about to leave. False when that is not this node's to do. */
export function takeLeft(d: Draft, on: On): boolean {
  const { s, w } = d;
  const { record, announcer } = s;
  const peer = w.peers.get(record?.node ?? "");
  if (record === undefined || peer?.leaving !== true || peer.lease !== "fresh" || record.node === w.node) return false;
  if (s.skipped.some((one) => one.node === record.node && one.untilMs > d.now)) return false;
  if (!w.apiUp || w.ending || s.deleting || s.reading !== undefined || rankOf(d, record.node) !== 0) return false;
  // Somebody else has it already, and the record will say so; if it does not, that one has given up or gone.
  const isTaken = announcer !== undefined && announcer.node !== record.node && announcer.atMs >= s.recordSeenMs;
  if (isTaken && !due(d, announcer.atMs + TIMES.announcedMs)) return false;
  // Who was stopped sees a backlog: the node may have left, and come back, long ago.
  if (!due(d, w.stalledMs + TIMES.backlogMs) || s.task.kind === "write" || !fitsInLot(d, w.node)) return true;
  serveLeft(d, on, "hand-over-shutdown");
  recordTaken(d);
  return true;
}

/**
 * The node that was said to leave announces, or answers a question: for a moment that was under way. One that announces after that goes on, and its
 * Lease speaks of the past, as in a store that was put back. False when this says nothing of it: somebody else was heard, or a late answer.
 */
export function hearLeaver(d: Draft, owner: string, how: "announcement" | "answer"): boolean {
  const { s } = d;
  if (s.taken === undefined || s.taken.from !== owner) return false;
  if (d.now < s.taken.sinceMs + TIMES.crossMs) return true;
  if (how === "answer") return false;
  fallSilent(d, "record-names-other");
  s.skipped = [...s.skipped, { node: owner, untilMs: d.now + TIMES.skipMs }];
  return true;
}

/** This process ends, and a candidate was heard to announce the address: it has it, whatever the record says yet. */
export function isTakenOver(d: Draft, owner: string): boolean {
  const { w, place, s } = d;
  const passesToAnother = s.task.kind === "write" && s.task.act === "pass" && s.task.to !== owner;
  return w.ending && !passesToAnother && owner !== w.node && place.ordered.some((one) => one.node === owner);
}

/** Whoever announced it when this process ended writes the record; a write of this one would only stand in its way. */
export function isLeftToTaker(d: Draft): boolean {
  const { announcer, recordSeenMs, serving } = d.s;
  if (!d.w.ending || serving !== undefined || announcer === undefined || announcer.node === d.w.node) return false;
  return announcer.atMs >= recordSeenMs && !due(d, announcer.atMs + TIMES.announcedMs);
}
