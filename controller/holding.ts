/** Which address a Service has now, by its VirtualIPs, by Berth's own record and by its status, in this order of trust. */
import { type Family, formatIp, type Ip, parseIp, sameIp } from "../lib/address/ip.ts";
import { type Service, serviceKey } from "../lib/model/service.ts";
import type { L2Rules, VirtualIP, VirtualIPService } from "../lib/model/virtual-ip.ts";
import { poolOf, spaceOf } from "./allocator.ts";
import { asksFor } from "./drawing.ts";
import { foundIps } from "./found.ts";
import { type Claim, claimantsOf, ownerOf, vipsOfService } from "./ledger.ts";
import type { PoolSource } from "./pool-source.ts";
import { skippedIn } from "./pools.ts";
import type { World } from "./problems.ts";
import { type Given, isToldToWait, publishedGiven, recordOf } from "./published.ts";
import { judgeConflict } from "./quarantine.ts";
import { type AddressRequest, askedKey } from "./requests.ts";
import { goesWith, shareConflict, shareRefusal } from "./sharing.ts";

/** How an address is had, or comes to be had. */
export type Holding =
  | { readonly type: "keep"; readonly ip: Ip; readonly vip: VirtualIP }
  /** The VirtualIP is to be created: a new address, or the one of the status whose VirtualIP was lost. */
  | { readonly type: "create"; readonly ip: Ip; readonly pool: PoolSource; readonly inUseBefore?: true }
  /** The VirtualIP is there, and the Service is to be named in it: somebody has taken it out. */
  | { readonly type: "join"; readonly ip: Ip; readonly vip: VirtualIP }
  /** The status keeps an address whose VirtualIP somebody deleted by hand; it comes again once that object is gone. */
  | { readonly type: "await"; readonly ip: Ip; readonly vip: VirtualIP };

/** The pool may be gone for good; what it said of the wire is lost then, and the address is announced where its subnet is. */
const NO_RULES: L2Rules = { interfaces: [], nodeSelector: undefined, preferred: [] };

/** The VirtualIPs that belong to this very Service (by uid), those being deleted included. */
export function ownVips(world: World, service: Service): readonly VirtualIP[] {
  const key = serviceKey(service.meta);
  return vipsOfService(world.ledger, key).filter((vip) => entryIn(vip, service) !== undefined);
}

/** What the VirtualIP says of this very Service. */
export function entryIn(vip: VirtualIP, service: Service): VirtualIPService | undefined {
  const { namespace, name, uid } = service.meta;
  return vip.services.find((one) => one.namespace === namespace && one.name === name && one.uid === uid);
}

export function isDeleting(object: { readonly meta: { readonly deletionTimestamp: string | undefined } }): boolean {
  return object.meta.deletionTimestamp !== undefined;
}

/**
 * What the Service has in this family. What clients use does not move, so what Berth has published comes first: living,
 * being deleted by hand, or lost. Then a VirtualIP that is not published yet; then an address of the status, from before
 * Berth. Only a wish that one of the later ones fulfils puts it first: that is a change which was cut off half-way. One that is
 * noted to fulfil `berth.dev/renumber` counts more than one of which it is not known: a store that went back in the middle of the change has
 * the Service out of the VirtualIP that it was to leave, while its status still names that address.
 */
export function findHeld(
  world: World,
  service: Service,
  family: Family,
  request: AddressRequest | undefined,
): Holding | undefined {
  const found = candidates(world, service, family, askedKey(service));
  if (request === undefined) return found[0];
  const met = found.filter((held) => isMet(world, service, held, family, request));
  const noted = request.renumber !== "" && met.find((held) => isNoted(service, held, request.renumber));
  return noted || (met[0] ?? found[0]);
}

function isNoted(service: Service, held: Holding, wish: string): boolean {
  const entry = held.type === "create" ? undefined : entryIn(held.vip, service);
  return entry?.renumber === wish || recordOf(service, held.ip)?.renumber === wish;
}

