/**
 * When several Services have one address: the same key, no port of one protocol twice, the same externalTrafficPolicy, and
 * with Local the same selector, since then only nodes with a pod of every one of them could answer for all. Services of
 * other namespaces only where the pool says so.
 */
import { compareIps, type Family, type Ip } from "../lib/address/ip.ts";
import { sortedJson } from "../lib/model/decode.ts";
import type { Labels } from "../lib/model/meta.ts";
import { type Service, serviceKey } from "../lib/model/service.ts";
import type { ExternalTrafficPolicy, VirtualIP, VirtualIPService } from "../lib/model/virtual-ip.ts";
import { poolOf, spaceOf } from "./allocator.ts";
import { type DrawWorld, quotaProblem, ruleProblem } from "./drawing.ts";
import type { Ledger } from "./ledger.ts";
import { sourceOf } from "./pool-source.ts";
import { hasAddress } from "./pools.ts";
import { foreignMac } from "./quarantine.ts";
import { askedPools } from "./requests.ts";
import { familyOfName, ipOfName } from "./vip-names.ts";

/** As the schema of VirtualIPs allows. */
export const SHARERS_MAX = 64;

/** What decides whether two Services can share, without the address. */
export interface Sharer {
  readonly uid: string;
  /** "" for none. */
  readonly key: string;
  readonly externalTrafficPolicy: ExternalTrafficPolicy;
  readonly ports: VirtualIPService["ports"];
  readonly selector: Labels;
  /** As `askedPools` reads them. */
  readonly pools: readonly string[] | undefined;
}

export function sharerOf(service: Service, key: string): Sharer {
  const { externalTrafficPolicy, ports, selector } = service;
  return { uid: service.meta.uid, key, externalTrafficPolicy, ports, selector, pools: askedPools(service) };
}

/** Why this Service cannot be among the others that have this address, to end the sentence "ADDRESS is in use by …"; undefined if it can. */
export function shareRefusal(world: DrawWorld, service: Service, key: string, vip: VirtualIP): string | undefined {
  const others = vip.services.filter((one) => one.uid !== service.meta.uid);
  const [first] = others;
  if (first === undefined) return undefined;
  const users = others.map(serviceKey).join(", ");
  const taken = commonKey(world.ledger, service.meta.uid, key, vip);
  if (taken === "" || key === "") {
    return `${users}; Services share an address when all have the same annotation berth.dev/sharing-key`;
  }
  if (taken !== key) return `${users} with the sharing key ${taken}, not ${key}`;
  const pool = sourceOf(vip, service, world.ledger).name;
  const across = spaceOf(world.ledger.allocator, pool)?.pool.sharing === "AcrossNamespaces";
  const abroad = others.find((one) => one.namespace !== service.meta.namespace);
  if (abroad !== undefined && !across) {
    return `${serviceKey(abroad)} of another namespace, and spec.sharing of the IPPool ${pool} is SameNamespace`;
  }
  if (others.length >= SHARERS_MAX) return `${SHARERS_MAX} Services already, which is the most`;
  for (const other of others) {
    const now = known(other, world.ledger);
    if (now !== undefined && now.key !== key) return `${serviceKey(other)}, which has ${keyText(now.key)}`;
    const text = collision(service, now ?? other);
    if (text !== undefined) return `${serviceKey(other)}, which ${text}`;
  }
  return undefined;
}

/** The key that the VirtualIP stands for: what all of its Services have changed to, else the one that they have met under. */
export function commonKey(ledger: Ledger, uid: string, key: string, vip: VirtualIP): string {
  const others = vip.services.filter((one) => one.uid !== uid).map((one) => ledger.sharers.get(serviceKey(one)));
  return key !== "" && others.every((other) => other?.key === key) ? key : (vip.sharingKey ?? "");
}

/** The Services that have the address do not go together (any more): nothing is taken away, but told. */
export function shareConflict(world: DrawWorld, service: Service, key: string, vip: VirtualIP): string | undefined {
  const text = shareRefusal(world, service, key, vip);
  return text === undefined
    ? undefined
    : `${vip.address} is shared with ${text}: align the Services, or give one of them another address`;
}

export interface Joinable {
  readonly vip: VirtualIP | undefined;
  /** Why the first of those with the same key could not be joined. */
  readonly refusal: string | undefined;
}

/** The lowest address of this family whose Services this one can be among. */
export function findJoinable(
  world: DrawWorld,
  service: Service,
  family: Family,
  key: string,
  pools: readonly string[] | undefined,
): Joinable {
  let refusal: string | undefined;
  if (key === "") return { vip: undefined, refusal };
  for (const { vip } of withKey(world.ledger, key, family)) {
    if (vip.services.some((one) => one.uid === service.meta.uid) || vip.meta.deletionTimestamp !== undefined) continue;
    const text = joinRefusal(world, service, key, vip, pools);
    if (text === undefined) return { vip, refusal: undefined };
    refusal ??= `${vip.address} is not shared: ${text}`;
  }
  return { vip: undefined, refusal };
}

