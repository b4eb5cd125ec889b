/** Every rule of allocation at once, under everything that can go wrong. A failing run names its seed. */
import { describe, expect, test } from "@jest/globals";
import { parseIp } from "../../lib/address/ip.ts";
import { parseRange, rangeContains } from "../../lib/address/range.ts";
import type { Json } from "../../lib/kube/api.ts";
import { fields, items } from "../../lib/model/decode.ts";
import type { IPPool } from "../../lib/model/ip-pool.ts";
import { parseNamespace } from "../../lib/model/namespace.ts";
import { parseService, type Service, serviceKey } from "../../lib/model/service.ts";
import { parseVirtualIP, usedByText, type VirtualIP } from "../../lib/model/virtual-ip.ts";
import { IS_FULL } from "../scale.ts";
import { must } from "./objects.ts";
import { heldIn, inOrder, mayDraw, QuotaWatch } from "./wild-rules.ts";
import { createWild, namedIn, pools, services, vips, type Wild } from "./wild-store.ts";
import { disturb, edit, settle, step } from "./wild-world.ts";

const STEPS = 900;
/** Of a cluster at rest, one after the other. */
const EDITS = 40;
const SEEDS = IS_FULL ? 40 : 15;

interface Watch {
  checked: number;
  rollbacks: number;
  /** What each Service (by uid) has published last, by family. */
  readonly published: Map<string, Map<number, string>>;
  readonly moves: Map<string, number>;
  readonly quotas: QuotaWatch;
  /** VirtualIPs by uid that have been seen. */
  readonly created: Set<string>;
}

/** Reads every new event of the API server: what was true for one moment counts. */
function checkEvents(wild: Wild, watch: Watch): void {
  if (watch.rollbacks !== wild.rollbacks) {
    watch.rollbacks = wild.rollbacks;
    // A wish that was fulfilled before may be fulfilled again.
    watch.published.clear();
    watch.moves.clear();
    watch.checked = wild.api.events.length;
  }
  for (; watch.checked < wild.api.events.length; watch.checked++) {
    const event = wild.api.events[watch.checked];
    if (event?.resource === "services" && event.object !== undefined)
      checkMove(wild, watch, must(parseService(event.object)));
    if (event?.resource === "virtualips" && event.object !== undefined)
      checkQuota(wild, watch, must(parseVirtualIP(event.object)));
  }
  watch.quotas.look();
  checkSharing(wild);
  expect(wild.faults).toEqual([]);
}

function checkQuota(wild: Wild, { quotas, created }: Watch, vip: VirtualIP): void {
  if (wild.isAlone && !created.has(vip.meta.uid)) quotas.judge(vip);
  created.add(vip.meta.uid);
}

/** While a Service stays a LoadBalancer of its families, its address becomes another one only by a wish or a foreign host. */
function checkMove(wild: Wild, watch: Watch, service: Service): void {
  const { uid } = service.meta;
  const before = watch.published.get(uid) ?? new Map<number, string>();
  watch.published.set(uid, before);
  if (service.type !== "LoadBalancer" || service.meta.deletionTimestamp !== undefined) before.clear();
  for (const family of before.keys())
    if (!service.ipFamilies.includes(`IPv${family === 6 ? 6 : 4}`)) before.delete(family);
  // Both or none: what is withheld is given back.
  if (service.ipFamilyPolicy === "RequireDualStack" && saysOf(service)?.status === "False") before.clear();
  for (const { ip } of service.ingress) {
    const family = ip.includes(":") ? 6 : 4;
    const key = `${uid} ${family}`;
    const last = before.get(family);
    const moved = last !== undefined && last !== ip && !wild.conflicted.has(last);
    if (moved) watch.moves.set(key, (watch.moves.get(key) ?? 0) + 1);
    before.set(family, ip);
    const excess = Math.max(0, (watch.moves.get(key) ?? 0) - (wild.wishes.get(key) ?? 0));
    expect({ service: service.meta.name, last, ip, excess }).toEqual({
      service: service.meta.name,
      last,
      ip,
      excess: 0,
    });
  }
}

function saysOf(service: Service) {
  return service.conditions.find((one) => one.type === "berth.dev/AddressAssigned");
}

