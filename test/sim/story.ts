/** A cluster at rest, where each story begins, and what must be true of it in the end. */
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { nodeObject } from "./objects.ts";

export const ADDRESS = "10.0.0.100";
/** Longer than any story. */
export const FOR_LONG_MS = 1_000_000;

export interface Story {
  readonly cluster: Cluster;
  /** Of ADDRESS. */
  readonly holder: string;
  readonly others: readonly string[];
}

export function settled(options: Partial<ClusterOptions> = {}): Story {
  const cluster = new Cluster({ seed: 7, nodes: 3, addresses: 1, drift: 0.02, ...options });
  cluster.run(12_000);
  const holder = cluster.holder(ADDRESS) ?? "";
  cluster.resetOutages();
  cluster.moves.length = 0;
  return { cluster, holder, others: cluster.names.filter((name) => name !== holder) };
}

/** Three nodes without hosts, of which the first holds every address and the others might. */
export function allOnFirst(options: Omit<ClusterOptions, "nodes">): Cluster {
  const cluster = new Cluster({ ...options, nodes: 3, hosts: false });
  for (const node of ["n2", "n3"]) cluster.api.putNode(node, nodeObject({ excluded: true }));
  cluster.run(10_000);
  for (const node of ["n2", "n3"]) cluster.api.putNode(node, nodeObject());
  cluster.run(1_000);
  cluster.resetOutages();
  cluster.moves.length = 0;
  return cluster;
}

/** Which rules are broken; nothing when all is well and exactly the holders answer. */
export function unsound(cluster: Cluster): readonly string[] {
  return [...cluster.invariants.violations, ...cluster.invariants.converged()];
}

/** Where the caches of the hosts point, each place once. */
export function cachedNodes(cluster: Cluster, address = ADDRESS): readonly string[] {
  return [...new Set(cluster.hosts.map((host) => host.nodeOf(address) ?? ""))].sort();
}
