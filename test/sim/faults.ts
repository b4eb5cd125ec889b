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
  "stuck-main",
  "deaf",
  "one-way",
  "disorder",
  "lagging-api",
  "roll-back",
  "clock-jump",
] as const;

/** Longer than what the invariants take for one moment, with hundreds of addresses. */
const LOOK_AFTER_MS = 1;
/** How far a restored store goes back. */
const ROLL_BACK_MS = 30_000;

export type Fault = (typeof FAULTS)[number];

export interface Planned {
  /** For the report of a failing seed. */
  readonly lines: readonly string[];
  /** When the last of them has mended, counted from now. */
  readonly endsMs: number;
  /** Whether all is whole when the cluster is healed before their end: a store that is still to be put back would break it anew. */
  readonly canBeHealed: boolean;
}

/** Plans faults over the next `forMs`. */
export function planFaults(cluster: Cluster, forMs: number, count: number): Planned {
  const planned: string[] = [];
  let endsMs = 0;
  let canBeHealed = true;
  for (let index = 0; index < count; index++) {
    const fault = pick(cluster, FAULTS);
    if (fault === "roll-back") canBeHealed = false;
    const node = pick(cluster, cluster.living);
    const atMs = Math.round(cluster.random() * forMs);
    const lastMs = Math.round(durationMs(cluster));
    endsMs = Math.max(endsMs, atMs + lastMs);
    planned.push(`${Math.round(cluster.timeline.now) + atMs} ms: ${fault} of ${node} for ${lastMs} ms`);
    cluster.timeline.after(atMs, () => begin(cluster, fault, node, lastMs));
  }
  const lines = planned.sort((left, right) => Number.parseInt(left, 10) - Number.parseInt(right, 10));
  return { lines, endsMs, canBeHealed };
}

/** Blinks, outages that outlast a Lease, and some that outlast the patience of the node controller. */
function durationMs(cluster: Cluster): number {
  const kind = cluster.random();
  if (kind < 0.45) return cluster.random() * 2_000;
  return kind < 0.85 ? cluster.random() * 20_000 : 50_000 + cluster.random() * 20_000;
}

/** What a fault does, and the mending of it. */
type Breaking = (cluster: Cluster, node: string) => () => void;

const BREAKINGS: Readonly<Record<Fault, Breaking>> = {
  pause: (cluster, node) => {
    cluster.pause(node);
    return () => cluster.resume(node);
  },
  "dead-port": (cluster, node) => {
    cluster.wire.mute.add(node);
    cluster.wire.deaf.add(node);
    return () => {
      cluster.wire.mute.delete(node);
      cluster.wire.deaf.delete(node);
    };
  },
  mute: (cluster, node) => {
    cluster.wire.mute.add(node);
    return () => cluster.wire.mute.delete(node);
  },
  lossy: (cluster) => {
    cluster.wire.loss = 0.2;
    return () => {
      cluster.wire.loss = 0;
    };
  },
  "stuck-main": (cluster, node) => {
    const stuck = [...(cluster.processes.get(node) ?? [])];
    for (const process of stuck) process.stick();
    return () => {
      for (const process of stuck) process.thaw();
    };
  },
  deaf: (cluster, node) => {
    cluster.wire.deaf.add(node);
    return () => cluster.wire.deaf.delete(node);
  },
  "one-way": (cluster, node) => {
    const others = cluster.names.filter((name) => name !== node);
    const path = `${node}>${others.length === 0 ? node : pick(cluster, others)}`;
    cluster.wire.blocked.add(path);
    return () => cluster.wire.blocked.delete(path);
  },
  disorder: (cluster) => {
    cluster.wire.duplicates = 0.1;
    cluster.wire.delayMsMax = 15;
    return () => {
      cluster.wire.duplicates = 0;
      cluster.wire.delayMsMax = 0;
    };
  },
  "lagging-api": (cluster) => {
    cluster.api.laggingMs = 2_000;
    return () => {
      cluster.api.laggingMs = 0;
    };
  },
  // The store of some time ago; the server goes with it for a while, or its connections outlive the restore.
  "roll-back": (cluster) => {
    const { api, timeline } = cluster;
    // Behind a renewal of every speaker: less than that shows in no resourceVersion, and is found only where somebody asks
    // (store-scenarios.test.ts).
    const renewed = [...api.leases.values()].map((lease) => Number(lease.meta.resourceVersion));
    const target = api.store.revisionAt(timeline.now - cluster.random() * ROLL_BACK_MS);
    const revision = Math.min(target, ...renewed.map((version) => version - 1));
    const breaks = cluster.random() < 0.5;
    if (breaks) cluster.setApi(false);
    else api.rollBack(revision, false);
    return () => {
      if (!breaks) return;
      api.rollBack(revision, true);
      cluster.setApi(true);
    };
  },
  "clock-jump": (cluster, node) => {
    const clocks = cluster.clocks.get(node);
    if (clocks !== undefined) clocks.wallJumpMs += (cluster.random() - 0.5) * 2 * 3_600_000;
    return () => {};
  },
  "slow-api": (cluster) => {
    cluster.api.slowMs = 2_000;
    return () => {
      cluster.api.slowMs = 0;
    };
  },
  crash: (cluster, node) => {
    cluster.kill(node);
    return () => restart(cluster, node);
  },
  power: (cluster, node) => {
    cluster.kill(node);
    cluster.wire.off.add(node);
    cluster.unplug(node);
    return () => {
      cluster.wire.off.delete(node);
      cluster.plug(node);
      restart(cluster, node);
    };
  },
  "crash-and-restart": (cluster, node) => {
    const pod = cluster.processes.get(node)?.[0]?.instance.split("/")[0];
    cluster.kill(node);
    cluster.timeline.after(300, () => {
      if (!cluster.isUp(node)) cluster.start(node, pod);
    });
    return () => {};
  },
  freeze: (cluster, node) => {
    for (const process of cluster.processes.get(node) ?? []) process.freeze();
    return () => {
      for (const process of cluster.processes.get(node) ?? []) process.thaw();
    };
  },
  "cut-off": (cluster, node) => {
    cluster.setReach(node, false);
    return () => cluster.setReach(node, true);
  },
  "api-down": (cluster) => {
    cluster.setApi(false);
    return () => cluster.setApi(true);
  },
  unplug: (cluster, node) => {
    cluster.unplug(node);
    return () => cluster.plug(node);
  },
  partition: (cluster, node) => {
    cluster.wire.sides.set(node, 1);
    return () => cluster.wire.sides.delete(node);
  },
  sigterm: (cluster, node) => {
    for (const process of cluster.processes.get(node) ?? []) process.shutDown();
    return () => restart(cluster, node);
  },
  "rolling-update": (cluster, node) => {
    const old = cluster.processes.get(node) ?? [];
    cluster.start(node);
    cluster.timeline.after(6_000, () => {
      for (const process of old) process.shutDown();
    });
    return () => {};
  },
};

export function begin(cluster: Cluster, fault: Fault, node: string, lastMs: number): void {
  const mend = BREAKINGS[fault](cluster, node);
  // Something to look after: with one speaker left the next event may be hundreds of milliseconds away, and a gap would begin there.
  cluster.timeline.after(LOOK_AFTER_MS, () => {});
  cluster.timeline.after(lastMs, mend);
}

function restart(cluster: Cluster, node: string): void {
  if (!cluster.isUp(node)) cluster.start(node);
}

function pick<T>(cluster: Cluster, from: readonly T[]): T {
  const found = from[Math.floor(cluster.random() * from.length)];
  if (found === undefined) throw new Error("nothing to choose from");
  return found;
}
