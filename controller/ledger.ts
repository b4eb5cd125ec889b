/**
 * Which addresses are in use, and by whom: by VirtualIPs, by Service.status, and by writes under way. It is changed in
 * place, since it holds the whole cluster, but it is a plain value and knows no clock: same changes, same ledger.
 */
import { compareIps, type Family, type Ip, sameIp, virtualIpName } from "../lib/address/ip.ts";
import { type Service, serviceKey } from "../lib/model/service.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import { type Allocator, buildAllocator, type DrawOrder, occupy, spaceOf, vacate } from "./allocator.ts";
import { link, type NameIndex, unlink } from "./name-index.ts";
import { countUse, type PoolUse } from "./pool-use.ts";
import { type ActivePool, hasAddress } from "./pools.ts";
import { claimedIps, publishedGiven } from "./published.ts";
import { macOf } from "./quarantine.ts";
import type { Coming } from "./quota-use.ts";
import type { Sharer } from "./sharing.ts";
import { ipOfName } from "./vip-names.ts";

export interface Ledger {
  allocator: Allocator;
  /** VirtualIPs by name, those being deleted included. BOUNDED by the objects of the cluster, as are the maps below. */
  readonly vips: Map<string, VirtualIP>;
  /** Names of the VirtualIPs that name a Service, by `namespace/name`. */
  readonly vipsOf: NameIndex;
  /** Services whose status lists an address, by VirtualIP name, whoever manages them. */
  readonly claims: Map<string, Map<string, Claim>>;
  /** VirtualIP names that a Service's status lists, by `namespace/name`. */
  readonly claimsOf: Map<string, readonly string[]>;
  /** Addresses whose VirtualIP is being created, with the Service that they are for. BOUNDED by the workers. */
  readonly reserved: Map<string, Reservation>;
  /** VirtualIPs that are being written, by the `namespace/name` of the Service whose pass does it. BOUNDED by the workers. */
  readonly coming: Map<string, readonly Coming[]>;
  /** Names of the VirtualIPs with this sharing key. */
  readonly byKey: NameIndex;
  /** Names of the VirtualIPs for which a foreign host with this MAC was found to answer. */
  readonly byMac: NameIndex;
  /** How often an address was put aside, by VirtualIP name, of those that are not now. BOUNDED by STRIKES_MAX. */
  readonly strikes: Map<string, number>;
  /** Services that have a sharing key, or had one and are among others still, by `namespace/name`. */
  readonly sharers: Map<string, Sharer>;
  /** What the VirtualIPs make of each pool that one of them names, whether or not it exists. */
  readonly uses: Map<string, PoolUse>;
  /** By namespace: places of the pools that its Services may draw from without asking. Emptied when a rule changes. */
  readonly drawn: Map<string, DrawOrder>;
}

const STRIKES_MAX = 1_000;

export interface Reservation {
  readonly key: string;
  readonly sharingKey: string;
}

export interface Claim {
  readonly key: string;
  readonly uid: string;
  readonly creationTimestamp: string;
  /** The IPPool by Berth's record of the Service; "" if it has none of this address. */
  readonly pool: string;
  /** By that record it was shared when the Services were edited apart. */
  readonly isContested: boolean;
}

/** Who has an address. */
export type Owner =
  | { readonly type: "nobody" }
  | { readonly type: "vip"; readonly vip: VirtualIP }
  | { readonly type: "reserved"; readonly key: string }
  /** No VirtualIP, but a Service.status lists it: the oldest of those Services. */
  | { readonly type: "claim"; readonly claim: Claim };

export function createLedger(): Ledger {
  return {
    allocator: buildAllocator([], []),
    vips: new Map(),
    vipsOf: new Map(),
    claims: new Map(),
    claimsOf: new Map(),
    reserved: new Map(),
    coming: new Map(),
    uses: new Map(),
    drawn: new Map(),
    byKey: new Map(),
    sharers: new Map(),
    byMac: new Map(),
    strikes: new Map(),
  };
}

