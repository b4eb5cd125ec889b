/** The failing sequences that made the rules, by their names, each as one story with the end it must have. */
import { describe, expect, test } from "@jest/globals";
import { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { endpointsOn, link, nodeObject, SERVICE } from "./objects.ts";

const ADDRESS = "10.0.0.100";

interface Story {
  readonly cluster: Cluster;
  readonly holder: string;
  readonly others: readonly string[];
}

function settled(
  options: { readonly addresses?: number; readonly nodes?: number; readonly seed?: number } = {},
): Story {
  const cluster = new Cluster({
    seed: options.seed ?? 7,
    nodes: options.nodes ?? 3,
    addresses: options.addresses ?? 1,
  });
  cluster.run(5_000);
  const holder = cluster.holder(ADDRESS) ?? "";
  cluster.invariants.resetGaps();
  return { cluster, holder, others: cluster.names.filter((name) => name !== holder) };
}

function expectSound(cluster: Cluster): void {
  expect(cluster.invariants.violations).toEqual([]);
  expect(cluster.invariants.converged()).toEqual([]);
}

function setProxy(cluster: Cluster, node: string, ready: boolean): void {
  cluster.processes.get(node)?.[0]?.post({ type: "proxy", ready });
}

describe("named sequences", () => {
  test("first holders are shared out, and are the ones the records name", () => {
    const { cluster } = settled({ addresses: 30 });
    expectSound(cluster);
    expect(new Set([...cluster.api.vips.values()].map((vip) => vip.holder?.node)).size).toBe(3);
    expect(cluster.moves.every((move) => move.reason === "first-holder")).toBe(true);
  });

  test("a holder whose speaker is gone is replaced, since the wire says so", () => {
    const { cluster, holder } = settled();
    cluster.kill(holder);
    cluster.run(20_000);
    expect(cluster.invariants.answering(ADDRESS)).toHaveLength(1);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    expect(cluster.moves.at(-1)?.reason).toBe("holder-speaker-silent");
  });

  test("sticky: who comes back takes nothing back", () => {
    const { cluster, holder } = settled();
    cluster.kill(holder);
    cluster.run(20_000);
    const taker = cluster.holder(ADDRESS);
    cluster.start(holder);
    cluster.run(60_000);
    expect(cluster.holder(ADDRESS)).toBe(taker);
    expectSound(cluster);
  });

  test("S4: the API server is gone for two minutes and nothing moves", () => {
    const { cluster, holder } = settled({ addresses: 5 });
    const moves = cluster.moves.length;
    begin(cluster, "api-down", holder, 120_000);
    cluster.run(180_000);
    expect(cluster.moves).toHaveLength(moves);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expectSound(cluster);
  });

  test("E9: every node turns NotReady and nothing moves", () => {
    const { cluster } = settled({ addresses: 5 });
    const moves = cluster.moves.length;
    for (const name of cluster.names) cluster.api.putNode(name, nodeObject({ ready: false, networkUnavailable: true }));
    cluster.run(120_000); // Longer than the pause before a move for a node's fault (30 s), and than a Lease lives.
    expect(cluster.moves).toHaveLength(moves);
    expect(cluster.invariants.longestGapMs).toBe(0);
  });

  test("E10: cut off from the API only: nothing moves until the Node is NotReady, then the holder yields to the announcement", () => {
    const { cluster, holder } = settled();
    cluster.setReach(holder, false);
    cluster.run(35_000);
    expect(cluster.holder(ADDRESS)).toBe(holder);
    cluster.run(25_000);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([cluster.holder(ADDRESS)]);
    expect(cluster.invariants.longestMs).toBeLessThan(400);
    expectSound(cluster);
  });

  test("F8: a container that is killed and restarted wins its own addresses back by a new epoch, at home", () => {
    const { cluster, holder } = settled();
    begin(cluster, "crash-and-restart", holder, 0);
    cluster.run(5_000);
    expect(cluster.holder(ADDRESS)).toBe(holder);
    expect(cluster.api.vips.get(ADDRESS)?.holder?.epoch).toBe(2);
    expect(cluster.moves.at(-1)?.reason).toBe("same-node-restart");
    expectSound(cluster);
  });

  test("F9: a rolling update of every speaker moves nothing, writes no record, leaves no gap", () => {
    const { cluster } = settled({ addresses: 5 });
    const before = [...cluster.api.vips.values()].map((vip) => vip.holder);
    for (let round = 0; round < 2; round++) {
      for (const name of cluster.names) {
        begin(cluster, "rolling-update", name, 0);
        cluster.run(15_000);
      }
    }
    expect([...cluster.api.vips.values()].map((vip) => vip.holder)).toEqual(before);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expect([...cluster.processes.values()].map((processes) => processes.length)).toEqual([1, 1, 1]);
    expectSound(cluster);
  });

  test("F10: SIGTERM hands every address over without a gap, and the process ends", () => {
    const { cluster, holder } = settled({ addresses: 20 });
    begin(cluster, "sigterm", holder, 60_000);
    cluster.run(5_000);
    expect(cluster.invariants.longestGapMs).toBe(0);
    expect(cluster.isUp(holder)).toBe(false);
    expect([...cluster.api.vips.values()].some((vip) => vip.holder?.node === holder)).toBe(false);
    expectSound(cluster);
  });

  test("F10: a successor that is not heard is passed over, the address taken back by a higher epoch", () => {
    const { cluster, holder, others } = settled({ nodes: 2 });
    const [other = ""] = others;
    // It reads the record and announces into a wire that carries nothing to the holder.
    for (const process of cluster.processes.get(other) ?? []) process.worker.freeze();
    cluster.api.putNode(holder, nodeObject({ excluded: true }));
    cluster.run(1_000);
    cluster.api.putNode(holder, nodeObject());
    cluster.run(2_000);
    expect(cluster.holder(ADDRESS)).toBe(holder);
    expect(cluster.moves.at(-1)?.reason).toBe("taken-back");
    expect(cluster.api.vips.get(ADDRESS)?.holder?.epoch).toBe(3);
  });

  test("F12: ETP Local: the last local ready endpoint turns terminating, the address goes where a ready one is", () => {
    const { cluster, holder, others } = settled();
    const vip = cluster.api.vips.get(ADDRESS);
    if (vip === undefined) throw new Error("the address is missing");
    cluster.api.putVip({ ...vip, services: vip.services.map((one) => ({ ...one, externalTrafficPolicy: "Local" })) });
    cluster.run(500);
    cluster.api.putEndpoints(SERVICE, endpointsOn([others[1] ?? ""], [holder, others[1] ?? ""]));
    cluster.run(3_000);
    expect(cluster.holder(ADDRESS)).toBe(others[1]);
    expect(cluster.moves.at(-1)?.reason).toBe("hand-over-no-endpoint");
    expect(cluster.invariants.longestGapMs).toBe(0);
    cluster.api.putEndpoints(SERVICE, endpointsOn([]));
    cluster.run(1_000);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([]);
    // Nobody could hold it now, so nothing moves: the record stays, and so does the address when the pods are back.
    const epoch = cluster.api.vips.get(ADDRESS)?.holder?.epoch;
    cluster.api.putEndpoints(SERVICE, endpointsOn(others));
    cluster.run(1_000);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([others[1]]);
    expect(cluster.api.vips.get(ADDRESS)?.holder).toMatchObject({ node: others[1], epoch });
    expect(cluster.invariants.violations).toEqual([]);
  });

  test("the holder's cable is pulled: another answers at once, and the cable's return moves nothing", () => {
    const { cluster, holder } = settled();
    cluster.unplug(holder);
    cluster.run(2_000);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    expect(cluster.invariants.longestGapMs).toBeLessThan(300);
    const taker = cluster.holder(ADDRESS);
    cluster.plug(holder);
    cluster.run(20_000);
    expect(cluster.holder(ADDRESS)).toBe(taker);
    expectSound(cluster);
  });

  test("S3: a holder frozen for 30 s answers nothing when it thaws, since another has its address", () => {
    const { cluster, holder } = settled();
    begin(cluster, "freeze", holder, 30_000);
    cluster.run(29_900);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    cluster.run(30_000);
    expect(cluster.invariants.longestMs).toBe(0);
    expectSound(cluster);
  });

  test("A1: a VirtualIP that is deleted is silent before its record says so", () => {
    const { cluster, holder } = settled();
    const vip = cluster.api.vips.get(ADDRESS);
    if (vip === undefined) throw new Error("the address is missing");
    cluster.api.putVip({ ...vip, meta: { ...vip.meta, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    cluster.run(1_000);
    expect(cluster.api.vips.get(ADDRESS)?.holder).toMatchObject({ node: "", epoch: 2, reason: "holder-released" });
    expect(cluster.invariants.answering(ADDRESS)).toEqual([]);
    expect(cluster.invariants.violations).toEqual([]);
    expect(holder).not.toBe("");
  });

  test("A1: deleted and created anew for somebody else while the holder cannot see it", () => {
    const { cluster, holder } = settled();
    const vip = cluster.api.vips.get(ADDRESS);
    if (vip === undefined) throw new Error("the address is missing");
    cluster.setReach(holder, false);
    cluster.run(200);
    cluster.api.deleteVip(ADDRESS);
    cluster.api.putVip({ ...vip, holder: undefined, meta: { ...vip.meta, uid: "another" } });
    cluster.run(5_000);
    cluster.setReach(holder, true);
    cluster.run(20_000);
    expectSound(cluster);
  });

  test.each([0, 1])("E14: no successor where kube-proxy does not answer, whichever of the two it is (%i)", (index) => {
    const { cluster, holder, others } = settled({ addresses: 5 });
    setProxy(cluster, others[index] ?? "", false);
    const moves = cluster.moves.length;
    cluster.run(10_000);
    expect(cluster.moves).toHaveLength(moves);
    cluster.processes.get(holder)?.[0]?.shutDown();
    cluster.run(10_000);
    const later = cluster.moves.slice(moves);
    expect(later).not.toEqual([]);
    for (const { name } of later) {
      expect(later.find((move) => move.name === name)).toMatchObject({
        node: others[1 - index],
        reason: "hand-over-shutdown",
      });
    }
  });

  test("E14: without kube-proxy anywhere what nobody answers is taken all the same", () => {
    const { cluster, holder } = settled();
    for (const node of cluster.names) setProxy(cluster, node, false);
    cluster.run(10_000);
    expect(cluster.holder(ADDRESS)).toBe(holder);
    cluster.kill(holder);
    cluster.run(20_000);
    expect(cluster.invariants.answering(ADDRESS)).toHaveLength(1);
    const lone = new Cluster({ seed: 3, nodes: 1, addresses: 1 });
    setProxy(lone, "n1", false);
    lone.run(5_000);
    expect(lone.holder(ADDRESS)).toBe("n1");
  });

  test("E12: kernels that have the address are no candidates, the condition says why, and strictARP brings it back", () => {
    const { cluster, holder } = settled();
    const ipvs0 = { ...link("n0", false), index: 9, name: "kube-ipvs0", broadcast: false };
    const bound = { ...ipvs0, addresses: [{ address: ADDRESS, prefixLength: 32, metric: 0 }] };
    const tell = (node: string, arpIgnore: number): void => {
      const process = cluster.processes.get(node)?.[0];
      process?.post({ type: "arp-ignore", byInterface: new Map([["eth0", arpIgnore]]) });
      process?.post({ type: "worker", message: { type: "links", links: [link(node, true), bound] } });
    };
    tell(holder, 0);
    cluster.run(5_000);
    expect(cluster.holder(ADDRESS)).not.toBe(holder);
    expect(cluster.moves.at(-1)?.reason).toBe("hand-over-not-candidate");
    for (const node of cluster.names) tell(node, 0);
    cluster.run(10_000);
    expect(cluster.invariants.answering(ADDRESS)).toEqual([]);
    const conditions = cluster.api.vips.get(ADDRESS)?.conditions ?? [];
    const announced = conditions.find((one) => one.type === "Announced");
    expect(announced?.status).toBe("False");
    for (const node of cluster.names) expect(announced?.message).toContain(`${node}: its kernel has the address`);
    expect(announced?.message).toContain("strictARP: true");
    for (const node of cluster.names) tell(node, 1);
    cluster.run(10_000);
    expect(cluster.invariants.answering(ADDRESS)).toHaveLength(1);
    expectSound(cluster);
  });

  test("nobody is a candidate: one speaker says so, once", () => {
    const { cluster } = settled();
    for (const name of cluster.names) cluster.api.putNode(name, nodeObject({ excluded: true }));
    cluster.run(5_000);
    const conditions = cluster.api.vips.get(ADDRESS)?.conditions ?? [];
    expect(conditions.find((one) => one.type === "Announced")).toMatchObject({
      status: "False",
      reason: "NodesExcluded",
    });
    const { revision } = cluster.api;
    const renewals = (): number => cluster.names.length * 5;
    cluster.run(12_000);
    expect(cluster.api.revision - revision).toBeLessThanOrEqual(renewals());
  });

  test("at rest an address costs the API server nothing", () => {
    const { cluster } = settled({ addresses: 20 });
    cluster.run(5_000);
    const versions = () => [...cluster.api.vips.values()].map((vip) => vip.meta.resourceVersion);
    const before = versions();
    cluster.run(60_000);
    expect(versions()).toEqual(before);
  });
});
