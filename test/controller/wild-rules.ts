/**
 * Who may draw from which pool, watched in a wild run: each call that gives an address is judged by what its controller can have
 * known when it planned it, which is late and may be of a moment ago.
 */
import type { Json } from "../../lib/kube/api.ts";
import { asText, fields, items } from "../../lib/model/decode.ts";
import type { IPPool } from "../../lib/model/ip-pool.ts";
import type { Namespace } from "../../lib/model/namespace.ts";
import { type Service, serviceKey } from "../../lib/model/service.ts";
import type { LabelSelector, VirtualIP, VirtualIPService } from "../../lib/model/virtual-ip.ts";
import type { Process } from "./crash-world.ts";
import { homeOf } from "./vip-truth.ts";
import {
  CANDIDATES,
  KEYS,
  namedIn,
  POOLS,
  pools,
  QUOTAS,
  RECENT_STEPS,
  services,
  vips,
  type Wild,
} from "./wild-store.ts";

export function mayDraw({ drawers }: IPPool, service: Service, namespace: Namespace | undefined): boolean {
  const isOpen = drawers.namespaces.length === 0 && drawers.namespaceSelector === undefined;
  const isNear = isOpen || (namespace !== undefined && hasLabels(namespace.labels, drawers.namespaceSelector));
  return isNear && hasLabels(service.meta.labels, drawers.serviceSelector);
}

/** It gives to those who do not name it, or this one does, or asks for addresses of whatever pool; and it is not being deleted. */
function isWelcome(pool: IPPool, { meta }: Service): boolean {
  const { "berth.dev/ips": ips, "berth.dev/pool": named = "" } = meta.annotations;
  const isNamed = ips !== undefined || named.split(",").includes(pool.meta.name);
  return pool.meta.deletionTimestamp === undefined && (pool.autoAssign || isNamed);
}

