/** What is written to VirtualIPs for the decisions about one Service. */
import { formatIp, sameIp, virtualIpName } from "../lib/address/ip.ts";
import { type Service, serviceKey } from "../lib/model/service.ts";
import { usedByText, type VirtualIP, type VirtualIPSpec, virtualIPSpecJson } from "../lib/model/virtual-ip.ts";
import { assertNever } from "../lib/runtime/errors.ts";
import type { Effect } from "./effects.ts";
import type { FamilyDecision } from "./families.ts";
import { entryIn, fulfilledWish, isLost } from "./holding.ts";
import { type Owner, ownerOf } from "./ledger.ts";
import type { World } from "./problems.ts";
import { claimedIps, publishedGiven } from "./published.ts";
import { quarantineOf } from "./quarantine.ts";
import { type AddressRequest, askedKey } from "./requests.ts";
import { findJoinable } from "./sharing.ts";
import { entryOf, specFor, withoutService } from "./vip-spec.ts";

/** What brings the VirtualIP of a decision to where it should be: made, or its copy of Service and pool brought up to date. */
export function giveVip(
  decision: FamilyDecision,
  service: Service,
  request: AddressRequest | undefined,
  world: World,
): readonly Effect[] {
  const sharingKey = askedKey(service);
  switch (decision.type) {
    case "create": {
      const { ip, pool, inUseBefore } = decision;
      const services = [entryOf(service, fulfilledWish(service, ip, undefined, request))];
      const spec = { address: formatIp(ip), pool: pool.name, services, l2: pool.l2, sharingKey, inUseBefore };
      return [{ type: "create-vip", name: virtualIpName(ip), spec }];
    }
    case "keep":
    case "join": {
      const { vip, ip } = decision;
      const entry = entryOf(service, fulfilledWish(service, ip, entryIn(vip, service), request));
      const spec = specFor(vip, service, entry, sharingKey, world);
      if (saysAll(vip, spec)) return [];
      const { name, uid, resourceVersion } = vip.meta;
      return [{ type: "update-vip", name, uid, resourceVersion, spec }];
    }
    case "await":
    case "none":
      return [];
    default:
      return assertNever(decision);
  }
}

/** Who has a sharing key and gets a new address of his own is told why. */
export function notShared(
  decisions: readonly FamilyDecision[],
  service: Service,
  { sharingKey, pools }: AddressRequest,
  world: World,
): readonly Effect[] {
  return decisions.flatMap((one) => {
    if (one.type !== "create" || claimedIps(service).some((ip) => sameIp(ip, one.ip))) return [];
    const { refusal } = findJoinable(world, service, one.family, sharingKey, pools);
    if (refusal === undefined) return [];
    const message = `${formatIp(one.ip)} is given to this Service alone: ${refusal}`;
    return [{ type: "warn" as const, reason: "NotShared", message }];
  });
}

/**
 * What Berth has published for a Service and has to give up since the VirtualIP is another's (a backup that was put back, a
 * status that was copied): the one case in which an address changes without a wish, and not in silence.
 */
export function lostAddresses(
  decisions: readonly FamilyDecision[],
  service: Service,
  sharingKey: string,
  world: World,
): readonly Effect[] {
  return publishedGiven(service).flatMap((given) => {
    const { ip } = given;
    const decision = decisions.find((one) => one.family === ip.family);
    if (decision === undefined || !isLost(world, service, given, sharingKey)) return [];
    if (decision.type !== "none" && sameIp(decision.ip, ip)) return [];
    const instead = decision.type === "none" ? "none" : formatIp(decision.ip);
    const message = `${formatIp(ip)} belongs to ${ownerText(ownerOf(world.ledger, ip))}; instead of it this Service has ${instead}`;
    return [{ type: "warn" as const, reason: "AddressLost", message }];
  });
}

function ownerText(owner: Owner): string {
  if (owner.type === "claim") return `${owner.claim.key} by its status`;
  if (owner.type === "vip") return `${owner.vip.services.map(serviceKey).join(", ") || "nobody"} by its VirtualIP`;
  return "nobody";
}

/** An address that a foreign host uses is kept from everybody for a while; the last Service that leaves it puts it aside. */
export function putAside(vip: VirtualIP, key: string, world: World, wallMs: number): readonly Effect[] {
  if (withoutService(vip, key) !== undefined) return dropAll([vip], key);
  const { name, uid, resourceVersion } = vip.meta;
  const { address, pool, l2 } = vip;
  const quarantine = quarantineOf(world.ledger, vip, wallMs);
  const message = `${address} was given back before it was ever announced: a host with the MAC ${quarantine.mac} uses it`;
  return [
    { type: "update-vip", name, uid, resourceVersion, spec: { address, pool, services: [], l2, quarantine } },
    { type: "warn", reason: "AddressConflict", message },
  ];
}

/** Deletes them, or takes the Service out of those that others share. */
export function dropAll(vips: readonly VirtualIP[], key: string): readonly Effect[] {
  return vips.map((vip): Effect => {
    const { name, uid, resourceVersion } = vip.meta;
    const spec = withoutService(vip, key);
    if (spec === undefined) return { type: "delete-vip", name, uid, resourceVersion };
    return { type: "update-vip", name, uid, resourceVersion, spec };
  });
}

/** Both sides are built by the same code, so their keys stand in the same order; `usedBy` is built anew in both, so it is compared as it stands. */
function saysAll(vip: VirtualIP, spec: VirtualIPSpec): boolean {
  const isSame = JSON.stringify(virtualIPSpecJson(spec)) === JSON.stringify(virtualIPSpecJson(vip));
  return isSame && vip.usedBy === usedByText(spec.services);
}
