/** Every reason why a Service lacks an address, in words that its owner can act on. */
import { type Family, formatIp, type Ip } from "../lib/address/ip.ts";
import { type Service, serviceKey } from "../lib/model/service.ts";
import { listed } from "../lib/model/text.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import { assertNever } from "../lib/runtime/errors.ts";
import { poolOf, spaceOf } from "./allocator.ts";
import { type DrawWorld, quotaProblem, ruleProblem } from "./drawing.ts";
import { overlap, runs } from "./interval-set.ts";
import { ownerOf, vipsOfService } from "./ledger.ts";
import { isRouters, type PoolConfig, routersText } from "./pool-config.ts";
import { type ActivePool, type PoolEntry, type Pools, skippedIn } from "./pools.ts";
import { parseRequest } from "./requests.ts";
import { shareRefusal } from "./sharing.ts";

export type NoAddressReason =
  | "BadRequest"
  | "NoPool"
  | "PoolNotFound"
  | "PoolNotReady"
  | "PoolNotAllowed"
  | "PoolDeleting"
  | "PoolExhausted"
  | "QuotaExceeded"
  | "AddressInUse"
  | "AddressNotInPool"
  | "AddressReserved"
  | "SharingConflict"
  | "AddressConflict"
  | "ProxyARP"
  | "OtherFamilyMissing";

export interface Problem {
  readonly reason: NoAddressReason;
  readonly message: string;
}

/** What takes every address of a family out of a pool that has some in its spec. */
const LEFT_OUT: Readonly<Record<Family, string>> = {
  4: "spec.excluded or spec.avoidBuggyIPs takes them out",
  6: "spec.excluded takes them out, or each is the first of its /64",
};

export interface World extends DrawWorld {
  readonly pools: Pools;
  /** By `namespace/name`. */
  readonly serviceOf?: (key: string) => Service | undefined;
}

/** Pools that a message names. */
const NAMED_MAX = 8;
/** What tells the owner most comes first: a pool that he may use and that is full before one that is not for him. */
const BY_WEIGHT: readonly NoAddressReason[] = [
  "PoolExhausted",
  "QuotaExceeded",
  "PoolDeleting",
  "PoolNotReady",
  "PoolNotAllowed",
  "PoolNotFound",
];

/** Why no address of this family could be chosen; `named` are the pools asked for. */
export function explainNoChoice(
  world: World,
  service: Service,
  family: Family,
  named: readonly string[] | undefined,
): Problem {
  if (named === undefined) return explainOpenPools(world, service, family);
  const all = named.map((name) => explainNamedPool(world, service, family, name));
  const first = BY_WEIGHT.map((reason) => all.find((one) => one.reason === reason)).find((one) => one !== undefined);
  return { reason: first?.reason ?? "NoPool", message: all.map((one) => one.message).join("; ") };
}

/** Why the address that was asked for cannot be given, or undefined if it can. */
export function explainRequestedIp(
  world: World,
  service: Service,
  ip: Ip,
  named: readonly string[] | undefined,
  sharingKey: string,
): Problem | undefined {
  const home = poolOf(world.ledger.allocator, ip);
  if (isRouters(ip)) return reserved(ip, routersText(ip));
  if (home === undefined) return { reason: "AddressNotInPool", message: explainHomeless(world, ip, named) };
  if (named !== undefined && !named.includes(home.name)) {
    const message = `${formatIp(ip)} belongs to the IPPool ${home.name}, not to ${named.join(" or ")}: ask for one of the two`;
    return { reason: "AddressNotInPool", message };
  }
  return explainOwner(world, service, ip, sharingKey) ?? explainRules(world, service, ip, home);
}

