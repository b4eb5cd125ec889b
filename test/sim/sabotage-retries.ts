/** Stories of broken rules about when somebody tries again, and when it is over (election.md sections 2, 4, 5, 7 and 8). */
import { macOf } from "./objects.ts";
import type { SabotageStory } from "./sabotage-stories.ts";
import { ADDRESS, settled } from "./story.ts";

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
