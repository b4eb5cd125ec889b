/** Conditions (Kubernetes API conventions, "Typical status properties"): a list keyed by type. */
import type { Json } from "../kube/api.ts";
import { asInteger, asText, fields, items } from "./decode.ts";
import type { Condition } from "./meta.ts";
import { bounded, MESSAGE_MAX_BYTES } from "./text.ts";

export type ConditionStatus = Condition["status"];

/** What a decision says; the time and generation come with the write. */
export interface ConditionClaim {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
}

/** The conditions that can be read; one without type or status is left out. */
export function parseConditions(raw: Json | undefined): readonly Condition[] {
  return items(raw).flatMap((item) => {
    const condition = fields(item);
    const type = asText(condition["type"]);
    const status = asText(condition["status"]);
    if (type === undefined || (status !== "True" && status !== "False" && status !== "Unknown")) return [];
    return [
      {
        type,
        status,
        reason: asText(condition["reason"]) ?? "",
        message: asText(condition["message"]) ?? "",
        lastTransitionTime: asText(condition["lastTransitionTime"]) ?? "",
        observedGeneration: asInteger(condition["observedGeneration"]),
      },
    ];
  });
}

export function findCondition(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** Whether the list already says what the claim says, as far as it fits, whatever the times. */
export function saysAlready(conditions: readonly Condition[], claim: ConditionClaim): boolean {
  const found = findCondition(conditions, claim.type);
  if (found?.status !== claim.status || found.reason !== claim.reason) return false;
  return found.message === bounded(claim.message, MESSAGE_MAX_BYTES);
}

/** The condition to write: lastTransitionTime moves only with the status, the message is cut to what fits. `nowText` is RFC 3339. */
export function stampCondition(
  conditions: readonly Condition[],
  claim: ConditionClaim,
  at: { readonly nowText: string; readonly observedGeneration: number | undefined },
): Condition {
  const found = findCondition(conditions, claim.type);
  const kept = found?.status === claim.status && found.lastTransitionTime !== "";
  return {
    ...claim,
    message: bounded(claim.message, MESSAGE_MAX_BYTES),
    lastTransitionTime: kept ? found.lastTransitionTime : at.nowText,
    observedGeneration: at.observedGeneration,
  };
}

/** The list with this condition in place of the one of its type, or at the end. */
export function withCondition(conditions: readonly Condition[], condition: Condition): readonly Condition[] {
  const at = conditions.findIndex((old) => old.type === condition.type);
  return at < 0 ? [...conditions, condition] : conditions.with(at, condition);
}

export function conditionJson(condition: Condition): Json {
  const { type, status, reason, message, lastTransitionTime, observedGeneration } = condition;
  const json = { type, status, reason, message, lastTransitionTime };
  return observedGeneration === undefined ? json : { ...json, observedGeneration };
}