/** Not by the code that is on trial. The runs have selectors with matchLabels only. */
function hasLabels(labels: Readonly<Record<string, string>>, selector: LabelSelector | undefined): boolean {
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

/** How many addresses of the pool the namespace has. */
export function heldIn(wild: Wild, pool: string, namespace: string): number {
  return vips(wild).filter((vip) => vip.pool === pool && vip.services.some((one) => one.namespace === namespace))
    .length;
}

/** Facts that come and go, each with the last step at which it stood. */
class Lately {
  readonly #wild: Wild;
  readonly #facts: () => Iterable<string>;
  #now: ReadonlySet<string> = new Set();
  #seen = "";
  /** Of facts that stand no more. BOUNDED by the run. */
  readonly #ended = new Map<string, number>();

  constructor(wild: Wild, facts: () => Iterable<string>) {
    this.#wild = wild;
    this.#facts = facts;
    this.look();
  }

  /** Every step. */
  look(): void {
    const seen = `${this.#wild.api.events.length} ${this.#wild.deliveries}`;
    if (seen === this.#seen) return;
    this.#seen = seen;
    const before = this.#now;
    this.#now = new Set(this.#facts());
    for (const fact of before) if (!this.#now.has(fact)) this.#ended.set(fact, this.#wild.steps);
  }

  has(fact: string): boolean {
    const ended = this.#ended.get(fact) ?? Number.NEGATIVE_INFINITY;
    return this.#now.has(fact) || ended >= this.#wild.steps - RECENT_STEPS;
  }
}

/** Judges the calls of one controller that bring an address to a Service. */
export class Witness {
  readonly #wild: Wild;
  readonly #process: Process;
  /** `mayDraw uid pool`, `pool gives address`, `shares pool`, `has uid address`. */
  readonly #lately: Lately;
  /** Of VirtualIPs: the cache may have one that is no more. BOUNDED by the addresses of the pools. */
  readonly #names = new Set<string>();
  /** What its own calls have shown it of a Service, by `namespace/name`: it goes by that until its cache has another version. */
  readonly #shown = new Map<string, { readonly basedOn: string | undefined; readonly versions: Set<Service> }>();

  constructor(wild: Wild, process: Process) {
    this.#wild = wild;
    this.#process = process;
    this.#lately = new Lately(wild, () => this.#known());
    process.onCall = (verb, path, body) => this.#judge(verb, path, body);
  }

  look(): void {
    for (const { meta } of vips(this.#wild)) this.#names.add(meta.name);
    for (const key of KEYS) this.#lookAtCalls(key);
    this.#lately.look();
  }

  /** While a call is under way, its answer may be what the API server has now. */
  #lookAtCalls(key: string): void {
    const basedOn = this.#process.cached<Service>("services", key)?.meta.resourceVersion;
    if (this.#shown.get(key)?.basedOn !== basedOn) this.#shown.delete(key);
    const path = `/namespaces/${key.replace("/", "/services/")}`;
    const now = services(this.#wild).find(({ meta }) => serviceKey(meta) === key);
    const isAsked = this.#process.pending.some(
      (call) => call.path.endsWith(path) || call.path.endsWith(`${path}/status`),
    );
    if (now === undefined || !isAsked) return;
    const shown = this.#shown.get(key) ?? { basedOn, versions: new Set() };
    this.#shown.set(key, shown);
    shown.versions.add(now);
  }

  *#known(): Iterable<string> {
    const known = POOLS.flatMap((name) => this.#process.cached<IPPool>("ippools", name) ?? []);
    for (const pool of known) if (pool.sharing === "AcrossNamespaces") yield `shares ${pool.meta.name}`;
    for (const address of CANDIDATES) yield `${homeOf(known, address)?.meta.name} gives ${address}`;
    yield* [...namedIn(this.#wild)].map((one) => `has ${one}`);
    for (const name of this.#names) {
      const late = this.#process.cached<VirtualIP>("virtualips", name);
      for (const { uid } of late?.services ?? []) yield `has ${uid} ${late?.address}`;
    }
    for (const key of KEYS) {
      const now = services(this.#wild).find(({ meta }) => serviceKey(meta) === key);
      const late = this.#process.cached<Service>("services", key);
      const namespace = this.#process.cached<Namespace>("namespaces", key.split("/")[0] ?? "");
      const shown = this.#shown.get(key)?.versions ?? [];
      for (const service of [now, late, ...shown].filter((one) => one !== undefined)) {
        const { uid } = service.meta;
        for (const ip of claimed(service)) yield `has ${uid} ${ip}`;
        for (const pool of known)
          if (mayDraw(pool, service, namespace) && isWelcome(pool, service)) yield `mayDraw ${uid} ${pool.meta.name}`;
      }
    }
  }

  #judge(verb: string, path: string, body: Json | undefined): void {
    if (!path.includes("/virtualips") || path.endsWith("/status")) return;
    this.look();
    const spec = verb === "create" ? fields(body)["spec"] : specOfPatch(body);
    if (spec === undefined) return;
    const { address = "", pool = "", services: named } = fields(spec);
    const entries = items(named).map((one) => fields(one));
    for (const { uid, namespace, name } of entries) {
      // What the Service has already, by its status or a VirtualIP, is not given to it but kept.
      if (this.#lately.has(`has ${uid} ${address}`)) continue;
      const what = `${verb} ${address} of ${pool} for ${namespace}/${name}`;
      if (!this.#lately.has(`mayDraw ${uid} ${pool}`)) this.#wild.faults.push(`${what}, which may not draw from it`);
      const isGiven = verb !== "create" || this.#lately.has(`${pool} gives ${address}`);
      if (!isGiven) this.#wild.faults.push(`${what}, which does not give it out`);
      const abroad = entries.some((one) => one["namespace"] !== namespace);
      if (abroad && !this.#lately.has(`shares ${pool}`)) this.#wild.faults.push(`${what}, beside another namespace`);
    }
  }
}

function specOfPatch(body: Json | undefined): Json | undefined {
  return items(body)
    .map(fields)
    .find((one) => asText(one["path"]) === "/spec")?.["value"];
}

function claimed(service: Service): readonly string[] {
  const says = service.conditions.find((one) => one.type === "berth.dev/AddressAssigned");
  const recorded = says?.status === "True" ? [...says.message.matchAll(/(\S+) from IPPool/g)] : [];
  return [...service.ingress.map(({ ip }) => ip), ...recorded.map(([, ip = ""]) => ip)];
}

/**
 * The quotas, by what the API server shows: a VirtualIP that has just been created is not beyond the largest quota that the pool had
 * lately. Only where one controller acts at a time: two count each for himself. And not just after VirtualIPs were rewritten by hand or
 * the store went back: what is set right by that comes on top.
 */
export class QuotaWatch {
  readonly #wild: Wild;
  /** `pool quota`, by the API server and by every controller; `address of pool`. */
  readonly #lately: Lately;

  constructor(wild: Wild) {
    this.#wild = wild;
    this.#lately = new Lately(wild, () => {
      const late = wild.processes.flatMap((one) => POOLS.flatMap((name) => one.cached<IPPool>("ippools", name) ?? []));
      const quotas = [...pools(wild), ...late].map(({ meta, quota }) => `${meta.name} ${quota ?? "any"}`);
      return [...quotas, ...vips(wild).map(({ pool, address }) => `${address} of ${pool}`)];
    });
  }

  look(): void {
    this.#lately.look();
    // Time runs for it when the caches know of it.
    if (this.#wild.processes.some((one) => one.lag(this.#wild.upsetBefore) > 0)) this.#wild.upsetAt = this.#wild.steps;
  }

  /** After the creation of this VirtualIP. */
  judge(vip: VirtualIP): void {
    const [owner] = vip.services;
    if (owner === undefined || this.#wild.steps - this.#wild.upsetAt <= RECENT_STEPS) return;
    const service = services(this.#wild).find((one) => one.meta.uid === owner.uid);
    if (service !== undefined && claimed(service).includes(vip.address)) return;
    const quota = [...QUOTAS].sort((one, other) => other - one).find((most) => this.#lately.has(`${vip.pool} ${most}`));
    if (this.#lately.has(`${vip.pool} any`) || quota === undefined) return;
    const near = vips(this.#wild).filter((one) => one.services.some(({ namespace }) => namespace === owner.namespace));
    const counted = near.filter((one) => one.pool === vip.pool && !this.#isTakenOver(one));
    const replaced = counted.filter((one) => isReplaced(one, near, owner));
    if (counted.length - replaced.length > quota)
      this.#wild.faults.push(
        `${vip.address} of ${vip.pool} is beyond the quota ${quota} of ${owner.namespace}: ${counted.length}`,
      );
  }

  /** What a pool takes over is kept, whatever its quota says, and counts in it from that write on. */
  #isTakenOver(vip: VirtualIP): boolean {
    return POOLS.some((pool) => pool !== vip.pool && this.#lately.has(`${vip.address} of ${pool}`));
  }
}

/** One that its Service has alone in the namespace, and will give up for a newer one of the same family. */
function isReplaced(vip: VirtualIP, near: readonly VirtualIP[], owner: VirtualIPService): boolean {
  const isOwn = (one: VirtualIP) =>
    one.services.every(({ namespace, uid }) => namespace !== owner.namespace || uid === owner.uid);
  const isNewer = (one: VirtualIP) =>
    one.address.includes(":") === vip.address.includes(":") && bornAt(one) > bornAt(vip);
  return isOwn(vip) && near.some((one) => isNewer(one) && one.services.some(({ uid }) => uid === owner.uid));
}

/** The API server of the tests numbers its objects. */
function bornAt({ meta }: VirtualIP): number {
  return Number(meta.uid.replace("uid-", ""));
}