/**
 * Two Services with one address have had a sharing key in common. Of an address whose VirtualIP was lost when the store went back, another
 * one may have been given before the write arrives that publishes it all the same: then the VirtualIP decides, and at rest one has it.
 */
function checkSharing(wild: Wild): void {
  const users = new Map<string, Service[]>();
  for (const service of services(wild)) {
    for (const { ip } of service.ingress) users.set(ip, [...(users.get(ip) ?? []), service]);
  }
  const given = namedIn(wild);
  for (const [ip, all] of users) {
    const isApart = all.slice(1).some((other) => !haveMet(wild, all[0], other));
    const lost = all.map(({ meta }) => `${meta.uid} ${ip}`).filter((one) => wild.lost.has(one));
    expect({ ip, isShared: !isApart || lost.length > 0 }).toEqual({ ip, isShared: true });
    if (!isApart) for (const one of lost) if (given.has(one)) wild.lost.delete(one);
  }
}

/** The two have had a sharing key in common. */
function haveMet(wild: Wild, first: Service | undefined, other: Service): boolean {
  const keys = wild.keys.get(first?.meta.uid ?? "");
  return [...(wild.keys.get(other.meta.uid) ?? [])].some((key) => key !== "" && keys?.has(key) === true);
}

function checkRest(wild: Wild): void {
  wild.lost.clear();
  checkSharing(wild);
  const all = services(wild);
  const byUid = new Map(all.map((service) => [service.meta.uid, service]));
  for (const vip of vips(wild)) {
    expect(vip.meta.deletionTimestamp).toBeUndefined();
    expect({ vip: vip.address, empty: vip.services.length === 0 }).toEqual({
      vip: vip.address,
      empty: vip.quarantine !== undefined,
    });
    expect(vip.usedBy).toBe(usedByText(vip.services));
    for (const { uid, name } of vip.services) {
      const listed = byUid.get(uid)?.ingress.map((entry) => entry.ip) ?? [];
      expect({ name, has: listed.includes(vip.address) }).toEqual({ name, has: true });
    }
  }
  for (const service of all) {
    expect(service.meta.deletionTimestamp).toBeUndefined();
    for (const { ip } of service.ingress) {
      const vip = vips(wild).find((one) => one.address === ip);
      expect({ ip, named: vip?.services.some((one) => one.uid === service.meta.uid) }).toEqual({ ip, named: true });
    }
    expect(service.meta.finalizers.length).toBe(service.ingress.length > 0 ? 1 : 0);
    const marked = service.conditions.some((one) => one.type === "berth.dev/AddressAssigned");
    expect(marked).toBe(service.type === "LoadBalancer");
    checkTold(wild, service);
    checkNotInVain(wild, service);
  }
  for (const pool of pools(wild)) {
    const used = vips(wild).some((vip) => vip.pool === pool.meta.name);
    expect({ pool: pool.meta.name, held: pool.meta.finalizers.length }).toEqual({
      pool: pool.meta.name,
      held: used ? 1 : 0,
    });
  }
}

/** Services on one address that do not go together say so, each of them. */
function checkTold(wild: Wild, service: Service): void {
  const says = saysOf(service);
  for (const { ip } of service.ingress) {
    for (const other of services(wild)) {
      if (other.meta.uid === service.meta.uid || !other.ingress.some((entry) => entry.ip === ip)) continue;
      const collide = other.ports.some((one) => service.ports.some((own) => own.port === one.port));
      const differ = other.externalTrafficPolicy !== service.externalTrafficPolicy;
      const bad = collide || differ;
      if (bad) expect({ service: service.meta.name, reason: says?.reason }).not.toMatchObject({ reason: "Assigned" });
    }
  }
}

