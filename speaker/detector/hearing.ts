/**
 * Whether this node hears anybody at all on an interface (hazard E1), verdict or not: every station is asked for its own address every
 * few seconds, by a question to it alone, so an answer proves both ways. A node that holds nothing, and that nobody judges, knows by this that
 * its port is dead.
 */
import type { Station } from "./station.ts";
import type { DetectorEffect } from "./types.ts";
import { GATEWAY_SILENT_MS } from "./witnesses.ts";

/** So long nobody answers before a node is isolated: a switch that learns anew is no dead port. */
export const ISOLATED_MS = 3_000;
/** Questions in vain that it takes, of each station two at most: one station that is silent could be the broken one itself. */
const QUESTIONS = 4;
const QUESTIONS_EACH = 2;

export interface Hearing {
  /** As it was told; undefined: nobody has answered yet, and so nobody can be missed (E3). */
  readonly hears: boolean | undefined;
  /** Questions that were lost since anybody answered, by station. BOUNDED by the stations of the interface. */
  readonly lost: ReadonlyMap<string, number>;
  /** When the first of them was. */
  readonly sinceMs: number;
}

/** By interface. */
export type HearingMap = ReadonlyMap<string, Hearing>;

const UNKNOWN: Hearing = { hears: undefined, lost: new Map(), sinceMs: 0 };

/**
 * The station has answered: this node hears, and is heard. Whoever heard nobody does so again when one station has answered two questions in
 * a row: a port that lets a frame through now and then is none to hold addresses.
 */
export function answeredOn(all: HearingMap, { segment, unheard }: Station): HearingMap {
  const before = all.get(segment.interface);
  if (before?.hears === true && before.lost.size === 0) return all;
  if (before?.hears === false && unheard.count > 0) return all;
  return new Map(all).set(segment.interface, { ...UNKNOWN, hears: true });
}

/** Questions to the station were lost. */
export function missedOn(
  all: HearingMap,
  { key, segment }: Station,
  questions: number,
  stations: ReadonlyMap<string, Station>,
  now: number,
): HearingMap {
  const before = all.get(segment.interface);
  if (before?.hears !== true) return all;
  const lost = new Map(before.lost).set(key, (before.lost.get(key) ?? 0) + questions);
  const sinceMs = before.lost.size === 0 ? now : before.sinceMs;
  const hears = now < sinceMs + ISOLATED_MS || !isSilence(lost, segment.interface, stations);
  return new Map(all).set(segment.interface, { hears, lost, sinceMs });
}

/**
 * Stations that count are silent which were heard until now: one that had been silent for a minute when this node last heard anybody is off.
 * Measured like that, and not against the present, it holds after a stop of this node as well.
 */
function isSilence(lost: ReadonlyMap<string, number>, name: string, stations: ReadonlyMap<string, Station>): boolean {
  const lastMs = lastHeardMs(name, stations);
  let questions = 0;
  for (const [key, count] of lost) {
    const one = stations.get(key);
    if (one?.heardMs === undefined || !one.plan.counts || lastMs - one.heardMs >= GATEWAY_SILENT_MS) continue;
    questions += Math.min(count, QUESTIONS_EACH);
  }
  return questions >= QUESTIONS;
}

function lastHeardMs(name: string, stations: ReadonlyMap<string, Station>): number {
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const one of stations.values()) {
    if (one.segment.interface === name) lastMs = Math.max(lastMs, one.heardMs ?? lastMs);
  }
  return lastMs;
}

/** This node did not run, or lost frames: what was not answered until now says nothing. */
export function forgetMissed(all: HearingMap): HearingMap {
  return new Map([...all].map(([name, one]) => [name, { ...one, lost: UNKNOWN.lost }]));
}

/** It did not run for a moment: that time does not count. */
export function notCounting(all: HearingMap, lateMs: number): HearingMap {
  return new Map([...all].map(([name, one]) => [name, { ...one, sinceMs: one.sinceMs + lateMs }]));
}

/** What is asked nowhere is not known there. */
export function stillAsked(all: HearingMap, interfaces: readonly string[]): HearingMap {
  return new Map([...all].filter(([name]) => interfaces.includes(name)));
}

/** What changed on the interface. */
export function news(
  before: HearingMap,
  after: HearingMap,
  name: string,
  stations: ReadonlyMap<string, Station>,
  now: number,
): readonly DetectorEffect[] {
  const hears = after.get(name)?.hears;
  if (hears === undefined || hears === before.get(name)?.hears) return [];
  return [{ type: "hearing", interface: name, hears, quietMs: now - lastHeardMs(name, stations) }];
}
