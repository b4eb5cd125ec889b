/** Which address a Service has now, by its VirtualIPs, by Berth's own record and by its status, in this order of trust. */
import { type Family, type Ip, parseIp, sameIp } from "../lib/address/ip.ts";
import { type Service, serviceKey } from "../lib/model/service.ts";
import type { L2Rules, VirtualIP } from "../lib/model/virtual-ip.ts";
import { poolOf, spaceOf } from "./allocator.ts";
import { claimantsOf, ownerOf, vipsOfService } from "./ledger.ts";
import type { World } from "./problems.ts";
import { type Given, listedIps, publishedGiven } from "./published.ts";
import { judgeConflict } from "./quarantine.ts";
import type { AddressRequest } from "./requests.ts";
import { asksFor, goesWith, shareRefusal } from "./sharing.ts";

/** What a VirtualIP takes from its pool. */
export interface PoolSource {
  readonly name: string;
  readonly l2: L2Rules;
}

/** How an address is had, or comes to be had. */
export type Holding =
  | { readonly type: "keep"; readonly ip: Ip; readonly vip: VirtualIP }
  /** The VirtualIP is to be created: a new address, or the one of the status whose VirtualIP was lost. */
  | { readonly type: "create"; readonly ip: Ip; readonly pool: PoolSource }
  /** The VirtualIP is there, and the Service is to be named in it: somebody has taken it out. */
  | { readonly type: "join"; readonly ip: Ip; readonly vip: VirtualIP }
  /** The status keeps an address whose VirtualIP somebody deleted by hand; it comes again once that object is gone. */
  | { readonly type: "await"; readonly ip: Ip; readonly vip: VirtualIP };

/** The pool may be gone; what it said of the wire is lost then, and the address is announced where its subnet is. */
const NO_RULES: L2Rules = { interfaces: [], nodeSelector: undefined, preferred: [] };

/** The VirtualIPs that belong to this very Service (by uid), those being deleted included. */
export function ownVips(world: World, service: Service): readonly VirtualIP[] {
  const key = serviceKey(service.meta);
  return vipsOfService(world.ledger, key).filter((vip) => entryIn(vip, service) !== undefined);
}

/** What the VirtualIP says of this very Service. */
export function entryIn(vip: VirtualIP, service: Service): VirtualIP["services"][number] | undefined {
  const { namespace, name, uid } = service.meta;
  return vip.services.find((one) => one.namespace === namespace && one.name === name && one.uid === uid);
}

export function isDeleting(object: { readonly meta: { readonly deletionTimestamp: string | undefined } }): boolean {
  return object.meta.deletionTimestamp !== undefined;
}

/**
 * What the Service has in this family. What clients use does not move, so what Berth has published comes first: living,
 * being deleted by hand, or lost. Then a VirtualIP that is not published yet; then an address of the status, from before
 * Berth. Only a wish that one of the later ones fulfils puts it first: that is a change which was cut off half-way.
 */
export function findHeld(
  world: World,
  service: Service,
  family: Family,
  request: AddressRequest | undefined,
): Holding | undefined {
  const found = candidates(world, service, family, request?.sharingKey);
  const wanted = request && found.find((held) => isMet(world, service, held, family, request));
  return wanted ?? found[0];
}

/** `sharingKey` is undefined if the request cannot be read: then that of the VirtualIP counts. */
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
    const lost = reclaim(world, service, given, sharingKey);
    return lost === undefined ? [] : [lost];
  });
  const listed = listedIps(service).filter((ip) => ip.family === family);
  const isListed = (ip: Ip) => listed.some((one) => sameIp(one, ip));
  const living = own.filter(
    ({ vip, ip }) =>
      !isDeleting(vip) &&
      !published.some((given) => sameIp(given.ip, ip)) &&
      !isAnothers(world, service, vip, ip, sharingKey),
  );
  const inOrder = [...living.filter(({ ip }) => isListed(ip)), ...living.filter(({ ip }) => !isListed(ip))];
  const fromStatus = listed.flatMap((ip) => {
    const found = reclaim(world, service, { ip, pool: "" }, sharingKey);
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

/** An address that the Service's status names and none of its VirtualIPs has: lost, taken out of it, or from before Berth. */
function reclaim(
  world: World,
  service: Service,
  { ip, pool: recorded }: Given,
  sharingKey: string | undefined,
): Holding | undefined {
  const owner = ownerOf(world.ledger, ip);
  if (owner.type === "reserved") return undefined;
  if (owner.type === "claim" && owner.claim.uid !== service.meta.uid) {
    // Of several that have shared it, whoever comes first makes the VirtualIP, and the others join.
    const other = world.ledger.sharers.get(owner.claim.key);
    const isShared = recorded !== "" && sharingKey !== "" && other?.key === sharingKey;
    if (!isShared && !goesWith(world, service, sharingKey ?? "", owner.claim.key, ip)) return undefined;
  }
  if (owner.type === "vip") {
    // Only what Berth has published by its own record, and only if none of those that it names has published it too. From
    // before Berth: what was shared then, if it can be shared now.
    const others = new Set(owner.vip.services.map((one) => one.uid));
    const contested = claimantsOf(world.ledger, ip).some(({ uid }) => uid !== service.meta.uid && others.has(uid));
    const isNew = recorded === "";
    const refused = (contested || isNew) && !isShareable(world, service, owner.vip, sharingKey);
    if (refused || owner.vip.quarantine !== undefined) return undefined;
    if (isDeleting(owner.vip)) return isNew ? undefined : { type: "await", ip, vip: owner.vip };
    return { type: "join", ip, vip: owner.vip };
  }
  const pool = poolOf(world.ledger.allocator, ip);
  const claimants = claimantsOf(world.ledger, ip).map(({ key }) => key);
  const isAsked = recorded !== "" && asksFor(world.ledger, recorded, service, claimants);
  if (pool !== undefined && !isAsked) return { type: "create", ip, pool };
  // A pool that was shrunk or is gone takes nothing away that Berth has given.
  if (recorded === "") return undefined;
  const l2 = spaceOf(world.ledger.allocator, recorded)?.pool.l2 ?? NO_RULES;
  return { type: "create", ip, pool: { name: recorded, l2 } };
}

/** A pool that was edited takes nothing away; only an explicit wish for another address or pool is one. */
export function isMet(world: World, service: Service, held: Holding, family: Family, request: AddressRequest): boolean {
  const ip = request.ips.get(family);
  if (ip !== undefined) return sameIp(ip, held.ip);
  const given = held.type === "create" ? undefined : entryIn(held.vip, service);
  if (request.renumber !== "" && given !== undefined && (given.renumber ?? "") !== request.renumber) return false;
  if (held.type === "keep" && judgeConflict(world.ledger, held.vip) === "quarantine") return false;
  if (request.pools === undefined || held.type === "await") return true;
  const named = request.pools.includes(held.type === "create" ? held.pool.name : held.vip.pool);
  return named || request.pools.includes(poolOf(world.ledger.allocator, held.ip)?.name ?? "");
}
