/** What a change of a VirtualIP or of the pools means for others than the Services that have the address. */
import { serviceKey } from "../lib/model/service.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import { spaceOf } from "./allocator.ts";
import type { Ledger } from "./ledger.ts";
import { foreignMac } from "./quarantine.ts";

/** Whether a Service that waits may have what it wants now: a part of its quota, or a place at a shared address. */
export function mayServe(before: VirtualIP | undefined, now: VirtualIP | undefined): boolean {
  const left = countsIn(now);
  return sharedText(before) !== sharedText(now) || countsIn(before).some((one) => !left.includes(one));
}

/** Whether a Service has given the address back that others go on having. */
export function isLeft(before: VirtualIP | undefined, now: VirtualIP | undefined): boolean {
  return before?.services.some(({ uid }) => now?.services.every((one) => one.uid !== uid)) === true;
}

/** Whether other Services have the address than before. */
export function isOthers(before: VirtualIP, now: VirtualIP | undefined): boolean {
  return before.services.map(serviceKey).join() !== (now?.services ?? []).map(serviceKey).join();
}

/** VirtualIPs whose pool does not have their address, is being deleted, or is not there: which of these. */
export function outsiders({ allocator, uses }: Ledger): ReadonlyMap<string, "outside" | "leaving" | "gone"> {
  const entries = [...uses].flatMap(([name, use]) => {
    const pool = spaceOf(allocator, name)?.pool;
    const why = pool === undefined ? "gone" : pool.leaving ? "leaving" : "outside";
    return [...(why === "outside" ? use.strays : use.names)].map((one) => [one, why] as const);
  });
  return new Map(entries);
}

/** The quotas that it counts in: pool and namespace. */
function countsIn(vip: VirtualIP | undefined): readonly string[] {
  return (vip?.services ?? []).map(({ namespace }) => `${vip?.pool} ${namespace}`);
}

/** What decides who may join it; "" for one that nobody can share. */
function sharedText(vip: VirtualIP | undefined): string {
  if (vip === undefined || (vip.sharingKey ?? "") === "") return "";
  return JSON.stringify([vip.sharingKey, vip.services, foreignMac(vip)]);
}
