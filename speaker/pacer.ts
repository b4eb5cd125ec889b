/** A token bucket as a plain value: how many frames may leave now, and when the next may. */
export interface Pacer {
  readonly framesPerSecond: number;
  /** Frames that may leave at once after a rest; small, so that a round never looks like a storm to a switch. */
  readonly burst: number;
  readonly tokens: number;
  readonly atMs: number;
}

export function createPacer(framesPerSecond: number, burst: number, now: number): Pacer {
  return { framesPerSecond, burst, tokens: burst, atMs: now };
}

/** The same bucket at `now`. A clock that went back adds nothing. */
export function refill(pacer: Pacer, now: number): Pacer {
  const gained = (Math.max(0, now - pacer.atMs) * pacer.framesPerSecond) / 1000;
  return { ...pacer, tokens: Math.min(pacer.burst, pacer.tokens + gained), atMs: now };
}

export function spend(pacer: Pacer, frames: number): Pacer {
  return { ...pacer, tokens: pacer.tokens - frames };
}

/** When `frames` tokens (at most a burst) will be there, in the time of `atMs`. */
export function affordableAt(pacer: Pacer, frames: number): number {
  const missing = Math.min(frames, pacer.burst) - pacer.tokens;
  return missing <= 0 ? pacer.atMs : pacer.atMs + (missing * 1000) / pacer.framesPerSecond;
}
