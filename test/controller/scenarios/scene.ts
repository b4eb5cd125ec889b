/**
 * A cluster with one controller, for scenarios that read like the documentation: say what the user does, let it settle,
 * look at what the user sees. The controller is the real one, on an API server in memory; time is simulated.
 */
import { setImmediate as settled } from "node:timers/promises";
import type { Warning } from "../../../controller/events.ts";
import type { Json } from "../../../lib/kube/api.ts";
import { fields, items, type JsonObject } from "../../../lib/model/decode.ts";
import { parseIPPool } from "../../../lib/model/ip-pool.ts";
import { parseService, type Service } from "../../../lib/model/service.ts";
import { parseVirtualIP, type VirtualIP } from "../../../lib/model/virtual-ip.ts";
import { seededRandom } from "../../../lib/runtime/random.ts";
import { Process } from "../crash-world.ts";
import { must } from "../objects.ts";
import { ScriptedApi, type Snapshot } from "../scripted-api.ts";
import { type ServiceWish, serviceBody } from "./wish.ts";

const CORE = "/api/v1";
const BERTH = "/apis/berth.dev/v1alpha1";
const STEPS_MAX = 20_000;
/** Longer than any pause of the controller's own: status period, repair period, retries. */
const REST_MS = 15_000;

export class Scene {
  readonly api = new ScriptedApi();
  readonly warnings: Warning[] = [];
  now = 1_000;
  /** The flag `--class-less` of whichever controller starts next. */
  classLess = true;
  /** Writes of the controller so far. */
  written = 0;
  /** Called before a write of the controller goes on its way, with its number; "done" if it has seen to that itself. */
  atWrite: ((write: number) => Promise<"done" | "go on">) | undefined;
  readonly #random = seededRandom(1);
  #process: Process;

  /** With a speaker that has told a subnet which matters to nobody, or without any. */
  constructor({ isBlind = false } = {}) {
    if (!isBlind) this.speaker("n0", ["192.0.2.0/24"]);
    this.#process = this.#start();
  }

  get process(): Process {
    return this.#process;
  }

  /** The same controller as a new process. */
  restart(): void {
    this.#process.die();
    this.#process = this.#start();
  }

  /** Another process takes over, with caches as of that event of the API server; the one before it lives on unless somebody ends it. */
  overtake(asOf: number): void {
    this.#process = this.#start(asOf);
  }

  /** It is no longer the leader. */
  resign(): void {
    this.#process.resign();
  }

  /** The watches bring what there is; the controller has not acted on it yet. */
  listen(): void {
    while (this.#process.lag() > 0) this.#process.deliver();
  }

  /** The store goes back, and the controller learns it: its watches begin anew. */
  rollBack(to: Snapshot, versions: "go on" | "go back"): void {
    this.api.restore(to, versions);
    this.#process.rolledBack();
    this.#process.relist();
  }

  pool(name: string, addresses: readonly string[], spec: JsonObject = {}): void {
    this.#create(`${BERTH}/ippools`, { metadata: { name }, spec: { addresses, ...spec } });
  }

  editPool(name: string, spec: JsonObject): void {
    this.#patch(`${BERTH}/ippools/${name}`, { spec });
  }

  editPoolMeta(name: string, metadata: JsonObject): void {
    this.#patch(`${BERTH}/ippools/${name}`, { metadata });
  }

  deletePool(name: string): void {
    this.api.call({ verb: "delete", path: `${BERTH}/ippools/${name}` });
  }

  namespace(name: string, labels: Readonly<Record<string, string>> = {}): void {
    this.#create(`${CORE}/namespaces`, { metadata: { name, labels } });
  }

  relabelNamespace(name: string, labels: JsonObject): void {
    const old = fields(fields(this.api.get("namespaces", name))["metadata"]);
    const gone = Object.fromEntries(Object.keys(fields(old["labels"])).map((key) => [key, null]));
    this.#patch(`${CORE}/namespaces/${name}`, { metadata: { labels: { ...gone, ...labels } } });
  }

  node(name: string, ...addresses: readonly string[]): void {
    const status = { addresses: addresses.map((address) => ({ type: "InternalIP", address })) };
    const path = `${CORE}/nodes`;
    if (this.api.get("nodes", name) === undefined) this.#create(path, { metadata: { name } });
    this.#patch(`${path}/${name}/status`, { status });
  }

  /** The Lease of its speaker stays: nobody deletes it. */
  deleteNode(name: string): void {
    this.api.call({ verb: "delete", path: `${CORE}/nodes/${name}` });
  }

  /** A speaker that tells of its subnets in its Lease, on a Node that is there or comes with it. */
  speaker(node: string, subnets: readonly string[], address4 = "", addresses: readonly string[] = []): void {
    if (this.api.get("nodes", node) === undefined) this.#create(`${CORE}/nodes`, { metadata: { name: node } });
    const eth0 = { name: "eth0", mac: "02:00:00:00:00:01", subnets, carrier: true, address4, addresses };
    const metadata = { name: `berth-speaker-${node}`, namespace: "berth-system" };
    const annotated = { ...metadata, annotations: { "berth.dev/interfaces": JSON.stringify([eth0]) } };
    const path = "/apis/coordination.k8s.io/v1/namespaces/berth-system/leases";
    const isNew = this.api.get("leases", `berth-system/${metadata.name}`) === undefined;
    if (isNew) this.#create(path, { metadata: annotated, spec: {} });
    else this.#patch(`${path}/${metadata.name}`, { metadata: annotated });
  }

  service(name: string, wish: ServiceWish = {}): void {
    this.#create(`${CORE}/namespaces/${wish.namespace ?? "default"}/services`, serviceBody(name, wish));
  }

  /** A merge patch of the user; `null` takes a field away. */
  edit(name: string, body: JsonObject, namespace = "default"): void {
    const path = `${CORE}/namespaces/${namespace}/services/${name}`;
    this.#patch(path, body);
    // The API server empties the status of a Service that is no longer of the type.
    const left = fields(fields(body)["spec"])["type"] === "ClusterIP";
    if (left) this.#patch(`${path}/status`, { status: { loadBalancer: null } });
  }

  annotate(name: string, annotations: JsonObject, namespace = "default"): void {
    this.edit(name, { metadata: { annotations } }, namespace);
  }

  /** Somebody else writes to the status of a Service. */
  overwrite(name: string, ips: readonly string[], namespace = "default"): void {
    const status = { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } };
    this.#patch(`${CORE}/namespaces/${namespace}/services/${name}/status`, { status });
  }

