/** The controller's own condition on a VirtualIP: that its pool does not have the address any more. Written only where that is or was so. */
import { type ConditionClaim, findCondition, saysAlready } from "../lib/model/conditions.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import { spaceOf } from "./allocator.ts";
import type { Ledger } from "./ledger.ts";
import { hasAddress } from "./pools.ts";
import { ipOfName } from "./vip-names.ts";

export const IN_POOL_CONDITION = "InPool";

/** What is to be written; undefined if it stands already, or if there is nothing to say. */
export function planVipCondition(vip: VirtualIP, ledger: Ledger): ConditionClaim | undefined {
  const claim = inPoolClaim(vip, ledger);
  const silent = claim.status === "True" && findCondition(vip.conditions, IN_POOL_CONDITION) === undefined;
  return silent || saysAlready(vip.conditions, claim) ? undefined : claim;
}

function inPoolClaim(vip: VirtualIP, ledger: Ledger): ConditionClaim {
  const type = IN_POOL_CONDITION;
  const pool = spaceOf(ledger.allocator, vip.pool)?.pool;
  const ip = ipOfName(vip.meta.name);
  const kept = "the address is kept until its Services go or ask for another (annotation berth.dev/renumber)";
  if (pool === undefined) {
    return {
      type,
      status: "False",
      reason: "PoolNotFound",
      message: `there is no IPPool ${vip.pool} in force: ${kept}`,
    };
  }
  if (pool.leaving) {
    return {
      type,
      status: "False",
      reason: "PoolDeleting",
      message: `the IPPool ${vip.pool} is being deleted: ${kept}`,
    };
  }
  if (ip !== undefined && !hasAddress(pool, ip)) {
    const message = `the IPPool ${vip.pool} does not have ${vip.address} (any more): ${kept}`;
    return { type, status: "False", reason: "OutsideSpec", message };
  }
  return { type, status: "True", reason: "InPool", message: `the IPPool ${vip.pool} has ${vip.address}` };
}
