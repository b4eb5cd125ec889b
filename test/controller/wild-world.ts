/**
 * Users, speakers, nodes and an API server that do everything at once to controllers that die, overlap and see late: pools
 * are edited and deleted, Services share, ask and change their minds, hosts outside use addresses, the store is rolled back.
 */
import { setImmediate as settled } from "node:timers/promises";
import type { JsonObject } from "../../lib/model/decode.ts";
import { parseIPPool } from "../../lib/model/ip-pool.ts";
import { parseService, type Service } from "../../lib/model/service.ts";
import { parseVirtualIP, type VirtualIP } from "../../lib/model/virtual-ip.ts";
import { type Random, seededRandom } from "../../lib/runtime/random.ts";
import { below, pick } from "./crash-draw.ts";
import { Process } from "./crash-world.ts";
import { must } from "./objects.ts";
import { ScriptedApi, type Snapshot } from "./scripted-api.ts";

const CORE = "/api/v1";
const BERTH = "/apis/berth.dev/v1alpha1";
const NAMES = ["s0", "s1", "s2", "s3", "s4", "s5"];
const SETTLE_STEPS_MAX = 60_000;

export interface Wild {
  readonly api: ScriptedApi;
  readonly random: Random;
  /** One controller at a time, as the leader's Lease has it; else two that both believe to lead, now and then. */
  readonly isAlone: boolean;
  processes: Process[];
  now: number;
  /** Wishes that may move an address, by uid: a move needs one each. */
  readonly wishes: Map<string, number>;
  /** Counts every key that a Service has had: two that share an address must have had one in common. */
  readonly keys: Map<string, Set<string>>;
  /** Addresses that a foreign host has been heard for. */
  readonly conflicted: Set<string>;
  snapshot: Snapshot | undefined;
  rollbacks: number;
}

export function createWild(seed: number): Wild {
  const api = new ScriptedApi();
  const wild: Wild = {
    api,
    random: seededRandom(seed),
    isAlone: seed % 2 === 1,
    processes: [],
    now: 1_000,
    wishes: new Map(),
    keys: new Map(),
    conflicted: new Set(),
    snapshot: undefined,
    rollbacks: 0,
  };
  create(wild, `${BERTH}/ippools`, { metadata: { name: "first" }, spec: { addresses: POOL_RANGES[0] ?? [] } });
  create(wild, `${CORE}/namespaces`, { metadata: { name: "default", labels: { team: "a" } } });
  create(wild, `${CORE}/nodes`, { metadata: { name: "n1" } });
  return wild;
}

export const services = (wild: Wild): readonly Service[] =>
  wild.api.list("services").map((raw) => must(parseService(raw)));
export const vips = (wild: Wild): readonly VirtualIP[] =>
  wild.api.list("virtualips").map((raw) => must(parseVirtualIP(raw)));
export const pools = (wild: Wild) => wild.api.list("ippools").map((raw) => must(parseIPPool(raw)));

const POOL_RANGES = [
  ["10.0.0.1-10.0.0.5", "fd99::1-fd99::4"],
  ["10.0.0.3-10.0.0.8", "fd99::1-fd99::4"],
  ["10.0.0.1-10.0.0.2"],
  ["10.0.0.1-10.0.0.9", "fd99::3-fd99::6"],
];
const ANNOTATIONS: readonly JsonObject[] = [
  { "berth.dev/sharing-key": "k1" },
  { "berth.dev/sharing-key": "k2" },
  { "berth.dev/sharing-key": null },
  { "metallb.io/allow-shared-ip": "k1", "berth.dev/sharing-key": null },
  { "berth.dev/ips": "10.0.0.4" },
  { "berth.dev/ips": "fd99::3" },
  { "berth.dev/ips": null },
  { "berth.dev/pool": "second" },
  { "berth.dev/pool": "second,first" },
  { "berth.dev/pool": null },
];