function explainOwner(world: World, service: Service, ip: Ip, sharingKey: string): Problem | undefined {
  const owner = ownerOf(world.ledger, ip);
  switch (owner.type) {
    case "nobody":
      return undefined;
    case "vip": {
      const { quarantine } = owner.vip;
      if (quarantine !== undefined) {
        const message = `${formatIp(ip)} is put aside until ${quarantine.until}: a host with the MAC ${quarantine.mac} uses it`;
        return { reason: "AddressInUse", message };
      }
      const users = owner.vip.services.map(serviceKey).join(", ") || "nobody (a VirtualIP without Services)";
      const leaving = owner.vip.meta.deletionTimestamp !== undefined;
      if (leaving || owner.vip.services.length === 0) {
        const verb = leaving ? "is still being released by" : "is in use by";
        return { reason: "AddressInUse", message: `${formatIp(ip)} ${verb} ${users}` };
      }
      const refusal = shareRefusal(world, service, sharingKey, owner.vip);
      if (refusal === undefined) return undefined;
      const exchange = exchangeText(world, service, owner.vip);
      return { reason: "AddressInUse", message: `${formatIp(ip)} is in use by ${refusal}${exchange}` };
    }
    case "reserved":
      return { reason: "AddressInUse", message: `${formatIp(ip)} is in use by ${owner.key}` };
    case "claim":
      return { reason: "AddressInUse", message: `${formatIp(ip)} stands in the status of ${owner.claim.key}` };
    default:
      return assertNever(owner);
  }
}

/** The way out where two ask for each other's address: neither goes first by itself, since it would give up what it has for nothing yet. */
function exchangeText({ ledger, serviceOf }: World, service: Service, vip: VirtualIP): string {
  const own = vipsOfService(ledger, serviceKey(service.meta)).map(({ address }) => address);
  for (const key of vip.services.map(serviceKey)) {
    const other = serviceOf?.(key);
    const request = other && parseRequest(other);
    const asked = request?.ok === true ? [...request.value.ips.values()].map(formatIp) : [];
    const has = vipsOfService(ledger, key).map((one) => one.address);
    const address = asked.find((one) => own.includes(one) && !has.includes(one));
    if (address !== undefined)
      return `; ${key} waits for ${address}, which this Service has: let one of the two ask for a third address for a moment`;
  }
  return "";
}

/** Why this pool gives nothing to this Service, whether or not anything is free there. */
function explainRules(world: World, service: Service, ip: Ip, pool: ActivePool): Problem | undefined {
  const skipped = skippedIn(pool, ip);
  if (skipped !== undefined && skipped.isGuess !== true) return reserved(ip, skipped.what);
  return explainDrawing(world, service, ip.family, pool);
}

function reserved(ip: Ip, what: string): Problem {
  const message = `${formatIp(ip)} is ${what}, which no Service can have: ask for another address`;
  return { reason: "AddressReserved", message };
}

function explainDrawing(world: World, service: Service, family: Family, pool: ActivePool): Problem | undefined {
  const space = spaceOf(world.ledger.allocator, pool.name);
  return ruleProblem(world, service, pool) ?? (space && quotaProblem(world, service, family, space));
}

function explainNamedPool(world: World, service: Service, family: Family, name: string): Problem {
  const entry = world.pools.get(name);
  if (entry === undefined) {
    return {
      reason: "PoolNotFound",
      message: `there is no IPPool ${name}: create it, or correct the annotation berth.dev/pool`,
    };
  }
  const pool = spaceOf(world.ledger.allocator, name)?.pool;
  if (entry.inForce === undefined || pool === undefined) return notReady(name, entry);
  if (pool.spaces[family] === undefined) {
    const isNamed = namesFamily(entry.inForce, family);
    if (isNamed) return ruleProblem(world, service, pool) ?? explainBare(world, entry.inForce, pool, family);
    const message = `the IPPool ${name} has no IPv${family} addresses: add some, or ask for another pool`;
    return { reason: "NoPool", message };
  }
  return (
    explainDrawing(world, service, family, pool) ?? {
      reason: "PoolExhausted",
      message: `no IPv${family} address of the IPPool ${name} is free: widen it or delete a Service`,
    }
  );
}

