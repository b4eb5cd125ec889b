/** Stories of broken rules about records, Leases, processes and candidates (election.md sections 1 to 3 and 8). */
import type { SpeakerInput } from "../../speaker/state.ts";
import { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { endpointsOn, link, nodeObject, SERVICE } from "./objects.ts";
import { expected, nothingMoved, type SabotageStory, told } from "./sabotage-stories.ts";
import { ADDRESS, settled, unsound } from "./story.ts";

function noGap(cluster: Cluster): readonly string[] {
  const gap = cluster.invariants.longestGapMs;
  return expected(gap === 0, `nobody answered for ${Math.round(gap)} ms`);
}

function post(cluster: Cluster, node: string, ...inputs: readonly SpeakerInput[]): void {
  for (const input of inputs) for (const process of cluster.processes.get(node) ?? []) process.post(input);
}

/** Nodes that never hear each other have their Leases alone, and those stand still while the API server is away (E4). */
export const outageBehindWalls: SabotageStory = (sabotage) => {
  const cluster = new Cluster({ seed: 7, nodes: 3, addresses: 6, sabotage });
  cluster.wire.isolated = true;
  cluster.run(12_000);
  cluster.moves.length = 0;
  begin(cluster, "api-down", "n1", 60_000);
  cluster.run(90_000);
  return nothingMoved(cluster);
};

/** Long enough for every pause before a move for a node's fault (30 s). */
export const nobodyReady: SabotageStory = (sabotage) => {
  const { cluster } = settled({ sabotage, addresses: 5 });
  for (const name of cluster.names) cluster.api.putNode(name, nodeObject({ ready: false, networkUnavailable: true }));
  cluster.run(120_000);
  return [...nothingMoved(cluster), ...noGap(cluster), ...unsound(cluster)];
};

/** A node without a carrier says so in its Lease, and is handed nothing, whichever of the two it is (E8). */
export const unplugged: SabotageStory = (sabotage) =>
  [0, 1].flatMap((index) => {
    const { cluster, holder, others } = settled({ sabotage, addresses: 12 });
    const bare = others[index] ?? "";
    cluster.unplug(bare);
    cluster.run(5_000);
    cluster.moves.length = 0;
    cluster.resetOutages();
    cluster.api.putNode(holder, nodeObject({ excluded: true }));
    cluster.run(8_000);
    const wrong = cluster.moves.filter(({ reason }) => reason !== "hand-over-not-candidate");
    return [...expected(wrong.length === 0 && cluster.moves.length > 0, told(cluster)), ...noGap(cluster)];
  });

/** The kernel of the holder gets the address on kube-ipvs0, and answers for it by itself (E12). */
export const kernelAnswers: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  const ipvs0 = { ...link("n0", false), index: 9, name: "kube-ipvs0", broadcast: false };
  const bound = { ...ipvs0, addresses: [{ address: ADDRESS, prefixLength: 32, metric: 0 }] };
  const links = [link(holder, true), bound];
  const ignores: SpeakerInput = { type: "arp-ignore", byInterface: new Map([["eth0", 0]]) };
  post(cluster, holder, ignores, { type: "worker", message: { type: "links", links } });
  cluster.run(5_000);
  return expected(cluster.holder(ADDRESS) !== holder, `${holder} keeps what its kernel answers for`);
};

/** The node that would be next has no kube-proxy, whichever of the two it is; the holder leaves (E14). */
export const withoutProxy: SabotageStory = (sabotage) =>
  [0, 1].flatMap((index) => {
    const { cluster, holder, others } = settled({ sabotage, addresses: 12 });
    const bare = others[index] ?? "";
    post(cluster, bare, { type: "proxy", ready: false });
    cluster.run(5_000);
    cluster.moves.length = 0;
    begin(cluster, "sigterm", holder, 30_000);
    cluster.run(10_000);
    const wrong = cluster.moves.filter(({ node }) => node === bare);
    return expected(wrong.length === 0 && cluster.moves.length > 0, `to ${bare}: ${told(cluster)}`);
  });

/** One node, nobody else on the segment, no router, and the API server away for a night (E15). */
export const lonely: SabotageStory = (sabotage) => {
  const cluster = new Cluster({ seed: 3, nodes: 1, addresses: 3, gateway: false, sabotage });
  cluster.run(12_000);
  cluster.resetOutages();
  begin(cluster, "api-down", "n1", 120_000);
  cluster.run(150_000);
  return [...noGap(cluster), ...unsound(cluster)];
};

/** A server that lags shows the new holder the record as it was before it was handed the address (F6). */
export const laggingServer: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  const before = cluster.api.vips.get(ADDRESS);
  cluster.api.putNode(holder, nodeObject({ excluded: true }));
  cluster.run(5_000);
  cluster.resetOutages();
  post(cluster, cluster.holder(ADDRESS) ?? "", { type: "virtual-ip", name: ADDRESS, vip: before });
  cluster.run(5_000);
  return [...noGap(cluster), ...unsound(cluster)];
};

