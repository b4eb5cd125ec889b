/**
 * The announcer: five rounds of announcements of an address, 1.1 s apart, at most so many frames a second on each
 * interface. Under pressure the earlier round and the request form go first, so that after a take-over every address
 * is told once before any is told twice. IPv4 has two forms in each round (packet/frames.ts), IPv6 one.
 */
import { assertNever } from "../lib/runtime/errors.ts";
import { affordableAt, createPacer, type Pacer, refill, spend } from "./pacer.ts";
import type { AnnouncementForm } from "./packet/frames.ts";

export const ROUNDS = 5;
export const ROUND_MS = 1100;
/** What the smallest configurable storm control lets pass with room to spare. */
export const FRAMES_PER_SECOND = 1000;
const BURST = 10;

export interface Announced {
  readonly address: string;
  readonly family: 4 | 6;
  readonly interface: string;
  /** A defence (RFC 5227 section 2.4 (c)): one round, and none while rounds of the address are under way. */
  readonly once?: boolean;
}

/** Frames of one round and form that wait for their time; follow-ups are made as they leave. */
interface Batch {
  readonly dueAt: number;
  readonly round: number;
  readonly second: boolean;
  readonly entries: readonly Announced[];
}

interface Lane {
  readonly pacer: Pacer;
  /** BOUNDED: an address is in at most two batches (its reply form and its next round). */
  readonly batches: readonly Batch[];
}

export interface AnnouncerState {
  readonly framesPerSecond: number;
  /** By interface name; a lane ends with its last batch. */
  readonly lanes: ReadonlyMap<string, Lane>;
}

export type AnnouncerInput =
  /** Plans the rounds, from the first one even if some are under way. */
  | { readonly type: "plan"; readonly entries: readonly Announced[] }
  /** The table changed: rounds of addresses that are no longer held end at once. */
  | { readonly type: "keep"; readonly held: (entry: Announced) => boolean }
  /** The loop had a gap: nothing that was planned before it may leave. */
  | { readonly type: "clear" }
  | { readonly type: "tick" };

export interface AnnouncementFrame {
  readonly address: string;
  readonly interface: string;
  readonly form: AnnouncementForm;
}

export interface AnnouncerStep {
  readonly state: AnnouncerState;
  /** Frames to send now, in this order. */
  readonly effects: readonly AnnouncementFrame[];
  readonly wakeAt: number | undefined;
}

export function createAnnouncer(framesPerSecond = FRAMES_PER_SECOND): AnnouncerState {
  return { framesPerSecond, lanes: new Map() };
}

/** Plans, or with `tick` sends what is due. `now` in monotonic milliseconds. */
export function stepAnnouncer(state: AnnouncerState, input: AnnouncerInput, now: number): AnnouncerStep {
  switch (input.type) {
    case "plan":
      return { state: { ...state, lanes: withPlanned(state, input.entries, now) }, effects: [], wakeAt: now };
    case "keep":
      return { state: { ...state, lanes: mapBatches(state.lanes, input.held) }, effects: [], wakeAt: now };
    case "clear":
      return { state: { ...state, lanes: mapBatches(state.lanes, () => false) }, effects: [], wakeAt: now };
    case "tick":
      return ticked(state, now);
    default:
      return assertNever(input);
  }
}

function ticked(state: AnnouncerState, now: number): AnnouncerStep {
  const lanes = new Map<string, Lane>();
  const effects: AnnouncementFrame[] = [];
  let wakeAt: number | undefined;
  for (const [name, before] of state.lanes) {
    const { lane, sent } = drain(before, now);
    effects.push(...sent);
    // A lane that rests is kept until its bucket is full again: else a new one would start with a second burst.
    if (lane.batches.length === 0 && lane.pacer.tokens >= lane.pacer.burst) continue;
    lanes.set(name, lane);
    const next = nextWake(lane, now);
    if (wakeAt === undefined || next < wakeAt) wakeAt = next;
  }
  return { state: { ...state, lanes }, effects, wakeAt };
}