  delete(name: string, namespace = "default"): void {
    this.api.call({ verb: "delete", path: `${CORE}/namespaces/${namespace}/services/${name}` });
  }

  /** Somebody else writes to a VirtualIP. */
  editVip(name: string, body: JsonObject): void {
    this.#patch(`${BERTH}/virtualips/${name}`, body);
  }

  deleteVip(name: string): void {
    this.api.call({ verb: "delete", path: `${BERTH}/virtualips/${name}` });
  }

  createVip(name: string, spec: JsonObject): void {
    this.#create(`${BERTH}/virtualips`, { metadata: { name }, spec });
  }

  vipStatus(name: string, status: JsonObject): void {
    this.#patch(`${BERTH}/virtualips/${name}/status`, { status });
  }

  /** Until nothing is left to do, however often something is due later. */
  async settle(restMs = REST_MS): Promise<void> {
    const until = this.now + restMs;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      // What the user did in one go is known before anything is decided: the simulation in crash.test.ts draws other orders.
      this.listen();
      this.#process.work();
      await this.#proceed();
      await settled();
      if (!this.#process.idle) continue;
      const { wakeAt } = this.#process;
      if (this.now >= until) return;
      this.now = wakeAt !== undefined && wakeAt > this.now ? Math.min(wakeAt, until) : until;
      if (this.now === until) this.#process.sweep();
    }
    throw new Error("the controller does not come to rest");
  }

  /** The addresses in the Service's status, in its order. */
  addresses(name: string, namespace = "default"): readonly string[] {
    return this.found(name, namespace).ingress.map((entry) => entry.ip);
  }

  found(name: string, namespace = "default"): Service {
    return must(parseService(this.api.get("services", `${namespace}/${name}`) ?? null));
  }

  /** Berth's condition: `reason: message`, without the note that nothing stood in the status before; "" without one. */
  says(name: string, namespace = "default"): string {
    const condition = this.found(name, namespace).conditions.find((one) => one.type === "berth.dev/AddressAssigned");
    return condition === undefined ? "" : `${condition.reason}: ${condition.message}`;
  }

  /** A condition of a pool: `status reason: message`; "" without it. */
  poolSays(name: string, type = "Ready"): string {
    const pool = must(parseIPPool(this.api.get("ippools", name) ?? null));
    const condition = pool.conditions.find((one) => one.type === type);
    return condition === undefined ? "" : `${condition.status} ${condition.reason}: ${condition.message}`;
  }

  /** A condition of a VirtualIP: `status reason: message`; "" without it. */
  vipSays(address: string, type = "InPool"): string {
    const vip = this.vips().find((one) => one.address === address);
    const condition = vip?.conditions.find((one) => one.type === type);
    return condition === undefined ? "" : `${condition.status} ${condition.reason}: ${condition.message}`;
  }

  poolStatus(name: string): JsonObject {
    return fields(fields(this.api.get("ippools", name))["status"]);
  }

  poolExists(name: string): boolean {
    return this.api.get("ippools", name) !== undefined;
  }

  vips(): readonly VirtualIP[] {
    return this.api.list("virtualips").map((raw) => must(parseVirtualIP(raw)));
  }

  /** `address of pool: namespace/name, …` of every VirtualIP. */
  table(): readonly string[] {
    return this.vips().map(({ address, pool, services }) => {
      const users = services.map((one) => `${one.namespace}/${one.name}`).join(", ");
      return `${address} of ${pool}: ${users}`;
    });
  }

  /** Writes of the API server to this resource since `from`, an index into `api.events`. */
  writes(resource: string, from = 0): number {
    return this.api.events.slice(from).filter((event) => event.resource === resource).length;
  }

  async #proceed(): Promise<void> {
    if (this.#process.isAboutToWrite) {
      this.written += 1;
      if ((await this.atWrite?.(this.written)) === "done") return;
    }
    this.#process.proceed(0);
  }

  #start(asOf?: number): Process {
    const warn = (warning: Warning) => this.warnings.push(warning);
    return new Process(this.api, () => this.now, this.#random, warn, asOf, this.classLess);
  }

  #create(path: string, body: Json): void {
    this.api.call({ verb: "create", path, body });
  }

  #patch(path: string, body: Json): void {
    this.api.call({ verb: "patch", path, body, patch: "merge" });
  }
}

/** The addresses of several Services, by name: what a scenario looks at most. */
export function addressesOf(scene: Scene, ...names: readonly string[]): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(names.map((name) => [name, scene.addresses(name)]));
}

export function count(raw: JsonObject, field: string): number {
  const value = raw[field];
  return typeof value === "number" ? value : Number.NaN;
}

export function conditionsOf(raw: JsonObject): readonly JsonObject[] {
  return items(raw["conditions"]).map(fields);
}
