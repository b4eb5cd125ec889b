/** Stories of broken rules that need more than one small segment: two of them, or hundreds of addresses. */
import { Cluster } from "./cluster.ts";
import { nodeObject } from "./objects.ts";
import { expected, type SabotageStory, told } from "./sabotage-stories.ts";
import { unsound } from "./story.ts";
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