/** Takes over the pools; what is in use stays in use. */
export function setPools(ledger: Ledger, pools: readonly ActivePool[]): void {
  const names = new Set([...ledger.vips.keys(), ...ledger.claims.keys(), ...ledger.reserved.keys()]);
  ledger.allocator = buildAllocator(
    pools,
    [...names].map((name) => ipOfName(name)).filter((ip) => ip !== undefined),
  );
  ledger.drawn.clear();
  for (const use of ledger.uses.values()) use.strays.clear();
  for (const vip of ledger.vips.values()) noteStray(ledger, vip);
}

/** The VirtualIP of this name as it is now; undefined once the object is gone. True if its address became free. */
export function setVip(ledger: Ledger, name: string, vip: VirtualIP | undefined): boolean {
  const before = ledger.vips.get(name);
  for (const service of before?.services ?? []) unlink(ledger.vipsOf, serviceKey(service), name);
  if (before !== undefined) countUse(ledger.uses, before, -1);
  unlink(ledger.byKey, before?.sharingKey ?? "", name);
  unlink(ledger.byMac, macOf(before), name);
  if (before?.quarantine !== undefined && vip === undefined) noteStrike(ledger, name, before.quarantine.times);
  if (vip === undefined) ledger.vips.delete(name);
  else ledger.vips.set(name, vip);
  if (vip !== undefined) {
    countUse(ledger.uses, vip, 1);
    noteStray(ledger, vip);
    link(ledger.byKey, vip.sharingKey ?? "", name);
    link(ledger.byMac, macOf(vip), name);
  }
  for (const service of vip?.services ?? []) link(ledger.vipsOf, serviceKey(service), name);
  return settle(ledger, name);
}

/** The Service as it is now. True if an address became free. */
export function setService(ledger: Ledger, key: string, service: Service | undefined): boolean {
  const before = ledger.claimsOf.get(key) ?? [];
  const ips = service === undefined ? [] : claimedIps(service);
  const records = service === undefined ? [] : publishedGiven(service);
  const names = ips.map(virtualIpName);
  for (const name of before) {
    const claims = ledger.claims.get(name);
    claims?.delete(key);
    if (claims?.size === 0) ledger.claims.delete(name);
  }
  for (const ip of ips) {
    const { uid = "", creationTimestamp = "" } = service?.meta ?? {};
    const { pool = "", isContested = false } = records.find((one) => sameIp(one.ip, ip)) ?? {};
    const name = virtualIpName(ip);
    const claim: Claim = { key, uid, creationTimestamp, pool, isContested };
    ledger.claims.set(name, (ledger.claims.get(name) ?? new Map()).set(key, claim));
  }
  if (names.length === 0) ledger.claimsOf.delete(key);
  else ledger.claimsOf.set(key, names);
  return [...new Set([...before, ...names])].map((name) => settle(ledger, name)).includes(true);
}

/** What the Service has to do with sharing, as it is now; undefined if nothing. True if that is something else than before. */
export function setSharer(ledger: Ledger, key: string, sharer: Sharer | undefined): boolean {
  const before = ledger.sharers.get(key);
  if (sharer === undefined) ledger.sharers.delete(key);
  else ledger.sharers.set(key, sharer);
  return JSON.stringify(before) !== JSON.stringify(sharer);
}

/** Another Service with this key is being given an address just now. */
export function isBeingShared(ledger: Ledger, sharingKey: string, key: string): boolean {
  for (const one of ledger.reserved.values()) if (one.sharingKey === sharingKey && one.key !== key) return true;
  return false;
}

/** Holds an address from the decision until its VirtualIP is there or the creation has failed. */
export function reserve(ledger: Ledger, ip: Ip, key: string, sharingKey = ""): void {
  const name = virtualIpName(ip);
  ledger.reserved.set(name, { key, sharingKey });
  settle(ledger, name);
}

/** Ends a reservation; call it after `setVip` when the creation worked. True if the address became free. */
export function unreserve(ledger: Ledger, ip: Ip): boolean {
  const name = virtualIpName(ip);
  ledger.reserved.delete(name);
  return settle(ledger, name);
}

export function ownerOf(ledger: Ledger, ip: Ip): Owner {
  const name = virtualIpName(ip);
  const vip = ledger.vips.get(name);
  if (vip !== undefined) return { type: "vip", vip };
  const reservation = ledger.reserved.get(name);
  if (reservation !== undefined) return { type: "reserved", key: reservation.key };
  const claim = claimantsOf(ledger, ip)[0];
  return claim === undefined ? { type: "nobody" } : { type: "claim", claim };
}

