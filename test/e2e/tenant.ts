/** What a user does to Services and pools in one namespace, and what he sees of them. */
import type { Lab } from "../lab/lab.ts";
import { Spawned } from "../lab/spawned.ts";
import { type Berth, type ConditionObject, target } from "./berth.ts";
import { backend, namespace, pool, type ServiceOptions, service } from "./manifests.ts";

const ASSIGNED = "berth.dev/AddressAssigned";

export interface PoolObject {
  readonly status?: {
    readonly assignedIPv4?: number;
    readonly availableIPv4?: number;
    readonly lastValidSpec?: object;
    readonly conditions?: readonly ConditionObject[];
  };
}

/** A pool that gives only to who asks for it. */
export function named(name: string, addresses: readonly string[], spec: object = {}): object {
  return pool(name, addresses, { autoAssign: false, ...spec });
}

export class Tenant {
  readonly berth: Berth;
  readonly ns: string;

  constructor(berth: Berth, ns: string) {
    this.berth = berth;
    this.ns = ns;
  }

  get #lab(): Lab {
    return this.berth.lab;
  }

  /** The namespace with pods "web" on n2 and "other" on n3. */
  async build(): Promise<void> {
    const { berth, ns } = this;
    await berth.apply(namespace(ns), backend("web", ["n2"], ns), backend("other", ["n3"], ns));
    for (const name of ["web", "other"]) await berth.rollout(name, ns);
  }

  /** Everything that was made, every pool of the lab included. */
  async clear(): Promise<void> {
    await this.berth.kubectl("delete", "namespace", this.ns, "--wait=true", "--timeout=120s");
    await this.berth.kubectl("delete", "ippool", "--all", "--timeout=30s");
  }

  address(name: string): Promise<string> {
    return this.berth.address(name, this.ns);
  }

  addresses(name: string, count: number): Promise<readonly string[]> {
    return this.berth.addresses(name, count, this.ns);
  }

  /** Held, announced, and answered to the client. */
  async serves(...addresses: readonly string[]): Promise<void> {
    const one = async (address: string): Promise<void> => {
      await this.berth.holder(address);
      await this.berth.reached("c1", target(address));
    };
    await Promise.all(addresses.map(one));
  }

  /** A Service of the pods "web" that asks for a pool, or without one for nothing. */
  wish(name: string, from?: string, options: ServiceOptions = {}): object {
    const annotations = { ...(from === undefined ? {} : { "berth.dev/pool": from }), ...options.annotations };
    return service(name, { app: "web", namespace: this.ns, ...options, annotations });
  }

  async patch(what: string, name: string, body: object, ...more: readonly string[]): Promise<void> {
    await this.berth.kubectl("-n", this.ns, "patch", what, name, "--type=merge", ...more, "-p", JSON.stringify(body));
  }

  async annotate(name: string, ...annotations: readonly string[]): Promise<void> {
    await this.berth.kubectl("-n", this.ns, "annotate", "--overwrite", "service", name, ...annotations);
  }

  async remove(...names: readonly string[]): Promise<void> {
    await this.berth.kubectl("-n", this.ns, "delete", "service", ...names, "--wait=true", "--timeout=30s");
  }

  /** Waits until the Service's condition has this reason; its message. */
  async said(name: string, reason: string): Promise<string> {
    const probe = async (): Promise<string | undefined> => {
      const { conditions = [] } = (await this.berth.service(name, this.ns)).status;
      return conditions.find((one) => one.type === ASSIGNED && one.reason === reason)?.message;
    };
    return this.#lab.waitFor(`${name} to say ${reason}`, probe, { timeoutMs: 20_000 });
  }

  poolObject(name: string): Promise<PoolObject> {
    return this.#lab.get<PoolObject>(`/apis/berth.dev/v1alpha1/ippools/${name}`);
  }

  /** Waits until the pool's condition says this, or is not there. */
  async poolSays(name: string, type: string, text: string | undefined): Promise<void> {
    const probe = async (): Promise<true | undefined> => {
      const found = (await this.poolObject(name)).status?.conditions?.find((one) => one.type === type);
      const is = text === undefined ? found === undefined : `${found?.reason}: ${found?.message}`.includes(text);
      return is ? true : undefined;
    };
    await this.#lab.waitFor(`${type} of the pool ${name} to say ${text ?? "nothing"}`, probe, { timeoutMs: 20_000 });
  }

  async free(...addresses: readonly string[]): Promise<void> {
    const probe = async (): Promise<true | undefined> =>
      (await this.berth.vips()).some(({ spec }) => addresses.includes(spec.address)) ? undefined : true;
    await this.#lab.waitFor(`${addresses.join(", ")} to be free`, probe);
  }

  /** A line with the addresses for each state of the Service. */
  watchAddresses(name: string): Spawned {
    const path = "{.status.loadBalancer.ingress[*].ip}{'\\n'}";
    return new Spawned([
      this.#lab.kubectlPath,
      "-n",
      this.ns,
      "get",
      "service",
      name,
      "--watch",
      "-o",
      `jsonpath=${path}`,
    ]);
  }

  /** The nodes whose pods answer there. */
  async nodesBehind(address: string, port: number): Promise<readonly string[]> {
    await this.berth.reached("c1", target(address, port));
    const client = this.#lab.connect("c1", target(address, port));
    await client.untilOk(5);
    return Object.keys((await client.finish()).nodes);
  }
}
