/** Addresses that another node holds, or nobody: when this node tries to become the holder (election.md sections 5 and 10). */
import { findCondition } from "../../lib/model/conditions.ts";
import type { Holder } from "../../lib/model/virtual-ip.ts";
import type { MoveReason } from "../reasons.ts";
import {
  claim,
  type Draft,
  due,
  firstRankOf,
  isIsolated,
  ownCandidate,
  pass,
  rankOf,
  release,
  silenceConfirmed,
  successor,
} from "./draft.ts";
import { takeLeft } from "./left.ts";
import { startProbe } from "./probe.ts";
import { TIMES } from "./types.ts";
import { lostOnWire, recordTaken, takeOnWire } from "./wire.ts";

interface Want {
  readonly why: MoveReason;
  /** Before this time the ones that come first have their chance. */
  readonly notBeforeMs: number;
  /** Somebody may still answer: ask the wire first. */
  readonly probeFirst: boolean;
}

export function decideOther(d: Draft): void {
  const { s } = d;
  if (s.taken !== undefined && s.serving !== undefined) {
    recordTaken(d);
    return;
  }
  const on = ownCandidate(d);
  const lost = on === undefined ? undefined : lostOnWire(d, on);
  if (on !== undefined && lost !== undefined) {
    takeOnWire(d, on, lost);
    return;
  }
  if (on !== undefined && takeLeft(d, on)) return;
  if (s.record?.node === d.w.node && (on === undefined || d.w.stopping)) {
    giveUpFormer(d);
    return;
  }
  const sinceMs = s.task.kind === "wait" ? s.task.sinceMs : d.now;
  const want = s.reading === undefined && on !== undefined ? wanted(d, sinceMs) : undefined;
  if (want === undefined) {
    if (s.task.kind !== "write") s.task = { kind: "none" };
    return;
  }
  if (s.task.kind === "probe") return;
  if (s.task.kind !== "wait" || s.task.why !== want.why) s.task = { kind: "wait", why: want.why, sinceMs: d.now };
  if (!due(d, want.notBeforeMs)) return;
  if (want.probeFirst) startProbe(d, want.why);
  else if (on !== undefined) claim(d, on, want.why);
}

/** Why this node would be the holder, or undefined when the address is in good hands. */
function wanted(d: Draft, sinceMs: number): Want | undefined {
  const { record } = d.s;
  if (!d.w.apiUp || d.w.stopping) return undefined;
  if (record === undefined) return firstHolder(d, sinceMs);
  // A former instance of this node: its kernel still forwards and its flows live, so nobody else is as good (F8).
  if (record.node === d.w.node) return { why: "same-node-restart", notBeforeMs: sinceMs, probeFirst: true };
  if (isIsolated(d)) return undefined;
  if (record.node === "") {
    // Released means that the silence was confirmed before it was written: nobody answers, and the compare-and-set decides.
    const rank = rankOf(d, "");
    return { why: "holder-released", notBeforeMs: sinceMs + rank * TIMES.rankMs, probeFirst: false };
  }
  const why = holderLost(d, record.node);
  if (why === "holder-lease-expired" && isLeftToNeighbours(d, record)) return undefined;
  const rank = rankOf(d, record.node);
  return why && { why, notBeforeMs: sinceMs + rank * TIMES.rankMs, probeFirst: true };
}

function firstHolder(d: Draft, sinceMs: number): Want | undefined {
  const rank = firstRankOf(d);
  if (rank < 0) return undefined;
  // One candidate asks the foreign host again and again, not every candidate.
  if (rank > 0 && findCondition(d.s.conditions, "Conflict")?.status === "True") return undefined;
  // The turns begin when all have settled; within that time the first to start would come before the first in line.
  const notBeforeMs = Math.max(sinceMs, d.w.actingSinceMs + TIMES.settleMs, isHeardMs(d)) + rank * TIMES.rankMs;
  return { why: "first-holder", notBeforeMs, probeFirst: true };
}

/** Before the first address ever nobody has listened; where nobody hears anybody then, all take as ever (E3). */
function isHeardMs(d: Draft): number {
  const own = ownCandidate(d);
  if (own === undefined || own.hears !== undefined || d.place.ordered.length < 2) return 0;
  return (d.w.hearing.get(own.interface)?.sinceMs ?? 0) + TIMES.settleMs;
}

/** What the Lease says, for whatever the wire cannot judge. */
function holderLost(d: Draft, node: string): MoveReason | undefined {
  const peer = d.w.peers.get(node);
  if (peer === undefined || peer.lease === "none" || !peer.nodeExists) return "holder-node-gone";
  if (peer.lease === "released") return "holder-released";
  return peer.lease === "expired" ? "holder-lease-expired" : undefined;
}

/**
 * A candidate on another segment than the holder's cannot hear whether it still answers there, and asking on its own wire proves nothing:
 * it waits until the Leases of all candidates that could have heard have run out too (E3); who hears nobody could not. Without names of segments, as from an
 * older speaker, all are taken to hear each other.
 */
function isLeftToNeighbours(d: Draft, record: Holder): boolean {
  const { peers, segments } = d.w;
  const there = peers.get(record.node)?.segments[record.interface];
  const here = segments[ownCandidate(d)?.interface ?? ""];
  if (there === undefined || here === undefined || there === here) return false;
  return d.place.ordered.some(
    (one) => !one.isolated && one.node !== d.w.node && peers.get(one.node)?.segments[one.interface] === there,
  );
}

/** The record names a former instance of this node, which is no candidate any more: hand on, or say that nobody holds. */
function giveUpFormer(d: Draft): void {
  const { s } = d;
  if (s.task.kind !== "none") s.task = { kind: "none" };
  if (s.reading !== undefined || !silenceConfirmed(d)) return;
  const next = successor(d);
  if (next !== undefined) pass(d, next, d.w.stopping ? "hand-over-shutdown" : "hand-over-not-candidate");
  else if (!d.w.stopping) release(d, "holder-not-candidate");
}
