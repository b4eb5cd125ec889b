/** A cluster whose nodes have an interface on each of two segments, at rest. */
import type { Cluster, ClusterOptions } from "./cluster.ts";
import { segmentOf } from "./objects.ts";
import { settled } from "./story.ts";
import type { SimWire } from "./wire.ts";

export interface TwoSegments {
  readonly cluster: Cluster;
  /** It holds addresses on both. */
  readonly node: string;
  /** The second segment. */
  readonly wire: SimWire;
}

export function twoSegments(options: Partial<ClusterOptions>): TwoSegments {
  const { cluster } = settled({ addresses: 6, addressesBeside: 6, ...options });
  const node = cluster.names.find((name) => [0, 1].every((segment) => heldOn(cluster, name, segment).length > 0));
  const wire = cluster.wires.get("eth1");
  if (node === undefined || wire === undefined) throw new Error("nobody holds addresses on two segments");
  return { cluster, node, wire };
}

/** The addresses that the record gives to the node, on one segment. */
export function heldOn(cluster: Cluster, node: string, segment: number): readonly string[] {
  return [...cluster.api.vips.keys()].filter((one) => segmentOf(one) === segment && cluster.holder(one) === node);
}

/** The switch's port is dead: the node sends and hears nothing there, with carrier. */
export function breakPort(wire: SimWire, node: string): void {
  wire.mute.add(node);
  wire.deaf.add(node);
}
