/**
 * Pairs of nodes whose path is broken (election.md section 5, ADR 33): each finds the other gone, while everybody else hears both. That a
 * peer has taken addresses from this node, which runs, and does not answer it since, is what tells it from a peer that died.
 */
import { hasMissedRenewal } from "../lib/lease/peers.ts";
import { ofWireKey, TIMES } from "./election/types.ts";
import type { SpeakerState } from "./state.ts";
import { sharesSegment } from "./watch-plan.ts";

/** A peer has found this node gone, and has not answered a question of this node since it is known. */
export interface Apart {
  /** The process of the peer: another one has found nobody gone. */
  readonly instance: string;
  /** Since when, without an answer. */
  readonly sinceMs: number;
  /** Where nobody else could take from that peer, this node leaves it alone until then. */
  readonly untilMs: number;
  /** How often that was in vain: the peer has found this node gone again afterwards. */
  readonly count: number;
  /** So long that it is worth telling. */
  readonly isBroken: boolean;
}

/** By wireKey. BOUNDED by the nodes that have a Lease and the interfaces of this one. */
export type ApartMap = ReadonlyMap<string, Apart>;

type Known = Pick<SpeakerState, "apart" | "speakers" | "interfaces" | "listening">;

/** Peers have taken what this node held: many addresses at once are one loss. Each is asked at once (watch-plan.ts). */
export function onMissed(state: Known, keys: ReadonlySet<string>, now: number): ApartMap {
  const asked = [...keys].filter((key) => isAskable(state, key));
  if (asked.length === 0) return state.apart;
  const apart = new Map(state.apart);
  for (const key of asked) apart.set(key, missedAgain(apart.get(key), instanceOf(state, key), now));
  return apart;
}

function missedAgain(known: Apart | undefined, instance: string, now: number): Apart {
  if (known !== undefined && now < known.untilMs) return known;
  const count = known === undefined ? 0 : known.count + 1;
  const pauseMs = Math.min(TIMES.apartMs * 2 ** count, TIMES.apartMaxMs);
  return { instance, sinceMs: now, isBroken: false, ...known, untilMs: now + pauseMs, count };
}

/** What time and the Leases make of it. */
export function stillApart(state: Known & Pick<SpeakerState, "peers">, now: number): ApartMap {
  const { apart, peers } = state;
  if (apart.size === 0) return apart;
  const kept = new Map<string, Apart>();
  let changed = false;
  for (const [key, one] of apart) {
    const isKept = instanceOf(state, key) === one.instance && isAskable(state, key);
    const isLong = now >= one.sinceMs + TIMES.brokenMs && !hasMissedRenewal(peers, ofWireKey(key).node, now);
    const grows = isKept && isLong && !one.isBroken;
    if (isKept) kept.set(key, grows ? { ...one, isBroken: true } : one);
    changed ||= !isKept || grows;
  }
  return changed ? kept : apart;
}

/** It is heard. */
export function notApart(apart: ApartMap, key: string): ApartMap {
  if (!apart.has(key)) return apart;
  const kept = new Map(apart);
  kept.delete(key);
  return kept;
}

/** Whether an answer must come if the path carries both ways: cables are in, the Lease is fresh, and both have an address to ask for. */
function isAskable({ speakers, interfaces, listening }: Omit<Known, "apart">, key: string): boolean {
  const { node, ownInterface } = ofWireKey(key);
  const own = interfaces.find((one) => one.carrier && one.name === ownInterface);
  const peer = speakers.get(node);
  if (own === undefined || !listening.interfaces.includes(own.name) || peer?.lease !== "fresh") return false;
  return peer.facts.interfaces.some(
    (one) =>
      one.carrier && sharesSegment(own, one) && (one.address4 !== "" || (one.linkLocal !== "" && own.linkLocal !== "")),
  );
}

function instanceOf({ speakers }: Pick<Known, "speakers">, key: string): string {
  return speakers.get(ofWireKey(key).node)?.facts.instance ?? "";
}
