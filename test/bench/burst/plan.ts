/** Which bursts are measured, by what names, and how rounds become a figure. */
import { type Measured, medianOf, percentile } from "../figures.ts";

export const SIZES: readonly number[] = [1_000, 10_000];
/** Who reacts to the Services: nobody, a client that decides nothing, Berth. Taken in turns, so that none has the quieter machine. */
export const ACTORS = ["bare", "ideal", "berth"] as const;
export type Actor = (typeof ACTORS)[number];

export const RESTART_SIZE = 10_000;
export const RESTART = `restart/${RESTART_SIZE}`;

export const REST = "rest/controller";

export function burstName(actor: Actor, size: number): string {
  return actor === "berth" ? `burst/${size}` : `burst/${actor}/${size}`;
}

export const burstNames: readonly string[] = [
  ...SIZES.flatMap((size) => ACTORS.map((actor) => burstName(actor, size))),
  RESTART,
  REST,
];

/** The actors whose burst of this size must run. A ratio needs its denominator; a restart needs a burst of Berth before it. */
export function actorsFor(size: number, wanted: ReadonlySet<string>): readonly Actor[] {
  const berth = wanted.has(burstName("berth", size));
  const restarts = size === RESTART_SIZE && wanted.has(RESTART);
  return ACTORS.filter((actor) => berth || wanted.has(burstName(actor, size)) || (restarts && actor === "berth"));
}

/** Requests that change something, as the API server has counted them, by `verb group/resource/subresource`. Leases apart. */
export type Writes = Readonly<Record<string, number>>;

const WRITING: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"]);

/** Reads apiserver_request_total from the text of /metrics (Prometheus text format). */
export function countWrites(metrics: string): Writes {
  const counts: Record<string, number> = {};
  for (const line of metrics.split("\n")) {
    const [, labels, value] = /^apiserver_request_total\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (labels === undefined) continue;
    const label = (name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? "";
    if (!WRITING.has(label("verb")) || label("resource") === "leases") continue;
    const what = [label("group"), label("resource"), label("subresource")].filter((part) => part !== "").join("/");
    const key = `${label("verb")} ${what}`;
    counts[key] = (counts[key] ?? 0) + Number(value);
  }
  return counts;
}

/** What was written between two countings; resources that nothing was written to are left out. */
export function writesBetween(before: Writes, after: Writes): Writes {
  const changed = Object.entries(after).map(([key, count]) => [key, count - (before[key] ?? 0)] as const);
  return Object.fromEntries(changed.filter(([, count]) => count !== 0));
}

/** All of them together, or those whose key is accepted. */
export function sumOf(writes: Writes, accept: (key: string) => boolean = () => true): number {
  return Object.entries(writes).reduce((sum, [key, count]) => sum + (accept(key) ? count : 0), 0);
}

/** Requests by `verb resource`, reads as well. */
export type Asked = Readonly<Record<string, number>>;

/** Counts the lines of an audit log (audit.k8s.io/v1), one event each. */
export function askedOf(lines: readonly string[]): Asked {
  const counts: Record<string, number> = {};
  for (const line of lines) {
    const { verb, objectRef = {}, requestURI } = JSON.parse(line);
    const what = [objectRef.apiGroup, objectRef.resource ?? requestURI, objectRef.subresource];
    const key = `${verb} ${what.filter((part) => part !== undefined).join("/")}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

const isOfLease = (key: string): boolean => key.endsWith(" coordination.k8s.io/leases");

/** All requests but those of Leases and the watches that begin anew; writes among them; Leases beside. */
export function restMeasured({ asked, seconds }: { readonly asked: Asked; readonly seconds: number }): Measured {
  const others = sumOf(asked, (key) => !isOfLease(key) && !key.startsWith("watch "));
  const writes = sumOf(asked, (key) => !isOfLease(key) && !/^(get|list|watch) /.test(key));
  const watches = sumOf(asked, (key) => key.startsWith("watch "));
  return { samples: [others], also: { writes, watches, leases: sumOf(asked, isOfLease), seconds } };
}

/** One burst. */
export interface Round {
  readonly seconds: number;
  /** Milliseconds from the answer to each creation until its address was seen; empty without anybody who gives addresses. */
  readonly latenciesMs: readonly number[];
  readonly writes: Writes;
  /** Processor time of whoever gave the addresses, in seconds. */
  readonly cpuS: number;
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** Median of the rounds' times; of their medians and 99th percentiles; and what was written for each Service. */
export function burstMeasured(
  rounds: readonly Round[],
  size: number,
  others: Partial<Record<Actor, number | undefined>>,
): Measured {
  const samples = rounds.map(({ seconds }) => seconds);
  const value = medianOf(rounds, ({ seconds }) => seconds);
  const median = (share: number): number =>
    rounded(
      medianOf(rounds, ({ latenciesMs }) => percentile(latenciesMs, share)),
      1,
    );
  const written = (accept: (key: string) => boolean): number => medianOf(rounds, ({ writes }) => sumOf(writes, accept));
  const waits = rounds.some(({ latenciesMs }) => latenciesMs.length > 0);
  // Goals lie 0.01 apart and less: two digits would hide which side of one a run is on.
  const ratio = (name: string, actor: Actor): Record<string, number> => {
    const other = others[actor];
    return other === undefined ? {} : { [name]: rounded(value / other, 3) };
  };
  return {
    samples,
    also: {
      value: rounded(value, 3),
      p50: waits ? median(0.5) : rounded(value, 3),
      p99: waits ? median(0.99) : rounded(percentile(samples, 0.99), 3),
      max: rounded(Math.max(...samples), 3),
      perSecond: Math.round(size / value),
      ...ratio("ratioToBare", "bare"),
      ...ratio("ratioToIdeal", "ideal"),
      ...(waits
        ? {
            cpuMs: rounded((medianOf(rounds, ({ cpuS }) => cpuS) * 1_000) / size, 2),
            writesPerAddress: rounded(
              written((key) => key.includes("virtualips") || key.includes("services/status")) / size,
              2,
            ),
            poolWrites: written((key) => key.includes("ippools")),
            events: written((key) => key.includes("events")),
          }
        : {}),
    },
  };
}

/** Adds up the values of one metric, of those lines that contain `label` (Prometheus text format). */
export function sumOfMetric(metrics: string, name: string, label = ""): number {
  const lines = metrics.split("\n").filter((line) => /^[{ ]/.test(line.slice(name.length)) && line.startsWith(name));
  const wanted = lines.filter((line) => line.includes(label));
  return wanted.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
