/** Stories of broken rules that need more than one small segment: two of them, or hundreds of addresses. */
import { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { nodeObject } from "./objects.ts";
import { expected, type SabotageStory, told } from "./sabotage-stories.ts";
import { FOR_LONG_MS, unsound } from "./story.ts";
import { breakPort, heldOn, twoSegments } from "./two-segments.ts";

/**
 * A node that comes back is preferred, and handed 500 addresses at once. It learns of each record up to 700 ms late; announced together,
 * they would take half a second more, and the last ones would be taken back.
 */
export const manyHandedOver: SabotageStory = (sabotage) => {
  const cluster = new Cluster({
    sabotage,
    seed: 7,
    nodes: 2,
    addresses: 500,
    hosts: false,
    latencyMsMax: 3,
    watchLagMsMax: 700,
  });
  const selector = { matchLabels: { edge: "yes" }, matchExpressions: [] };
  for (const vip of cluster.api.vips.values()) {
    cluster.api.putVip({ ...vip, l2: { ...vip.l2, preferred: [{ weight: 10, selector }] } });
  }
  cluster.api.putNode("n2", nodeObject({ labels: { edge: "yes" } }));
  cluster.kill("n2");
  cluster.run(20_000);
  cluster.resetOutages();
  cluster.moves.length = 0;
  cluster.start("n2");
  cluster.run(50_000);
  const gap = cluster.invariants.longestGapMs;
  const back = cluster.moves.filter(({ reason }) => reason === "taken-back").length;
  return [
    ...unsound(cluster),
    ...expected(gap === 0, `nobody answered for ${Math.round(gap)} ms of a hand-over`),
    ...expected(back === 0 && cluster.moves.length === 500, `${cluster.moves.length} moves, ${back} taken back`),
  ];
};

/** A node with 500 addresses dies, and the only other one announces them all: a thousand frames a second, after a burst of ten (W4). */
export const storm: SabotageStory = (sabotage) => {
  const cluster = new Cluster({ sabotage, seed: 7, nodes: 2, addresses: 500, hosts: false });
  cluster.run(12_000);
  const { wire } = cluster;
  const dead = "n1";
  const lost = [...cluster.api.vips.values()].filter((vip) => vip.holder?.node === dead).length;
  cluster.moves.length = 0;
  const sentMs: number[] = [];
  const announce = wire.announce.bind(wire);
  wire.announce = (from, address, form) => {
    sentMs.push(cluster.timeline.now);
    announce(from, address, form);
  };
  begin(cluster, "power", dead, FOR_LONG_MS);
  cluster.run(10_000);
  const most = Math.max(...sentMs.map((ms, index) => sentMs.findLastIndex((other) => other < ms + 100) + 1 - index));
  return [
    ...expected(most <= 111, `${most} frames within a tenth of a second`),
    ...expected(lost > 100 && cluster.moves.length === lost, `${lost} were lost, ${cluster.moves.length} moved`),
  ];
};

/** The port of one interface dies; the other one answers on. */
export const oneInterface: SabotageStory = (sabotage) => {
  const { cluster, node, wire } = twoSegments({ sabotage });
  const [here, beside] = [heldOn(cluster, node, 0), heldOn(cluster, node, 1)];
  breakPort(wire, node);
  cluster.run(15_000);
  const stayed = here.every((one) => cluster.holder(one) === node && cluster.invariants.gapMsOf(one) === 0);
  const went = beside.every((one) => cluster.holder(one) !== node && cluster.invariants.gapMsOf(one) < 500);
  return expected(
    stayed && went,
    `of ${here.join(" ")}, and ${beside.join(" ")} behind the dead port: ${told(cluster)}`,
  );
};

/** A node behind a dead port of its own hears nobody there, and everybody on the other interface. */
export const deafOnOne: SabotageStory = (sabotage) => {
  const { cluster, node, wire } = twoSegments({ sabotage });
  const other = cluster.names.find((name) => name !== node) ?? "";
  const lost = heldOn(cluster, other, 1).length;
  breakPort(wire, other);
  cluster.run(15_000);
  return expected(cluster.moves.length === lost, `${lost} stood behind the dead port, moved: ${told(cluster)}`);
};
