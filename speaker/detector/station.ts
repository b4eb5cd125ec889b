/** What the detector knows of one station, and the small steps on it. Times in monotonic milliseconds. */
import type { LivenessProbe, ProbeAbout, SegmentPlan, StationPlan, VerdictKind } from "./types.ts";

export const STEADY_MS = 100;
export const BURST_STEP_MS = 10;
/** An answer that takes longer counts as missing, until the round trips of the last minute say otherwise. */
export const WINDOW_MS = 50;
export const WINDOW_MAX_MS = 1_000;
/** Losses in a row that make a verdict: at 20 % loss each way a false one in 8 to 15 days of a stream (election.md section 4). */
export const LOSSES = 16;
/** The fifth question of a burst goes to everybody: the alarm. */
export const ALARM_AT = 5;
/** So many of the last questions go to everybody, for different addresses. */
export const BROADCAST_LAST = 3;
export const NODE_PROBES = 4;
/** A pair has at most one burst in this time by alarm, and a verdict is told again as often. */
export const REPEAT_MS = 1_000;
/** Questions that found no answer are kept so long: a late one tells the round trip. */
const LATE_MS = 1_000;
/** Each station's own address is asked for this often, so that it has been heard before it is to be judged. */
export const ACQUAINT_MS = 3_000;
/** A station that was not heard for so long, and so often, was away: it may have missed what was announced (F2). */
export const AWAY_MS = 1_500;
export const AWAY_LOSSES = 4;
const RTT_BUCKET_MS = 30_000;
/** Wherever the list may grow, it ends here: 16 losses, as many late ones, witnesses' and node questions. */
const PENDING_MAX = 64;

export interface Pending {
  readonly address: string;
  readonly about: ProbeAbout;
  readonly sentMs: number;
  /** Judged as missing; kept for its round trip. */
  readonly isLost: boolean;
}

export interface Burst {
  readonly startedMs: number;
  /** The address that was missed, or that the alarm was about. */
  readonly suspect: string;
  /** Another address was answered: only the suspect is followed. */
  readonly isAlone: boolean;
  readonly byAlarm: boolean;
  readonly lost: number;
  readonly sent: number;
  readonly nodeSent: number;
  readonly nodeLost: number;
  readonly nodeHeard: boolean;
  readonly witnesses: readonly string[];
  readonly dueAt: number;
}

export interface Judged {
  readonly kind: VerdictKind;
  readonly addresses: readonly string[];
  readonly witnesses: readonly string[];
  readonly askedMs: number;
  /** When the verdict is told next; Infinity: it was told once and is forgotten at `untilMs`. */
  readonly tellAt: number;
  readonly untilMs: number;
  readonly nodeLost: number;
  readonly alarmAt: number;
  /** This node did not run since it asked last: the verdict is told again after one more question is lost. */
  readonly isOld: boolean;
}

/** What the main thread goes on by: the verdict as it was told last, though it may have been dropped here without an answer. */
export interface Told {
  readonly kind: VerdictKind;
  readonly addresses: readonly string[];
  readonly untilMs: number;
}

