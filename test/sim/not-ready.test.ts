/** externalTrafficPolicy Local on a node that is not Ready: the node controller writes the Node, then its pods, then the slices follow. */
import { describe, expect, test } from "@jest/globals";
import type { ExternalTrafficPolicy } from "../../lib/model/virtual-ip.ts";
import type { Cluster } from "./cluster.ts";
import { endpointsOn, nodeObject, SERVICE } from "./objects.ts";
import { ADDRESS, type Story, settled, unsound } from "./story.ts";

function story(policy: ExternalTrafficPolicy, seed = 7): Story {
  const begun = settled({ addresses: 5, seed });
  for (const vip of begun.cluster.api.vips.values()) {
    const services = vip.services.map((one) => ({ ...one, externalTrafficPolicy: policy }));
    begun.cluster.api.putVip({ ...vip, services });
  }
  begun.cluster.run(500);
  return begun;
}

function notReady(cluster: Cluster, nodes: readonly string[]): void {
  for (const node of nodes) cluster.api.putNode(node, nodeObject({ ready: false }));
}

function heldBy(cluster: Cluster, node: string): number {
  return [...cluster.api.vips.values()].filter((vip) => vip.holder?.node === node).length;
}

describe("the holder's Node is not Ready", () => {
  test.each([1, 2, 3])("Local: handed over before its endpoints go, without a gap (seed %i)", (seed) => {
    const { cluster, holder, others } = story("Local", seed);
    const held = heldBy(cluster, holder);
    notReady(cluster, [holder]);
    cluster.run(250);
    cluster.api.putEndpoints(SERVICE, endpointsOn(others));
    cluster.run(5_000);
    expect(cluster.moves.map(({ reason }) => reason)).toEqual(Array(held).fill("hand-over-node-not-ready"));
    expect(heldBy(cluster, holder)).toBe(0);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expect(unsound(cluster)).toEqual([]);
  });

  test("Local, without an endpoint elsewhere: it stays", () => {
    const { cluster, holder } = story("Local");
    cluster.api.putEndpoints(SERVICE, endpointsOn([holder]));
    cluster.run(1_000);
    const { length } = cluster.moves;
    notReady(cluster, [holder]);
    cluster.run(900);
    expect(cluster.moves).toHaveLength(length);
    expect(cluster.holder(ADDRESS)).toBe(holder);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([holder]);
  });

  test("Cluster: it answers, and its traffic flows; nothing moves", () => {
    const { cluster, holder } = story("Cluster");
    notReady(cluster, [holder]);
    cluster.run(900);
    expect(cluster.moves).toEqual([]);
    expect(cluster.invariants.longestGapMs).toBe(0);
  });

  test("E9: Local, and nobody's Node is Ready: everybody's at once costs no answer", () => {
    const { cluster } = story("Local");
    notReady(cluster, cluster.names);
    cluster.run(900);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expect(unsound(cluster)).toEqual([]);
  });
});
