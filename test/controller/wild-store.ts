/** The cluster of a wild run, and how those in it write to the API server. */
import type { Json } from "../../lib/kube/api.ts";
import type { JsonObject } from "../../lib/model/decode.ts";
import { parseIPPool } from "../../lib/model/ip-pool.ts";
import { parseService, type Service } from "../../lib/model/service.ts";
import { parseVirtualIP } from "../../lib/model/virtual-ip.ts";
import { type Random, seededRandom } from "../../lib/runtime/random.ts";
import type { Process } from "./crash-world.ts";
import { must } from "./objects.ts";
import { ScriptedApi, type Snapshot } from "./scripted-api.ts";

export const CORE = "/api/v1";
export const BERTH = "/apis/berth.dev/v1alpha1";
export const NAMESPACES = ["default", "shop"];
/** Of the Services. */
export const KEYS = ["default/s0", "default/s1", "default/s2", "default/s3", "shop/s4", "shop/s5", "shop/s6"];
export const QUOTAS = [1, 2, 3];
/** Of another load balancer. */
export const FOREIGN_CLASS = "other.example/lb";
/** Of no pool. */
export const FOREIGN_IP = "192.0.2.7";
/** A plan and its last call lie at most so many steps apart, all but always. */
export const RECENT_STEPS = 100;
export const POOLS = ["first", "second"];

export interface Wild {
  readonly api: ScriptedApi;
  readonly random: Random;
  /** One controller at a time, as the leader's Lease has it; else two that both believe to lead, now and then. */
  readonly isAlone: boolean;
  processes: Process[];
  /** Of each process that lives. */
  readonly witnesses: WeakMap<Process, { look(): void }>;
  now: number;
  /** Edits that ask for another address, by uid and family: a move needs one each. */
  readonly wishes: Map<string, number>;
  /** Counts every key that a Service has had: two that share an address must have had one in common. */
  readonly keys: Map<string, Set<string>>;
  /** What was done against a rule. */
  readonly faults: string[];
  steps: number;
  /** So many times a cache may have changed. */
  deliveries: number;
  /** The last step at which VirtualIPs were changed behind the controllers. */
  upsetAt: number;
  /** What caches must have seen, by number of events, to know of that. */
  upsetBefore: number;
  /** `uid address`: a VirtualIP named this Service until the store went back, and none for this address has named it since. */
  readonly lost: Set<string>;
  snapshot: Snapshot | undefined;
  rollbacks: number;
}

export function createWild(seed: number): Wild {
  const wild: Wild = {
    api: new ScriptedApi(),
    random: seededRandom(seed),
    isAlone: seed % 2 === 1,
    processes: [],
    witnesses: new WeakMap(),
    now: 1_000,
    wishes: new Map(),
    keys: new Map(),
    faults: [],
    steps: 0,
    deliveries: 0,
    upsetAt: Number.NEGATIVE_INFINITY,
    upsetBefore: 0,
    lost: new Set(),
    snapshot: undefined,
    rollbacks: 0,
  };
  create(wild, `${BERTH}/ippools`, { metadata: { name: "first" }, spec: { addresses: POOL_RANGES[0] ?? [] } });
  for (const name of NAMESPACES) create(wild, `${CORE}/namespaces`, { metadata: { name, labels: { team: "a" } } });
  create(wild, `${CORE}/nodes`, { metadata: { name: "n1" } });
  return wild;
}

/** Objects and lists are never changed in place, so each is parsed once. */
function listOf<T>(resource: string, parse: (raw: Json) => T | undefined): (wild: Wild) => readonly T[] {
  const parsed = new WeakMap<JsonObject, T>();
  const lists = new WeakMap<readonly JsonObject[], readonly T[]>();
  const read = (raw: JsonObject): T => {
    const known = parsed.get(raw) ?? must(parse(raw));
    parsed.set(raw, known);
    return known;
  };
  return ({ api }) => {
    const raw = api.list(resource);
    const known = lists.get(raw) ?? raw.map(read);
    lists.set(raw, known);
    return known;
  };
}

export const services = listOf("services", parseService);
export const vips = listOf("virtualips", parseVirtualIP);
export const pools = listOf("ippools", parseIPPool);

/** Of type LoadBalancer and of no other load balancer's class. */
export function isOurs({ type, loadBalancerClass }: Service): boolean {
  return type === "LoadBalancer" && loadBalancerClass !== FOREIGN_CLASS;
}

/** The addresses in the status of a Service, but for what others wrote there. */
export function ownIngress(service: Service): readonly string[] {
  const listed = service.ingress.map(({ ip }) => ip);
  return isOurs(service) ? listed.filter((ip) => ip !== FOREIGN_IP) : [];
}

export function saysOf(service: Service) {
  return service.conditions.find((one) => one.type === "berth.dev/AddressAssigned");
}

/** `uid address` of every Service that a VirtualIP names. */
export function namedIn(wild: Wild): ReadonlySet<string> {
  return new Set(vips(wild).flatMap((vip) => vip.services.map(({ uid }) => `${uid} ${vip.address}`)));
}

export const POOL_RANGES = [
  ["10.0.0.1-10.0.0.5", "fd99::1-fd99::4"],
  ["10.0.0.3-10.0.0.8", "fd99::1-fd99::4"],
  ["10.0.0.0-10.0.0.2"],
  ["10.0.0.1-10.0.0.9", "fd99::3-fd99::6"],
];

/** What a pool may have. */
export const CANDIDATES = [4, 6].flatMap((family) =>
  Array.from({ length: 13 }, (_, at) => (family === 4 ? `10.0.0.${at}` : `fd99::${at.toString(16)}`)),
);

export function create(wild: Wild, path: string, body: JsonObject): void {
  wild.api.call({ verb: "create", path, body: JSON.parse(JSON.stringify(body)) });
}

export function patch(wild: Wild, path: string, body: JsonObject): void {
  wild.api.call({ verb: "patch", path, body: JSON.parse(JSON.stringify(body)), patch: "merge" });
}
