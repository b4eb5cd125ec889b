/** What the detector's verdicts let this node do about an address (election.md sections 4 and 5). */
import { assertNever } from "../../lib/runtime/errors.ts";
import type { MoveReason } from "../reasons.ts";
import {
  claim,
  type Draft,
  due,
  fallSilent,
  livingOthers,
  needRead,
  type On,
  rankOf,
  serveUnrecorded,
} from "./draft.ts";
import { startProbe } from "./probe.ts";
import type { WireView } from "./seen-on-wire.ts";
import { TIMES, wireKey } from "./types.ts";

export interface LostOnWire {
  readonly why: MoveReason;
  /** Before this time the ones that come first have their chance, or the speaker its time to come back. */
  readonly notBeforeMs: number;
  /** Somebody was heard to announce it meanwhile, or this node fell silent for another: ask again first. */
  readonly probeFirst: boolean;
}

/** Why the wire makes this node the one that should answer; undefined while it says nothing or this node may not conclude it. */
export function lostOnWire(d: Draft, on: On): LostOnWire | undefined {
  const { s, w } = d;
  const { record, announcer, reading } = s;
  if (record === undefined || record.node === "" || record.node === w.node || w.ending || s.deleting) return undefined;
  const view = w.wire.get(wireKey(record.node, on.interface));
  if (view === undefined || !view.proven || rankOf(d, record.node) < 0) return undefined;
  if (isLeftToOthers(d, on, record.node, view)) return undefined;
  // Of a node that lives only what was asked for is silent: it may have been given others since.
  if (view.kind !== "gone" && !view.addresses.has(s.address)) return undefined;
  // The holder was named, or was heard, after the detector last spoke: it may be another process that came back.
  const heardMs = announcer?.node === record.node ? announcer.atMs : Number.NEGATIVE_INFINITY;
  if (view.toldMs <= Math.max(s.recordSeenMs, heardMs)) return undefined;
  const judgedMs = view.sinceMs + (view.kind === "gone" ? 0 : TIMES.silentMs);
  const turnMs = judgedMs + rankOf(d, record.node) * TIMES.wireRankMs;
  const heard = announcer !== undefined && announcer.atMs >= s.recordSeenMs ? announcer : undefined;
  const why = reasonOf(view);
  if (heard !== undefined && heard.node !== record.node) {
    return { why, notBeforeMs: Math.max(turnMs, heard.atMs + TIMES.announcedMs), probeFirst: true };
  }
  if (reading !== undefined) {
    // With the API the record decides. Without it this node comes back by rank, asking first (rule Y).
    if (w.apiUp && !reading.failed) return undefined;
    const backMs = reading.sinceMs + (rankOf(d, record.node) + 1) * TIMES.comeBackRankMs + jitterMs(d);
    return { why, notBeforeMs: Math.max(turnMs, backMs), probeFirst: true };
  }
  const provenMs = heard === undefined ? s.recordSeenMs + TIMES.youngMs : 0;
  return { why, notBeforeMs: Math.max(turnMs, provenMs), probeFirst: false };
}

/**
 * Two nodes whose path is broken find each other gone, and would take from each other without end. Whoever was found gone leaves it to the
 * others to find that peer gone, who hear it; where there are none the peer is left alone for a while, as long as its Lease is renewed.
 */
function isLeftToOthers(d: Draft, on: On, node: string, { kind, apart }: WireView): boolean {
  if (kind !== "gone" || apart === undefined || d.w.peers.get(node)?.lease !== "fresh") return false;
  return hasNeighbour(d, on, node) || (apart.renews && !due(d, apart.untilMs));
}

/** Another candidate on this segment, which this node does not find silent, and which hears others. */
function hasNeighbour(d: Draft, on: On, node: string): boolean {
  const here = d.w.segments[on.interface];
  return livingOthers(d, node).some((one) => {
    const there = d.w.peers.get(one.node)?.segments[one.interface];
    return one.node !== d.w.node && !one.isolated && (here === undefined || there === undefined || there === here);
  });
}

function reasonOf(view: WireView): MoveReason {
  switch (view.kind) {
    case "gone":
      return "holder-unreachable";
    case "silent":
      return "holder-speaker-silent";
    case "addresses":
      return "holder-address-silent";
    default:
      return assertNever(view.kind);
  }
}

/** Two that yielded to each other must not come back in step. */
function jitterMs(d: Draft): number {
  return (d.s.serial * 37) % 50;
}

export function takeOnWire(d: Draft, on: On, lost: LostOnWire): void {
  const { s } = d;
  if (s.task.kind === "write") return;
  if (s.task.kind === "probe" && lost.probeFirst) return;
  if (s.task.kind !== "none") s.task = { kind: "none" };
  if (!due(d, lost.notBeforeMs)) return;
  if (lost.probeFirst) startProbe(d, lost.why);
  else takeNow(d, on, lost.why);
}

/** A lost node's addresses are answered at once and recorded afterwards; a single address has the time to be recorded first. */
export function takeNow(d: Draft, on: On, why: MoveReason): void {
  if (why === "holder-address-silent" && d.w.apiUp) {
    claim(d, on, why);
    return;
  }
  // What was to be read was about a silence that has ended; the record is read when the API server answers again.
  if (d.s.reading !== undefined) {
    d.s.reading = undefined;
    needRead(d, "write-outcome");
  }
  serveUnrecorded(d, on, why);
  recordTaken(d);
}

/** Answered without a record: the record follows as soon as the API server takes it, by compare-and-set like any other. */
export function recordTaken(d: Draft): void {
  const { s } = d;
  const { taken, serving, record, announcer } = s;
  if (taken === undefined || serving === undefined || s.reading !== undefined || s.task.kind === "write") return;
  // It is alive after all, and it has the record: an unrecorded holder loses to any (rule Y).
  const aliveMs = taken.from === "" ? taken.sinceMs : taken.sinceMs + TIMES.crossMs;
  if (announcer !== undefined && announcer.node === record?.node && announcer.atMs >= aliveMs) {
    fallSilent(d, "record-names-other");
    return;
  }
  claim(d, serving, taken.why, taken.from);
}
