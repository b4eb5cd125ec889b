/**
 * What Berth has published for a Service, as the Service itself records it. The condition counts before the ingress
 * list: another controller may overwrite the list, but does not know the condition; and the two are written in one patch.
 */
import { formatIp, type Ip, isUsable, parseIp, sameIp } from "../lib/address/ip.ts";
import { findCondition } from "../lib/model/conditions.ts";
import type { Service } from "../lib/model/service.ts";

/** On Services: whether every address that the Service can have is there. Its presence marks a Service that Berth manages. */
export const ASSIGNED_CONDITION = "berth.dev/AddressAssigned";

export interface Given {
  readonly ip: Ip;
  readonly pool: string;
}

/** The message of the condition: the addresses first, then what is wrong. `publishedIps` reads the first part back. */
export function assignedMessage(given: readonly Given[], problems: readonly string[]): string {
  const addresses = given.map(({ ip, pool }) => `${formatIp(ip)} from IPPool ${pool}`).join(", ");
  return [addresses, ...problems].filter((text) => text !== "").join("; ");
}

/** Berth has written addresses into the status; what stands there now may be another's. */
export function isPublished(service: Service): boolean {
  return findCondition(service.conditions, ASSIGNED_CONDITION)?.status === "True";
}

/** The addresses that Berth has published, by its own record, each with its pool. */
export function publishedGiven(service: Service): readonly Given[] {
  const condition = findCondition(service.conditions, ASSIGNED_CONDITION);
  if (condition?.status !== "True") return [];
  const parts = condition.message.split("; ")[0]?.split(", ") ?? [];
  return parts.flatMap((part) => {
    const [, text = "", pool = ""] = /^(\S+) from IPPool (\S+)$/.exec(part) ?? [];
    return usable([text]).map((ip) => ({ ip, pool }));
  });
}

/** The same without the pools. */
export function publishedIps(service: Service): readonly Ip[] {
  return publishedGiven(service).map(({ ip }) => ip);
}

/** The addresses in the ingress list, whoever wrote them. */
export function listedIps(service: Service): readonly Ip[] {
  return usable(service.ingress.map((entry) => entry.ip));
}

/** Both: no other Service may get any of these. */
export function claimedIps(service: Service): readonly Ip[] {
  const published = publishedIps(service);
  return [...published, ...listedIps(service).filter((ip) => !published.some((one) => sameIp(one, ip)))];
}

function usable(texts: readonly string[]): readonly Ip[] {
  return texts.flatMap((text) => {
    const ip = parseIp(text);
    return ip.ok && isUsable(ip.value).ok ? [ip.value] : [];
  });
}
