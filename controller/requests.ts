/** What a Service asks for by annotation or field. */
import { type Family, formatIp, type Ip, isUsable, parseIp, sameIp } from "../lib/address/ip.ts";
import type { Service } from "../lib/model/service.ts";
import { fail, ok, type Result } from "../lib/runtime/result.ts";

/** One pool by name, whatever its autoAssign. */
export const POOL_ANNOTATION = "berth.dev/pool";
/** Addresses separated by commas, at most one per family. */
export const IPS_ANNOTATION = "berth.dev/ips";

export interface AddressRequest {
  readonly pool: string | undefined;
  readonly ips: ReadonlyMap<Family, Ip>;
}

/** The families of the Service in its own order; a Service has one or two. */
export function familiesOf(service: Service): readonly Family[] {
  return service.ipFamilies.map((family) => (family === "IPv4" ? 4 : 6));
}

/** The request, or what is wrong with it, in words that name the annotation or field and the way out. */
export function parseRequest(service: Service): Result<AddressRequest> {
  const annotated = service.meta.annotations[IPS_ANNOTATION];
  const fromField = service.loadBalancerIP === "" ? ok([]) : parseList("spec.loadBalancerIP", service.loadBalancerIP);
  if (!fromField.ok) return fromField;
  const fromAnnotation = annotated === undefined ? ok([]) : parseList(`annotation ${IPS_ANNOTATION}`, annotated);
  if (!fromAnnotation.ok) return fromAnnotation;
  const ips = new Map<Family, Ip>();
  for (const ip of [...fromAnnotation.value, ...fromField.value]) {
    const before = ips.get(ip.family);
    if (before !== undefined && !sameIp(before, ip)) {
      return fail(`asks for ${formatIp(before)} and ${formatIp(ip)}: one address per family can be asked for`);
    }
    if (!familiesOf(service).includes(ip.family)) {
      return fail(
        `asks for ${formatIp(ip)}, but spec.ipFamilies of the Service has no IPv${ip.family}: add it there, or ask for another address`,
      );
    }
    ips.set(ip.family, ip);
  }
  const pool = service.meta.annotations[POOL_ANNOTATION]?.trim();
  if (pool === "") return fail(`annotation ${POOL_ANNOTATION} is empty: name a pool or remove it`);
  return ok({ pool, ips });
}

function parseList(source: string, text: string): Result<readonly Ip[]> {
  const ips: Ip[] = [];
  for (const part of text.split(",")) {
    const ip = parseIp(part.trim());
    if (!ip.ok) return fail(`${source}: ${ip.reason}`);
    const usable = isUsable(ip.value);
    if (!usable.ok) return fail(`${source}: ${usable.reason}, which no Service can have`);
    ips.push(ip.value);
  }
  return ok(ips);
}