function joinRefusal(
  world: DrawWorld,
  service: Service,
  key: string,
  vip: VirtualIP,
  pools: readonly string[] | undefined,
): string | undefined {
  // Nobody is brought to an address that a foreign host uses.
  const mac = foreignMac(vip);
  if (mac !== undefined) return `a host with the MAC ${mac} uses it`;
  const keptOff = poolRefusal(world, service, vip, pools, false);
  if (keptOff !== undefined) return keptOff;
  const text = shareRefusal(world, service, key, vip);
  return text === undefined ? undefined : `it is in use by ${text}`;
}

/**
 * Why no address of the pool that the VirtualIP belongs to (`sourceOf`) may come to this Service; undefined if it may. One that its namespace
 * has already counts no second time. `isByIp`: the Service asks for this very address, whatever the pool's autoAssign, and whether or not the pool
 * has it still.
 */
export function poolRefusal(
  world: DrawWorld,
  service: Service,
  vip: VirtualIP,
  pools: readonly string[] | undefined,
  isByIp: boolean,
): string | undefined {
  const { name } = sourceOf(vip, service, world.ledger);
  const space = spaceOf(world.ledger.allocator, name);
  if (space === undefined) return `there is no IPPool ${name} in force`;
  if (pools !== undefined && !pools.includes(name)) {
    return `it belongs to the IPPool ${name}, and this Service asks for ${pools.join(" or ")}`;
  }
  const rule = ruleProblem(world, service, space.pool);
  if (rule !== undefined) return rule.message;
  // Who has it keeps it; nobody is added to it unawares, or the address that was taken out would never be free.
  const ip = ipOfName(vip.meta.name);
  if (!isByIp && (ip === undefined || !hasAddress(space.pool, ip))) {
    return `the IPPool ${name} does not have it any more, so only a Service that asks for it by name (berth.dev/ips) is added`;
  }
  if (pools === undefined && !isByIp && !space.pool.autoAssign) {
    return `the IPPool ${name} gives only to Services that name it (autoAssign: false), in the annotation berth.dev/pool`;
  }
  const { namespace } = service.meta;
  if (vip.services.some((one) => one.namespace === namespace)) return undefined;
  return quotaProblem(world, service, familyOfName(vip.meta.name), space)?.message;
}

function withKey(ledger: Ledger, key: string, family: Family): readonly { readonly vip: VirtualIP; readonly ip: Ip }[] {
  const found = [...(ledger.byKey.get(key) ?? [])].flatMap((name) => {
    const [vip, ip] = [ledger.vips.get(name), ipOfName(name)];
    return vip === undefined || ip?.family !== family ? [] : [{ vip, ip }];
  });
  return found.sort((left, right) => compareIps(left.ip, right.ip));
}

/** Whether a Service that has the address could have it together with this one, whatever VirtualIPs there are. */
export function goesWith(world: DrawWorld, service: Service, key: string, other: string, ip: Ip): boolean {
  const sharer = world.ledger.sharers.get(other);
  if (key === "" || sharer?.key !== key || collision(service, sharer) !== undefined) return false;
  const isNear = other.startsWith(`${service.meta.namespace}/`);
  return isNear || (poolOf(world.ledger.allocator, ip)?.sharing ?? "AcrossNamespaces") === "AcrossNamespaces";
}

/** The other Service as it is now, if that is known. */
function known(entry: VirtualIPService, ledger: Ledger): Sharer | undefined {
  const sharer = ledger.sharers.get(serviceKey(entry));
  return sharer?.uid === entry.uid ? sharer : undefined;
}

function keyText(key: string): string {
  return key === "" ? "no annotation berth.dev/sharing-key" : `the sharing key ${key}`;
}

/** What keeps the two from one address, to end the sentence "NAME, which …". */
function collision(
  service: Service,
  other: Pick<Sharer, "ports" | "externalTrafficPolicy"> & Partial<Pick<Sharer, "selector">>,
): string | undefined {
  for (const { protocol, port } of service.ports) {
    const same = other.ports.some((one) => one.protocol === protocol && one.port === port);
    if (same) return `has the port ${port}/${protocol} as well`;
  }
  const policy = other.externalTrafficPolicy;
  if (policy !== service.externalTrafficPolicy) {
    return `has externalTrafficPolicy ${policy}, this one ${service.externalTrafficPolicy}`;
  }
  if (
    policy === "Local" &&
    other.selector !== undefined &&
    sortedJson(other.selector) !== sortedJson(service.selector)
  ) {
    return "selects other pods; with externalTrafficPolicy Local the selectors must be the same";
  }
  return undefined;
}
