/** The writes of a speaker that nobody waits for (speaker/shell/records.ts). */
import type { SpeakerEffect } from "../../speaker/state.ts";
import type { SimApi } from "./api.ts";

type ConditionEffect = Extract<SpeakerEffect, { type: "condition" }>;
type FenceEffect = Extract<SpeakerEffect, { type: "fence" }>;

/** Server-side apply of one type of condition; the others stay. */
export function postCondition(api: SimApi, by: string, { claim, name, uid }: ConditionEffect): void {
  const act = (): void => {
    const vip = api.vips.get(name);
    if (vip === undefined || vip.meta.uid !== uid) return;
    const others = vip.conditions.filter((one) => one.type !== claim.type);
    const condition = { ...claim, lastTransitionTime: "", observedGeneration: undefined };
    api.putVip({ ...vip, conditions: [...others, condition] });
  };
  api.call(by, act, () => {});
}

/** The mark on the Lease of the process that the wire found gone, if it still is that process. */
export function postFence(api: SimApi, writer: string, { node, instance, by }: FenceEffect): void {
  const act = (): void => {
    const lease = api.leases.get(node);
    if (lease?.instance === instance) api.putLease({ ...lease, fencedBy: by });
  };
  api.call(writer, act, () => {});
}
