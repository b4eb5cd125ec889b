/** Stories of broken rules about who takes an address, who is handed one, and who says so (election.md sections 5, 7 and 8). */
import type { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { endpointsOn, nodeObject, SERVICE } from "./objects.ts";
import { roundAsItBegins } from "./sabotage-leave.ts";
import { expected, nothingMoved, type SabotageStory, told } from "./sabotage-stories.ts";
import { ADDRESS, allOnFirst, cachedNodes, FOR_LONG_MS, settled, unsound } from "./story.ts";

const MINUTE_MS = 60_000;
export const EDGE = { edge: "yes" };

/** The pools prefer the nodes with this label. */
export function prefer(cluster: Cluster): void {
  const selector = { matchLabels: EDGE, matchExpressions: [] };
  for (const vip of cluster.api.vips.values()) {
    cluster.api.putVip({ ...vip, l2: { ...vip.l2, preferred: [{ weight: 10, selector }] } });
  }
}

export function answeredWithin(cluster: Cluster, limitMs: number): readonly string[] {
  const gap = cluster.invariants.longestGapMs;
  return expected(gap < limitMs, `nobody answered for ${Math.round(gap)} ms`);
}

export function neverTwo(cluster: Cluster, limitMs: number): readonly string[] {
  const { longestMs } = cluster.invariants;
  return expected(longestMs < limitMs, `two answered at once for ${Math.round(longestMs)} ms`);
}

/** The worker of a successor stands still before it has announced: after a second the next one has the address (F10). */
export const unheardSuccessor: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage });
  cluster.api.putNode(holder, nodeObject({ excluded: true }));
  for (let ran = 0; ran < 3_000 && cluster.holder(ADDRESS) === holder; ran += 1) cluster.run(1);
  const first = cluster.holder(ADDRESS) ?? "";
  for (const process of cluster.processes.get(first) ?? []) process.worker.freeze();
  cluster.run(2_500);
  const [second = ""] = others.filter((node) => node !== first);
  const [answers] = cluster.invariants.answering(ADDRESS);
  return [
    ...expected(cluster.holder(ADDRESS) === second, `the record names ${cluster.holder(ADDRESS)}, not ${second}`),
    ...expected(answers === second, `${answers} answers`),
    ...answeredWithin(cluster, 150),
  ];
};

/** Cut off from the API server until its Node is not Ready: the one that the record names then does not wait for its silence (E10). */
export const cutOffForLong: SabotageStory = (sabotage) => {
  return [2, 4].flatMap((seed) => {
    const { cluster, holder } = settled({ sabotage, seed });
    cluster.setReach(holder, false);
    cluster.run(MINUTE_MS);
    return [...unsound(cluster), ...expected(cluster.holder(ADDRESS) !== holder, `${holder} is not replaced`)];
  });
};

/** A preferred node comes and goes every minute. */
export const comesAndGoes: SabotageStory = (sabotage) => {
  const { cluster, others } = settled({ sabotage });
  const [preferred = ""] = others;
  prefer(cluster);
  cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
  for (let minute = 0; minute < 10; minute++) {
    cluster.run(45_000);
    begin(cluster, "unplug", preferred, 15_000);
    cluster.run(15_000);
  }
  const chosen = cluster.moves.filter(({ reason }) => reason === "hand-over-preferred").length;
  return expected(chosen > 0 && chosen <= 2, `${chosen} moves by choice`);
};

/** A preferred node is there for ten seconds at a time. */
export const looksIn: SabotageStory = (sabotage) => {
  const { cluster, others } = settled({ sabotage });
  prefer(cluster);
  for (let turn = 0; turn < 4; turn++) {
    for (const labels of [EDGE, {}]) {
      cluster.api.putNode(others[0] ?? "", nodeObject({ labels }));
      cluster.run(10_000);
    }
  }
  return nothingMoved(cluster);
};

/** Two begin before either hears the other, and the API server takes seconds to say whose it is (E7). */
export const bothBegin: SabotageStory = (sabotage) => {
  return [3, 4].flatMap((seed) => {
    const cluster = allOnFirst({ sabotage, seed, addresses: 200 });
    cluster.api.slowMs = 2_000;
    begin(cluster, "power", "n1", FOR_LONG_MS);
    cluster.run(12_000);
    return [...answeredWithin(cluster, 500), ...neverTwo(cluster, 250)];
  });
};

/** A node dies while a call of the API server takes seconds (F5). */
export const diesWithSlowApi: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, addresses: 20 });
  cluster.api.slowMs = 2_000;
  begin(cluster, "power", holder, FOR_LONG_MS);
  cluster.run(6_000);
  return answeredWithin(cluster, 500);
};

/** The store is put back behind a move, and its server with it: the one that the record names goes on above all that was seen (F6). */
export const putBack: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  const { revision } = cluster.api;
  begin(cluster, "power", holder, 20_000);
  cluster.run(40_000);
  const epoch = cluster.api.vips.get(ADDRESS)?.holder?.epoch ?? 0;
  cluster.api.rollBack(revision, true);
  cluster.run(12_000);
  const after = cluster.api.vips.get(ADDRESS)?.holder?.epoch ?? 0;
  return [...unsound(cluster), ...expected(after > epoch, `epoch ${after} after ${epoch}, which somebody has seen`)];
};

/** The store is put back by less than a renewal: no resourceVersion shows it, and the one that it names asks on the wire (F6). */
export const putBackUnseen: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, seed: 1 });
  cluster.kill(holder);
  for (let ran = 0; ran < 10_000 && cluster.holder(ADDRESS) === holder; ran += 10) cluster.run(10);
  const before = Number(cluster.api.leases.get(cluster.holder(ADDRESS) ?? "")?.meta.resourceVersion);
  cluster.run(20);
  cluster.api.rollBack(before, false);
  cluster.start(holder);
  cluster.run(30_000);
  return unsound(cluster);
};

