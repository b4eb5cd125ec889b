/** Within which time an address that has a candidate is answered after a healing (L1), by what the record names then, in the words of docs/election.md. */
import { BELIEVED_MS, type Bound, type Case, caseOf } from "./bound.ts";

export interface Healing {
  /** The process that the record names runs, and acts for its node. */
  readonly isThere: boolean;
  /** Another process that has been there for a while has heard the holder's node answer for an address. */
  readonly isWatched: boolean;
  /** And has heard yet another node announce this one, so lately that it believes it. */
  readonly wasAnnounced: boolean;
  /** So many candidates have their turn before the last one. */
  readonly turns: number;
  /** The store went back so lately that the Leases are judged anew. */
  readonly isPutBack: boolean;
}

// Promises, so they do not come from the code that must keep them.

/** A Lease has run out when nobody has renewed it for so long, counted from one's own renewal. */
const LEASE_MS = 10_000;
/** A call of before the outage is given up after this, and only then the own Lease is renewed. */
const CALL_MS = 2_000;
/** Renewals are so far apart: the next one shows that the store was put back. */
const RENEWAL_MS = 3_000;
/** Three questions on the wire, before anything is taken. */
const ASK_MS = 300;
/** Who was answered by a peer asks again after this. */
const AGAIN_MS = 2_000;
/** Candidates take their turns so far apart. */
const TURN_MS = 1_000;
/** A silent speaker has so long to come back. */
const SILENT_MS = 2_000;
/** The wire finds within this that it is silent. */
const FOUND_MS = 1_000;

const CASES: readonly Case<Healing>[] = [
  {
    name: "put back",
    holds: ({ isPutBack }) => isPutBack,
    ms: RENEWAL_MS + LEASE_MS,
    says: "where the API server was put back, within 13 s",
  },
  {
    name: "the recorded process runs",
    holds: ({ isThere }) => isThere,
    // It yielded to whoever answered its question, and asks again.
    ms: AGAIN_MS + ASK_MS,
    says: "After faults have healed an address that has a candidate is answered within 2.3 s where the process that its record names runs",
  },
  {
    name: "somebody was believed",
    holds: ({ isWatched, wasAnnounced }) => isWatched && wasAnnounced,
    ms: BELIEVED_MS + ASK_MS,
    says: "5.3 s where another one was heard to announce it and has fallen silent again",
  },
  {
    name: "its speaker is silent",
    holds: ({ isWatched }) => isWatched,
    ms: FOUND_MS + SILENT_MS,
    says: "within 3 s where the wire finds that its speaker is silent",
  },
  {
    name: "by its Lease",
    holds: () => true,
    ms: CALL_MS + LEASE_MS + ASK_MS,
    says: "where only the Lease can tell, within 12.3 s and a second for each candidate that comes before",
  },
];

export const ANSWER_BOUNDS: readonly Bound[] = CASES;

export function answerBoundOf(healing: Healing): Bound {
  const found = caseOf(CASES, healing);
  return found.name === "by its Lease" ? { ...found, ms: found.ms + healing.turns * TURN_MS } : found;
}