function userActs(wild: Wild): void {
  const name = pick(wild, NAMES) ?? "";
  const found = wild.api.get("services", `default/${name}`);
  if (found === undefined) {
    createService(wild, name);
    return;
  }
  const service = must(parseService(found));
  const path = `${CORE}/namespaces/default/services/${name}`;
  const changes: readonly (() => void)[] = [
    () => wild.api.call({ verb: "delete", path }),
    () => {
      const type = service.type === "LoadBalancer" ? "ClusterIP" : "LoadBalancer";
      patch(wild, path, { spec: { type } });
      if (type === "ClusterIP") patch(wild, `${path}/status`, { status: { loadBalancer: null } });
    },
    () => {
      if (service.ingress.length > 0) patch(wild, `${path}/status`, { status: { loadBalancer: null } });
    },
    () => patch(wild, path, { spec: { ports: [{ protocol: "TCP", port: 80 + below(wild, 3) }] } }),
    () => patch(wild, path, { spec: { externalTrafficPolicy: pick(wild, ["Local", "Cluster"]) } }),
    () => wish(wild, service, { "berth.dev/renumber": String(below(wild, 100)) }),
    () => changeFamilies(wild, service, path),
    () => wish(wild, service, pick(wild, ANNOTATIONS) ?? {}),
    () => wish(wild, service, pick(wild, ANNOTATIONS) ?? {}),
  ];
  pick(wild, changes)?.();
}

