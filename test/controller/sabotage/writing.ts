/** Rules about the writes and their order. */
import type { Effect } from "../../../controller/effects.ts";
import { type Broken, broken } from "./broken.ts";

type Executing = typeof import("../../../controller/shell/executor.ts");
type Held = typeof import("../../../controller/held.ts");
type LedgerRules = typeof import("../../../controller/ledger.ts");
type Planning = typeof import("../../../controller/plan.ts");
type Views = typeof import("../../../controller/view.ts");
type Waits = typeof import("../../../controller/waiting-room.ts");
type Writes = typeof import("../../../controller/shell/writes.ts");

/** A plan whose effects are others. */
function planned(change: (effects: readonly Effect[]) => readonly Effect[]): (real: Planning) => Partial<Planning> {
  return ({ planService }) => ({
    planService: (input) => {
      const plan = planService(input);
      return { ...plan, effects: change(plan.effects) };
    },
  });
}

const first = (type: Effect["type"]) => (effects: readonly Effect[]) => [
  ...effects.filter((one) => one.type === type),
  ...effects.filter((one) => one.type !== type),
];

export const WRITES: readonly Broken[] = [
  broken<Views>(
    "what was written counts no more when the store goes back",
    "view",
    ({ createView }) => ({ createView: (cached) => ({ ...createView(cached), expire: () => [] }) }),
    { by: "scenarios/rollback" },
  ),
  broken<Executing>(
    "a pass ends when the store goes back under it",
    "controller/shell/executor",
    ({ execute }) => ({ execute: (deps, ...rest) => execute({ ...deps, isOutdated: () => false }, ...rest) }),
    { by: "scenarios/rollback" },
  ),
  broken<Waits>(
    "who asks for an address is told who has it now",
    "waiting-room",
    ({ WaitingRoom }) => ({
      WaitingRoom: class extends WaitingRoom {
        override asking(): readonly string[] {
          return [];
        }
      },
    }),
    { by: "scenarios/waiting" },
  ),
  broken<Planning>("a VirtualIP is there before its address is published", "plan", planned(first("write-service")), {
    by: "plan",
  }),
  broken<Planning>("an address is published no more before it is given back", "plan", planned(first("delete-vip")), {
    by: "plan",
  }),
  broken<Planning>(
    "nothing is taken away on the word of a late cache",
    "plan",
    planned((effects) => effects.filter(({ type }) => type !== "confirm-service")),
    { by: "plan" },
  ),
  broken<Planning>(
    "a class of somebody else is not touched",
    "plan",
    ({ planService }) => ({
      planService: (input) => {
        const { service } = input;
        return planService({ ...input, service: service && { ...service, loadBalancerClass: undefined } });
      },
    }),
    { by: "scenarios/lifecycle" },
  ),
  broken<LedgerRules>("an address is reserved while its VirtualIP is made", "ledger", () => ({ reserve: () => {} }), {
    by: "plan",
  }),
  broken<Planning>(
    "the finalizer for load balancers stands while there is an address",
    "plan",
    planned((effects) => effects.map((one) => (one.type === "write-service" ? { ...one, finalizer: undefined } : one))),
    { by: "scenarios/lifecycle" },
  ),
  broken<Planning>(
    "a status that others overwrite is set right once a second",
    "plan",
    () => ({ isRepair: () => false }),
    {
      by: "shell",
    },
  ),
  broken<LedgerRules>(
    "a freed address wakes who waits",
    "ledger",
    ({ setVip }) => ({
      setVip: (...given) => {
        setVip(...given);
        return false;
      },
    }),
    { by: "scenarios/conflicts" },
  ),
  broken<Held>(
    "an address is free when its holder is silent",
    "held",
    ({ judgeHeld }) => ({
      judgeHeld: (vip) => {
        const verdict = judgeHeld(vip);
        return verdict.type === "ask" ? { type: "let-go" } : verdict;
      },
    }),
    { by: "scenarios/changes" },
  ),
  broken<Held>(
    "a Lease runs out after ten seconds of looking at it",
    "held",
    () => ({ judgeHolder: () => "lease-expired" }),
    {
      by: "shell",
    },
  ),
  broken<Held>(
    "orphans go, and a lost finalizer comes back",
    "held",
    ({ judgeHeld }) => ({
      judgeHeld: (vip) => {
        const verdict = judgeHeld(vip);
        return verdict.type === "orphan" || verdict.type === "mark" ? { type: "nothing" } : verdict;
      },
    }),
    { by: "scenarios/lifecycle" },
  ),
  broken<Writes>(
    "a VirtualIP that has changed is not overwritten",
    "controller/shell/writes",
    ({ updateVip, readVip }) => ({
      updateVip: async (api, version, spec) => {
        const now = await readVip(api, version.name);
        return updateVip(api, { ...version, ...now?.meta }, spec);
      },
    }),
    { by: "executor" },
  ),
  broken<Writes>(
    "a VirtualIP that has changed is not deleted",
    "controller/shell/writes",
    ({ deleteVip, readVip }) => ({
      deleteVip: async (api, version) => {
        const now = await readVip(api, version.name);
        return deleteVip(api, { ...version, ...now?.meta });
      },
    }),
    { by: "executor" },
  ),
];
