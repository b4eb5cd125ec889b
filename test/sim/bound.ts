/** What double-bound.ts and answer-bound.ts have in common: a promise of docs/election.md, and the case in which it is the one that counts. */

export interface Bound {
  readonly name: string;
  readonly ms: number;
  /** Where docs/election.md says so. */
  readonly says: string;
}

export interface Case<Situation> extends Bound {
  readonly holds: (situation: Situation) => boolean;
}

/** "Somebody else was heard announcing: believed for 5 s" (election.md section 5). */
export const BELIEVED_MS = 5_000;
/** How much slower the clock of a node may be. */
export const DRIFT = 1.03;

/** The first that holds counts; the last one always does. */
export function caseOf<Situation>(cases: readonly Case<Situation>[], situation: Situation): Case<Situation> {
  return cases.find(({ holds }) => holds(situation)) as Case<Situation>;
}

/** Keeps the longest time of each name, in milliseconds. */
export function noteLongest(longest: Map<string, number>, name: string, ms: number): void {
  if (ms > (longest.get(name) ?? -1)) longest.set(name, ms);
}
