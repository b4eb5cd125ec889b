/**
 * What Berth has published for a Service, as the Service itself records it. The condition counts before the ingress
 * list: another controller may overwrite the list, but does not know the condition; and the two are written in one patch.
 */
import { formatIp, type Ip, isUsable, parseIp, sameIp } from "../lib/address/ip.ts";
import { findCondition } from "../lib/model/conditions.ts";
import type { Ingress, Service } from "../lib/model/service.ts";
import { RENUMBER_MAX } from "./requests.ts";

/** On Services: whether every address that the Service can have is there. Its presence marks a Service that Berth manages. */
export const ASSIGNED_CONDITION = "berth.dev/AddressAssigned";

export interface Given {
  readonly ip: Ip;
  readonly pool: string;
  /** The value of `berth.dev/renumber` that this address fulfils; "" for none, or if the record is of a Berth that did not note it. */
  readonly renumber: string;
  /** Several Services had it together that do not go together any more. */
  readonly isContested: boolean;
}

/** The message of the condition: the addresses first, then what is wrong. `publishedGiven` reads the first part back. */
export function assignedMessage(given: readonly Given[], problems: readonly string[]): string {
  const addresses = given.map(givenText).join(", ");
  return [addresses, ...problems].filter((text) => text !== "").join("; ");
}

function givenText({ ip, pool, renumber, isContested }: Given): string {
  const notes = [...(renumber === "" ? [] : [`renumber ${encodeNote(renumber)}`]), ...(isContested ? ["shared"] : [])];
  return [`${formatIp(ip)} from IPPool ${pool}`, ...notes.map((note) => `(${note})`)].join(" ");
}

/**
 * Why a wish of `berth.dev/renumber` is not fulfilled yet. It stands behind the addresses and is read back: that a wish waits is known from the
 * Service alone, whatever somebody writes into the VirtualIP.
 */
export function waitingText(wish: string, because: string): string {
  return `berth.dev/renumber ${encodeNote(wish)} waits: ${because}`;
}

/** Whether Berth has told the Service that this wish waits. */
export function isToldToWait(service: Service, wish: string): boolean {
  return isPublished(service) && messageOf(service).includes(`; ${waitingText(wish, "")}`);
}

/** Any text of a user without what separates the parts of the message. */
function encodeNote(text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed());
  return encoded.replaceAll("(", "%28").replaceAll(")", "%29");
}

/** "" for what Berth has not written, or what would not fit into a VirtualIP. */
function decodeNote(encoded: string): string {
  try {
    const text = decodeURIComponent(encoded);
    return text.length > RENUMBER_MAX ? "" : text;
  } catch {
    return "";
  }
}

/** Berth has written addresses into the status; what stands there now may be another's. */
export function isPublished(service: Service): boolean {
  return findCondition(service.conditions, ASSIGNED_CONDITION)?.status === "True";
}

/** The addresses that Berth has published, by its own record, each with its pool. */
export function publishedGiven(service: Service): readonly Given[] {
  if (!isPublished(service)) return [];
  const parts = messageOf(service).split("; ")[0]?.split(", ") ?? [];
  return parts.flatMap((part) => {
    const [, text = "", pool = "", renumber = "", shared = ""] = GIVEN.exec(part) ?? [];
    return usable([text]).map((ip) => ({ ip, pool, renumber: decodeNote(renumber), isContested: shared !== "" }));
  });
}

function messageOf(service: Service): string {
  return findCondition(service.conditions, ASSIGNED_CONDITION)?.message ?? "";
}

/** As `givenText` writes it. */
const GIVEN = /^(\S+) from IPPool (\S+)(?: \(renumber ([^()\s]+)\))?( \(shared\))?$/;

/** What Berth has published of this address; undefined if nothing. */
export function recordOf(service: Service, ip: Ip): Given | undefined {
  return publishedGiven(service).find((given) => sameIp(given.ip, ip));
}

/** The same without the pools. */
export function publishedIps(service: Service): readonly Ip[] {
  return publishedGiven(service).map(({ ip }) => ip);
}

/** The addresses in entries of an ingress list, whoever wrote them. */
export function listedIps(ingress: readonly Ingress[]): readonly Ip[] {
  return usable(ingress.map((entry) => entry.ip));
}

/** Both: no other Service may get any of these. */
export function claimedIps(service: Service): readonly Ip[] {
  return withPublished(service, listedIps(service.ingress));
}

/** What Berth has published first, then those of the others that are not among it. */
export function withPublished(service: Service, others: readonly Ip[]): readonly Ip[] {
  const published = publishedIps(service);
  return [...published, ...others.filter((ip) => !published.some((one) => sameIp(one, ip)))];
}

/** Those of the texts that are addresses which a Service can have. */
function usable(texts: readonly string[]): readonly Ip[] {
  return texts.flatMap((text) => {
    const ip = parseIp(text);
    return ip.ok && isUsable(ip.value).ok ? [ip.value] : [];
  });
}
