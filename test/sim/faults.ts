/** What goes wrong, drawn from the seed. Each fault begins and mends by itself, several may overlap. */
import type { Cluster } from "./cluster.ts";

export const FAULTS = [
  "crash",
  "crash-and-restart",
  "freeze",
  "cut-off",
  "api-down",
  "unplug",
  "partition",
  "sigterm",
  "rolling-update",
] as const;

export type Fault = (typeof FAULTS)[number];

/** Plans faults over the next `forMs`; returns what was planned, for the report of a failing seed. */
export function planFaults(cluster: Cluster, forMs: number, count: number): readonly string[] {
  const planned: string[] = [];
  for (let index = 0; index < count; index++) {
    const fault = pick(cluster, FAULTS);
    const node = pick(cluster, cluster.names);
    const atMs = Math.round(cluster.random() * forMs);
    const lastMs = Math.round(durationMs(cluster));
    planned.push(`${Math.round(cluster.timeline.now) + atMs} ms: ${fault} of ${node} for ${lastMs} ms`);
    cluster.timeline.after(atMs, () => begin(cluster, fault, node, lastMs));
  }
  return planned.sort((left, right) => Number.parseInt(left, 10) - Number.parseInt(right, 10));
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
    case "crash":
      cluster.kill(node);
      mend(restart);
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
