/** The status of an IPPool: its counts, the condition Ready with every problem of its spec named, and Retained: what it only keeps. */
import { type Family, formatIp, virtualIpName } from "../lib/address/ip.ts";
import type { Json } from "../lib/kube/api.ts";
import {
  type ConditionClaim,
  conditionJson,
  findCondition,
  saysAlready,
  stampCondition,
} from "../lib/model/conditions.ts";
import { type JsonObject, sortedJson } from "../lib/model/decode.ts";
import type { IPPoolStatus } from "../lib/model/ip-pool.ts";
import { API_VERSION, POOL_FINALIZER } from "../lib/model/meta.ts";
import { serviceKey } from "../lib/model/service.ts";
import { byteLength, listed } from "../lib/model/text.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import { spaceOf } from "./allocator.ts";
import { size } from "./interval-set.ts";
import { isRecorded, type Ledger, straysOf, vipsOfPool } from "./ledger.ts";
import { isNote, type PoolProblem } from "./pool-config.ts";
import { type ActivePool, isInvalid, type PoolEntry } from "./pools.ts";
import { quarantineTexts } from "./quarantine.ts";

export const READY_CONDITION = "Ready";
/** Present while the pool keeps addresses that its spec does not have: of a shrunk pool, or of one being deleted. */
export const RETAINED_CONDITION = "Retained";
/** Present while addresses of the pool are put aside. */
export const QUARANTINED_CONDITION = "Quarantined";
/** The status of one pool is written at most this often. */
export const STATUS_PERIOD_MS = 1_000;
const DELETING_TEXT =
  "the pool is being deleted: it gives nothing out and goes with the last address of it that is in use; an IPPool of another name with the same addresses takes them over as they are";
/** Addresses, or problems, that a message names. */
const NAMED_MAX = 16;
/** A spec that is longer than this as JSON is not kept in the status, so that the object stays well below what the API server stores. */
const KEPT_MAX_BYTES = 262_144;
/** Services of one address that a message names. */
const USERS_NAMED_MAX = 4;

export interface PoolStatusPlan {
  /** Body of a server-side apply on the status; undefined if all of it stands already. */
  readonly apply: Json | undefined;
  /** Set when the condition turns to something that the owner of the pool should hear of. */
  readonly warning: ConditionClaim | undefined;
}

export function planPoolStatus(entry: PoolEntry, ledger: Ledger, nowText: string): PoolStatusPlan {
  const { pool } = entry;
  const status = statusOf(entry, ledger);
  const ready = readyClaim(entry, ledger);
  const said = saysAlready(pool.conditions, ready);
  const extra = [retainedClaim(entry, ledger), quarantinedClaim(entry, ledger)].filter((one) => one !== undefined);
  const extraSaid = [RETAINED_CONDITION, QUARANTINED_CONDITION].every((type) => {
    const claim = extra.find((one) => one.type === type);
    const found = findCondition(pool.conditions, type);
    return claim === undefined ? found === undefined : saysAlready(pool.conditions, claim);
  });
  const lastValidSpec = keptSpec(entry);
  const keptSaid = sortedJson(lastValidSpec) === sortedJson(pool.lastValid?.raw);
  if (said && extraSaid && keptSaid && sameStatus(status, pool.status)) return { apply: undefined, warning: undefined };
  const at = { nowText, observedGeneration: pool.meta.generation };
  const claims = [ready, ...extra];
  const conditions = claims.map((claim) => conditionJson(stampCondition(pool.conditions, claim, at)));
  const { name, uid, resourceVersion } = pool.meta;
  // Who knows of no valid spec takes none away that somebody has written meanwhile.
  const exactly = isInvalid(entry) && lastValidSpec === undefined ? { resourceVersion } : {};
  const apply = {
    apiVersion: API_VERSION,
    kind: "IPPool",
    // The uid keeps the apply from bringing back a pool that was deleted meanwhile.
    metadata: { name, uid, ...exactly },
    status: { ...status, ...(lastValidSpec === undefined ? {} : { lastValidSpec }), conditions },
  };
  return { apply, warning: said || ready.status === "True" ? undefined : ready };
}

/** The spec in force, for the next process, while that of the object cannot be followed. A healthy pool has it already. */
function keptSpec({ kept }: PoolEntry): JsonObject | undefined {
  return kept === undefined || byteLength(JSON.stringify(kept.raw)) > KEPT_MAX_BYTES ? undefined : kept.raw;
}

/**
 * Whether the finalizer is to be added (true), removed (false) or left: it stands while a VirtualIP names the pool, so that a
 * pool which is deleted stays until its last address is free, and no longer, so that nothing of Berth's has to run for an
 * unused pool to go.
 */
