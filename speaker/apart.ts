/**
 * Pairs of nodes whose path is broken (election.md section 5, ADR 33): each finds the other gone, while everybody else hears both. That a
 * peer has taken addresses from this node, which runs, is what tells it from a peer that died.
 */
import { TIMES } from "./election/types.ts";
import type { SpeakerState, ToldVerdict } from "./state.ts";

/** A peer has found this node gone. */
export interface Apart {
  /** When it last did. */
  readonly sinceMs: number;
  /** Where nobody else could take from that peer, this node leaves it alone until then. */
  readonly untilMs: number;
  /** How often that was in vain: the peer has found this node gone again afterwards. */
  readonly count: number;
  /** This node found it gone at the same time, and has not heard it since. */
  readonly isMutual: boolean;
}

/** By wireKey. BOUNDED by the nodes that have a Lease and the interfaces of this one. */
export type ApartMap = ReadonlyMap<string, Apart>;

/** Peers have taken what this node held: many addresses at once are one loss. */
export function onMissed(before: ApartMap, keys: ReadonlySet<string>, now: number): ApartMap {
  if (keys.size === 0) return before;
  const apart = new Map(before);
  for (const key of keys) apart.set(key, missedAgain(before.get(key), now));
  return apart;
}

function missedAgain(known: Apart | undefined, now: number): Apart {
  if (known !== undefined && now < known.untilMs) return { ...known, sinceMs: now };
  const count = known === undefined ? 0 : known.count + 1;
  const pauseMs = Math.min(TIMES.apartMs * 2 ** count, TIMES.apartMaxMs);
  return { sinceMs: now, untilMs: now + pauseMs, count, isMutual: known?.isMutual === true };
}

/** What time and the verdicts make of it. */
export function stillApart(
  { apart, speakers }: Pick<SpeakerState, "apart" | "speakers">,
  verdicts: ReadonlyMap<string, ToldVerdict>,
  now: number,
): ApartMap {
  if (apart.size === 0) return apart;
  const kept = new Map<string, Apart>();
  let changed = false;
  for (const [key, before] of apart) {
    const meets = !before.isMutual && isMissed(verdicts.get(key)) && now < before.sinceMs + TIMES.mutualMs;
    const one = meets ? { ...before, isMutual: true } : before;
    const isKept = speakers.has(key.slice(0, key.indexOf(" "))) && (one.isMutual || now < one.sinceMs + TIMES.missedMs);
    if (isKept) kept.set(key, one);
    changed ||= !isKept || one !== before;
  }
  return changed ? kept : apart;
}

/** Gone for this node alone, which hears others: one behind a dead port hears nobody, and knows nothing of any path. */
function isMissed(told: ToldVerdict | undefined): boolean {
  return told?.verdict.kind === "gone" && told.verdict.seen + told.verdict.beside > 1;
}

/** It is heard. */
export function notApart(apart: ApartMap, key: string): ApartMap {
  if (!apart.has(key)) return apart;
  const kept = new Map(apart);
  kept.delete(key);
  return kept;
}
