/** Every reason why a Service lacks an address, in words that its owner can act on. */
import { type Family, formatIp, type Ip } from "../lib/address/ip.ts";
import { serviceKey } from "../lib/model/service.ts";
import { assertNever } from "../lib/runtime/errors.ts";
import { poolOf } from "./allocator.ts";
import { type Ledger, ownerOf } from "./ledger.ts";
import type { Pools } from "./pools.ts";

export type NoAddressReason =
  | "BadRequest"
  | "NoPool"
  | "PoolNotFound"
  | "PoolNotReady"
  | "PoolExhausted"
  | "AddressInUse"
  | "AddressNotInPool"
  | "OtherFamilyMissing";

export interface Problem {
  readonly reason: NoAddressReason;
  readonly message: string;
}

export interface World {
  readonly ledger: Ledger;
  readonly pools: Pools;
}

/** Why no address of this family could be chosen; `pool` is the one asked for. */
export function explainNoChoice(world: World, family: Family, pool: string | undefined): Problem {
  return pool === undefined ? explainOpenPools(world, family) : explainNamedPool(world, family, pool);
}

/** Why the address that was asked for cannot be given, or undefined if it can. */
export function explainRequestedIp(world: World, ip: Ip, pool: string | undefined): Problem | undefined {
  const home = poolOf(world.ledger.allocator, ip);
  if (home === undefined) return { reason: "AddressNotInPool", message: explainHomeless(world, ip, pool) };
  if (pool !== undefined && home.name !== pool) {
    const message = `${formatIp(ip)} belongs to the IPPool ${home.name}, not to ${pool}: ask for one of the two`;
    return { reason: "AddressNotInPool", message };
  }
  const owner = ownerOf(world.ledger, ip);
  switch (owner.type) {
    case "nobody":
      return undefined;
    case "vip": {
      const users = owner.vip.services.map(serviceKey).join(", ") || "nobody (a VirtualIP without Services)";
      const leaving = owner.vip.meta.deletionTimestamp !== undefined;
      const verb = leaving ? "is still being released by" : "is in use by";
      return { reason: "AddressInUse", message: `${formatIp(ip)} ${verb} ${users}` };
    }
    case "reserved":
      return { reason: "AddressInUse", message: `${formatIp(ip)} is in use by ${owner.key}` };
    case "claim":
      return { reason: "AddressInUse", message: `${formatIp(ip)} stands in the status of ${owner.claim.key}` };
    default:
      return assertNever(owner);
  }
}

function explainNamedPool(world: World, family: Family, name: string): Problem {
  const entry = world.pools.get(name);
  if (entry === undefined) {
    return {
      reason: "PoolNotFound",
      message: `there is no IPPool ${name}: create it, or correct the annotation berth.dev/pool`,
    };
  }
  if (entry.inForce === undefined)
    return {
      reason: "PoolNotReady",
      message: `the IPPool ${name} cannot be used: ${firstProblem(entry.compiled.problems)}`,
    };
  if (entry.inForce.spaces[family] === undefined) {
    return {
      reason: "NoPool",
      message: `the IPPool ${name} has no IPv${family} addresses: add some, or ask for another pool`,
    };
  }
  return {
    reason: "PoolExhausted",
    message: `no IPv${family} address of the IPPool ${name} is free: widen it or delete a Service`,
  };
}

function explainOpenPools({ ledger, pools }: World, family: Family): Problem {
  if (pools.size === 0)
    return { reason: "NoPool", message: "there is no IPPool: create one with addresses of your network" };
  const open = ledger.allocator.filter((space) => space.pool.autoAssign && space.pool.spaces[family] !== undefined);
  if (open.length > 0) {
    const names = open.map((space) => space.pool.name).join(", ");
    return {
      reason: "PoolExhausted",
      message: `no IPv${family} address is free in any IPPool (${names}): widen one or delete a Service`,
    };
  }
  const broken = [...pools].filter(([, entry]) => entry.inForce === undefined).sort(([a], [b]) => (a < b ? -1 : 1))[0];
  if (broken !== undefined) {
    const [name, entry] = broken;
    return {
      reason: "PoolNotReady",
      message: `the IPPool ${name} cannot be used: ${firstProblem(entry.compiled.problems)}`,
    };
  }
  const message = `no IPPool with autoAssign has IPv${family} addresses: add some, or name a pool in the annotation berth.dev/pool`;
  return { reason: "NoPool", message };
}

function explainHomeless(world: World, ip: Ip, pool: string | undefined): string {
  const named = pool === undefined ? undefined : world.pools.get(pool);
  if (pool !== undefined && named === undefined)
    return `there is no IPPool ${pool}: create it, or correct the annotation berth.dev/pool`;
  return `no IPPool gives out ${formatIp(ip)}: add it to one (and see that it is not excluded), or ask for another address`;
}

function firstProblem(problems: readonly { readonly message: string }[]): string {
  return problems[0]?.message ?? "its addresses cannot be read";
}