export function finalizerChange({ pool }: PoolEntry, ledger: Ledger): boolean | undefined {
  const present = pool.meta.finalizers.includes(POOL_FINALIZER);
  const { name } = pool.meta;
  // A VirtualIP that somebody deletes by hand comes again, and needs what the pool says of the wire.
  const inUse = ledger.uses.has(name) || (present && isRecorded(ledger, name));
  // The API server takes no new finalizer on an object that is being deleted.
  if (inUse && !present) return pool.meta.deletionTimestamp === undefined ? true : undefined;
  return !inUse && present ? false : undefined;
}

/** True when every part of the spec works as written; a mere note does not change that. */
function readyClaim(entry: PoolEntry, ledger: Ledger): ConditionClaim {
  const active = spaceOf(ledger.allocator, entry.pool.meta.name)?.pool;
  const own = entry.compiled.problems;
  const all = [...own, ...(isInvalid(entry) ? [] : worldProblems(active, ledger))];
  const type = READY_CONDITION;
  const serious = all.find((problem) => !isNote(problem.reason));
  // What makes it False is named before what is only worth knowing.
  const inOrder = [false, true].flatMap((note) => all.filter(({ reason }) => isNote(reason) === note));
  const messages = inOrder.map((problem) => problem.message);
  const text = listed(messages, NAMED_MAX, "; ");
  if (serious === undefined) {
    const message = text === "" ? "every address of the spec can be given out" : text;
    return { type, status: "True", reason: "Valid", message };
  }
  const kept = isInvalid(entry) && entry.inForce !== undefined;
  const message = kept
    ? `${text}; until this is corrected the last valid addresses stay in force: ${listed(entry.inForce.text.split(","), NAMED_MAX)}`
    : text;
  return { type, status: "False", reason: serious.reason, message };
}

/** What is wrong with the pool in this cluster, whatever its own spec says. */
function worldProblems(active: ActivePool | undefined, ledger: Ledger): readonly PoolProblem[] {
  if (active === undefined) return [];
  const clashes = active.skipped.flatMap(({ ip, what, isGuess }) => {
    const vip = ledger.vips.get(virtualIpName(ip));
    return vip === undefined || isGuess === true ? [] : [`${formatIp(ip)} of ${usersOf(vip)} is ${what}`];
  });
  const problems: PoolProblem[] = [...active.problems];
  if (active.leaving) problems.unshift({ reason: "Deleting", message: DELETING_TEXT });
  if (clashes.length > 0) {
    const message = `${listed(clashes, NAMED_MAX)}: give the Service another address (annotation berth.dev/renumber)`;
    problems.unshift({ reason: "ReservedAddressInUse", message });
  }
  return problems;
}

/** What stays in use although the spec does not have it any more. */
function retainedClaim({ pool }: PoolEntry, ledger: Ledger): ConditionClaim | undefined {
  const { name, deletionTimestamp } = pool.meta;
  const leaving = deletionTimestamp !== undefined;
  const vips = leaving ? vipsOfPool(ledger, name) : straysOf(ledger, name);
  if (vips.length === 0) return undefined;
  const all = vips.map((vip) => `${vip.address} (${usersOf(vip)})`);
  const named = listed(all, NAMED_MAX);
  const message = `${named}: kept until the Services that have them go or ask for others`;
  return { type: RETAINED_CONDITION, status: "True", reason: leaving ? "Deleting" : "OutsideSpec", message };
}

/** Addresses that are put aside since hosts outside the cluster use them. */
function quarantinedClaim({ pool }: PoolEntry, ledger: Ledger): ConditionClaim | undefined {
  const texts = quarantineTexts(ledger, pool.meta.name);
  if (texts.length === 0) return undefined;
  const message = `${listed(texts, NAMED_MAX)}: give these hosts other addresses, or exclude them here`;
  return { type: QUARANTINED_CONDITION, status: "True", reason: "ForeignHost", message };
}

function usersOf(vip: VirtualIP): string {
  const leaving = vip.meta.deletionTimestamp !== undefined ? "being released by " : "";
  return `${leaving}${listed(vip.services.map(serviceKey), USERS_NAMED_MAX) || "nobody"}`;
}

function statusOf(entry: PoolEntry, ledger: Ledger): IPPoolStatus {
  const space = spaceOf(ledger.allocator, entry.pool.meta.name);
  const total = (family: Family) => toCount(size(space?.pool.spaces[family]));
  const free = (family: Family) => (space?.pool.leaving === true ? 0 : toCount(size(space?.free[family])));
  const count = ledger.uses.get(entry.pool.meta.name)?.count ?? { 4: 0, 6: 0 };
  return {
    observedGeneration: entry.pool.meta.generation,
    addresses: entry.pool.addresses.join(","),
    totalIPv4: total(4),
    totalIPv6: total(6),
    assignedIPv4: count[4],
    assignedIPv6: count[6],
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
