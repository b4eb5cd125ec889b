/** Two sites with one subnet, and networks in which nobody hears anybody (E3): who may conclude what about a holder that it cannot hear. */
import { describe, expect, test } from "@jest/globals";
import { Cluster } from "./cluster.ts";
import { ADDRESS } from "./story.ts";

/** Nodes on their sides of the switch from the start; the holder is the first one named. */
function sites(sides: Readonly<Record<string, number>>, seed: number): Cluster {
  const cluster = new Cluster({ seed, nodes: Object.keys(sides).length, addresses: 1, gateway: false });
  for (const [node, side] of Object.entries(sides)) cluster.wire.sides.set(node, side);
  cluster.run(20_000);
  return cluster;
}

/** The first seed with which this node is the holder. */
function heldBy(node: string, sides: Readonly<Record<string, number>>): Cluster {
  for (let seed = 1; seed < 40; seed++) {
    const cluster = sites(sides, seed);
    if (cluster.holder(ADDRESS) === node) return cluster;
  }
  throw new Error(`no seed gives the address to ${node}`);
}

function holderOf(sides: Readonly<Record<string, number>>): { readonly cluster: Cluster; readonly holder: string } {
  const cluster = sites(sides, 5);
  return { cluster, holder: cluster.holder(ADDRESS) ?? "" };
}

describe("E3", () => {
  test("the segments in the Leases: one name for those who hear each other", () => {
    const cluster = sites({ n1: 0, n2: 0, n3: 1, n4: 1 }, 5);
    const names = [...cluster.api.leases.values()].map((lease) => `${lease.node} ${lease.facts.segments["eth0"]}`);
    expect(names.sort()).toEqual(["n1 n1", "n2 n1", "n3 n3", "n4 n3"]);
  });

  test("a holder that is cut off from the API only is left to the one beside it, who hears that it answers", () => {
    const all = ["n1", "n2", "n3", "n4"];
    const { holder } = holderOf({ n1: 0, n2: 0, n3: 0, n4: 0 });
    const beside = all.find((node) => node !== holder) ?? "";
    // The two others stand on another site.
    const sides = Object.fromEntries(all.map((node) => [node, node === holder || node === beside ? 0 : 1]));
    const cluster = heldBy(holder, sides);
    cluster.setReach(holder, false);
    cluster.run(35_000);
    expect(cluster.holder(ADDRESS)).toBe(holder);
    // Its Node is not Ready: now the neighbour takes it, and the holder hears so.
    cluster.run(25_000);
    expect(cluster.holder(ADDRESS)).toBe(beside);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([beside]);
  });

  test("with nobody left beside the holder, the other site acts by the Lease", () => {
    const all = ["n1", "n2", "n3", "n4"];
    const { holder } = holderOf({ n1: 0, n2: 0, n3: 0, n4: 0 });
    const beside = all.find((node) => node !== holder) ?? "";
    const sides = Object.fromEntries(all.map((node) => [node, node === holder || node === beside ? 0 : 1]));
    const cluster = heldBy(holder, sides);
    cluster.kill(beside);
    cluster.kill(holder);
    cluster.run(25_000);
    expect([holder, beside]).not.toContain(cluster.holder(ADDRESS));
    expect(cluster.invariants.answering(ADDRESS)).toEqual([cluster.holder(ADDRESS)]);
    expect(cluster.moves.at(-1)?.reason).toBe("holder-lease-expired");
  });

  test("a private VLAN, where nobody hears anybody: the Lease decides, in the order of the candidates", () => {
    const cluster = sites({ n1: 1, n2: 2, n3: 3 }, 5);
    const holder = cluster.holder(ADDRESS) ?? "";
    cluster.kill(holder);
    cluster.run(25_000);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([cluster.holder(ADDRESS)]);
    expect(cluster.moves.at(-1)?.reason).toBe("holder-lease-expired");
  });
});

test("in a private VLAN, where no node hears another, a dead holder is replaced by its Lease alone", () => {
  const cluster = new Cluster({ seed: 7, nodes: 3, addresses: 1 });
  cluster.wire.isolated = true;
  cluster.run(5_000);
  const holder = cluster.holder(ADDRESS) ?? "";
  cluster.kill(holder);
  // It was renewed 3.6 s before at most, and runs out after 10 s.
  cluster.run(6_000);
  expect(cluster.holder(ADDRESS)).toBe(holder);
  cluster.run(9_000);
  expect(cluster.holder(ADDRESS)).not.toBe(holder);
  expect(cluster.moves.at(-1)?.reason).toBe("holder-lease-expired");
  expect(cluster.invariants.answering(ADDRESS)).toEqual([cluster.holder(ADDRESS)]);
});
