/** Stories of a node that hears nobody, or whom nobody hears, though its cable is in and it reaches the API server: by the eyes of the hosts (E1). */
import { Cluster } from "./cluster.ts";
import { begin, type Fault } from "./faults.ts";
import { nodeObject, serviceAddress, virtualIP } from "./objects.ts";
import type { Sabotage } from "./sabotage.ts";
import { expected, type SabotageStory, told } from "./sabotage-stories.ts";
import { ADDRESS, FOR_LONG_MS, type Story, settled, unsound } from "./story.ts";

/** By then such a node knows it, and its next renewal has told the others. */
export const KNOWN_MS = 10_500;
/** A host is answered within this, whatever the moment of the fault: the node finds it within 6.2 s, waits 3 s whether all do, and hands over. */
export const ANSWERED_MS = 10_000;
/** Of a move that was made in time hosts notice no more. */
const MOVE_MS = 300;

export type OneSided = Extract<Fault, "dead-port" | "mute" | "deaf">;

/** Of each story once with each of the two that could be next. */
function bothWays(sabotage: Sabotage, tell: (story: Story, broken: string) => readonly string[]): readonly string[] {
  return [0, 1].flatMap((which) => {
    const story = settled({ sabotage });
    return tell(story, story.others[which] ?? "");
  });
}

export function hostsAnsweredWithin(cluster: Cluster, ms: number): readonly string[] {
  const outage = cluster.longestOutageMs;
  return [
    ...cluster.invariants.violations,
    ...expected(outage <= ms, `a host had no answer for ${Math.round(outage)} ms, moved: ${told(cluster)}`),
  ];
}

/** The holder may not hold any more. */
export function handedOn(fault: OneSided): SabotageStory {
  return (sabotage) =>
    bothWays(sabotage, ({ cluster, holder }, broken) => {
      begin(cluster, fault, broken, FOR_LONG_MS);
      cluster.run(KNOWN_MS);
      cluster.api.putNode(holder, nodeObject({ excluded: true }));
      cluster.run(15_000);
      return [...hostsAnsweredWithin(cluster, MOVE_MS), ...unsound(cluster)];
    });
}

export function left(fault: OneSided): SabotageStory {
  return (sabotage) =>
    bothWays(sabotage, ({ cluster, holder }, broken) => {
      begin(cluster, fault, broken, FOR_LONG_MS);
      cluster.run(KNOWN_MS);
      begin(cluster, "sigterm", holder, FOR_LONG_MS);
      cluster.run(15_000);
      return [...hostsAnsweredWithin(cluster, MOVE_MS), ...unsound(cluster)];
    });
}

/** The first addresses of a cluster in which nobody has listened before. */
export function firstEver(fault: OneSided): SabotageStory {
  return (sabotage) => {
    const cluster = new Cluster({ seed: 7, nodes: 3, addresses: 0, sabotage });
    cluster.run(12_000);
    begin(cluster, fault, "n1", FOR_LONG_MS);
    cluster.run(3_000);
    for (let index = 0; index < 9; index++) cluster.api.putVip(virtualIP(serviceAddress(index), 0));
    cluster.run(10_000);
    return [...hostsAnsweredWithin(cluster, 5_000), ...unsound(cluster)];
  };
}

/** The holder is cut off from the API server only, and answers on. */
export const leaseRunsOut: SabotageStory = (sabotage) =>
  bothWays(sabotage, ({ cluster, holder }, broken) => {
    begin(cluster, "dead-port", broken, FOR_LONG_MS);
    cluster.run(3_000);
    begin(cluster, "cut-off", holder, 25_000);
    cluster.run(60_000);
    return [
      ...hostsAnsweredWithin(cluster, 0),
      ...expected(cluster.holder(ADDRESS) === holder, `moved: ${told(cluster)}`),
      ...unsound(cluster),
    ];
  });

/** It knows, and the holder does not yet: calls take two seconds. */
export const namedTooEarly: SabotageStory = (sabotage) =>
  bothWays(sabotage, ({ cluster, holder }, broken) => {
    begin(cluster, "deaf", broken, FOR_LONG_MS);
    const [process] = cluster.processes.get(broken) ?? [];
    while (process?.state.world.hearing.get("eth0")?.hears === true) {
      cluster.run(10);
      cluster.api.slowMs = 2_000;
    }
    cluster.api.putNode(holder, nodeObject({ excluded: true }));
    cluster.run(20_000);
    return hostsAnsweredWithin(cluster, 1_000);
  });

/** Node to node nothing passes any more, there is no router, and the holder dies: its Lease decides, as in a private VLAN. */
export const nobodyHears: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, gateway: false, addresses: 3 });
  cluster.wire.isolated = true;
  cluster.run(12_000);
  begin(cluster, "power", holder, FOR_LONG_MS);
  cluster.run(20_000);
  return [...hostsAnsweredWithin(cluster, 13_300), ...unsound(cluster)];
};

/** So late that the address has come to it before it could know. */
export function brokenBefore(fault: OneSided, beforeMs: number): SabotageStory {
  return (sabotage) =>
    bothWays(sabotage, ({ cluster, holder }, broken) => {
      begin(cluster, fault, broken, FOR_LONG_MS);
      cluster.run(beforeMs);
      cluster.api.putNode(holder, nodeObject({ excluded: true }));
      cluster.run(20_000);
      return [...hostsAnsweredWithin(cluster, ANSWERED_MS), ...unsound(cluster)];
    });
}
