/**
 * For how long two nodes that hear each other may answer for one address, by what has happened. The words are those
 * at the beginning of docs/election.md (double-bound.test.ts looks them up there), and the times come from them, never from what was observed.
 */
import { type Bound, type Case, caseOf } from "./bound.ts";

export interface Occasion {
  /** Something in the run has been broken of late. */
  readonly isBroken: boolean;
  /** The record says who hands over, or one of the two leaves. */
  readonly isHandOver: boolean;
  /** One of the two stood still until the moment in which it began. */
  readonly wasPaused: boolean;
  /** Whoever answers in its place goes on asking for it. */
  readonly isPursued: boolean;
  /** They did not hear each other until then. */
  readonly wasApart: boolean;
  /** Both answer on the evidence of the wire, without a record. */
  readonly bothTook: boolean;
  /** One of the two does, under a record of before; the one of now names the other. */
  readonly isStale: boolean;
  /** One of the two has no answer from the API server in time. */
  readonly isUnread: boolean;
  /** Frames get lost, or did a moment ago. */
  readonly isLossy: boolean;
  /** For so long, counted from then on, the main thread of one of the two has stood still, and its worker has decided alone. */
  readonly stuckMs: number;
  /** So late are the watches, more than those of a server that does well, or they bring a store that was put back. */
  readonly lateMs: number;
}

// Promises, so they do not come from the code that must keep them.

/** Five rounds of announcements, so far apart. */
const ROUND_MS = 1_100;
/** A station that nobody pursues is asked for its own address so often. */
const OTHERS_MS = 1_000;
/** Who comes later in the order is let for so long, where few addresses were taken. */
const LET_MS = 400;
/** Rule Y: a read decides within this. */
const READ_MS = 200;
/** The worker waits so long for its main thread, and so long an address is new to it. */
const WORKER_MS = 50;
const NEW_MS = 1_500;

const CASES: readonly Case<Occasion>[] = [
  {
    name: "hand-over",
    holds: ({ isHandOver }) => isHandOver,
    ms: 1_000,
    says: "a second after a partition heals or within a hand-over",
  },
  {
    name: "healthy",
    holds: ({ isBroken }) => !isBroken,
    ms: 0,
    says: "Two answers at once: never in a healthy network",
  },
  {
    name: "healed",
    holds: ({ wasApart }) => wasApart,
    ms: 1_000,
    says: "a second after a partition heals or within a hand-over",
  },
  {
    name: "paused, and nobody pursues it",
    holds: ({ wasPaused, isPursued }) => wasPaused && !isPursued,
    ms: OTHERS_MS + READ_MS,
    says: "1.2 s where nobody pursues",
  },
  {
    name: "paused, without the API",
    holds: ({ wasPaused, isUnread }) => wasPaused && isUnread,
    ms: 300,
    says: "300 ms where the API server cannot be asked: the pursuer's question, and a read without an answer",
  },
  {
    name: "paused",
    holds: ({ wasPaused }) => wasPaused,
    ms: 150,
    says: "at most 150 ms after a pause",
  },
  {
    name: "taken under a record of before",
    holds: ({ isStale }) => isStale,
    // The other one's first read has ended while it is let; then its second, and that of the one that has taken it.
    ms: LET_MS + 2 * READ_MS,
    says: "800 ms where the record names a holder that the other one cannot read of",
  },
  {
    name: "two takers",
    holds: ({ bothTook }) => bothTook,
    ms: ROUND_MS,
    says: "where two take at once without a record, until the next round of the first, 1.1 s at most",
  },
  {
    name: "taken from who answers",
    holds: () => true,
    // The read of the one that is not confirmed, or that of the one that is, its word, and the other's read.
    ms: 2 * READ_MS,
    says: "answered twice until rule Y has decided, 400 ms at most",
  },
];

/** On top of it. */
const LOSSY: Bound = {
  name: "with losses",
  // An announcement is two frames; that none of two rounds comes through is one time in six hundred.
  ms: 2 * ROUND_MS,
  says: "Where frames get lost it may be two rounds more, 2.2 s",
};
const LATE: Bound = {
  name: "with late watches",
  // As late as they are.
  ms: 0,
  says: "where watches are late, or the store was put back, as much more as they are late",
};
const STUCK: Bound = {
  name: "by the worker alone",
  // No longer than the main thread stands still: after that it decides by what it was told.
  ms: WORKER_MS + NEW_MS + ROUND_MS,
  says: "where the main thread of one of the two stands still, as much more as it does, 2.65 s at most",
};

export const BOUNDS: readonly Bound[] = [...CASES, LOSSY, LATE, STUCK];

export function boundOf(occasion: Occasion): { readonly name: string; readonly ms: number } {
  const found = caseOf(CASES, occasion);
  const { isLossy, lateMs, stuckMs } = occasion;
  const late = lateMs > 0 ? [{ ...LATE, ms: lateMs }] : [];
  const stuck = stuckMs > 0 ? [{ ...STUCK, ms: Math.min(STUCK.ms, stuckMs) }] : [];
  const more = [...(isLossy ? [LOSSY] : []), ...late, ...stuck];
  if (found.name === "healthy") return found;
  return {
    name: [found, ...more].map(({ name }) => name).join(", "),
    ms: [found, ...more].reduce((sum, { ms }) => sum + ms, 0),
  };
}