/** The Services whose status lists the address, the oldest first. */
export function claimantsOf(ledger: Ledger, ip: Ip): readonly Claim[] {
  return [...(ledger.claims.get(virtualIpName(ip))?.values() ?? [])].sort(compareClaims);
}

/** Whether the status of another Service than this one lists the address. */
export function isClaimedBesides(ledger: Ledger, ip: Ip, key: string): boolean {
  return claimantsOf(ledger, ip).some((claim) => claim.key !== key);
}

/** The VirtualIPs that name this Service, sorted by name; their uid may be that of a predecessor. */
export function vipsOfService(ledger: Ledger, key: string): readonly VirtualIP[] {
  const names = [...(ledger.vipsOf.get(key) ?? [])].sort();
  return names.map((name) => ledger.vips.get(name)).filter((vip) => vip !== undefined);
}

/** Pools that the Service has addresses from, by Berth's record of it; BOUNDED by its two families. */
export function recordedPools(ledger: Ledger, key: string): readonly string[] {
  const claims = (ledger.claimsOf.get(key) ?? []).map((name) => ledger.claims.get(name)?.get(key));
  return claims.flatMap((claim) => (claim === undefined || claim.pool === "" ? [] : [claim.pool]));
}

/** Whether a Service has an address from the pool by Berth's record, with a VirtualIP or without. O(addresses in use). */
export function isRecorded(ledger: Ledger, pool: string): boolean {
  for (const claims of ledger.claims.values())
    for (const claim of claims.values()) if (claim.pool === pool) return true;
  return false;
}

/** VirtualIPs that keep an address which their pool does not have any more, in the order of the addresses. */
export function straysOf(ledger: Ledger, pool: string): readonly VirtualIP[] {
  return inOrder(ledger, ledger.uses.get(pool)?.strays ?? []);
}

/** VirtualIPs that name the pool, in the order of the addresses. */
export function vipsOfPool(ledger: Ledger, pool: string): readonly VirtualIP[] {
  return inOrder(ledger, ledger.uses.get(pool)?.names ?? []);
}

function inOrder(ledger: Ledger, names: Iterable<string>): readonly VirtualIP[] {
  const all = [...names].flatMap((name) => {
    const [vip, ip] = [ledger.vips.get(name), ipOfName(name)];
    return vip === undefined || ip === undefined ? [] : [{ vip, ip }];
  });
  return all.sort((left, right) => compareIps(left.ip, right.ip)).map(({ vip }) => vip);
}

/** How many addresses of a family have a VirtualIP. O(pools). */
export function countVips(ledger: Ledger, family: Family): number {
  return ledger.uses.values().reduce((sum, use) => sum + use.count[family], 0);
}

/** The older Service wins a tie (RFC 3339 texts of one zone sort by time), then the name decides. */
function compareClaims(left: Claim, right: Claim): number {
  if (left.creationTimestamp !== right.creationTimestamp)
    return left.creationTimestamp < right.creationTimestamp ? -1 : 1;
  return left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
}

function settle(ledger: Ledger, name: string): boolean {
  const ip = ipOfName(name);
  if (ip === undefined) return false;
  const inUse = ledger.vips.has(name) || ledger.claims.has(name) || ledger.reserved.has(name);
  const before = ledger.allocator;
  ledger.allocator = inUse ? occupy(before, ip) : vacate(before, ip);
  return !inUse;
}

function noteStray(ledger: Ledger, vip: VirtualIP): void {
  const ip = ipOfName(vip.meta.name);
  const pool = spaceOf(ledger.allocator, vip.pool)?.pool;
  if (ip === undefined || pool === undefined) return;
  if (!hasAddress(pool, ip)) ledger.uses.get(vip.pool)?.strays.add(vip.meta.name);
}

function noteStrike(ledger: Ledger, name: string, times: number): void {
  ledger.strikes.delete(name);
  ledger.strikes.set(name, times);
  const [oldest] = ledger.strikes.keys();
  if (ledger.strikes.size > STRIKES_MAX && oldest !== undefined) ledger.strikes.delete(oldest);
}
