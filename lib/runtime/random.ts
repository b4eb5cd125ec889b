/** A source of randomness in [0, 1). Pure code gets it by parameter, so that a seed decides everything in a simulation. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();

/** A small seeded generator (the mulberry32 recurrence): same seed, same sequence, on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    const drawn = drawRandom(state);
    state = drawn.next;
    return drawn.value;
  };
}

/** The same generator for machines that keep it in their state: a value in [0, 1), and the state to draw from next. */
export function drawRandom(state: number): { readonly value: number; readonly next: number } {
  const next = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(next ^ (next >>> 15), next | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return { value: ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32, next };
}

/** A state for drawRandom, for a machine of this process. */
export function randomSeed(random: Random): number {
  return Math.floor(random() * 2 ** 32) >>> 0;
}