function createService(wild: Wild, name: string): void {
  const families = pick(wild, [["IPv4"], ["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]]) ?? [];
  const policy = families.length === 1 ? "SingleStack" : pick(wild, ["PreferDualStack", "RequireDualStack"]);
  const annotations = wild.random() < 0.5 ? { "berth.dev/sharing-key": pick(wild, ["k1", "k2"]) } : {};
  create(wild, `${CORE}/namespaces/default/services`, {
    metadata: { namespace: "default", name, annotations },
    spec: {
      type: "LoadBalancer",
      ipFamilies: families,
      ipFamilyPolicy: policy,
      ports: [{ protocol: "TCP", port: 80 + below(wild, 3) }],
      selector: { app: name },
    },
  });
  noteKeys(wild, must(parseService(wild.api.get("services", `default/${name}`) ?? null)));
}

/** Each may move an address once in every family. */
function wish(wild: Wild, service: Service, annotations: JsonObject): void {
  const { uid, name } = service.meta;
  wild.wishes.set(uid, (wild.wishes.get(uid) ?? 0) + 1);
  patch(wild, `${CORE}/namespaces/default/services/${name}`, { metadata: { annotations } });
  noteKeys(wild, must(parseService(wild.api.get("services", `default/${name}`) ?? null)));
}

function changeFamilies(wild: Wild, { meta, ipFamilies }: Service, path: string): void {
  wild.wishes.set(meta.uid, (wild.wishes.get(meta.uid) ?? 0) + 1);
  const dual = { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: pick(wild, ["PreferDualStack", "RequireDualStack"]) };
  const single = { ipFamilies: [ipFamilies[0] ?? "IPv4"], ipFamilyPolicy: "SingleStack" };
  patch(wild, path, { spec: wild.random() < 0.6 ? dual : single });
}

function noteKeys(wild: Wild, service: Service): void {
  const { annotations, uid } = service.meta;
  const had = wild.keys.get(uid) ?? new Set<string>();
  for (const name of ["berth.dev/sharing-key", "metallb.io/allow-shared-ip"]) had.add(annotations[name] ?? "");
  wild.keys.set(uid, had);
}

/** Who looks after the cluster: pools, nodes, VirtualIPs. */
function adminActs(wild: Wild): void {
  const name = pick(wild, ["first", "second"]) ?? "";
  const isThere = wild.api.get("ippools", name) !== undefined;
  const path = `${BERTH}/ippools/${name}`;
  const editPool = (): void => {
    const spec = { addresses: pick(wild, POOL_RANGES) ?? [], priority: pick(wild, [1, 2, null]) };
    if (isThere) patch(wild, path, { spec });
    else create(wild, `${BERTH}/ippools`, { metadata: { name }, spec });
  };
  const changes: readonly (() => void)[] = [
    editPool,
    editPool,
    () => {
      if (isThere && name !== "first") wild.api.call({ verb: "delete", path });
    },
    () => {
      const address = pick(wild, ["10.0.0.2", "192.168.0.1", "fd99::2"]);
      patch(wild, `${CORE}/nodes/n1/status`, { status: { addresses: [{ type: "InternalIP", address }] } });
    },
    () => meddle(wild),
  ];
  pick(wild, changes)?.();
}

/** Somebody deletes or rewrites a VirtualIP by hand. */
function meddle(wild: Wild): void {
  const vip = pick(wild, vips(wild));
  if (vip === undefined) return;
  const path = `${BERTH}/virtualips/${vip.meta.name}`;
  const owners = services(wild).filter((service) => vip.services.some((one) => one.uid === service.meta.uid));
  const isPublished = owners.some((service) => service.ingress.some((entry) => entry.ip === vip.address));
  const isKnown = wild.isAlone || (isPublished && wild.processes.every((process) => process.lag === 0));
  // Else one of two controllers at once may let an address go that the other is about to publish (docs/next-allocation.md).
  if (wild.random() < 0.5 && isKnown) wild.api.call({ verb: "delete", path });
  else patch(wild, path, { spec: { services: [], pool: "nowhere" } });
}

/** The speaker takes what nobody holds, writes its silence, and hears foreign hosts now and then. */
export function speakerActs(wild: Wild, hearing = true): void {
  const vip = pick(wild, vips(wild));
  if (vip === undefined) return;
  const path = `${BERTH}/virtualips/${vip.meta.name}/status`;
  const { node = "", epoch = 0 } = vip.holder ?? {};
  const leaving = vip.meta.deletionTimestamp !== undefined;
  if (hearing && vip.holder === undefined && !leaving && wild.random() < 0.1) {
    wild.conflicted.add(vip.address);
    const message = `02:00:00:00:00:0${below(wild, 3)}, no node of this cluster, answers for ${vip.address}`;
    patch(wild, path, {
      status: { conditions: [{ type: "Conflict", status: "True", reason: "ForeignHost", message }] },
    });
    return;
  }
  const wanted = leaving || vip.services.length === 0 ? "" : "n1";
  if (node !== wanted) patch(wild, path, { status: { holder: { node: wanted, epoch: epoch + 1 } } });
}

/** A backup of the store is taken, or the store goes back to it: whatever happened since is as if it never had. */
function storeActs(wild: Wild): void {
  if (wild.snapshot === undefined || wild.random() < 0.7) {
    wild.snapshot = wild.api.snapshot();
    return;
  }
  wild.api.restore(wild.snapshot, wild.random() < 0.5 ? "go on" : "go back");
  wild.rollbacks += 1;
  for (const process of wild.processes) process.rolledBack();
}

export function disturb(wild: Wild): void {
  const alive = wild.processes.filter((process) => !process.dead);
  if (wild.isAlone || alive.length > 1 || wild.random() < 0.3) pick(wild, alive)?.die();
  wild.processes = wild.processes.filter((process) => !process.dead);
  if (wild.processes.length < 2) wild.processes.push(new Process(wild.api, () => wild.now, wild.random));
}

/** One small step of anything. */
export async function step(wild: Wild, isWild: boolean): Promise<void> {
  wild.now += below(wild, 5);
  const process = pick(wild, wild.processes);
  const draw = below(wild, isWild ? 100 : 80);
  if (draw < 25) process?.deliver();
  else if (draw < 45) process?.work();
  else if (draw < 75 && process !== undefined) process.proceed(below(wild, Math.max(1, process.pending.length)));
  else if (draw < 80) speakerActs(wild, isWild);
  else if (draw < 91) userActs(wild);
  else if (draw < 96) adminActs(wild);
  else if (draw < 97) storeActs(wild);
  else disturb(wild);
  await settled();
}

/** One controller, no more disturbance: everything must come to rest. */
export async function settle(wild: Wild, onStep: () => void): Promise<void> {
  for (const process of wild.processes) process.die();
  const process = new Process(wild.api, () => wild.now, wild.random);
  wild.processes = [process];
  let quiet = 0;
  // Until the last address that was put aside is free again.
  for (let steps = 0; quiet < 120 || vips(wild).some((vip) => vip.quarantine !== undefined); steps++) {
    if (steps > SETTLE_STEPS_MAX) throw new Error("the controller does not come to rest");
    const before = wild.api.events.length;
    await step(wild, false);
    onStep();
    const idle = process.idle && before === wild.api.events.length;
    quiet = idle ? quiet + 1 : 0;
    if (!idle) continue;
    wild.now += quiet < 120 ? 1_200 : 600_000;
    if (quiet % 20 === 0) process.sweep();
  }
}

function create(wild: Wild, path: string, body: JsonObject): void {
  wild.api.call({ verb: "create", path, body: JSON.parse(JSON.stringify(body)) });
}

function patch(wild: Wild, path: string, body: JsonObject): void {
  wild.api.call({ verb: "patch", path, body: JSON.parse(JSON.stringify(body)), patch: "merge" });
}