/** The watches of a holder say nothing any more, beside calls that get through (F7). */
export const hushed: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  cluster.api.hush(holder);
  cluster.api.putNode(holder, nodeObject({ excluded: true }));
  cluster.run(9_000);
  return [...unsound(cluster), ...expected(cluster.holder(ADDRESS) !== holder, `${holder} never hears it is excluded`)];
};

/**
 * Deleted and created anew for another tenant between two lists, so that nobody sees that it was gone; and a read takes seconds: whoever
 * held the former one has no time to ask (A1).
 */
export const createdAnew: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  const vip = cluster.api.vips.get(ADDRESS);
  if (vip === undefined) return ["the address is missing"];
  cluster.api.slowMs = 2_000;
  cluster.api.putVip({ ...vip, holder: undefined, meta: { ...vip.meta, uid: "another" } });
  cluster.run(150);
  const answers = cluster.invariants.answering(ADDRESS).includes(holder);
  cluster.run(20_000);
  return [...expected(!answers, `${holder} answers for another tenant`), ...unsound(cluster)];
};

/** Where only local endpoints carry traffic, those of a node that is not Ready are about to go. */
export const notReadyWithLocal: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage });
  for (const vip of cluster.api.vips.values()) {
    const services = vip.services.map((one) => ({ ...one, externalTrafficPolicy: "Local" as const }));
    cluster.api.putVip({ ...vip, services });
  }
  cluster.run(500);
  cluster.api.putNode(holder, nodeObject({ ready: false }));
  cluster.run(250);
  cluster.api.putEndpoints(SERVICE, endpointsOn(others));
  cluster.run(5_000);
  return [...unsound(cluster), ...answeredWithin(cluster, 1), ...expected(cluster.moves.length === 1, told(cluster))];
};

/** The router and the hosts were on the holder's side of a split, on which it died: they have heard nothing of its successor (F3). */
export const routerIsBack: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage });
  for (const node of others) cluster.wire.sides.set(node, 1);
  cluster.run(500);
  begin(cluster, "power", holder, FOR_LONG_MS);
  cluster.run(15_000);
  cluster.wire.sides.clear();
  cluster.run(4_000);
  const caches = cachedNodes(cluster).join(" and ");
  return expected(caches === cluster.holder(ADDRESS), `the hosts send to ${caches}`);
};

/** The router is lost to all, which each of them finds at its own time (E9, ADR 10). */
export const uplinkLostToAll: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage });
  for (const node of [holder, ...others]) {
    for (const process of cluster.processes.get(node) ?? []) process.post({ type: "uplink", lost: ["eth0"] });
    cluster.run(1_000);
  }
  cluster.run(2 * MINUTE_MS);
  return [...nothingMoved(cluster), ...unsound(cluster)];
};

/** The only pod of a Service is restarted: nobody answers without it, and then the one that did (F12). */
export const onlyPodRestarts: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  cluster.api.putEndpoints(SERVICE, endpointsOn([]));
  cluster.run(1_000);
  const answers = cluster.invariants.answering(ADDRESS);
  cluster.run(5_000);
  cluster.api.putEndpoints(SERVICE, endpointsOn([holder]));
  cluster.run(1_000);
  return [
    ...expected(answers.length === 0, `${answers} answers for a Service without an endpoint`),
    ...nothingMoved(cluster),
    ...unsound(cluster),
  ];
};

/**
 * Each hears the other: the one that hands over falls silent, as it should; the one that the record names goes on, without asking a server
 * that takes seconds whose the address is (F10).
 */
export const handedOverInARound: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  cluster.api.slowMs = 2_000;
  cluster.api.putNode(holder, nodeObject({ excluded: true }));
  const wrong = roundAsItBegins(cluster, holder);
  cluster.run(12_000);
  return [...wrong, ...unsound(cluster), ...answeredWithin(cluster, 1)];
};

/** The cable of the only successor comes out as the record names it, and is back in a moment: until then the one that hands over answers (F10). */
export const successorFlickers: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage, nodes: 2 });
  const [other = ""] = others;
  cluster.api.putNode(holder, nodeObject({ excluded: true }));
  for (let ran = 0; ran < 3_000 && cluster.holder(ADDRESS) === holder; ran += 1) cluster.run(1);
  begin(cluster, "unplug", other, 200);
  cluster.run(12_000);
  return [
    ...unsound(cluster),
    ...answeredWithin(cluster, 1),
    ...expected(cluster.holder(ADDRESS) === other && cluster.moves.length === 1, told(cluster)),
  ];
};

/**
 * The API server is away, and a split heals of which both sides have an answer: the two hear each other in the same moment, and yield. The main thread
 * of the one that had taken is busy just then, and its worker answers until it is told. The holder comes back by asking; if it asked at
 * once, it would find an answer that ends, and leave the address to nobody for two seconds (F3).
 */
export const bothYield: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  const { invariants, wire } = cluster;
  cluster.setApi(false);
  wire.sides.set(holder, 1);
  cluster.run(5_000);
  const both = invariants.answering(ADDRESS);
  cluster.resetOutages();
  wire.sides.clear();
  for (const node of both) wire.announce(node, ADDRESS, "request");
  const busy = both.filter((node) => node !== holder).flatMap((node) => cluster.processes.get(node) ?? []);
  for (const process of busy) process.stick();
  cluster.run(40);
  for (const process of busy) process.thaw();
  cluster.run(5_000);
  const wrong = [...expected(both.length === 2, `${both} answered`), ...answeredWithin(cluster, 700)];
  cluster.setApi(true);
  cluster.run(20_000);
  return [...wrong, ...unsound(cluster)];
};
