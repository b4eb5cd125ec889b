/** What a VirtualIP says of its pool and of the Services that have it. */
import { type Service, serviceKey } from "../lib/model/service.ts";
import type { VirtualIP, VirtualIPService, VirtualIPSpec } from "../lib/model/virtual-ip.ts";
import { sourceOf } from "./pool-source.ts";
import type { World } from "./problems.ts";
import { commonKey } from "./sharing.ts";

export function entryOf(service: Service, renumber: string): VirtualIPService {
  const { namespace, name, uid } = service.meta;
  const { externalTrafficPolicy, ports } = service;
  const entry = { namespace, name, uid, externalTrafficPolicy, ports };
  return renumber === "" ? entry : { ...entry, renumber };
}

/**
 * The spec as it should be, the entry of one Service in its place or at the end. A Service that is alone on its address
 * decides about the sharing key (undefined: as it is); several are bound by the one that they have met under until all have another.
 */
export function specFor(
  vip: VirtualIP,
  service: Service,
  entry: VirtualIPService,
  sharingKey: string | undefined,
  world: World,
): VirtualIPSpec {
  const { name, l2 } = sourceOf(vip, service, world.ledger);
  const at = vip.services.findIndex((one) => serviceKey(one) === serviceKey(entry));
  const services = at < 0 ? [...vip.services, entry] : vip.services.with(at, entry);
  const common = commonKey(world.ledger, service.meta.uid, sharingKey ?? "", vip);
  const key = services.length === 1 ? (sharingKey ?? vip.sharingKey) : common;
  return { address: vip.address, pool: name, services, l2, sharingKey: key, inUseBefore: vip.inUseBefore };
}

/** The spec without a Service; undefined if nobody is left. */
export function withoutService(vip: VirtualIP, key: string): VirtualIPSpec | undefined {
  const services = vip.services.filter((one) => serviceKey(one) !== key);
  const { address, pool, l2, sharingKey, inUseBefore } = vip;
  return services.length === 0 ? undefined : { address, pool, services, l2, sharingKey, inUseBefore };
}
