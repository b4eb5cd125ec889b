/**
 * What the hosts of the segment notice: after every move their neighbour caches name the node that answers, at the latest an
 * announcement round later, and a planned move costs them nothing.
 */
import { describe, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import type { Cluster } from "./cluster.ts";
import { begin, type Fault } from "./faults.ts";
import { endpointsOn, nodeObject, SERVICE } from "./objects.ts";
import { figures } from "./outages.ts";
import { ADDRESS, cachedNodes, settled, unsound } from "./story.ts";

/** The longest time in which a cache named a node that did not answer for the address while another one did. */
function watchCaches(cluster: Cluster): { readonly longestMs: number } {
  const seen = { longestMs: 0 };
  const since = new Map<string, number>();
  const look = (): void => {
    for (const host of cluster.hosts) {
      for (const address of cluster.api.vips.keys()) {
        const key = `${host.name} ${address}`;
        const node = host.nodeOf(address);
        const answering = cluster.invariants.answering(address);
        const isWrong = node !== undefined && answering.length > 0 && !answering.includes(node);
        if (isWrong && !since.has(key)) since.set(key, cluster.timeline.now);
        if (!isWrong) since.delete(key);
        else seen.longestMs = Math.max(seen.longestMs, cluster.timeline.now - (since.get(key) ?? 0));
      }
    }
    cluster.timeline.quietly(1, look);
  };
  look();
  return seen;
}

const MIXED = { addresses: 3, addresses6: 3 } as const;

describe("a planned move costs a client nothing, and no cache names a node that does not answer", () => {
  const seeds = [1, 2, 3, 4, 5];

  test.each(["sigterm", "rolling-update"] as const)("%s", (fault: Fault) => {
    for (const seed of seeds) {
      const { cluster, holder } = settled({ seed, ...MIXED });
      const caches = watchCaches(cluster);
      begin(cluster, fault, holder, 20_000);
      cluster.run(15_000);
      expect({ seed, outageMs: cluster.longestOutageMs }).toEqual({ seed, outageMs: 0 });
      expect(cluster.invariants.longestGapMs).toBe(0);
      // Hosts and the old holder hear the same announcement, within the time of a frame.
      expect(caches.longestMs).toBeLessThan(3);
      expect(unsound(cluster)).toEqual([]);
    }
  });

  test("the label that excludes a node", () => {
    for (const seed of seeds) {
      const { cluster, holder } = settled({ seed, ...MIXED });
      const caches = watchCaches(cluster);
      cluster.api.putNode(holder, nodeObject({ excluded: true }));
      cluster.run(5_000);
      expect(cluster.holder(ADDRESS)).not.toBe(holder);
      expect({ seed, outageMs: cluster.longestOutageMs }).toEqual({ seed, outageMs: 0 });
      expect(caches.longestMs).toBeLessThan(3);
      expect(unsound(cluster)).toEqual([]);
    }
  });

  test("the last ready endpoint of a node turns terminating", () => {
    const { cluster, holder, others } = settled(MIXED);
    for (const vip of cluster.api.vips.values()) {
      const services = vip.services.map((one) => ({ ...one, externalTrafficPolicy: "Local" as const }));
      cluster.api.putVip({ ...vip, services });
    }
    cluster.run(1_000);
    const caches = watchCaches(cluster);
    cluster.api.putEndpoints(SERVICE, endpointsOn(others, [holder, ...others]));
    cluster.run(5_000);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    expect(cluster.longestOutageMs).toBe(0);
    expect(caches.longestMs).toBeLessThan(3);
    expect(unsound(cluster)).toEqual([]);
  });
});

test("F9: handed to a process that has given its place to the next one: that one says so, and every cache follows", () => {
  const { cluster, holder, others } = settled({ nodes: 2, ...MIXED });
  const [other = ""] = others;
  const [old] = cluster.processes.get(other) ?? [];
  begin(cluster, "rolling-update", other, 0);
  cluster.run(5_900);
  // The holder does not learn of the change: its watch is late, or the store was put back.
  cluster.api.hush(holder);
  for (let ran = 0; ran < 2_000 && cluster.processes.get(other)?.length === 2; ran += 5) cluster.run(5);
  cluster.resetOutages();
  cluster.unplug(holder);
  cluster.run(700);
  expect(cluster.api.vips.get(ADDRESS)?.holder).toMatchObject({ node: other, instance: old?.instance });
  expect(cachedNodes(cluster)).toEqual([other]);
  expect(cluster.longestOutageMs).toBeLessThan(500);
  expect(unsound(cluster)).toEqual([]);
});

/** `make check` is to be over within a minute. */
const SEEDS = IS_FULL ? 40 : 8;

describe("a dead node costs a client less than half a second, whatever its kernel knows", () => {
  test.each(["power", "unplug", "dead-port", "partition"] as const)("%s, over many seeds", (fault: Fault) => {
    const outages: number[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { cluster, holder } = settled({ seed, ...MIXED });
      begin(cluster, fault, holder, 100_000);
      cluster.run(4_000);
      outages.push(cluster.longestOutageMs);
      expect(cachedNodes(cluster)).toEqual([cluster.holder(ADDRESS)]);
      expect(cluster.invariants.violations).toEqual([]);
    }
    expect(figures(outages).max).toBeLessThan(500);
  });
});

describe("W1, W6: every announcement is taken at once", () => {
  test("a client that resolved a moment ago: no lock time keeps it at the old MAC", () => {
    const { cluster, holder } = settled(MIXED);
    begin(cluster, "power", holder, 3_000);
    cluster.run(1_000);
    const taker = cluster.holder(ADDRESS);
    expect(cachedNodes(cluster)).toEqual([taker]);
    // It moves again within the lock time of the entry, which was changed by the first move.
    for (const process of cluster.processes.get(taker ?? "") ?? []) process.shutDown();
    cluster.run(800);
    expect(cluster.holder(ADDRESS)).not.toBe(taker);
    expect(cachedNodes(cluster)).toEqual([cluster.holder(ADDRESS)]);
  });

  test("a fifth of all frames lost: the rounds repeat it", () => {
    const { cluster, holder } = settled({ addresses: 10, addresses6: 10 });
    cluster.wire.loss = 0.2;
    begin(cluster, "power", holder, 100_000);
    cluster.run(8_000);
    for (const address of cluster.api.vips.keys()) {
      expect(cachedNodes(cluster, address)).toEqual([cluster.holder(address)]);
    }
  });
});

describe("the hosts were on the other side", () => {
  test("of a split, with the holder: after the healing the taker tells everybody", () => {
    const { cluster, holder } = settled(MIXED);
    cluster.wire.sides.set(holder, 1);
    for (const host of cluster.hosts) cluster.wire.sides.set(host.name, 1);
    cluster.run(10_000);
    cluster.wire.sides.clear();
    cluster.run(3_000);
    expect(cachedNodes(cluster)).toEqual([cluster.holder(ADDRESS)]);
    expect(unsound(cluster)).toEqual([]);
  });

  test("a router that comes and goes all the time makes nobody announce all the time", () => {
    const { cluster } = settled({ addresses: 1 });
    let announced = 0;
    const announce = cluster.wire.announce.bind(cluster.wire);
    cluster.wire.announce = (from, address, form) => {
      announced += 1;
      announce(from, address, form);
    };
    for (let round = 0; round < 12; round++) {
      cluster.wire.hasGateway = false;
      cluster.run(7_000);
      cluster.wire.hasGateway = true;
      cluster.run(3_000);
    }
    // Two minutes, in each half of one five rounds of two forms, and one more at the edge.
    expect(announced).toBeGreaterThanOrEqual(10);
    expect(announced).toBeLessThanOrEqual(50);
    expect(cluster.moves).toEqual([]);
  });

  test("with the router and the holder, which died there: the taker hears the router again, and tells everybody", () => {
    const { cluster, holder, others } = settled(MIXED);
    for (const node of others) cluster.wire.sides.set(node, 1);
    cluster.run(500);
    begin(cluster, "power", holder, 100_000);
    cluster.run(15_000);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    expect(cachedNodes(cluster)).not.toContain(cluster.holder(ADDRESS));
    cluster.wire.sides.clear();
    cluster.run(4_000);
    expect(cachedNodes(cluster)).toEqual([cluster.holder(ADDRESS)]);
    expect(unsound(cluster)).toEqual([]);
  });
});
