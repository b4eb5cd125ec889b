/** A cluster that has come to rest, with one address to look at, and what is asked of it in the end. */
import { expect } from "@jest/globals";
import { Cluster } from "./cluster.ts";

export const ADDRESS = "10.0.0.100";

export interface Story {
  readonly cluster: Cluster;
  readonly holder: string;
  readonly others: readonly string[];
}

export function settled(addresses = 1): Story {
  const cluster = new Cluster({ seed: 11, nodes: 3, addresses });
  cluster.run(5_000);
  const holder = cluster.holder(ADDRESS) ?? "";
  cluster.invariants.resetGaps();
  return { cluster, holder, others: cluster.names.filter((name) => name !== holder) };
}

export function expectSound(cluster: Cluster): void {
  expect(cluster.invariants.violations).toEqual([]);
  expect(cluster.invariants.converged()).toEqual([]);
}

export function reasons(cluster: Cluster, since: number): readonly string[] {
  return cluster.moves.slice(since).map((move) => move.reason);
}