/** `sharingKey` is undefined if it cannot be read: then that of the VirtualIP counts. */
function candidates(
  world: World,
  service: Service,
  family: Family,
  sharingKey: string | undefined,
): readonly Holding[] {
  const own = ownVips(world, service).flatMap((vip) => {
    const ip = parseIp(vip.address);
    return ip.ok && ip.value.family === family ? [{ vip, ip: ip.value }] : [];
  });
  const published = publishedGiven(service).filter(({ ip }) => ip.family === family);
  const fromRecord = published.flatMap((given): readonly Holding[] => {
    const mine = own.find(({ ip }) => sameIp(ip, given.ip));
    if (mine !== undefined) return [{ type: isDeleting(mine.vip) ? "await" : "keep", ...mine }];
    const lost = reclaim(world, service, given.ip, given, sharingKey);
    return lost === undefined ? [] : [lost];
  });
  const listed = foundIps(service).filter((ip) => ip.family === family);
  const isListed = (ip: Ip) => listed.some((one) => sameIp(one, ip));
  const living = own.filter(
    ({ vip, ip }) =>
      !isDeleting(vip) &&
      !published.some((given) => sameIp(given.ip, ip)) &&
      !isAnothers(world, service, vip, ip, sharingKey),
  );
  const inOrder = [...living.filter(({ ip }) => isListed(ip)), ...living.filter(({ ip }) => !isListed(ip))];
  const fromStatus = listed.flatMap((ip) => {
    const found = reclaim(world, service, ip, undefined, sharingKey);
    return found === undefined || fromRecord.some((one) => sameIp(one.ip, ip)) ? [] : [found];
  });
  return [...fromRecord, ...inOrder.map((one): Holding => ({ type: "keep", ...one })), ...fromStatus];
}

/** Another Service has published it, and this one cannot share it: somebody else than Berth wrote it into the VirtualIP. */
function isAnothers(world: World, service: Service, vip: VirtualIP, ip: Ip, sharingKey: string | undefined): boolean {
  const claimed = claimantsOf(world.ledger, ip).some((claim) => claim.uid !== service.meta.uid);
  return claimed && !isShareable(world, service, vip, sharingKey);
}

function isShareable(world: World, service: Service, vip: VirtualIP, sharingKey: string | undefined): boolean {
  const key = sharingKey ?? vip.sharingKey ?? "";
  return key !== "" && vip.sharingKey === key && shareRefusal(world, service, key, vip) === undefined;
}

/**
 * An address that the Service's status names and none of its VirtualIPs has: lost, taken out of it, or from before Berth,
 * which has no record of it then.
 */
function reclaim(
  world: World,
  service: Service,
  ip: Ip,
  record: Given | undefined,
  sharingKey: string | undefined,
): Holding | undefined {
  const owner = ownerOf(world.ledger, ip);
  if (owner.type === "reserved") return undefined;
  if (owner.type === "claim" && owner.claim.uid !== service.meta.uid) {
    // Of several that have shared it, whoever comes first makes the VirtualIP, and the others join.
    const other = world.ledger.sharers.get(owner.claim.key);
    const isShared = record !== undefined && (sharingKey ?? "") !== "" && other?.key === sharingKey;
    const isOld = record?.isContested === true && owner.claim.isContested;
    if (!isShared && !isOld && !goesWith(world, service, sharingKey ?? "", owner.claim.key, ip)) return undefined;
  }
  if (owner.type === "vip") {
    if (owner.vip.quarantine !== undefined || isRefused(world, service, ip, record, owner.vip, sharingKey)) {
      return undefined;
    }
    if (isDeleting(owner.vip)) return record === undefined ? undefined : { type: "await", ip, vip: owner.vip };
    return { type: "join", ip, vip: owner.vip };
  }
  const pool = poolOf(world.ledger.allocator, ip);
  if (record === undefined) {
    // Another load balancer (k3s has one) wrote the addresses of its nodes there.
    if (pool === undefined || skippedIn(pool, ip)?.isNodesOwn === true) return undefined;
    return { type: "create", ip, pool, inUseBefore: true };
  }
  const claimants = claimantsOf(world.ledger, ip).map(({ key }) => key);
  const isAsked = asksFor(world.ledger, record.pool, service, claimants);
  // A pool that was shrunk or is gone takes nothing away that Berth has given.
  const source = pool === undefined || isAsked ? { name: record.pool, l2: rulesOf(world, record.pool) } : pool;
  return { type: "create", ip, pool: source, inUseBefore: true };
}

/**
 * Of a VirtualIP that is there the Service gets back what Berth has published by its own record, if none of those that are named in it
 * has published it too. Of several that have, all keep it who had it together when they were edited apart: the records of those that
 * collide say so. From before Berth: what was shared then, if it can be shared now.
 */
