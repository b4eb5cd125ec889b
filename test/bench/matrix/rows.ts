/** The rows of the fault matrix: what happens to the node that holds every address, and what may come of it. */
import { berthNamespace } from "../../e2e/berth.ts";
import * as faults from "./faults.ts";
import { claimed } from "./foreign.ts";
import type { Promised } from "./promises.ts";
import { type Stage, VICTIM } from "./stage.ts";

export interface Row {
  readonly name: string;
  readonly runs: number;
  readonly promised: Promised;
  readonly break: (stage: Stage) => Promise<faults.Broken>;
}

/** What must hold on a loaded machine: a goal that is missed by far is a fault also there. */
const soon = [0, 3_000] as const;
const none = [0, 0] as const;
const half = { outageMs: [0, 500] } as const;
/** No gap, but for a connection or two that waited for a processor. */
const gapless = { outageMs: [0, 100] } as const;

const taken: Promised = { moved: "all", within: { outageMs: soon }, goal: half };
const handedOver: Promised = { moved: "all", within: { lost: none } };
/** Whoever knows the address goes on while its speaker is silent, and when another takes it: the kernel still forwards. Others wait. */
const silent: Promised = {
  within: { outageMs: soon, lost: none, anew: [0, 6_000] },
  goal: { ...gapless, anew: [0, 3_000] },
};
const untouched: Promised = { moved: "none", within: { outageMs: soon, lost: none, cut: none }, goal: gapless };
const undisturbed: Promised = { moved: "none", within: { verdicts: none } };
const localOnly: Promised = { moved: "local", within: { lost: none } };

const exclude = "node.kubernetes.io/exclude-from-external-load-balancers";

/** Rows that need no more than a command. */
const sudden: readonly Row[] = [
  {
    // What the lab loses by itself: beside this the others are read.
    name: "calm",
    runs: 20,
    promised: undisturbed,
    break: async () => {
      await faults.sleep(10_000);
      return {};
    },
  },
  {
    name: "cable",
    runs: 100,
    promised: taken,
    break: async ({ berth }) => {
      await berth.lab.pullCable(VICTIM);
      return {};
    },
  },
  { name: "node", runs: 20, promised: taken, break: faults.dieWhole },
  {
    name: "kill",
    runs: 20,
    promised: { ...silent, goal: { ...silent.goal, hasty: none } },
    break: faults.killed,
  },
];

const frozen = (seconds: number, runs: number, moved: "all" | "none"): Row => ({
  name: `freeze-${seconds}`,
  runs,
  promised: { ...silent, moved, within: { ...silent.within, stale: none } },
  break: (stage) => faults.frozen(stage, seconds * 1_000),
});

const planned: readonly Row[] = [
  {
    name: "sigterm",
    runs: 20,
    promised: handedOver,
    break: async ({ berth }) => {
      await berth.kubectl("-n", berthNamespace, "delete", "pod", await berth.speakerOn(VICTIM), "--wait=false");
      return {};
    },
  },
  {
    name: "rollout",
    runs: 20,
    promised: untouched,
    break: async ({ berth }) => {
      await berth.kubectl("-n", berthNamespace, "rollout", "restart", "daemonset/berth-speaker");
      await berth.ready();
      return {};
    },
  },
  {
    name: "drain",
    runs: 20,
    promised: localOnly,
    break: async ({ berth }) => {
      await berth.kubectl("drain", VICTIM, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s");
      return { mend: async () => void (await berth.kubectl("uncordon", VICTIM)) };
    },
  },
  {
    name: "exclude",
    runs: 20,
    promised: handedOver,
    break: async ({ berth }) => {
      await berth.kubectl("label", "node", VICTIM, `${exclude}=`);
      return { mend: async () => void (await berth.kubectl("label", "node", VICTIM, `${exclude}-`)) };
    },
  },
];

export const rows: readonly Row[] = [
  ...sudden,
  frozen(1, 20, "none"),
  frozen(5, 20, "all"),
  frozen(60, 5, "all"),
  ...planned,
  {
    name: "notready",
    runs: 5,
    promised: { moved: "local", within: { lost: none, early: none } },
    break: faults.unready,
  },
  { name: "api-down", runs: 5, promised: taken, break: faults.away },
  { name: "api-slow", runs: 20, promised: taken, break: faults.slow },
  {
    name: "api-cut",
    runs: 5,
    promised: { moved: "all", within: { outageMs: soon, lost: none, early: none }, goal: gapless },
    break: faults.cutOff,
  },
  {
    name: "split",
    runs: 20,
    promised: { moved: "all", within: { outageMs: soon, double: [0, 1_000] }, goal: half },
    break: faults.split,
  },
  { name: "local-endpoint", runs: 20, promised: localOnly, break: faults.withoutEndpoint },
  { name: "iface", runs: 20, promised: taken, break: faults.withoutAddress },
  {
    name: "iface-renamed",
    runs: 20,
    promised: { within: { outageMs: soon, lost: none }, goal: gapless },
    break: faults.renamed,
  },
  {
    name: "foreign",
    runs: 20,
    promised: {
      moved: "none",
      within: { outageMs: [0, 6_000], defences: [1, 1], undefended: none },
      goal: { outageMs: [0, 3_000] },
    },
    break: claimed,
  },
  { name: "loss-20", runs: 20, promised: undisturbed, break: faults.lossy },
  {
    name: "cpu",
    runs: 20,
    promised: undisturbed,
    break: async ({ berth }) => {
      await berth.lab.keepBusy(2, 30);
      return {};
    },
  },
];
