/** An API server that lags, falls silent, is written by others, or is put back to an earlier state: hazards F4, F6 and F7 of docs/hazards.md. */
import { describe, expect, test } from "@jest/globals";
import { begin } from "./faults.ts";
import { nodeObject } from "./objects.ts";
import { ADDRESS, cachedNodes, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** The holder dies, another takes over; then the node is back, and the store is put back to before the move. */
function afterAMove() {
  const story = settled({ addresses: 3, addresses6: 1 });
  const { cluster, holder } = story;
  const revision = cluster.api.revision;
  begin(cluster, "power", holder, 20_000);
  cluster.run(40_000);
  expect(cluster.holder(ADDRESS)).not.toBe(holder);
  return { ...story, revision };
}

test("F4: a condition is written every few milliseconds as the holder dies: answered and recorded all the same", () => {
  const { cluster, holder } = settled();
  cluster.unplug(holder);
  for (let ran = 0; ran < 1_000; ran += 5) {
    const vip = cluster.api.vips.get(ADDRESS);
    if (vip === undefined) throw new Error("no VirtualIP");
    const told = { type: "InPool", status: "True", reason: "InPool", message: `after ${ran} ms` } as const;
    const others = vip.conditions.filter(({ type }) => type !== told.type);
    const condition = { ...told, lastTransitionTime: "", observedGeneration: undefined };
    cluster.api.putVip({ ...vip, conditions: [...others, condition] });
    cluster.run(5);
  }
  // A compare on the resourceVersion would be refused each time: the next condition comes before the write arrives.
  expect(cluster.holder(ADDRESS)).not.toBe(holder);
  expect(cluster.moves).toHaveLength(1);
  expect(cluster.longestOutageMs).toBeLessThan(500);
  cluster.heal();
  cluster.run(5_000);
  expect(unsound(cluster)).toEqual([]);
});

describe("F6: epochs that go back", () => {
  test("a reconnect to a server that lags three seconds makes nobody yield", () => {
    const { cluster } = settled({ addresses: 5 });
    for (const node of cluster.names) {
      cluster.api.putNode(node, { ...cluster.api.nodes.get(node), labels: { some: "change" } } as never);
    }
    cluster.api.laggingMs = 3_000;
    cluster.setApi(false);
    cluster.run(2_000);
    cluster.setApi(true);
    cluster.run(30_000);
    expect(cluster.moves).toEqual([]);
    expect(cluster.longestOutageMs).toBe(0);
    expect(unsound(cluster)).toEqual([]);
  });

  test("the store is put back behind a move: the record wins, and one node answers within seconds", () => {
    const { cluster, revision } = afterAMove();
    const epoch = cluster.api.vips.get(ADDRESS)?.holder?.epoch ?? 0;
    cluster.api.rollBack(revision, true);
    cluster.run(12_000);
    expect(unsound(cluster)).toEqual([]);
    // Above all epochs that were ever seen, so that whoever sleeps now cannot believe an older one later.
    expect(cluster.api.vips.get(ADDRESS)?.holder?.epoch).toBeGreaterThan(epoch);
    expect(cachedNodes(cluster)).toEqual([cluster.holder(ADDRESS)]);
  });

  test.each([1, 2])(
    "put back in the moment in which the server goes away for a minute: it is found when that is back (seed %i)",
    (seed) => {
      const { cluster, holder } = settled({ seed, nodes: 2 });
      const { revision } = cluster.api;
      begin(cluster, "crash-and-restart", holder, 500);
      cluster.run(15_000);
      expect(cluster.api.vips.get(ADDRESS)?.holder?.epoch).toBe(2);
      cluster.api.rollBack(revision, false);
      cluster.setApi(false);
      cluster.run(70_000);
      cluster.setApi(true);
      cluster.run(20_000);
      // It reads a record of its former instance, asks as at a start, and writes above all that it has seen.
      expect(cluster.holder(ADDRESS)).toBe(holder);
      expect(cluster.api.vips.get(ADDRESS)?.holder?.epoch).toBe(3);
      expect(unsound(cluster)).toEqual([]);
    },
  );

  test("put back by less than a renewal, which no resourceVersion shows: who is asked on the wire reads, and yields", () => {
    const { cluster, holder } = settled({ seed: 1 });
    const revision = cluster.api.revision;
    cluster.kill(holder);
    // Between two renewals of the taker: its Lease has the same revision before and after.
    for (let ran = 0; ran < 10_000 && cluster.holder(ADDRESS) === holder; ran += 10) cluster.run(10);
    const taker = cluster.holder(ADDRESS) ?? "";
    const before = Number(cluster.api.leases.get(taker)?.meta.resourceVersion);
    expect(before).toBeGreaterThan(revision);
    cluster.run(20);
    cluster.api.rollBack(before, false);
    expect(cluster.holder(ADDRESS)).toBe(holder);
    cluster.start(holder);
    cluster.run(30_000);
    expect(unsound(cluster)).toEqual([]);
    expect(cluster.api.vips.get(ADDRESS)?.holder?.epoch).toBeGreaterThan(1);
  });
});

describe("F7: a watch above the server's version stays silent for ever", () => {
  test("connections that outlive the restore: the next renewal finds it, and everything is listed anew", () => {
    const { cluster, revision } = afterAMove();
    cluster.api.rollBack(revision, false);
    // A renewal comes every 3 s ± 20 %, then a list, a read, a question on the wire, a record.
    cluster.run(7_000);
    expect(unsound(cluster)).toEqual([]);
  });

  test("half-open: the holder's connections carry nothing and do not end; its pulse closes them", () => {
    const { cluster, holder } = settled();
    begin(cluster, "cut-off", holder, 8_000);
    cluster.run(100);
    cluster.api.putNode(holder, { ...cluster.api.nodes.get(holder), excluded: true } as never);
    cluster.run(8_000);
    expect(cluster.holder(ADDRESS)).toBe(holder);
    cluster.run(6_000);
    expect(cluster.moves.map(({ reason }) => reason)).toEqual(["hand-over-not-candidate"]);
    expect(cluster.longestOutageMs).toBe(0);
    expect(unsound(cluster)).toEqual([]);
  });
});

test("F7: half-open watches beside calls that get through: the missing renewal finds them, and all are listed anew", () => {
  const { cluster, holder } = settled();
  cluster.api.hush(holder);
  cluster.api.putNode(holder, { ...cluster.api.nodes.get(holder), excluded: true } as never);
  // A renewal within 3.6 s, which does not come through the watch within 3 s; then lists, and a hand-over.
  cluster.run(9_000);
  expect(cluster.moves.map(({ reason }) => reason)).toEqual(["hand-over-not-candidate"]);
  expect(cluster.longestOutageMs).toBe(0);
  expect(unsound(cluster)).toEqual([]);
});

test.each([4, 8, 10, 11])(
  "F7: put back to just before the last renewals, which are given their versions a second time: found all the same (seed %i)",
  (seed) => {
    const { cluster, holder } = settled({ seed, nodes: 2 });
    const renewed = () => cluster.names.map((node) => Number(cluster.api.leases.get(node)?.meta.resourceVersion));
    // One node right after the other, and nothing since.
    const isBetween = () => renewed().every((version) => version > cluster.api.revision - 2);
    for (let ran = 0; ran < 60_000 && !isBetween(); ran += 5) cluster.run(5);
    const versions = renewed();
    const before = cluster.api.revision - 2;
    expect([...versions].sort()).toEqual([before + 1, before + 2]);
    cluster.api.putNode(holder, nodeObject({ excluded: true }));
    cluster.run(300);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    cluster.api.rollBack(before, false);
    expect(cluster.holder(ADDRESS)).toBe(holder);
    cluster.run(7_000);
    expect(unsound(cluster)).toEqual([]);
  },
);

describe("E4: clocks", () => {
  test("wall clocks that jump by an hour, and monotonic ones that drift by two parts in a hundred, move nothing", () => {
    const { cluster } = settled({ addresses: 6, nodes: 5 });
    for (const node of cluster.names) begin(cluster, "clock-jump", node, 0);
    cluster.run(120_000);
    expect(cluster.moves).toEqual([]);
    expect(unsound(cluster)).toEqual([]);
  });

  test("the API is away for a minute: the first list shows every Lease unrenewed, and nobody judges anybody dead", () => {
    const { cluster, holder } = settled({ addresses: 6, nodes: 5 });
    begin(cluster, "api-down", holder, 60_000);
    cluster.run(90_000);
    expect(cluster.moves).toEqual([]);
    expect(cluster.longestOutageMs).toBe(0);
    expect(unsound(cluster)).toEqual([]);
  });
});

test("S3: a main thread that hangs for a minute answers for nothing after three seconds, and another node takes over", () => {
  const { cluster, holder } = settled({ addresses: 3 });
  begin(cluster, "stuck-main", holder, 60_000);
  cluster.run(3_600);
  expect(cluster.invariants.answering(ADDRESS)).not.toContain(holder);
  cluster.run(70_000);
  expect(cluster.holder(ADDRESS)).not.toBe(holder);
  expect(cluster.invariants.longestMs).toBe(0);
  expect(unsound(cluster)).toEqual([]);
});

test("F2: without the API the taker tells the paused machine, and does not yield to answers that were under way", () => {
  const { cluster, holder } = settled({ addresses: 4 });
  cluster.setApi(false);
  cluster.run(10_000);
  cluster.wire.delayMsMax = 15;
  begin(cluster, "pause", holder, 4_000);
  cluster.run(20_000);
  for (const address of cluster.api.vips.keys()) {
    expect(cachedNodes(cluster, address)).toEqual(cluster.invariants.answering(address));
  }
  cluster.wire.delayMsMax = 0;
  begin(cluster, "api-down", holder, 1);
  cluster.run(FOR_LONG_MS / 50);
  expect(unsound(cluster)).toEqual([]);
});
