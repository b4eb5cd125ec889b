import type { Berth } from "../e2e/berth.ts";

export interface Measured {
  readonly samples: readonly number[];
  /** More about the same runs, such as `lost` or `anon`. */
  readonly also?: Readonly<Record<string, number>>;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  measure(berth: Berth): Promise<Measured>;
}

/** The smallest sample that at least `share` of all samples do not exceed (nearest rank). NaN without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** The median over what was measured several times, nearest rank as `percentile`; NaN for nothing. */
export function medianOf<T>(items: readonly T[], of: (item: T) => number): number {
  return percentile(items.map(of), 0.5);
}

/** To one digit behind the point. */
export function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The line of one figure. `value` is the median. */
export function lineOf({
  name,
  unit,
  samples,
  also,
}: Measured & { readonly name: string; readonly unit: string }): string {
  const p50 = tenths(percentile(samples, 0.5));
  const p99 = tenths(percentile(samples, 0.99));
  return JSON.stringify({
    name,
    unit,
    n: samples.length,
    value: p50,
    p50,
    p99,
    max: tenths(Math.max(...samples)),
    ...also,
  });
}

/** How often a figure is taken: BERTH_BENCH_RUNS, else the figure's own number. */
export function runs(usual: number): number {
  const asked = process.env["BERTH_BENCH_RUNS"];
  if (asked === undefined) return usual;
  if (!/^[1-9]\d{0,3}$/.test(asked))
    throw new Error(`BERTH_BENCH_RUNS is "${asked}": it takes a number from 1 to 9999`);
  return Number(asked);
}