/** Why a pool has nothing of the family to give although its spec, which is `config`, names some. */
function explainBare(world: World, config: PoolConfig, pool: ActivePool, family: Family): Problem {
  const reserved = pool.skipped
    .filter(({ ip }) => ip.family === family)
    .map(({ ip, what }) => `${formatIp(ip)} is ${what}`);
  const isLeftOut = config.spaces[family] === undefined;
  const causes = isLeftOut ? [LEFT_OUT[family]] : [...wonTexts(world, config, pool, family), ...reserved];
  const message = `no IPv${family} address of the IPPool ${pool.name} can be given out, since ${listed(causes, NAMED_MAX)}: add others, or ask for another pool`;
  return { reason: "PoolExhausted", message };
}

/** Whether the spec has addresses of the family, given out or not. */
function namesFamily({ text }: PoolConfig, family: Family): boolean {
  return text.split(",").some((range) => range.includes(":") === (family === 6));
}

/** Which pools come before this one and have addresses of it. */
function wonTexts(world: World, config: PoolConfig, pool: ActivePool, family: Family): readonly string[] {
  const all = runs(config.spaces[family]);
  const winners = world.ledger.allocator.pools.filter(
    (one) => one !== pool && all.some((run) => overlap(one.whole[family], run).length > 0),
  );
  const hasAll = winners.length === 1 && pool.whole[family] === undefined;
  return winners.map((one) => `the IPPool ${one.name} has ${hasAll ? "them" : "some of them"} and comes first`);
}

function explainOpenPools(world: World, service: Service, family: Family): Problem {
  const { ledger, pools } = world;
  if (pools.size === 0)
    return { reason: "NoPool", message: "there is no IPPool: create one with addresses of your network" };
  const open = ledger.allocator.pools.filter((pool) => pool.autoAssign && pool.spaces[family]);
  const refusals = open.flatMap((pool) => explainDrawing(world, service, family, pool) ?? []);
  const full = open.filter((pool) => explainDrawing(world, service, family, pool) === undefined);
  if (full.length > 0) {
    const message = `no IPv${family} address is free in any IPPool (${listed(
      full.map((pool) => pool.name),
      NAMED_MAX,
    )}): widen one or delete a Service`;
    const quotas = refusals.filter((one) => one.reason === "QuotaExceeded").map((one) => one.message);
    return { reason: "PoolExhausted", message: [message, ...quotas.slice(0, NAMED_MAX)].join("; ") };
  }
  const reason = BY_WEIGHT.find((weight) => refusals.some((one) => one.reason === weight));
  if (reason !== undefined) {
    const named = refusals.filter((one) => one.reason === reason).map((one) => one.message);
    return { reason, message: listed(named, NAMED_MAX, "; ") };
  }
  const bare = explainBarePool(world, service, family);
  if (bare !== undefined) return bare;
  const broken = [...pools].filter(([, entry]) => entry.inForce === undefined).sort(([a], [b]) => (a < b ? -1 : 1))[0];
  if (broken !== undefined) return notReady(...broken);
  const message = `no IPPool with autoAssign has IPv${family} addresses: add some, or name a pool in the annotation berth.dev/pool`;
  return { reason: "NoPool", message };
}

/** The first pool that gives without being asked, names addresses of the family and can give none of them out. */
function explainBarePool(world: World, service: Service, family: Family): Problem | undefined {
  for (const pool of world.ledger.allocator.pools) {
    const config = world.pools.get(pool.name)?.inForce;
    if (config === undefined || pool.spaces[family] !== undefined || !pool.autoAssign) continue;
    const isHis = namesFamily(config, family) && ruleProblem(world, service, pool) === undefined;
    if (isHis) return explainBare(world, config, pool, family);
  }
  return undefined;
}

function explainHomeless(world: World, ip: Ip, named: readonly string[] | undefined): string {
  const missing = named?.find((name) => !world.pools.has(name));
  if (missing !== undefined)
    return `there is no IPPool ${missing}: create it, or correct the annotation berth.dev/pool`;
  return `no IPPool gives out ${formatIp(ip)}: add it to one (and see that neither spec.excluded nor spec.avoidBuggyIPs leaves it out), or ask for another address`;
}

function notReady(name: string, entry: PoolEntry): Problem {
  const problem = entry.compiled.problems[0]?.message ?? "its addresses cannot be read";
  return { reason: "PoolNotReady", message: `the IPPool ${name} cannot be used: ${problem}` };
}
