/** What the detector's verdicts are worth: which of them this node may act on (election.md section 4, hazard E1). */
import { hasMissedRenewal } from "../lib/lease/peers.ts";
import { type Apart, type ApartMap, stillApart } from "./apart.ts";
import type { Verdict } from "./detector/types.ts";
import type { WireView } from "./election/seen-on-wire.ts";
import { ofWireKey } from "./election/types.ts";
import { hearingTold } from "./hearing.ts";
import type { SpeakerState, ToldVerdict } from "./state.ts";

/** The worker repeats a verdict every second; one that it does not repeat has ended with the plan that it was about. */
export const VERDICT_MS = 3_000;

export interface WireViews {
  readonly verdicts: ReadonlyMap<string, ToldVerdict>;
  readonly apart: ApartMap;
  readonly wire: ReadonlyMap<string, WireView>;
  readonly changed: boolean;
}

/** Forgets what is no longer told and weighs the rest. Cheap while there is none, which is nearly always. */
export function viewWire(state: SpeakerState, now: number): WireViews {
  const before = state.world.wire;
  const apart = stillApart(state, now);
  if (state.verdicts.size === 0) {
    return { verdicts: state.verdicts, apart, wire: before.size === 0 ? before : new Map(), changed: before.size > 0 };
  }
  const verdicts = new Map([...state.verdicts].filter(([, told]) => isCurrent(state, told, now)));
  const wire = new Map([...verdicts].map(([key, told]) => [key, viewOf(state, told, apart.get(key), now)]));
  const changed = wire.size !== before.size || [...wire].some(([key, view]) => !sameView(view, before.get(key)));
  return { verdicts, apart, wire: changed ? wire : before, changed };
}

/** Another process than the one that was judged holds nothing of what that one held, and must be judged itself. */
function isCurrent(state: SpeakerState, told: ToldVerdict, now: number): boolean {
  const instance = state.speakers.get(told.verdict.node)?.facts.instance ?? "";
  return now - told.toldMs <= VERDICT_MS && instance === told.instance;
}

function viewOf(
  state: SpeakerState,
  { verdict, sinceMs, toldMs }: ToldVerdict,
  apart: Apart | undefined,
  now: number,
): WireView {
  const { node, kind, addresses } = verdict;
  const renews = isFresh(state, node) && !hasMissedRenewal(state.peers, node, now);
  return {
    kind,
    sinceMs,
    toldMs,
    addresses: new Set(addresses),
    proven: isProven(state, verdict, now),
    apart: apart && { untilMs: apart.untilMs, renews },
  };
}

/** Its Lease is fresh by the word of an API server that is there now. */
function isFresh(state: SpeakerState, node: string): boolean {
  return state.judging && state.apiUp && state.speakers.get(node)?.lease === "fresh";
}

/**
 * Whoever hears the judged node itself has proven its hearing. Otherwise another station must have answered. While the judged Lease is
 * fresh, so that both sides of a split act by one API server, only the side that sees more than half of the stations that count may take;
 * where no third one counts, that Lease must miss a renewal.
 */
function isProven(state: SpeakerState, verdict: Verdict, now: number): boolean {
  const { node, kind, seen, stations } = verdict;
  if (kind !== "gone") return true;
  if (isDeaf(verdict)) return false;
  if (!isAlone(verdict)) {
    if (!isFresh(state, node) || seen * 2 > stations) return true;
  }
  return stations <= 2 && hasMissedRenewal(state.peers, node, now);
}

/** Nobody answers this node. */
function isAlone({ seen, beside }: Verdict): boolean {
  return seen + beside <= 1;
}

/** And somebody beside the judged one should have. */
function isDeaf(verdict: Verdict): boolean {
  return isAlone(verdict) && verdict.stations > 2;
}

function sameView(left: WireView, right: WireView | undefined): boolean {
  return (
    right !== undefined &&
    left.kind === right.kind &&
    left.sinceMs === right.sinceMs &&
    left.toldMs === right.toldMs &&
    left.proven === right.proven &&
    left.apart?.untilMs === right.apart?.untilMs &&
    left.apart?.renews === right.apart?.renews &&
    left.addresses.size === right.addresses.size &&
    left.addresses.isSubsetOf(right.addresses)
  );
}

/** Own interfaces on which this node hears nobody: verdicts that it may not act on, and what it has found without one. */
export function isolatedOn(state: SpeakerState): readonly string[] {
  const told = Object.entries(hearingTold(state)).flatMap(([name, hears]) => (hears ? [] : [name]));
  const alone = [...state.verdicts.values()].filter(({ verdict }) => verdict.kind === "gone" && isDeaf(verdict));
  return [...new Set([...told, ...alone.map(({ verdict }) => verdict.interface)])].sort();
}

/** Peers that find this node gone while it runs, and that do not answer it, by wireKey; not where this node hears nobody. */
export function brokenPaths(state: SpeakerState): readonly string[] {
  const isolated = isolatedOn(state);
  const broken = [...state.apart].filter(([, one]) => one.isBroken).map(([key]) => key);
  return broken.filter((key) => !isolated.includes(ofWireKey(key).ownInterface)).sort();
}
