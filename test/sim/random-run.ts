import { Cluster, type ClusterOptions } from "./cluster.ts";
import { planFaults } from "./faults.ts";

/** Everything heals by itself or is healed; then a Lease must be able to expire, and its successors to wait their turn. */
const SETTLE_MS = 5_000;
const CHAOS_MS = 40_000;
const FAULT_MS_MAX = 72_000;
const AFTER_MS = 2_000;
const CONVERGE_MS = 40_000;
const STEP_MS = 5_000;

export interface RunReport {
  readonly seed: number;
  /** What broke the rules, empty for a good run. */
  readonly wrong: readonly string[];
  readonly planned: readonly string[];
  readonly events: number;
  readonly moves: number;
  /** The longest of what double-bound.ts and answer-bound.ts bound, in milliseconds by what it was. */
  readonly longest: ReadonlyMap<string, number>;
}

export type RunOptions = ClusterOptions & {
  readonly faults: number;
  /** So many nodes are off for good before the first fault; default none. */
  readonly gone?: number;
};

/** One run from one seed: a cluster that starts, suffers, is healed, and must come to rest. */
export function randomRun(options: RunOptions): RunReport {
  const cluster = new Cluster({ drift: 0.02, ...options });
  let events = cluster.run(SETTLE_MS);
  for (const node of cluster.names.slice(cluster.names.length - (options.gone ?? 0))) cluster.retire(node);
  const planned = planFaults(cluster, CHAOS_MS, options.faults);
  // To the end of the last fault, should some last for a minute, and a moment more; every other run is healed in the middle of them.
  const healsMs = options.seed % 2 === 0 && planned.canBeHealed ? CHAOS_MS : planned.endsMs;
  events += cluster.run(Math.min(healsMs, CHAOS_MS + FAULT_MS_MAX) + AFTER_MS);
  cluster.heal();
  events += converge(cluster);
  const wrong = [...cluster.invariants.violations, ...cluster.invariants.converged()];
  // At rest nothing moves: whoever returned takes nothing back.
  const moves = cluster.moves.length;
  events += cluster.run(12_000);
  if (cluster.moves.length !== moves) wrong.push(`${cluster.moves.length - moves} moves at rest`);
  return { seed: options.seed, wrong, planned: planned.lines, events, moves, longest: longestOf(cluster) };
}

function longestOf({ invariants }: Cluster): ReadonlyMap<string, number> {
  const { doubles, liveness } = invariants;
  return new Map([
    ...[...doubles.longest].map(([name, ms]) => [`two answers, ${name}`, ms] as const),
    ...[...liveness.longest].map(([name, ms]) => [`after a healing, ${name}`, ms] as const),
  ]);
}

/** Everything needed to run a failing seed again by hand. */
export function describeRun(run: RunReport): string {
  return [
    `seed ${run.seed}`,
    ...run.planned.map((line) => `  ${line}`),
    ...run.wrong.map((line) => `  ! ${line}`),
  ].join("\n");
}

/** Runs until everything is as it should be and has been so for a while; returns the events. */
export function converge(cluster: Cluster): number {
  let events = 0;
  let good = 0;
  for (let ran = 0; ran < CONVERGE_MS && good < 2; ran += STEP_MS) {
    events += cluster.run(STEP_MS);
    good = cluster.invariants.converged().length === 0 ? good + 1 : 0;
  }
  return events;
}
