/** Rules whose breaking shows only by the clock, or in the moment of a start, and the stories that find it by the invariants alone. */
import type { SpeakerEffect, SpeakerState } from "../../speaker/state.ts";
import { begin } from "./faults.ts";
import { interfaceFor, nodeObject } from "./objects.ts";
import { pausedWithoutApi, type SabotageStory } from "./sabotage-stories.ts";
import type { Broken } from "./sabotage-table.ts";
import { ADDRESS, FOR_LONG_MS, settled, unsound } from "./story.ts";

/** Nothing happens at all. */
const quiet: SabotageStory = (sabotage) => {
  const { cluster } = settled({ sabotage });
  cluster.run(30_000);
  return unsound(cluster);
};

/** The records come late, so that the wire alone keeps the second in line from starting. */
const holderDies: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, addresses: 12 });
  cluster.api.slowMs = 2_000;
  begin(cluster, "power", holder, FOR_LONG_MS);
  cluster.run(4_000);
  return cluster.invariants.violations;
};

/** The speaker of the holder stands still for less than the two seconds that it is given, and goes on. */
const backInTime: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  begin(cluster, "freeze", holder, 2_000);
  cluster.run(6_000);
  return cluster.invariants.violations;
};

/** The speaker of the holder ends, and the next one finds the Lease of a pod that is no more. */
const newPod: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  cluster.run(5_000);
  cluster.kill(holder);
  cluster.heal();
  cluster.run(30_000);
  return unsound(cluster);
};

/** The holder hands over to one that it does not hear. */
const handedOver: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage });
  cluster.api.putNode(holder, nodeObject({ excluded: true }));
  cluster.run(4_000);
  return cluster.invariants.violations;
};

/** The speaker of the only node stands still for so long that it must read its records before it answers. */
const readsFirst: SabotageStory = (sabotage) => {
  const { cluster, holder } = settled({ sabotage, nodes: 1 });
  begin(cluster, "freeze", holder, FOR_LONG_MS);
  cluster.run(6_000);
  cluster.heal();
  cluster.run(4_000);
  return cluster.invariants.violations;
};

/** Whoever cannot be recorded announces what the silent holder had, and ends a moment later. */
const takerEnds: SabotageStory = (sabotage) =>
  [0, 1].flatMap((index) => {
    const { cluster, holder, others } = settled({ sabotage });
    const taker = others[index] ?? "";
    cluster.api.cut.add(taker);
    cluster.kill(holder);
    cluster.run(3_000);
    cluster.kill(taker);
    cluster.heal();
    cluster.run(9_000);
    return cluster.invariants.violations;
  });

/** For 900 ms of each ten seconds a node answers for what another one holds. */
function answersBeside(effects: readonly SpeakerEffect[], state: SpeakerState, now: number): readonly SpeakerEffect[] {
  const isOther = state.addresses.get(ADDRESS)?.record?.node !== state.node;
  const more = isOther && now % 10_000 < 900 ? [{ address: ADDRESS, interface: interfaceFor(ADDRESS) }] : [];
  const table = { type: "table", generation: state.generation, entries: [...state.table, ...more] } as const;
  return [...effects, { type: "worker", message: table }];
}

export const BROKEN_BOUNDS: readonly Broken[] = [
  {
    rule: "in a healthy network nobody else answers, not for a moment (S2)",
    sabotage: { effects: answersBeside },
    story: quiet,
  },
  {
    rule: "after a pause, 300 ms without the API (S2)",
    sabotage: { times: { confirmMs: 900 } },
    story: pausedWithoutApi,
  },
  {
    rule: "who has heard another candidate announce does not start (S2, E7)",
    sabotage: {
      input: (input) => (input.type === "worker" && input.message.type === "announced" ? undefined : input),
    },
    story: holderDies,
  },
  {
    rule: "who comes back after a silence asks first (S2, rule Y)",
    sabotage: {
      input: (input) =>
        input.type === "worker" && input.message.type === "probed"
          ? { ...input, message: { ...input.message, answers: [] } }
          : input,
    },
    story: pausedWithoutApi,
  },
  {
    rule: "a verdict ends with the first answer (S2)",
    sabotage: {
      state: (state, now) => {
        const verdicts = [...state.verdicts].map(([key, one]) => [key, { ...one, toldMs: now + 1 }] as const);
        return { ...state, verdicts: new Map(verdicts) };
      },
      input: (input) => (input.type === "worker" && input.message.type === "back" ? undefined : input),
    },
    story: backInTime,
  },
  {
    rule: "within a hand-over, a second (S2, F10)",
    sabotage: { deaf: true, times: { handOverMs: 1_300 } },
    story: handedOver,
  },
  {
    rule: "the recorded process answers within 2.3 s (L1)",
    sabotage: { input: (input) => (input.type === "read" ? undefined : input) },
    story: readsFirst,
  },
  {
    rule: "whoever was heard is believed for no longer than 5 s (L1)",
    sabotage: { times: { announcedMs: 9_000 } },
    story: takerEnds,
  },
  {
    rule: "an address whose speaker is silent is answered within 3 s (L1)",
    sabotage: { times: { silentMs: 9_000 } },
    story: newPod,
  },
];