/** Who asks for nothing lacks an address only while no pool has one for him. */
function checkNotInVain(wild: Wild, service: Service): void {
  const asks = Object.keys(service.meta.annotations).some((name) => /\/(ips|pool)$/.test(name));
  const { "berth.dev/sharing-key": own, "metallb.io/allow-shared-ip": metallb } = service.meta.annotations;
  // Two keys that differ are a request that cannot be read.
  if (own !== undefined && metallb !== undefined && own !== metallb) return;
  if (asks || service.type !== "LoadBalancer" || service.ipFamilyPolicy === "RequireDualStack") return;
  const lacking = service.ipFamilies.filter(
    (family) => !service.ingress.some((entry) => entry.ip.includes(":") === (family === "IPv6")),
  );
  const status = fields(fields(wild.api.get("nodes", "n1"))["status"]);
  const ofNode = JSON.stringify(status["addresses"] ?? []);
  const candidates = [4, 6].flatMap((family) =>
    Array.from({ length: 12 }, (_, at) => (family === 4 ? `10.0.0.${at + 1}` : `fd99::${(at + 1).toString(16)}`)),
  );
  const namespace = must(parseNamespace(wild.api.get("namespaces", service.meta.namespace) ?? null));
  const isOpen = (pool: IPPool) =>
    pool.meta.deletionTimestamp === undefined &&
    mayDraw(pool, service, namespace) &&
    heldIn(wild, pool.meta.name, service.meta.namespace) < (pool.quota ?? Number.POSITIVE_INFINITY);
  const free = candidates.filter((text) => {
    const ip = parseIp(text);
    const home = inOrder(pools(wild)).find((pool) =>
      pool.addresses.some((range) => {
        const parsed = parseRange(range);
        return ip.ok && parsed.ok && rangeContains(parsed.value, ip.value);
      }),
    );
    const isFree = !vips(wild).some((vip) => vip.address === text) && !ofNode.includes(`"${text}"`);
    return home !== undefined && isOpen(home) && isFree;
  });
  const couldHave = lacking.filter((family) => free.some((text) => text.includes(":") === (family === "IPv6")));
  expect({ service: service.meta.name, couldHave }).toEqual({ service: service.meta.name, couldHave: [] });
}

/** Whether nobody has an address before or after, and the conditions that say so are as true as they were: the words may be of a moment ago. */
function saysTheSame(before: Json | undefined, now: Json | undefined): boolean {
  const [was, is] = [before, now].map((raw) => {
    const status = fields(fields(raw)["status"]);
    const has = items(fields(status["loadBalancer"])["ingress"]).length > 0;
    return has ? undefined : JSON.stringify(items(status["conditions"]).map((one) => fields(one)["status"]));
  });
  return was !== undefined && was === is;
}

/** Everything comes to rest with one controller, as it should be: another one that starts then finds nothing to do. */
async function rest(wild: Wild, watch: Watch, who: "new" | "last"): Promise<void> {
  await settle(wild, who, () => checkEvents(wild, watch));
  checkRest(wild);
  const from = wild.api.events.length;
  const before = new Map(
    services(wild).map(({ meta }) => [serviceKey(meta), wild.api.get("services", serviceKey(meta))]),
  );
  await settle(wild, "new", () => checkEvents(wild, watch));
  const more = wild.api.events.slice(from).filter((event) => event.resource !== "virtualips");
  const isExcused = (key: string, now: Json | undefined): boolean =>
    who === "last" && before.has(key) && saysTheSame(before.get(key), now);
  const other = more.filter(({ key, object }) => !isExcused(key, object));
  expect(other.map((event) => JSON.stringify([event.key, fields(event.object)["status"]]))).toEqual([]);
}

describe("everything at once", () => {
  async function run(seed: number): Promise<void> {
    const wild = createWild(seed);
    const watch: Watch = {
      checked: 0,
      rollbacks: 0,
      published: new Map(),
      moves: new Map(),
      quotas: new QuotaWatch(wild),
      created: new Set(),
    };
    disturb(wild);
    for (let at = 0; at < STEPS; at++) {
      await step(wild, true);
      checkEvents(wild, watch);
    }
    const isKept = seed % 4 < 2;
    await rest(wild, watch, isKept ? "last" : "new");
    for (let at = 0; isKept && at < EDITS; at++) {
      edit(wild);
      await rest(wild, watch, "last");
    }
    expect(wild.api.events.length).toBeGreaterThan(100);
  }

  // The bound is for a machine under load, not for the controller.
  const seeds = Array.from({ length: SEEDS }, (_, at) => at + 1);
  test.each(seeds)("seed %d", run, 300_000);
});
