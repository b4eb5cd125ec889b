/**
 * What the VirtualIPs of a cluster at rest have to say, by what its Services and pools say: found by other means than by the code
 * that is on trial. A wake-up that is lost leaves one behind that a new controller would write otherwise.
 */
import { parseIp } from "../../lib/address/ip.ts";
import { parseRange, rangeContains } from "../../lib/address/range.ts";
import { type IPPool, parseIPPool } from "../../lib/model/ip-pool.ts";
import { parseService, type Service, serviceKey } from "../../lib/model/service.ts";
import { parseVirtualIP, usedByText, type VirtualIP, type VirtualIPService } from "../../lib/model/virtual-ip.ts";
import { must } from "./objects.ts";
import type { ScriptedApi } from "./scripted-api.ts";

/** Berth's record of one address in the condition of its Service. */
const RECORD = /^(\S+) from IPPool (\S+)(?: \(renumber (\S+)\))?(?: \(shared\))?$/;

/** The pool that gives an address out, of all that have it in their spec: by the order of docs/allocation.md. */
export function inOrder(all: readonly IPPool[]): readonly IPPool[] {
  const rank = ({ meta, priority, drawers }: IPPool): readonly (number | string)[] => [
    meta.deletionTimestamp === undefined ? 0 : 1,
    priority ?? Number.POSITIVE_INFINITY,
    drawers.namespaces.length === 0 && drawers.namespaceSelector === undefined && drawers.serviceSelector === undefined
      ? 1
      : 0,
    meta.name,
  ];
  return [...all].sort((left, right) => {
    const [one, other] = [rank(left), rank(right)];
    const at = one.findIndex((value, index) => value !== other[index]);
    return (one[at] ?? 0) < (other[at] ?? 0) ? -1 : 1;
  });
}

/** The pool that the address belongs to: what a pool leaves out by its spec is not its own. */
export function homeOf(all: readonly IPPool[], address: string): IPPool | undefined {
  return inOrder(all).find((pool) => {
    const isBuggy = pool.avoidBuggyIPs && /^\d+\.\d+\.\d+\.(0|255)$/.test(address);
    return !isBuggy && isIn(pool.addresses, address) && !isIn(pool.excluded, address);
  });
}

/** BOUNDED by the texts of the tests. */
const known = new Map<string, boolean>();

function isIn(ranges: readonly string[], address: string): boolean {
  return ranges.some((text) => {
    const key = `${text} ${address}`;
    const [ip, range] = known.has(key) ? [] : [parseIp(address), parseRange(text)];
    if (ip !== undefined && range !== undefined)
      known.set(key, ip.ok && range.ok && rangeContains(range.value, ip.value));
    return known.get(key) === true;
  });
}

/** Every line is something that a VirtualIP says and should not; none in a cluster at rest. */
export function untruths(api: ScriptedApi): readonly string[] {
  const pools = api.list("ippools").map((raw) => must(parseIPPool(raw)));
  const services = new Map(
    api.list("services").map((raw) => {
      const service = must(parseService(raw));
      return [service.meta.uid, service];
    }),
  );
  return api.list("virtualips").flatMap((raw) => {
    const vip = must(parseVirtualIP(raw));
    const users = vip.services.flatMap(({ uid }) => services.get(uid) ?? []);
    const told = [...entries(vip, users), ...ofPool(vip, users, pools), ...marks(vip, users), ...key(vip, users)];
    return told.map((text) => `${vip.address}: ${text}`);
  });
}

/** What the VirtualIP copies from the Services. */
function entries(vip: VirtualIP, users: readonly Service[]): readonly string[] {
  const line = (one: Pick<VirtualIPService, "ports" | "externalTrafficPolicy">, name: string, uid: string) =>
    JSON.stringify([
      name,
      uid,
      one.externalTrafficPolicy,
      one.ports.map((port) => [port.name, port.protocol, port.port]),
    ]);
  const has = vip.services.map((one) => line(one, serviceKey(one), one.uid));
  const should = users.map((one) => line(one, serviceKey(one.meta), one.meta.uid));
  return [
    ...differs("services", has.join(), should.join()),
    ...differs("usedBy", vip.usedBy, usedByText(vip.services)),
  ];
}

/** What it copies from its pool, and whether that is the pool it belongs to. */
function ofPool(vip: VirtualIP, users: readonly Service[], pools: readonly IPPool[]): readonly string[] {
  const named = pools.find(({ meta }) => meta.name === vip.pool);
  const home = homeOf(pools, vip.address);
  const isLeaving = (pool: IPPool | undefined) => pool?.meta.deletionTimestamp !== undefined;
  const isHome = named !== undefined && home === named && !isLeaving(named);
  const isWished = users.some((one) => poolsNamedBy(one).includes(vip.pool));
  const mayMove = !isHome && home !== undefined && !isLeaving(home) && !isWished && vip.quarantine === undefined;
  const reason =
    named === undefined ? "PoolNotFound" : isLeaving(named) ? "PoolDeleting" : isHome ? "InPool" : "OutsideSpec";
  const says = vip.conditions.find(({ type }) => type === "InPool");
  // One that has always been in its pool does not say so; nobody reads it of one that is put aside.
  const isSilent = says === undefined && (isHome || vip.quarantine !== undefined);
  return [
    ...differs("pool", vip.pool, mayMove ? home.meta.name : vip.pool),
    ...(named === undefined ? [] : differs("l2", JSON.stringify(vip.l2), JSON.stringify(named.l2))),
    ...(isSilent ? [] : differs("InPool", says?.reason, reason)),
  ];
}

function poolsNamedBy({ meta }: Service): readonly string[] {
  const names = ["berth.dev/pool", "metallb.io/address-pool", "metallb.universe.tf/address-pool"];
  return names.flatMap((name) => (meta.annotations[name] ?? "").split(",").map((one) => one.trim()));
}

/** The two records of a given address (ADR 22) say the same. */
function marks(vip: VirtualIP, users: readonly Service[]): readonly string[] {
  return users.flatMap((service) => {
    const says = service.conditions.find(({ type }) => type === "berth.dev/AddressAssigned");
    const records = (says?.message.split("; ")[0] ?? "").split(", ").map((part) => RECORD.exec(part) ?? []);
    const [, , pool, renumber = ""] = records.find(([, address]) => address === vip.address) ?? [];
    const mark = vip.services.find(({ uid }) => uid === service.meta.uid)?.renumber ?? "";
    return [
      ...differs(`the pool by the record of ${service.meta.name}`, pool, vip.pool),
      ...differs(`the wish by the record of ${service.meta.name}`, renumber, encodeURIComponent(mark)),
    ];
  });
}

/** Who is alone decides about the key; several that have the same one have met under it, or have all changed to it. */
function key(vip: VirtualIP, users: readonly Service[]): readonly string[] {
  const [first, ...more] = users.map(keyOf);
  if (first === undefined || more.some((one) => one !== first) || (first === "" && more.length > 0)) return [];
  return differs("sharingKey", vip.sharingKey ?? "", first);
}

/** Undefined for two that contradict each other. */
function keyOf({ meta }: Service): string | undefined {
  const names = ["berth.dev/sharing-key", "metallb.io/allow-shared-ip", "metallb.universe.tf/allow-shared-ip"];
  const [one = "", ...others] = names.flatMap((name) => meta.annotations[name] ?? []);
  return others.every((other) => other === one) ? one : undefined;
}

function differs(what: string, is: string | undefined, should: string | undefined): readonly string[] {
  return is === should ? [] : [`${what} is ${is}, not ${should}`];
}