/** The holder is cut off for a while; what it had open then never carries anything again, and does not end (F7). */
export const halfOpen: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  begin(cluster, "cut-off", holder, 8_000);
  cluster.api.loseConnections(holder);
  cluster.run(100);
  cluster.api.putNode(holder, nodeObject({ excluded: true }));
  cluster.run(14_000);
  const isHeard = cluster.holder(ADDRESS) !== holder;
  return [...expected(isHeard, `${holder} never heard that it is excluded`), ...noGap(cluster)];
};

/** The store is put back behind a move, and the connections live on (F7). */
export const outlivedRestore: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, addresses: 3 });
  const { revision } = cluster.api;
  begin(cluster, "power", holder, 20_000);
  cluster.run(40_000);
  cluster.api.rollBack(revision, false);
  cluster.run(7_000);
  return unsound(cluster);
};

/**
 * The others have taken on the evidence of the wire, and cannot record it: the records name the node of the process that starts
 * (F8).
 */
export const startsReplaced: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage, addresses: 4 });
  for (const other of others) cluster.setReach(other, false);
  const pod = cluster.processes.get(holder)?.[0]?.instance.split("/")[0];
  cluster.kill(holder);
  cluster.run(3_000);
  cluster.start(holder, pod);
  cluster.run(3_000);
  const { longestMs, violations } = cluster.invariants;
  return [...violations, ...expected(longestMs < 50, `two answered at once for ${Math.round(longestMs)} ms`)];
};

/** A rolling update of every speaker (F9). */
export const rollingUpdate: SabotageStory = (sabotage) => {
  const { cluster } = settled({ sabotage, addresses: 5 });
  for (const name of cluster.names) {
    begin(cluster, "rolling-update", name, 0);
    cluster.run(15_000);
  }
  return [...nothingMoved(cluster), ...noGap(cluster), ...unsound(cluster)];
};

/** The last local endpoint turns terminating, and is gone a second later; nobody answers for a Service without one (F12). */
export const lastEndpoint: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage });
  const vip = cluster.api.vips.get(ADDRESS);
  if (vip === undefined) return ["the address is missing"];
  cluster.api.putVip({ ...vip, services: vip.services.map((one) => ({ ...one, externalTrafficPolicy: "Local" })) });
  cluster.run(500);
  cluster.api.putEndpoints(SERVICE, endpointsOn(others, [holder, ...others]));
  cluster.run(1_000);
  cluster.api.putEndpoints(SERVICE, endpointsOn(others));
  const inTime = expected(cluster.holder(ADDRESS) !== holder, `${holder} kept it to its last endpoint's end`);
  cluster.run(5_000);
  return [...inTime, ...noGap(cluster), ...unsound(cluster)];
};

/** A successor stands still for a moment just when the record has named it: gone for the others, who have never heard it announce (E2). */
export const youngRecord: SabotageStory = (sabotage) =>
  [500, 600, 700].flatMap((lastMs) => {
    const { cluster, holder } = settled({ sabotage, addresses: 6 });
    cluster.api.putNode(holder, nodeObject({ excluded: true }));
    for (let ran = 0; ran < 3_000 && cluster.holder(ADDRESS) === holder; ran += 1) cluster.run(1);
    begin(cluster, "pause", cluster.holder(ADDRESS) ?? "", lastMs);
    cluster.run(8_000);
    // What it held before was heard of it, and is taken.
    const taken = cluster.moves.filter(({ name, reason }) => name === ADDRESS && reason === "holder-unreachable");
    return expected(taken.length === 0, `paused for ${lastMs} ms: ${told(cluster)}`);
  });

/** A foreign host claims the address twice a second while the API is away (A4). */
export const stranger: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  cluster.setApi(false);
  cluster.run(10_000);
  const defended: number[] = [];
  const { wire } = cluster;
  const announce = wire.announce.bind(wire);
  wire.announce = (from, address, form) => {
    if (form === "request") defended.push(cluster.timeline.now);
    announce(from, address, form);
  };
  for (let turn = 0; turn < 120; turn++) {
    for (const worker of wire.workers) worker.onAnnouncement(wire, ADDRESS, "02:aa:aa:aa:aa:aa");
    cluster.run(500);
  }
  const tooSoon = defended.filter((ms, index) => index > 0 && ms - (defended[index - 1] ?? 0) < 9_700);
  return [
    ...expected(cluster.holder(ADDRESS) === holder, `moved: ${told(cluster)}`),
    ...expected(defended.length >= 6 && tooSoon.length === 0, `defended at ${defended.map(Math.round).join(", ")}`),
    ...noGap(cluster),
    ...unsound(cluster),
  ];
};
