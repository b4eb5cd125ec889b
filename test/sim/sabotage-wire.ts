/** Stories of broken rules about what is asked on the wire, who watches whom, and what an answer is worth (election.md sections 4, 5 and 10). */
import type { DetectorState } from "../../speaker/detector/detector.ts";
import type { DetectorInput } from "../../speaker/detector/types.ts";
import { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { macOf, serviceAddress } from "./objects.ts";
import { expected, nothingMoved, type SabotageStory, told } from "./sabotage-stories.ts";
import { ADDRESS, cachedNodes, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** The MAC of a host that knows nothing of the cluster. */
const STRANGER = "02:00:00:00:ee:ee";
/** Thirty of the detector, some acquaintance, and a clock that runs fast (E6). */
const QUESTIONS_PER_SECOND = 35;

/** Of two nodes and nothing else one is behind a dead port for three seconds: it cannot tell that from a dead peer (E1). */
export const twoAlone: SabotageStory = (sabotage) => {
  const { cluster, others } = settled({ sabotage, nodes: 2, gateway: false });
  begin(cluster, "dead-port", others[0] ?? "", 3_000);
  cluster.run(15_000);
  return [...nothingMoved(cluster), ...unsound(cluster)];
};

/** A holder of many answers for all but one, and not for the first. */
export const oneOfManySilent: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, addresses: 24 });
  const held = [...cluster.api.vips.values()].filter((vip) => vip.holder?.node === holder).map((vip) => vip.address);
  const silent = held.sort().at(-1) ?? "";
  cluster.wire.unanswered.add(`${holder} ${silent}`);
  // Asked for once in a minute at least, however many there are.
  cluster.run(60_000);
  const moved = cluster.moves.map(({ name }) => name);
  return expected(moved.length === 1 && moved[0] === silent, `not ${silent} alone moved: ${told(cluster)}`);
};

/** Three frames in ten are lost, each way. */
export const lossyLink: SabotageStory = (sabotage) => {
  const { cluster } = settled({ sabotage, addresses: 3 });
  cluster.wire.loss = 0.3;
  cluster.run(60_000);
  return nothingMoved(cluster);
};

/** Of nine nodes none asks, or is asked, more than three that watch it can. */
export const manyNodes: SabotageStory = (sabotage) => {
  const { cluster } = settled({ sabotage, nodes: 9, addresses: 60 });
  const asked = new Map<string, number>();
  const ask = cluster.wire.ask.bind(cluster.wire);
  cluster.wire.ask = (from, probe, arrive) => {
    for (const who of [from, `holder ${probe.mac}`]) asked.set(who, (asked.get(who) ?? 0) + 1);
    ask(from, probe, arrive);
  };
  cluster.run(10_000);
  const most = Math.max(...asked.values()) / 10;
  return expected(most > 25 && most <= QUESTIONS_PER_SECOND, `${most} questions a second at one node`);
};

/** The first in line for most of its addresses does not watch the node that dies. */
export const diesAmongMany: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, nodes: 12, addresses: 60 });
  begin(cluster, "power", holder, FOR_LONG_MS);
  cluster.run(3_000);
  const gap = cluster.invariants.longestGapMs;
  return [...unsound(cluster), ...expected(gap < 500, `nobody answered for ${Math.round(gap)} ms`)];
};

/** Two sites with one subnet, and no way between them; the holder is cut off from the API server only, and the one beside it hears that. */
export const twoSites: SabotageStory = (sabotage) => {
  const cluster = new Cluster({ sabotage, seed: 5, nodes: 4, addresses: 1, gateway: false });
  for (const node of ["n3", "n4"]) cluster.wire.sides.set(node, 1);
  cluster.run(20_000);
  cluster.moves.length = 0;
  cluster.setReach(cluster.holder(ADDRESS) ?? "", false);
  cluster.run(35_000);
  return nothingMoved(cluster);
};

/** A switch that answers for everybody in the name of who announced last, also for the dead (EVPN). */
export const suppressingSwitch: SabotageStory = (sabotage) => {
  const cluster = new Cluster({ sabotage, seed: 7, nodes: 3, addresses: 1 });
  cluster.wire.suppressing = new Map();
  cluster.run(12_000);
  begin(cluster, "power", cluster.holder(ADDRESS) ?? "", FOR_LONG_MS);
  cluster.run(20_000);
  return unsound(cluster);
};

/** A foreign host uses the addresses of a node that dies, and answers what everybody is asked. */
export const strangerAnswers: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, addresses: 6 });
  for (const address of cluster.api.vips.keys()) cluster.wire.strangers.set(address, STRANGER);
  begin(cluster, "power", holder, FOR_LONG_MS);
  cluster.run(3_000);
  const gap = cluster.invariants.longestGapMs;
  return [...unsound(cluster), ...expected(gap < 500, `nobody answered for ${Math.round(gap)} ms`)];
};

/** A foreign host has used the address for years when it is given to a Service (A3). */
export const usedBefore: SabotageStory = (sabotage) => {
  const cluster = new Cluster({ sabotage, seed: 7, nodes: 3, addresses: 2 });
  cluster.wire.strangers.set(ADDRESS, STRANGER);
  cluster.run(20_000);
  const [nodes, others] = [ADDRESS, serviceAddress(1)].map((address) => cluster.invariants.answering(address));
  const said = cluster.api.vips.get(ADDRESS)?.conditions.find((one) => one.type === "Announced");
  return [
    ...expected(nodes?.length === 0, `${nodes} answers for what a host has`),
    ...expected(others?.length === 1, "nor is the other one answered"),
    ...expected(said?.reason === "AddressInUse", `the reason is ${said?.reason}`),
  ];
};

/** Sabotage: an answer is taken for that of whoever should have given it. */
export function anyMac(input: DetectorInput, state: DetectorState): DetectorInput {
  if (input.type !== "heard") return input;
  const answers = input.answers.map((answer) => {
    const owner = [...state.stations.values()].find((one) => one.targets.includes(answer.address));
    return owner === undefined ? answer : { ...answer, mac: owner.mac };
  });
  return { ...input, answers };
}

/** A foreign host comes up with the address, says so three times over two seconds, and then no more (A4, ADR 29). */
export const strangerComesUp: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  for (let said = 0; said < 3; said++) {
    for (const worker of cluster.wire.workers) worker.onAnnouncement(cluster.wire, ADDRESS, STRANGER);
    for (const host of cluster.hosts) host.onAnnouncement(ADDRESS, STRANGER, "request");
    cluster.run(1_000);
  }
  const caches = cachedNodes(cluster).join(" and ");
  return [...expected(caches === holder, `the hosts send to ${caches || "the stranger"}`), ...unsound(cluster)];
};

/** A peer announces in error what this node holds, and the record says so within a moment. */
export const peerInError: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage });
  for (const worker of cluster.wire.workers) {
    if (worker.node === holder) worker.onAnnouncement(cluster.wire, ADDRESS, macOf(others[0] ?? ""));
  }
  cluster.run(3_000);
  const gap = cluster.invariants.longestGapMs;
  return [...unsound(cluster), ...expected(gap === 0, `nobody answered for ${Math.round(gap)} ms`)];
};
