/**
 * Addresses that a host outside the cluster turned out to use (election.md section 10). Before the first announcement ever
 * nobody can have used the address by Berth, so the Service gets another one and this one is put aside for a while: a
 * VirtualIP without Services, which says until when. After that Berth only tells.
 */
import type { Family } from "../lib/address/ip.ts";
import { findCondition } from "../lib/model/conditions.ts";
import type { Quarantine, VirtualIP } from "../lib/model/virtual-ip.ts";
import { poolOf, spaceOf } from "./allocator.ts";
import { size } from "./interval-set.ts";
import type { Ledger } from "./ledger.ts";
import { familyOfName, ipOfName } from "./vip-names.ts";

const FIRST_MS = 600_000;
const LONGEST_MS = 86_400_000;
/** So many addresses of a pool and family may be put aside: this, or a twentieth of them. */
const FLOOR = 4;
const SHARE = 20n;
/** A host that answers for so many addresses answers for everything: a router with proxy ARP, or a mistake in the network. */
const PROXY_MIN = 3;

/** The MAC of the foreign host that the speakers have found, if they still say so. */
export function foreignMac(vip: VirtualIP): string | undefined {
  const condition = findCondition(vip.conditions, "Conflict");
  if (condition?.status !== "True") return undefined;
  // The speakers' messages begin with the MAC.
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}/.exec(condition.message)?.[0] ?? "unknown";
}

/** Whether its pool, which is in force, does not have the address any more, and no other one has: nobody need be kept off it. */
export function isNobodys({ allocator }: Ledger, vip: VirtualIP): boolean {
  const ip = ipOfName(vip.meta.name);
  return ip !== undefined && spaceOf(allocator, vip.pool) !== undefined && poolOf(allocator, ip) === undefined;
}

/** The foreign host that uses the address, by the speakers or by the controller's own record; "" without one. */
export function macOf(vip: VirtualIP | undefined): string {
  if (vip === undefined) return "";
  return vip.quarantine?.mac ?? foreignMac(vip) ?? "";
}

/**
 * VirtualIPs that are judged otherwise since this one is as it is: the address makes its host one that does proxy ARP. Not so when such a
 * host falls silent for one of them: it will for the others in a moment, and until then they would be put aside.
 */
export function judgedAnew(
  ledger: Ledger,
  before: VirtualIP | undefined,
  now: VirtualIP | undefined,
): Iterable<string> {
  const names = ledger.byMac.get(macOf(now));
  return names?.size === PROXY_MIN && macOf(before) !== macOf(now) ? names : [];
}

/** What becomes of an address that a foreign host uses. */
export type ConflictVerdict =
  /** Put it aside and take another one. */
  | "quarantine"
  /** It was announced before, or its VirtualIP was made again for a Service that had it: whoever uses it through Berth would lose it. */
  | "in-use"
  | "too-many"
  | "proxy-arp";

export function judgeConflict(ledger: Ledger, vip: VirtualIP): ConflictVerdict | undefined {
  const mac = foreignMac(vip);
  if (mac === undefined) return undefined;
  if (vip.holder !== undefined || vip.inUseBefore === true) return "in-use";
  if (mac !== "unknown" && (ledger.byMac.get(mac)?.size ?? 0) >= PROXY_MIN) return "proxy-arp";
  const family = familyOfName(vip.meta.name);
  return quarantined(ledger, vip.pool, family) < limit(ledger, vip.pool, family) ? "quarantine" : "too-many";
}

/** What the owner of a Service reads beside an address that he keeps; undefined where there is nothing to tell. */
export function conflictText(verdict: ConflictVerdict | undefined, vip: VirtualIP): string | undefined {
  const mac = foreignMac(vip);
  switch (verdict) {
    case undefined:
      return undefined;
    case "quarantine":
      return `a host with the MAC ${mac} uses ${vip.address}, so it is not announced: give that host or the Service another address`;
    case "in-use":
      return `a host with the MAC ${mac} uses ${vip.address}${vip.holder === undefined ? ", so it is not announced" : " as well"}: give that host another address, or annotate the Service with berth.dev/renumber`;
    case "too-many":
      return `a host with the MAC ${mac} uses ${vip.address}, and as many addresses of the IPPool ${vip.pool} as may be are put aside for that reason: is the range free?`;
    case "proxy-arp":
      return `the host with the MAC ${mac} answers for ${vip.address} and others: it seems to do proxy ARP; switch that off for the range of the IPPool ${vip.pool}`;
  }
}

/** Ten minutes at the first time, twice as long at each further one, a day at most. */
export function quarantineOf(ledger: Ledger, vip: VirtualIP, wallMs: number): Quarantine {
  const times = (ledger.strikes.get(vip.meta.name) ?? 0) + 1;
  const lastsMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(times - 1, 10));
  return { until: new Date(wallMs + lastsMs).toISOString(), times, mac: foreignMac(vip) ?? "unknown" };
}

/** How long the address stays aside; 0 or less: it may go. A time that is further away than any quarantine was written by a wrong clock. */
export function remainingMs({ until }: Quarantine, wallMs: number): number {
  const remaining = Date.parse(until) - wallMs;
  return remaining > 0 && remaining <= LONGEST_MS ? remaining : 0;
}

function quarantined(ledger: Ledger, pool: string, family: Family): number {
  const names = [...(ledger.uses.get(pool)?.quarantined ?? [])];
  return names.filter((name) => familyOfName(name) === family).length;
}

function limit(ledger: Ledger, pool: string, family: Family): number {
  const share = size(spaceOf(ledger.allocator, pool)?.pool.spaces[family]) / SHARE;
  return Math.max(FLOOR, Number(share > 1_000n ? 1_000n : share));
}

/** Of the quarantined VirtualIPs of a pool, in the order of their names: address and MAC, for people. */
export function quarantineTexts(ledger: Ledger, pool: string): readonly string[] {
  return [...(ledger.uses.get(pool)?.quarantined ?? [])].sort().flatMap((name) => {
    const vip = ledger.vips.get(name);
    if (vip?.quarantine === undefined) return [];
    return [`${vip.address} (used by ${vip.quarantine.mac}, until ${vip.quarantine.until})`];
  });
}
