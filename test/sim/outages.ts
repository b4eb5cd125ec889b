/** What a fault of the holder costs those who use its addresses: one fault at a time, over many seeds. */
import { begin, type Fault } from "./faults.ts";
import { settled } from "./story.ts";

export interface Figures {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Outages {
  readonly fault: Fault;
  /** A host that knows the address: the longest time in which no packet came back, in simulated milliseconds. */
  readonly client: Figures;
  /** A host that resolves anew: the longest time in which nobody answered for an address. */
  readonly newcomer: Figures;
  /** Seeds in which something moved. */
  readonly moved: number;
}

/** Longer than a Lease, shorter than the patience of the node controller. */
const LASTS_MS = 15_000;
const AFTER_MS = 15_000;

export function outagesOf(fault: Fault, firstSeed: number, seeds: number): Outages {
  const client: number[] = [];
  const newcomer: number[] = [];
  let moved = 0;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const { cluster, holder } = settled({ seed, addresses: 2, addresses6: 1 });
    begin(cluster, fault, holder, LASTS_MS);
    cluster.run(LASTS_MS + AFTER_MS);
    client.push(cluster.longestOutageMs);
    newcomer.push(cluster.invariants.longestGapMs);
    if (cluster.moves.length > 0) moved += 1;
  }
  return { fault, client: figures(client), newcomer: figures(newcomer), moved };
}

export function figures(values: readonly number[]): Figures {
  const sorted = [...values].sort((left, right) => left - right);
  // The nearest rank: the value that so many of all do not exceed.
  const at = (part: number): number => Math.round(sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** One line of a table. */
export function outageLine({ fault, client, newcomer, moved }: Outages): string {
  const columns = [client, newcomer].flatMap(({ p50, p99, max }) =>
    [p50, p99, max].map((ms) => String(ms).padStart(7)),
  );
  return `${fault.padEnd(18)}${columns.join("")}${String(moved).padStart(7)}`;
}

export const OUTAGE_HEAD = [
  "Fault of the holder, 15 s; simulated ms without an answer: a client that knows the address, one that resolves anew",
  `${"".padEnd(18)}${["p50", "p99", "max", "p50", "p99", "max", "moved"].map((name) => name.padStart(7)).join("")}`,
].join("\n");
