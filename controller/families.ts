/** Which address a Service has or gets in each of its families. Pure: it reads the ledger and changes nothing. */
import { type Family, formatIp, type Ip, parseIp, sameIp } from "../lib/address/ip.ts";
import { type Service, serviceKey } from "../lib/model/service.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import { choose, poolOf } from "./allocator.ts";
import { ownerOf, vipsOfService } from "./ledger.ts";
import type { ActivePool } from "./pools.ts";
import { explainNoChoice, explainRequestedIp, type Problem, type World } from "./problems.ts";
import { claimedIps, listedIps, publishedIps } from "./published.ts";
import { type AddressRequest, familiesOf } from "./requests.ts";

/** What happens in one family. */
export type FamilyDecision = {
  readonly family: Family;
  /** What the owner of the Service should know; also beside an address that stays, when he asked for another. */
  readonly problem: Problem | undefined;
} & (
  | { readonly type: "keep"; readonly ip: Ip; readonly vip: VirtualIP }
  /** The VirtualIP is to be created: a new address, or the one of the status whose VirtualIP was lost. */
  | { readonly type: "create"; readonly ip: Ip; readonly pool: ActivePool }
  /** The status keeps an address whose VirtualIP somebody deleted by hand; it comes again once that object is gone. */
  | { readonly type: "await"; readonly ip: Ip; readonly vip: VirtualIP }
  | { readonly type: "none" }
);

type Held = Exclude<FamilyDecision, { type: "none" }>;

/** One decision per family of the Service, in its order. */
export function decideFamilies(world: World, service: Service, request: AddressRequest): readonly FamilyDecision[] {
  const families = familiesOf(service);
  const held = new Map(families.map((family) => [family, findHeld(world, service, family)]));
  const open = families.filter((family) => !isMet(world, held.get(family), family, request));
  const fresh = allocate(world, open, request);
  const decisions = families.map((family) => combine(family, held.get(family), fresh.get(family)));
  return isAllOrNothing(service, decisions) ? withholdAll(decisions) : decisions;
}

/** The decisions of a Service whose request cannot be read: what it has stays, nothing new is given. */
export function keepOnly(world: World, service: Service, problem: Problem): readonly FamilyDecision[] {
  return familiesOf(service).map((family) => {
    const held = findHeld(world, service, family);
    return held === undefined ? { type: "none", family, problem } : { ...held, problem };
  });
}

/** The VirtualIPs that belong to this very Service (by uid), those being deleted included. */
export function ownVips(world: World, service: Service): readonly VirtualIP[] {
  const key = serviceKey(service.meta);
  return vipsOfService(world.ledger, key).filter((vip) =>
    vip.services.some((one) => serviceKey(one) === key && one.uid === service.meta.uid),
  );
}

export function isDeleting(object: { readonly meta: { readonly deletionTimestamp: string | undefined } }): boolean {
  return object.meta.deletionTimestamp !== undefined;
}

/**
 * What the Service has in this family. What clients use does not move, so what Berth has published comes first: living,
 * being deleted by hand, or lost. Then a VirtualIP that is not published yet; then an address of the status, from before
 * Berth.
 */
function findHeld(world: World, service: Service, family: Family): Held | undefined {
  const own = ownVips(world, service).flatMap((vip) => {
    const ip = parseIp(vip.address);
    return ip.ok && ip.value.family === family ? [{ vip, ip: ip.value }] : [];
  });
  const living = own.filter(({ vip }) => !isDeleting(vip));
  const listed = listedIps(service).filter((ip) => ip.family === family);
  const published = publishedIps(service).filter((ip) => ip.family === family);
  for (const ip of published) {
    const mine = own.find((one) => sameIp(one.ip, ip));
    if (mine !== undefined)
      return { type: isDeleting(mine.vip) ? "await" : "keep", family, problem: undefined, ...mine };
    const lost = reclaim(world, service, ip);
    if (lost !== undefined) return lost;
  }
  const kept = living.find((one) => listed.some((ip) => sameIp(one.ip, ip))) ?? living[0];
  if (kept !== undefined) return { type: "keep", family, problem: undefined, ...kept };
  return listed.map((ip) => reclaim(world, service, ip)).find((found) => found !== undefined);
}

/** An address that the Service's status names and no VirtualIP has: lost, or from before Berth. */
function reclaim(world: World, service: Service, ip: Ip): Held | undefined {
  const owner = ownerOf(world.ledger, ip);
  if (owner.type === "vip" || owner.type === "reserved") return undefined;
  if (owner.type === "claim" && owner.claim.uid !== service.meta.uid) return undefined;
  const pool = poolOf(world.ledger.allocator, ip);
  return pool && { type: "create", family: ip.family, problem: undefined, ip, pool };
}

/** A pool that was edited takes nothing away; only an explicit wish for another address or pool is one. */
function isMet(world: World, held: Held | undefined, family: Family, request: AddressRequest): boolean {
  if (held === undefined) return false;
  const ip = request.ips.get(family);
  if (ip !== undefined) return sameIp(ip, held.ip);
  if (request.pool === undefined || held.type === "await") return true;
  const named = held.type === "keep" && held.vip.pool === request.pool;
  return named || poolOf(world.ledger.allocator, held.ip)?.name === request.pool;
}

type Allocation = { readonly ip: Ip; readonly pool: ActivePool } | { readonly problem: Problem };

function allocate(world: World, families: readonly Family[], request: AddressRequest): ReadonlyMap<Family, Allocation> {
  const result = new Map<Family, Allocation>();
  for (const [family, ip] of request.ips) {
    if (!families.includes(family)) continue;
    const problem = explainRequestedIp(world, ip, request.pool);
    const pool = poolOf(world.ledger.allocator, ip);
    if (problem !== undefined) result.set(family, { problem });
    else if (pool !== undefined) result.set(family, { ip, pool });
  }
  const rest = families.filter((family) => !request.ips.has(family));
  const choices = choose(world.ledger.allocator, rest, request.pool);
  for (const family of rest) {
    result.set(family, choices.get(family) ?? { problem: explainNoChoice(world, family, request.pool) });
  }
  return result;
}

/** What is held stays until what was asked for instead is there. */
function combine(family: Family, held: Held | undefined, fresh: Allocation | undefined): FamilyDecision {
  if (fresh !== undefined && "ip" in fresh) return { type: "create", family, problem: undefined, ...fresh };
  const problem = fresh?.problem;
  return held === undefined ? { type: "none", family, problem } : { ...held, problem };
}

/** RequireDualStack gives both or none, but never takes away what is already published. */
function isAllOrNothing(service: Service, decisions: readonly FamilyDecision[]): boolean {
  if (service.ipFamilyPolicy !== "RequireDualStack" || !decisions.some((one) => one.type === "none")) return false;
  const claimed = claimedIps(service);
  return !decisions.some((one) => one.type !== "none" && claimed.some((ip) => sameIp(ip, one.ip)));
}

function withholdAll(decisions: readonly FamilyDecision[]): readonly FamilyDecision[] {
  return decisions.map(({ family, problem, ...rest }) => {
    if (rest.type === "none" || problem !== undefined) return { type: "none", family, problem };
    const message = `${formatIp(rest.ip)} is withheld until the other family has an address too (ipFamilyPolicy RequireDualStack)`;
    return { type: "none", family, problem: { reason: "OtherFamilyMissing", message } };
  });
}
