/** What was heard is told to the main thread at most ten times a second for each address, and 1,000 times in all. */
export const TOLD_PER_ADDRESS = 10;
export const TOLD_IN_ALL = 1000;
const WINDOW_MS = 1000;

export interface HearingState {
  readonly since: number;
  readonly total: number;
  /** How often each address was told in this window. BOUNDED by TOLD_IN_ALL. */
  readonly told: ReadonlyMap<string, number>;
}

export function createHearing(now: number): HearingState {
  return { since: now, total: 0, told: new Map() };
}

/** Whether this one may be told, and the state after it. */
export function admit(state: HearingState, key: string, now: number): { state: HearingState; tell: boolean } {
  const window = now - state.since >= WINDOW_MS ? createHearing(now) : state;
  const times = window.told.get(key) ?? 0;
  if (times >= TOLD_PER_ADDRESS || window.total >= TOLD_IN_ALL) return { state: window, tell: false };
  const told = new Map(window.told).set(key, times + 1);
  return { state: { ...window, total: window.total + 1, told }, tell: true };
}
