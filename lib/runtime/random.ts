/** A source of randomness in [0, 1). Pure code gets it by parameter, so that a seed decides everything in a simulation. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();

/** A small seeded generator (the mulberry32 recurrence): same seed, same sequence, on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