function withPlanned(state: AnnouncerState, entries: readonly Announced[], now: number): ReadonlyMap<string, Lane> {
  const isUnderWay = (entry: Announced): boolean =>
    (state.lanes.get(entry.interface)?.batches ?? []).some((batch) =>
      batch.entries.some(({ address }) => address === entry.address),
    );
  const wanted = entries.filter((entry) => entry.once !== true || !isUnderWay(entry));
  const fresh = new Map(wanted.map((entry) => [keyOf(entry), entry]));
  const planned = new Map(mapBatches(state.lanes, (entry) => !fresh.has(keyOf(entry))));
  const byInterface = Map.groupBy(fresh.values(), (entry) => entry.interface);
  for (const [name, group] of byInterface) {
    const lane = planned.get(name) ?? { pacer: createPacer(state.framesPerSecond, BURST, now), batches: [] };
    const batch: Batch = { dueAt: now, round: 0, second: false, entries: group };
    planned.set(name, { ...lane, batches: [...lane.batches, batch] });
  }
  return planned;
}

function mapBatches(lanes: ReadonlyMap<string, Lane>, stays: (entry: Announced) => boolean): ReadonlyMap<string, Lane> {
  const changed = new Map<string, Lane>();
  for (const [name, lane] of lanes) {
    const batches = lane.batches.map((batch) => ({ ...batch, entries: batch.entries.filter(stays) }));
    changed.set(name, { ...lane, batches: batches.filter((batch) => batch.entries.length > 0) });
  }
  return changed;
}

function keyOf(entry: Announced): string {
  return `${entry.interface} ${entry.address}`;
}

/** Sends what is due as far as the tokens reach. Bounded by the burst: each turn spends at least one token. */
function drain(before: Lane, now: number): { readonly lane: Lane; readonly sent: readonly AnnouncementFrame[] } {
  let pacer = refill(before.pacer, now);
  let batches = before.batches;
  const sent: AnnouncementFrame[] = [];
  while (pacer.tokens >= 1) {
    const batch = firstDue(batches, now);
    if (batch === undefined) break;
    const going = batch.entries.slice(0, Math.floor(pacer.tokens));
    const waiting = batch.entries.slice(going.length);
    pacer = spend(pacer, going.length);
    sent.push(...going.map((entry) => frameOf(entry, batch.second)));
    const rest = waiting.length > 0 ? [{ ...batch, entries: waiting }] : [];
    batches = [...rest, ...batches.filter((other) => other !== batch), ...followUps(batch, going, now)];
  }
  return { lane: { pacer, batches }, sent };
}

function firstDue(batches: readonly Batch[], now: number): Batch | undefined {
  let first: Batch | undefined;
  for (const batch of batches) {
    if (batch.dueAt <= now && (first === undefined || urgency(batch) < urgency(first))) first = batch;
  }
  return first;
}

/** Lower goes first; equal ones in the order in which they came. */
function urgency(batch: Batch): number {
  return batch.round * 2 + (batch.second ? 1 : 0);
}

function frameOf(entry: Announced, second: boolean): AnnouncementFrame {
  const form = entry.family === 6 ? "advertisement" : second ? "reply" : "request";
  return { address: entry.address, interface: entry.interface, form };
}

function followUps(batch: Batch, sent: readonly Announced[], now: number): readonly Batch[] {
  if (batch.second) return [];
  const replies = sent.filter((entry) => entry.family === 4);
  const next: Batch[] = replies.length > 0 ? [{ ...batch, dueAt: now, second: true, entries: replies }] : [];
  const again = sent.filter((entry) => entry.once !== true);
  if (batch.round + 1 < ROUNDS && again.length > 0)
    next.push({ dueAt: now + ROUND_MS, round: batch.round + 1, second: false, entries: again });
  return next;
}

/** When frames are due but tokens are not: when there is a burst of them, or as many as are needed. */
function nextWake(lane: Lane, now: number): number {
  if (lane.batches.length === 0) return affordableAt(lane.pacer, lane.pacer.burst);
  const due = lane.batches.filter((batch) => batch.dueAt <= now);
  const waiting = due.reduce((sum, batch) => sum + batch.entries.length, 0);
  if (waiting > 0) return affordableAt(lane.pacer, waiting);
  return lane.batches.reduce((first, batch) => Math.min(first, batch.dueAt), Number.POSITIVE_INFINITY);
}
