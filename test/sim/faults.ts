/** What goes wrong, drawn from the seed. Each fault begins and mends by itself, several may overlap. */
import type { Cluster } from "./cluster.ts";

export const FAULTS = [
  "crash",
  "power",
  "crash-and-restart",
  "freeze",
  "cut-off",
  "api-down",
  "unplug",
  "partition",
  "sigterm",
  "rolling-update",
  "pause",
  "dead-port",
  "mute",
  "lossy",
  "slow-api",
] as const;

export type Fault = (typeof FAULTS)[number];

export interface Planned {
  /** For the report of a failing seed. */
  readonly lines: readonly string[];
  /** When the last of them has mended, counted from now. */
  readonly endsMs: number;
}

/** Plans faults over the next `forMs`. */
export function planFaults(cluster: Cluster, forMs: number, count: number): Planned {
  const planned: string[] = [];
  let endsMs = 0;
  for (let index = 0; index < count; index++) {
    const fault = pick(cluster, FAULTS);
    const node = pick(cluster, cluster.names);
    const atMs = Math.round(cluster.random() * forMs);
    const lastMs = Math.round(durationMs(cluster));
    endsMs = Math.max(endsMs, atMs + lastMs);
    planned.push(`${Math.round(cluster.timeline.now) + atMs} ms: ${fault} of ${node} for ${lastMs} ms`);
    cluster.timeline.after(atMs, () => begin(cluster, fault, node, lastMs));
  }
  return { lines: planned.sort((left, right) => Number.parseInt(left, 10) - Number.parseInt(right, 10)), endsMs };
}

/** Blinks, outages that outlast a Lease, and some that outlast the patience of the node controller. */
function durationMs(cluster: Cluster): number {
  const kind = cluster.random();
  if (kind < 0.45) return cluster.random() * 2_000;
  return kind < 0.85 ? cluster.random() * 20_000 : 50_000 + cluster.random() * 20_000;
}

export function begin(cluster: Cluster, fault: Fault, node: string, lastMs: number): void {
  const mend = (run: () => void): void => cluster.timeline.after(lastMs, run);
  const restart = (): void => {
    if (!cluster.isUp(node)) cluster.start(node);
  };
  switch (fault) {
    case "pause": {
      const paused = [...(cluster.processes.get(node) ?? [])];
      for (const process of paused) process.pause();
      mend(() => {
        for (const process of paused) process.resume();
      });
      break;
    }
    case "dead-port":
      cluster.wire.mute.add(node);
      cluster.wire.deaf.add(node);
      mend(() => {
        cluster.wire.mute.delete(node);
        cluster.wire.deaf.delete(node);
      });
      break;
    case "mute":
      cluster.wire.mute.add(node);
      mend(() => cluster.wire.mute.delete(node));
      break;
    case "lossy":
      cluster.wire.loss = 0.2;
      mend(() => {
        cluster.wire.loss = 0;
      });
      break;
    case "slow-api":
      cluster.api.slowMs = 2_000;
      mend(() => {
        cluster.api.slowMs = 0;
      });
      break;
    case "crash":
      cluster.kill(node);
      mend(restart);
      break;
    case "power":
      cluster.kill(node);
      cluster.wire.off.add(node);
      cluster.unplug(node);
      mend(() => {
        cluster.wire.off.delete(node);
        cluster.plug(node);
        restart();
      });
      break;
    case "crash-and-restart": {
      const pod = cluster.processes.get(node)?.[0]?.instance.split("/")[0];
      cluster.kill(node);
      cluster.timeline.after(300, () => {
        if (!cluster.isUp(node)) cluster.start(node, pod);
      });
      break;
    }
    case "freeze":
      for (const process of cluster.processes.get(node) ?? []) process.freeze();
      mend(() => {
        for (const process of cluster.processes.get(node) ?? []) process.thaw();
      });
      break;
    case "cut-off":
      cluster.setReach(node, false);
      mend(() => cluster.setReach(node, true));
      break;
    case "api-down":
      cluster.setApi(false);
      mend(() => cluster.setApi(true));
      break;
    case "unplug":
      cluster.unplug(node);
      mend(() => cluster.plug(node));
      break;
    case "partition":
      cluster.wire.sides.set(node, 1);
      mend(() => cluster.wire.sides.delete(node));
      break;
    case "sigterm":
      for (const process of cluster.processes.get(node) ?? []) process.shutDown();
      mend(restart);
      break;
    case "rolling-update": {
      const old = cluster.processes.get(node) ?? [];
      cluster.start(node);
      cluster.timeline.after(6_000, () => {
        for (const process of old) process.shutDown();
      });
      break;
    }
    default:
  }
}

function pick<T>(cluster: Cluster, from: readonly T[]): T {
  const found = from[Math.floor(cluster.random() * from.length)];
  if (found === undefined) throw new Error("nothing to choose from");
  return found;
}
