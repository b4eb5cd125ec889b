/** The status of an IPPool: its counts, and the condition Ready with every problem of its spec named. */
import type { Family } from "../lib/address/ip.ts";
import type { Json } from "../lib/kube/api.ts";
import { type ConditionClaim, conditionJson, saysAlready, stampCondition } from "../lib/model/conditions.ts";
import type { IPPoolStatus } from "../lib/model/ip-pool.ts";
import { API_VERSION } from "../lib/model/meta.ts";
import { size } from "./interval-set.ts";
import { familyOfName, type Ledger } from "./ledger.ts";
import { isInvalid, type PoolEntry } from "./pools.ts";

export const READY_CONDITION = "Ready";
/** The status of one pool is written at most this often. */
export const STATUS_PERIOD_MS = 1_000;

export interface PoolStatusPlan {
  /** Body of a server-side apply on the status; undefined if all of it stands already. */
  readonly apply: Json | undefined;
  /** Set when the condition turns to something that the owner of the pool should hear of. */
  readonly warning: ConditionClaim | undefined;
}

export function planPoolStatus(entry: PoolEntry, ledger: Ledger, nowText: string): PoolStatusPlan {
  const { pool } = entry;
  const status = statusOf(entry, ledger);
  const claim = readyClaim(entry, ledger);
  const said = saysAlready(pool.conditions, claim);
  if (said && sameStatus(status, pool.status)) return { apply: undefined, warning: undefined };
  const at = { nowText, observedGeneration: pool.meta.generation };
  const apply = {
    apiVersion: API_VERSION,
    kind: "IPPool",
    // The uid keeps the apply from bringing back a pool that was deleted meanwhile.
    metadata: { name: pool.meta.name, uid: pool.meta.uid },
    status: { ...status, conditions: [conditionJson(stampCondition(pool.conditions, claim, at))] },
  };
  return { apply, warning: said || claim.status === "True" ? undefined : claim };
}

/** True when every part of the spec works as written; a note about harmless repetition does not change that. */
function readyClaim(entry: PoolEntry, ledger: Ledger): ConditionClaim {
  const active = ledger.allocator.find((space) => space.pool.name === entry.pool.meta.name)?.pool;
  const own = entry.compiled.problems;
  const all = [...own, ...(isInvalid(entry) ? [] : (active?.problems ?? []))];
  const type = READY_CONDITION;
  const serious = all.find((problem) => problem.reason !== "Duplicate");
  const text = all.map((problem) => problem.message).join("; ");
  if (serious === undefined) {
    const message = text === "" ? "every address of the spec can be given out" : text;
    return { type, status: "True", reason: "Valid", message };
  }
  const kept = isInvalid(entry) && entry.inForce !== undefined;
  const message = kept
    ? `${text}; until this is corrected the last valid addresses stay in force: ${entry.inForce.text}`
    : text;
  return { type, status: "False", reason: serious.reason, message };
}

function statusOf(entry: PoolEntry, ledger: Ledger): IPPoolStatus {
  const name = entry.pool.meta.name;
  const space = ledger.allocator.find((one) => one.pool.name === name);
  const total = (family: Family) => toCount(size(space?.pool.spaces[family]));
  const free = (family: Family) => toCount(size(space?.free[family]));
  const assigned = { 4: 0, 6: 0 };
  for (const [vipName, vip] of ledger.vips) if (vip.pool === name) assigned[familyOfName(vipName)]++;
  return {
    observedGeneration: entry.pool.meta.generation,
    addresses: entry.pool.addresses.join(","),
    totalIPv4: total(4),
    totalIPv6: total(6),
    assignedIPv4: assigned[4],
    assignedIPv6: assigned[6],
    availableIPv4: free(4),
    availableIPv6: free(6),
  };
}

/** Stops at 2^53 - 1, as the schema says. */
function toCount(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

function sameStatus(left: IPPoolStatus, right: IPPoolStatus): boolean {
  return (Object.keys(left) as (keyof IPPoolStatus)[]).every((field) => left[field] === right[field]);
}
