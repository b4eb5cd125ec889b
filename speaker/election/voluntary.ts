/**
 * Moves by choice (election.md section 5, E13): the pool prefers another node, or something is wrong with the holder's node although
 * it answers. The holder makes them, by hand-over, and they wait longer each time: what is open breaks with each of them. Nothing
 * here ever delays the answer for an address that nobody answers.
 */
import type { Candidate } from "../candidates.ts";
import { type FaultReason, isVoluntary } from "../reasons.ts";
import { type Draft, due, ownCandidate, pass, successors } from "./draft.ts";
import { type Better, TIMES } from "./types.ts";

/** Who comes and goes must not hide the next one, which stays. */
const BETTER_MAX = 3;

/** For a holder that may hold: hands over where that is better, and the time has come. */
export function moveByChoice(d: Draft): void {
  const own = ownCandidate(d);
  if (own === undefined) return;
  const sound = successors(d).filter((one) => !one.demoted);
  if (sound[0] !== undefined && losesItsEndpoints(d)) {
    pass(d, sound[0], "hand-over-node-not-ready");
    return;
  }
  leaveFault(d, faultWhereServed(d) ?? faultOfHearing(d, own), sound[0]);
  if (d.s.task.kind === "none") preferOther(d, own, sound);
}

/**
 * The node controller writes first that the Node is not Ready, then that its pods are not: their endpoints go, and the node drops what
 * comes for them. So an address that can only use those moves now, while it is answered, or in a moment, after a gap.
 */
function losesItsEndpoints(d: Draft): boolean {
  return d.place.standing.isLocal && d.w.peers.get(d.w.node)?.nodeReady === false;
}

/**
 * Soft rules that break traffic. If nobody else is better off the holder stays: it may be the router that died. Nor does the time run
 * then: when the router comes back, one node finds it first, and the others a moment later.
 */
function leaveFault(d: Draft, fault: FaultReason | undefined, next: Candidate | undefined): void {
  const { s } = d;
  if (fault === undefined || next === undefined) {
    s.fault = undefined;
    return;
  }
  if (s.fault?.reason !== fault) s.fault = { reason: fault, sinceMs: d.now };
  // The first time at once, but for the time in which it may end or others find the same; after that as any move by choice.
  const { count, atMs } = recent(d);
  const notBeforeMs = count === 0 ? 0 : atMs + pauseMs(count - 1);
  if (due(d, Math.max(s.fault.sinceMs + settleMs(fault), notBeforeMs))) pass(d, next, fault);
}

/** The address may stand on another interface than the best one, by which others judge this node. */
function faultWhereServed(d: Draft): FaultReason | undefined {
  return d.place.standing.usable.find((one) => one.interface === d.s.serving?.interface)?.fault;
}

/**
 * Nobody has answered this node since it began to answer for the address, so nobody can have heard that it does, and the others cannot find
 * it silent (E3). Whom others have heard they judge by the wire, which knows the sides of a split.
 */
function faultOfHearing(d: Draft, own: Candidate): FaultReason | undefined {
  const { serving } = d.s;
  if (serving === undefined || !own.isolated || own.interface !== serving.interface) return undefined;
  const heardMs = d.w.hearing.get(serving.interface)?.heardMs;
  return heardMs !== undefined && heardMs < serving.sinceMs ? "hand-over-isolated" : undefined;
}

/** Network plugins set NetworkUnavailable at each start of their agent while traffic flows: that must not move anything (ADR 9). */
function settleMs(fault: FaultReason): number {
  return fault === "hand-over-network-unavailable" ? TIMES.voluntaryMs : TIMES.faultSettleMs;
}

/** A preferred node must have been a candidate without a gap for the whole pause, under one process. */
function preferOther(d: Draft, own: Candidate, sound: readonly Candidate[]): void {
  const { s } = d;
  const preferred = sound.filter((one) => one.preference > own.preference).slice(0, BETTER_MAX);
  s.better = preferred.map((one): Better => {
    const known = s.better.find((before) => before.node === one.node && before.instance === one.instance);
    return known ?? { node: one.node, instance: one.instance, sinceMs: d.now };
  });
  const waitMs = pauseMs(recent(d).count);
  const at = s.better.findIndex((one) => due(d, one.sinceMs + waitMs));
  const to = preferred[at];
  // A better one that has done half of its time is waited for: two that appear together would make two moves.
  const isBest = s.better.findIndex((one) => d.now >= one.sinceMs + waitMs / 2) === at;
  if (to !== undefined && isBest) pass(d, to, "hand-over-preferred");
}

/** Counts the move that the record now tells of; every speaker sees every record, so whoever holds next knows too. */
export function noteMove(d: Draft): void {
  if (isVoluntary(d.s.record?.reason ?? "")) d.s.voluntary = { count: recent(d).count + 1, atMs: d.now };
}

function recent(d: Draft): { readonly count: number; readonly atMs: number } {
  const { voluntary } = d.s;
  return d.now - voluntary.atMs < TIMES.voluntaryForgetMs ? voluntary : { count: 0, atMs: voluntary.atMs };
}

function pauseMs(moves: number): number {
  return Math.min(TIMES.voluntaryMs * 2 ** moves, TIMES.voluntaryMaxMs);
}