function isRefused(
  world: World,
  service: Service,
  ip: Ip,
  record: Given | undefined,
  vip: VirtualIP,
  sharingKey: string | undefined,
): boolean {
  const others = new Set(vip.services.map((one) => one.uid));
  const rivals = claimantsOf(world.ledger, ip).filter(({ uid }) => uid !== service.meta.uid && others.has(uid));
  if (record !== undefined && rivals.length === 0) return false;
  // Of three of which two collide, the third has no such note: it goes with both.
  const goes = (claim: Claim) => goesWith(world, service, sharingKey ?? vip.sharingKey ?? "", claim.key, ip);
  if (record?.isContested === true && rivals.every((claim) => claim.isContested || goes(claim))) return false;
  return !isShareable(world, service, vip, sharingKey);
}

/**
 * What a pool says of the wire for an address that it, or nobody, has. Of one that is not in force (it is invalid, and this process
 * has seen no valid spec of it) the ranges are at fault: its rules are read all the same, so that nothing is announced where it must not be.
 */
function rulesOf(world: World, pool: string): L2Rules {
  return spaceOf(world.ledger.allocator, pool)?.pool.l2 ?? world.pools.get(pool)?.pool.l2 ?? NO_RULES;
}

/** What Berth has published for the Service and cannot give back to it: it is another's by now. */
export function isLost(world: World, service: Service, record: Given, sharingKey: string): boolean {
  const isOwn = ownVips(world, service).some((vip) => vip.address === formatIp(record.ip));
  return !isOwn && reclaim(world, service, record.ip, record, sharingKey) === undefined;
}

/**
 * Whether Services have the address that do not go together: as the VirtualIP says, or, while it is lost or not all are in it again, as
 * the records said before.
 */
export function hasRivals(world: World, service: Service, ip: Ip, vip: VirtualIP | undefined, key: string): boolean {
  if (vip !== undefined && shareConflict(world, service, key, vip) !== undefined) return true;
  const isMissing = ({ uid, isContested }: Claim) =>
    isContested && uid !== service.meta.uid && vip?.services.some((one) => one.uid === uid) !== true;
  return recordOf(service, ip)?.isContested === true && claimantsOf(world.ledger, ip).some(isMissing);
}

/** An address by Berth's record of the Service whose VirtualIP another Service is making just now: who may be in it is known once it stands. */
export function isUnderWay(world: World, service: Service): boolean {
  const key = serviceKey(service.meta);
  return publishedGiven(service).some(({ ip }) => {
    const owner = ownerOf(world.ledger, ip);
    return owner.type === "reserved" && owner.key !== key;
  });
}

/**
 * The value of `berth.dev/renumber` that this address fulfils. Two objects record it, the Service and the VirtualIP: a wish is open if
 * neither has it, so that nothing that somebody writes into one of them moves the address, or if the Service says that it waits; else the Service's record counts.
 * One without a value may be of a Berth that had it in the VirtualIP alone. Beside an address that was asked for by name the wish is
 * void. `request` is undefined if it cannot be read.
 */
export function fulfilledWish(
  service: Service,
  ip: Ip,
  entry: VirtualIPService | undefined,
  request: AddressRequest | undefined,
): string {
  const wish = request?.renumber ?? "";
  const asked = request?.ips.get(ip.family);
  if (wish !== "" && asked !== undefined && sameIp(asked, ip)) return wish;
  const record = recordOf(service, ip);
  const written = entry?.renumber ?? "";
  if (record === undefined) return entry === undefined ? wish : written;
  if (wish !== "" && record.renumber !== wish && isToldToWait(service, wish)) return record.renumber;
  if (wish !== "" && written === wish) return wish;
  if (record.renumber !== "") return record.renumber;
  if (entry === undefined) return wish;
  return request === undefined ? written : "";
}

/** A pool that was edited takes nothing away; only an explicit wish for another address or pool is one. */
export function isMet(world: World, service: Service, held: Holding, family: Family, request: AddressRequest): boolean {
  const ip = request.ips.get(family);
  if (ip !== undefined) return sameIp(ip, held.ip);
  const entry = held.type === "create" ? undefined : entryIn(held.vip, service);
  if (request.renumber !== "" && fulfilledWish(service, held.ip, entry, request) !== request.renumber) return false;
  if (held.type === "keep" && judgeConflict(world.ledger, held.vip) === "quarantine") return false;
  if (request.pools === undefined || held.type === "await") return true;
  const named = request.pools.includes(held.type === "create" ? held.pool.name : held.vip.pool);
  return named || request.pools.includes(poolOf(world.ledger.allocator, held.ip)?.name ?? "");
}
