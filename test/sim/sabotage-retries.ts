/** Stories of broken rules about when somebody tries again, and when it has to be enough (election.md sections 2, 4, 5, 7 and 8). */
import type { SabotageStory } from "./sabotage-stories.ts";
import { settled } from "./story.ts";

/** What the holder sends does not arrive at one of the others, and that goes on. */
export const oneWayPath: SabotageStory = (sabotage) => {
  const { cluster, holder, others } = settled({ sabotage, seed: 1, addresses: 3 });
  cluster.wire.blocked.add(`${holder}>${others[0]}`);
  cluster.run(30_000);
  return cluster.invariants.violations;
};
