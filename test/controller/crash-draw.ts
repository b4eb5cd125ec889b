/** Draws of a simulation: everything that is random comes from its seed. */
import type { Random } from "../../lib/runtime/random.ts";

interface Drawn {
  readonly random: Random;
}

export function below({ random }: Drawn, limit: number): number {
  return Math.floor(random() * limit);
}

export function pick<T>(world: Drawn, all: readonly T[]): T | undefined {
  return all[below(world, all.length)];
}
