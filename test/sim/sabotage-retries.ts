/** Stories of broken rules about when somebody tries again, and when it is over (election.md sections 2, 4, 5, 7 and 8). */
import { Cluster } from "./cluster.ts";
import { begin } from "./faults.ts";
import { macOf, nodeObject } from "./objects.ts";
import { answeredWithin, EDGE, neverTwo, prefer } from "./sabotage-moves.ts";
import { expected, type SabotageStory, told } from "./sabotage-stories.ts";
import { ADDRESS, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** What is found at 20 % of frames lost by twelve nodes, and a little more. */
const ALARMED_PER_SECOND = 110;

/** What the holder sends does not arrive at one of the others, and that goes on. */
export const oneWayPath: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage, seed: 1, addresses: 3 });
  cluster.wire.blocked.add(`${holder}>${others[0]}`);
  cluster.run(30_000);
  return cluster.invariants.violations;
};

/** Another one has been recorded, and is not heard: the record alone says so. */
export const recordedUnheard: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage });
  const { api, wire } = cluster;
  const { meta, holder: record } = api.vips.get(ADDRESS) ?? {};
  const [node = ""] = others;
  const [{ instance } = { instance: "" }] = cluster.processes.get(node) ?? [];
  if (meta === undefined || record === undefined) return ["nobody holds it"];
  const { epoch } = record;
  const named = {
    ...record,
    node,
    instance,
    mac: macOf(node),
    from: "",
    epoch: epoch + 1,
    reason: "holder-unreachable",
  };
  wire.sides.set(holder, 1);
  api.compareAndSet(meta.name, meta.uid, epoch, "", named, node);
  cluster.run(200);
  return cluster.invariants.violations;
};

/** Nobody hears anybody, the holder dies, and one of those that are left is preferred: with each its turn it is that one that takes, at once (section 5). */
export const turnsByLease: SabotageStory = (sabotage) =>
  [1, 2, 3, 4].flatMap((seed) => {
    const cluster = new Cluster({ sabotage, seed, nodes: 4, addresses: 1 });
    cluster.wire.isolated = true;
    cluster.run(12_000);
    cluster.moves.length = 0;
    const holder = cluster.holder(ADDRESS) ?? "";
    const [preferred = ""] = cluster.names.filter((node) => node !== holder);
    prefer(cluster);
    cluster.api.putNode(preferred, nodeObject({ labels: EDGE }));
    begin(cluster, "power", holder, FOR_LONG_MS);
    cluster.run(60_000);
    const isOnce = cluster.moves.length === 1 && cluster.holder(ADDRESS) === preferred;
    return [...unsound(cluster), ...expected(isOnce, `not to ${preferred} at once: ${told(cluster)}`)];
  });

/** Cut off from the API server, the holder answers when it is asked by its Lease's end, and dies behind a switch that answers for it (E10, E12). */
export const diesAfterItAnswered: SabotageStory = (sabotage) => {
  const cluster = new Cluster({ sabotage, seed: 7, nodes: 3, addresses: 1 });
  cluster.wire.suppressing = new Map();
  cluster.run(12_000);
  const holder = cluster.holder(ADDRESS) ?? "";
  cluster.setReach(holder, false);
  cluster.run(16_000);
  cluster.resetOutages();
  begin(cluster, "power", holder, FOR_LONG_MS);
  cluster.run(15_000);
  return [...unsound(cluster), ...answeredWithin(cluster, 6_000)];
};

/** Without the API server the holder has yielded to the one that took on the other side of a split, which dies: nobody else knows that it had the address (rule Y). */
export const otherOneDies: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  const { invariants, wire } = cluster;
  cluster.setApi(false);
  wire.sides.set(holder, 1);
  cluster.run(5_000);
  const [taker = ""] = invariants.answering(ADDRESS).filter((node) => node !== holder);
  wire.sides.clear();
  cluster.run(3_000);
  const after = invariants.answering(ADDRESS).join(" and ");
  cluster.resetOutages();
  begin(cluster, "power", taker, FOR_LONG_MS);
  cluster.run(10_000);
  return [...expected(after === taker, `${after} answers after the healing`), ...answeredWithin(cluster, 3_000)];
};

/** The watches of the only other node say nothing any more; it has not seen the last record of an address that falls silent (F4, F7). */
export const refusedUnseen: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, nodes: 2, addresses: 12 });
  const { api } = cluster;
  const vip = api.vips.get(ADDRESS);
  const [other = ""] = cluster.names.filter((node) => node !== holder);
  if (vip?.holder === undefined) return ["nobody holds it"];
  api.hush(other);
  api.putVip({ ...vip, holder: { ...vip.holder, epoch: vip.holder.epoch + 1, reason: "taken-back" } });
  cluster.run(10);
  cluster.wire.unanswered.add(`${holder} ${ADDRESS}`);
  cluster.run(10_000);
  return answeredWithin(cluster, 5_500);
};

/** One frame in five is lost, each way, and everybody hears the alarms of everybody (E6). */
export const manyAlarms: SabotageStory = (sabotage) => {
  const { cluster } = settled({ sabotage, nodes: 12, addresses: 60, hosts: false });
  const { wire } = cluster;
  const asked = new Map<string, number>();
  const ask = wire.ask.bind(wire);
  wire.ask = (from, probe, arrive) => {
    for (const who of [from, `holder ${probe.mac}`]) asked.set(who, (asked.get(who) ?? 0) + 1);
    ask(from, probe, arrive);
  };
  wire.loss = 0.2;
  cluster.run(5_000);
  const most = Math.max(...asked.values()) / 5;
  return expected(most <= ALARMED_PER_SECOND, `${most} questions a second at one node`);
};

/** On the other side of a split, and cut off from the API server, a node has taken; its Lease was deleted meanwhile. The record names the one that it meets again. */
export const withoutLease: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage, nodes: 2 });
  const [other = ""] = others;
  cluster.setReach(other, false);
  cluster.wire.sides.set(holder, 1);
  cluster.run(9_000);
  const taken = cluster.invariants.answering(ADDRESS).includes(other);
  cluster.api.deleteLease(other);
  cluster.run(3_000);
  cluster.wire.sides.clear();
  cluster.run(6_000);
  return [...expected(taken, `${other} has not taken`), ...cluster.invariants.violations, ...neverTwo(cluster, 400)];
};

/** The only node is told to end, and the API server takes its time. */
export const leavesAlone: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, nodes: 1 });
  cluster.api.slowMs = 2_000;
  begin(cluster, "sigterm", holder, FOR_LONG_MS);
  cluster.run(50);
  let unanswered = 0;
  for (let ran = 0; ran < 11_000 && cluster.isUp(holder); ran += 10) {
    if (cluster.invariants.answering(ADDRESS).length === 0) unanswered += 10;
    cluster.run(10);
  }
  return [
    ...expected(!cluster.isUp(holder), "it does not end"),
    ...expected(unanswered === 0, `it ran for ${unanswered} ms and did not answer`),
  ];
};
