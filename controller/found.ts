/**
 * What stood in the status of a Service before Berth had to do with it: addresses that another load balancer gave. They stay, and are
 * taken over as soon as a pool has them. A Service that waits is marked by Berth's condition, whose message notes them at its end;
 * what comes into the status after that mark is nobody's gift, and is undone.
 */
import type { Ip } from "../lib/address/ip.ts";
import { type ConditionClaim, findCondition } from "../lib/model/conditions.ts";
import type { Condition } from "../lib/model/meta.ts";
import type { Ingress, Service } from "../lib/model/service.ts";
import { byteLength, MESSAGE_MAX_BYTES } from "../lib/model/text.ts";
import { ASSIGNED_CONDITION, listedIps, publishedIps, withPublished } from "./published.ts";

/** k3s writes an address of every node there. Where this does not name them all, nothing is taken away: not each could be told from what came later. */
const NOTE_MAX_BYTES = 2_048;
/** What is told beside the note; it is never cut off for a long text. */
export const TOLD_MAX_BYTES = MESSAGE_MAX_BYTES - NOTE_MAX_BYTES;
const MANY = "many";
/** At the end of the message, as `noteText` writes it. */
const NOTE = / \(before: ([^()]+)\)$/;

/** The entries of the status that are older than Berth's mark; all of them while there is none. */
export function foundEntries(service: Service): readonly Ingress[] {
  const condition = findCondition(service.conditions, ASSIGNED_CONDITION);
  if (condition === undefined) return service.ingress;
  // What Berth publishes takes the place of everything else. A record that somebody has made unreadable says nothing.
  if (condition.status === "True") return publishedIps(service).length === 0 ? service.ingress : [];
  const noted = NOTE.exec(condition.message)?.[1];
  if (noted === undefined) return [];
  if (noted === MANY) return service.ingress;
  const known = noted.split(", ");
  return service.ingress.filter((entry) => known.includes(nameOf(entry)));
}

/** The addresses among them. */
export function foundIps(service: Service): readonly Ip[] {
  return listedIps(foundEntries(service));
}

/** What the Service has, or had before Berth: not what somebody has written into its status since. */
export function hadIps(service: Service): readonly Ip[] {
  return withPublished(service, foundIps(service));
}

/** What is told to a Service without an address of Berth's, with the note of what is left in its status. */
export function withFound(claim: ConditionClaim, left: readonly Ingress[]): ConditionClaim {
  if (left.length === 0) return claim;
  const note = noteText(left.map(nameOf).join(", "));
  return { ...claim, message: `${claim.message}${byteLength(note) > NOTE_MAX_BYTES ? noteText(MANY) : note}` };
}

/** The conditions as they are told, without the note. */
export function withoutFound(conditions: readonly Condition[]): readonly Condition[] {
  return conditions.map((one) =>
    one.type === ASSIGNED_CONDITION ? { ...one, message: one.message.replace(NOTE, "") } : one,
  );
}

function noteText(names: string): string {
  return ` (before: ${names})`;
}

function nameOf({ ip, hostname }: Ingress): string {
  return ip === "" ? hostname : ip;
}
