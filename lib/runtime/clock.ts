/** Time as the programs see it. Pure code gets `now` (monotonic milliseconds) as a parameter and never a Clock. */
export interface Clock {
  /** Milliseconds that only grow, from an arbitrary start. For every deadline and age. */
  monotonicMs(): number;
  /** Milliseconds since 1970. For what people read (`since`, condition times), never for a decision. */
  wallMs(): number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