export interface Station {
  readonly key: string;
  readonly plan: StationPlan;
  readonly segment: Pick<SegmentPlan, "interface" | "address4" | "linkLocal">;
  /** Those of its addresses that this node can ask for. */
  readonly targets: readonly string[];
  /** Of the plan, or for the gateway as its answer told. */
  readonly mac: string;
  /** The last answer to one of this node's own questions; undefined: never heard. */
  readonly heardMs: number | undefined;
  /**
   * It has answered for an address of a Service here at least once. Else the network may let nobody hear such answers, and everybody
   * would take from everybody: the Lease decides (E3).
   */
  readonly isSpeakerKnown: boolean;
  /** Questions of any kind that were lost in a row, and since when. */
  readonly unheard: { readonly count: number; readonly sinceMs: number };
  /** Place in the rotation. */
  readonly next: number;
  readonly dueAt: number;
  readonly acquaintAt: number;
  /** In the order of sending. BOUNDED by PENDING_MAX. */
  readonly pending: readonly Pending[];
  readonly burst: Burst | undefined;
  readonly burstMs: number;
  /** When it was last told that the station is back. */
  readonly backMs: number;
  readonly judged: Judged | undefined;
  /** Undefined after it was told that the station is back. */
  readonly told: Told | undefined;
  /** Worst round trip of the present half minute and of the one before. */
  readonly rtt: { readonly sinceMs: number; readonly worstMs: number; readonly formerMs: number };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
export type Draft = Writable<Station>;

export function stationKey(ownInterface: string, plan: StationPlan): string {
  return `${ownInterface} ${plan.node} ${plan.node === "" ? plan.address4 || plan.linkLocal : plan.mac}`;
}

/** How long an answer of this station may take. */
export function windowMs(station: Station): number {
  const worst = Math.max(station.rtt.worstMs, station.rtt.formerMs);
  return Math.min(WINDOW_MAX_MS, Math.max(WINDOW_MS, 3 * worst));
}

/** The address that its kernel answers for, whatever becomes of its speaker; "" if this node cannot ask for one. */
export function nodeAddress({ plan, segment }: Station): string {
  if (plan.address4 !== "") return plan.address4;
  return plan.linkLocal !== "" && segment.linkLocal !== "" ? plan.linkLocal : "";
}

export function isAskable(address: string, plan: StationPlan, segment: Station["segment"]): boolean {
  return !address.includes(":") || (plan.linkLocal !== "" && segment.linkLocal !== "");
}

/** Notes the question as under way and gives the frame to send. */
export function ask(s: Draft, about: ProbeAbout, address: string, toAll: boolean, now: number): LivenessProbe {
  const kept = s.pending.length < PENDING_MAX ? s.pending : s.pending.slice(1);
  s.pending = [...kept, { address, about, sentMs: now, isLost: false }];
  const is6 = address.includes(":");
  return {
    interface: s.segment.interface,
    address,
    source: is6 ? s.segment.linkLocal : s.segment.address4 || "0.0.0.0",
    mac: toAll ? "" : s.mac,
    destination: is6 && !toAll && s.mac !== "" ? s.plan.linkLocal : "",
  };
}

/** Takes the questions whose time is over as lost, and forgets those that no late answer can belong to. Returns the newly lost. */
export function expire(s: Draft, now: number): readonly Pending[] {
  const first = s.pending[0];
  if (first === undefined || (now < first.sentMs + WINDOW_MS && !first.isLost)) return [];
  const limit = windowMs(s);
  const lost = s.pending.filter((one) => !one.isLost && now >= one.sentMs + limit);
  const kept = s.pending.filter((one) => now < one.sentMs + Math.max(LATE_MS, limit));
  s.pending = kept.map((one) => (!one.isLost && now >= one.sentMs + limit ? { ...one, isLost: true } : one));
  if (lost.length > 0) {
    const { count, sinceMs } = s.unheard;
    s.unheard = { count: count + lost.length, sinceMs: count === 0 ? now : sinceMs };
  }
  return lost;
}

/** Nothing that is under way proves anything any more: it is neither lost nor answered. */
export function voidPending(s: Draft): void {
  s.pending = s.pending.filter((one) => one.isLost);
}

/** When the first open question is lost. */
export function expiryAt(s: Station): number {
  for (const one of s.pending) if (!one.isLost) return one.sentMs + windowMs(s);
  return Number.POSITIVE_INFINITY;
}

/**
 * Takes the question that this answer belongs to from the list and learns the round trip; undefined for an answer to none. Losses
 * count in a row: whatever else was asked about the same before the answer came does not count after it.
 */
export function settle(s: Draft, address: string, now: number, isLate: boolean): Pending | undefined {
  // Of several the newest: the trip is no longer than it says, so that a lost frame does not stretch the window.
  const found =
    s.pending.findLast((one) => one.address === address && !one.isLost) ??
    s.pending.findLast((one) => one.address === address);
  if (found === undefined) return undefined;
  const { burst } = s;
  const stays = (one: Pending): boolean => {
    // An address that is followed alone is judged by its own answers only.
    const isFollowed = burst?.isAlone === true && one.address === burst.suspect && address !== burst.suspect;
    return one.isLost || one.about !== found.about || isFollowed;
  };
  s.pending = s.pending.filter((one) => one !== found && stays(one));
  s.heardMs = now;
  // An answer that this node left waiting says nothing about the station.
  if (!isLate) learn(s, now - found.sentMs, now);
  return found;
}

function learn(s: Draft, tripMs: number, now: number): void {
  const { sinceMs, worstMs, formerMs } = s.rtt;
  if (now - sinceMs < RTT_BUCKET_MS) {
    if (tripMs > worstMs) s.rtt = { sinceMs, worstMs: tripMs, formerMs };
    return;
  }
  const isNext = now - sinceMs < 2 * RTT_BUCKET_MS;
  s.rtt = { sinceMs: now, worstMs: tripMs, formerMs: isNext ? worstMs : 0 };
}

/** The next target in the rotation that `skip` does not refuse; undefined when it refuses all. */
export function rotate(s: Draft, skip: (address: string) => boolean): string | undefined {
  const { targets } = s;
  for (let step = 0; step < targets.length; step++) {
    const at = (s.next + step) % targets.length;
    const address = targets[at] as string;
    if (skip(address)) continue;
    s.next = (at + 1) % targets.length;
    return address;
  }
  return undefined;
}
