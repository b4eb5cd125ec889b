/**
 * Prometheus metrics behind three factories. A metric is made once at module level and is the same one when asked for
 * again by name. BOUNDED: label values come from small sets (outcomes, reasons, resources, interfaces of this node, IPPools),
 * never from objects that come and go with workloads; the caller of a factory sees to it.
 */
import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from "prom-client";
import { BerthError } from "./errors.ts";

export type LabelValues<L extends string> = Readonly<Record<L, string>>;

export interface Counter<L extends string = never> {
  inc(labels: LabelValues<L>, by?: number): void;
}

export interface Gauge<L extends string = never> {
  set(labels: LabelValues<L>, value: number): void;
  /** Forgets one series, for instance of an interface that is gone. */
  remove(labels: LabelValues<L>): void;
}

export interface Histogram<L extends string = never> {
  observe(labels: LabelValues<L>, value: number): void;
}

/** Seconds; from a local cache hit to a call that timed out. */
export const DEFAULT_BUCKETS_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

const registry = new Registry();

export function counter<L extends string = never>(name: string, help: string, labels: readonly L[] = []): Counter<L> {
  const metric = once(name, PromCounter<L>, () => new PromCounter<L>({ ...common(name, help, labels) }));
  return { inc: (values, by = 1) => metric.inc(values, by) };
}

export function gauge<L extends string = never>(name: string, help: string, labels: readonly L[] = []): Gauge<L> {
  const metric = once(name, PromGauge<L>, () => new PromGauge<L>({ ...common(name, help, labels) }));
  return { set: (values, value) => metric.set(values, value), remove: (values) => metric.remove(values) };
}

export function histogram<L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
  bucketsSeconds: readonly number[] = DEFAULT_BUCKETS_SECONDS,
): Histogram<L> {
  const make = () => new PromHistogram<L>({ ...common(name, help, labels), buckets: [...bucketsSeconds] });
  const metric = once(name, PromHistogram<L>, make);
  return { observe: (values, value) => metric.observe(values, value) };
}

export const METRICS_CONTENT_TYPE: string = registry.contentType;

/** Everything known, in the text format of Prometheus. */
export function renderMetrics(): Promise<string> {
  return registry.metrics();
}

function common<L extends string>(name: string, help: string, labels: readonly L[]) {
  if (!name.startsWith("berth_")) throw new BerthError("internal", `metric ${name} must start with berth_`);
  return { name, help, labelNames: [...labels], registers: [registry] };
}

function once<M>(name: string, kind: abstract new (...args: never[]) => M, make: () => M): M {
  const known: unknown = registry.getSingleMetric(name);
  if (known === undefined) return make();
  if (known instanceof kind) return known;
  throw new BerthError("internal", `metric ${name} exists as another kind`);
}

/* Not prom-client's default metrics: those keep a 10 ms event-loop timer running, and their names lack our prefix. */
new PromGauge({
  name: "berth_process_resident_memory_bytes",
  help: "Resident memory of this process.",
  registers: [registry],
  collect() {
    this.set(process.memoryUsage.rss());
  },
});
new PromGauge({
  name: "berth_process_cpu_seconds",
  help: "User and system CPU time this process has used since its start.",
  registers: [registry],
  collect() {
    const used = process.cpuUsage();
    this.set((used.user + used.system) / 1e6);
  },
});
new PromGauge({
  name: "berth_process_start_time_seconds",
  help: "When this process started, in seconds since 1970.",
  registers: [registry],
}).set(Math.round(Date.now() / 1000 - process.uptime()));
