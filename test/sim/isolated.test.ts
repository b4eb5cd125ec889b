/**
 * A node that hears nobody, or whom nobody hears, though its cable is in and it reaches the API server, and that has never answered for an
 * address, so that no wire judges it: hosts get their answers from the others (election.md section 4, E1).
 */
import { describe, expect, test } from "@jest/globals";
import { rendezvousOrder } from "../../speaker/rendezvous.ts";
import { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { nodeObject, serviceAddress, virtualIP } from "./objects.ts";
import { HONEST } from "./sabotage.ts";
import * as stories from "./sabotage-isolated.ts";
import { told } from "./sabotage-stories.ts";
import { ADDRESS, FOR_LONG_MS, settled, unsound } from "./story.ts";

const FAULTS = ["dead-port", "mute", "deaf"] as const;

describe.each(FAULTS)("E1: %s", (fault) => {
  test("its holder may not hold an address any more: it goes to the one that hears", () => {
    expect(stories.handedOn(fault)(HONEST)).toEqual([]);
  });

  test("its holder leaves: as well", () => {
    expect(stories.left(fault)(HONEST)).toEqual([]);
  });

  test("the first addresses ever come to those that hear", () => {
    expect(stories.firstEver(fault)(HONEST)).toEqual([]);
  });

  test.each([0, 500, 2_000, 4_000, 6_000])(
    "broken %i ms before it is handed an address: hosts are answered within ten seconds all the same",
    (beforeMs) => {
      expect(stories.brokenBefore(fault, beforeMs)(HONEST)).toEqual([]);
    },
  );

  test("the pool prefers it: nothing moves there before it hears again", () => {
    const { cluster, others } = settled({ addresses: 6 });
    const [broken = ""] = others;
    begin(cluster, fault, broken, 120_000);
    cluster.run(stories.KNOWN_MS);
    cluster.resetOutages();
    cluster.moves.length = 0;
    const preferred = [{ weight: 10, selector: { matchLabels: { edge: "yes" }, matchExpressions: [] } }];
    cluster.api.putNode(broken, nodeObject({ labels: { edge: "yes" } }));
    for (const vip of cluster.api.vips.values()) cluster.api.putVip({ ...vip, l2: { ...vip.l2, preferred } });
    cluster.run(110_000);
    expect(told(cluster)).toBe("");
    cluster.run(40_000);
    expect(cluster.holder(ADDRESS)).toBe(broken);
    expect(stories.hostsAnsweredWithin(cluster, 300)).toEqual([]);
  });
});

test("E1, E10: the Lease of a holder runs out that answers on, and a node with a dead port does not find it silent", () => {
  expect(stories.leaseRunsOut(HONEST)).toEqual([]);
});

test("named by a holder that cannot know yet, it declines", () => {
  expect(stories.namedTooEarly(HONEST)).toEqual([]);
});

describe("where nobody is better off all is as ever", () => {
  /** Node to node nothing passes any more, as in a private VLAN that was switched on, and there is no router: nobody hears anybody. */
  function allIsolated() {
    const story = settled({ gateway: false, addresses: 3 });
    story.cluster.wire.isolated = true;
    story.cluster.run(12_000);
    return story;
  }

  test("nobody hears anybody: nothing moves", () => {
    const { cluster } = allIsolated();
    cluster.run(60_000);
    expect(told(cluster)).toBe("");
    expect(stories.hostsAnsweredWithin(cluster, 0)).toEqual([]);
  });

  test("and new addresses, a node that goes, and one that dies are as before", () => {
    const { cluster, holder } = allIsolated();
    const before = cluster.timeline.now;
    cluster.api.putVip(virtualIP(serviceAddress(10), 0));
    cluster.run(2_000);
    expect(cluster.invariants.answering(serviceAddress(10))).toHaveLength(1);
    cluster.api.putNode(holder, nodeObject({ excluded: true }));
    cluster.run(5_000);
    expect(stories.hostsAnsweredWithin(cluster, 2_000)).toEqual([]);
    cluster.api.putNode(holder, nodeObject());
    begin(cluster, "power", cluster.holder(ADDRESS) ?? "", FOR_LONG_MS);
    cluster.run(20_000);
    expect(cluster.timeline.now - before).toBeLessThan(30_000);
    expect(unsound(cluster)).toEqual([]);
    expect(stories.hostsAnsweredWithin(cluster, 13_300)).toEqual([]);
  });

  test("a private VLAN from the start, without a router: the first address ever is answered", () => {
    const cluster = new Cluster({ seed: 7, nodes: 3, addresses: 0, gateway: false });
    cluster.wire.isolated = true;
    cluster.run(12_000);
    cluster.api.putVip(virtualIP(serviceAddress(0), 0));
    cluster.run(3_000);
    expect(unsound(cluster)).toEqual([]);
    // From then on it is known that nobody is heard, and nobody waits for anything.
    cluster.api.putVip(virtualIP(serviceAddress(1), 0));
    cluster.run(600);
    expect(unsound(cluster)).toEqual([]);
  });

  test("a lone node without a router: the first address ever at once", () => {
    const cluster = new Cluster({ seed: 7, nodes: 1, addresses: 0, gateway: false });
    cluster.run(12_000);
    cluster.api.putVip(virtualIP(serviceAddress(0), 0));
    cluster.run(600);
    expect(unsound(cluster)).toEqual([]);
  });

  test.each([1, 2, 3])(
    "the first addresses of all, many at once: each is taken by who is first in line (seed %i)",
    (seed) => {
      const cluster = new Cluster({ seed, nodes: 8, addresses: 0, drift: 0.01 });
      cluster.run(12_000);
      const all = Array.from({ length: 12 }, (_, index) => serviceAddress(index));
      for (const address of all) cluster.api.putVip(virtualIP(address, 0));
      cluster.run(3_000);
      const nodes = [...cluster.processes.keys()];
      expect(all.map((address) => cluster.holder(address))).toEqual(all.map((one) => rendezvousOrder(one, nodes)[0]));
      expect(cluster.moves).toHaveLength(all.length);
    },
  );

  test("two nodes and a router: the other one cannot hold it, so the broken one does, as well as it can", () => {
    const { cluster, holder, others } = settled({ nodes: 2 });
    begin(cluster, "dead-port", others[0] ?? "", FOR_LONG_MS);
    cluster.run(stories.KNOWN_MS);
    cluster.api.putNode(holder, nodeObject({ excluded: true }));
    cluster.run(5_000);
    expect(unsound(cluster)).toEqual([]);
    expect(cluster.holder(ADDRESS)).toBe(others[0]);
  });

  test.each([1, 2, 3])(
    "both others lose their power at once: the one that is left takes by their Leases (seed %i)",
    (seed) => {
      const { cluster, others } = settled({ seed, gateway: false, addresses: 6 });
      for (const node of others) begin(cluster, "power", node, FOR_LONG_MS);
      cluster.run(20_000);
      expect(unsound(cluster)).toEqual([]);
      expect(stories.hostsAnsweredWithin(cluster, 13_300)).toEqual([]);
    },
  );
});
