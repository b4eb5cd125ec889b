/** Objects as the API server has them, for the tables of the controller's tests. */
import { parseIp, virtualIpName } from "../../lib/address/ip.ts";
import { type IPPool, parseIPPool } from "../../lib/model/ip-pool.ts";
import { parseService, type Service } from "../../lib/model/service.ts";
import { type Holder, parseVirtualIP, type VirtualIP } from "../../lib/model/virtual-ip.ts";

export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a test object cannot be read");
  return value;
}

export interface PoolOptions {
  readonly excluded?: readonly string[];
  readonly autoAssign?: boolean;
  readonly avoidBuggyIPs?: boolean;
  readonly interfaces?: readonly string[];
  /** Labels of preferred nodes, with the weight 10. */
  readonly preferred?: Readonly<Record<string, string>>;
  readonly generation?: number;
  readonly uid?: string;
  readonly priority?: number;
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: Readonly<Record<string, string>>;
  readonly serviceSelector?: Readonly<Record<string, string>>;
  readonly quota?: number;
  readonly deleting?: boolean;
  readonly finalizers?: readonly string[];
}

export function poolOf(name: string, addresses: readonly string[], options: PoolOptions = {}): IPPool {
  const {
    excluded = [],
    autoAssign = true,
    avoidBuggyIPs = false,
    interfaces = [],
    preferred,
    generation = 1,
    uid = `pool-${name}`,
  } = options;
  const weights = preferred === undefined ? {} : { preferred: [{ weight: 10, selector: { matchLabels: preferred } }] };
  const l2 = { interfaces, ...weights };
  const { priority, namespaces, quota, namespaceSelector, serviceSelector, finalizers = [] } = options;
  const spec = {
    addresses,
    excluded,
    autoAssign,
    avoidBuggyIPs,
    priority,
    namespaces,
    quota,
    ...(namespaceSelector === undefined ? {} : { namespaceSelector: { matchLabels: namespaceSelector } }),
    ...(serviceSelector === undefined ? {} : { serviceSelector: { matchLabels: serviceSelector } }),
    l2,
  };
  const deletionTimestamp = options.deleting === true ? "2026-01-02T00:00:00Z" : undefined;
  const metadata = { name, uid, generation, resourceVersion: "1", finalizers, deletionTimestamp };
  return must(parseIPPool({ metadata, spec }));
}

export interface ServiceOptions {
  readonly namespace?: string;
  readonly uid?: string;
  readonly type?: string;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
  readonly families?: readonly ("IPv4" | "IPv6")[];
  readonly policy?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ingress?: readonly string[];
  readonly finalizers?: readonly string[];
  readonly conditions?: readonly { readonly [field: string]: string }[];
  readonly created?: string;
  readonly deleting?: boolean;
  readonly port?: number;
  readonly local?: boolean;
}

export function serviceOf(name: string, options: ServiceOptions = {}): Service {
  const { namespace = "default", uid = `uid-${name}`, families = ["IPv4"], ingress = [], port = 80 } = options;
  const { loadBalancerClass, loadBalancerIP, conditions = [] } = options;
  return must(
    parseService({
      metadata: {
        namespace,
        name,
        uid,
        resourceVersion: "5",
        creationTimestamp: options.created ?? "2026-01-01T00:00:00Z",
        annotations: options.annotations ?? {},
        labels: options.labels ?? {},
        finalizers: options.finalizers ?? [],
        ...(options.deleting === true ? { deletionTimestamp: "2026-01-02T00:00:00Z" } : {}),
      },
      spec: {
        type: options.type ?? "LoadBalancer",
        ipFamilies: families,
        ipFamilyPolicy: options.policy ?? (families.length > 1 ? "PreferDualStack" : "SingleStack"),
        externalTrafficPolicy: options.local === true ? "Local" : "Cluster",
        ports: [{ name: "http", protocol: "TCP", port }],
        ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
        ...(loadBalancerIP === undefined ? {} : { loadBalancerIP }),
      },
      status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip, ipMode: "VIP" })) }, conditions },
    }),
  );
}

export interface VipOptions {
  readonly pool?: string;
  readonly deleting?: boolean;
  readonly holder?: Partial<Holder>;
  readonly finalizers?: readonly string[];
  readonly interfaces?: readonly string[];
  readonly uid?: string;
}

/** The VirtualIP of an address, for a Service made by `serviceOf` (or for nobody). */
export function vipOf(address: string, service: Service | undefined, options: VipOptions = {}): VirtualIP {
  const ip = parseIp(address);
  if (!ip.ok) throw new Error(ip.reason);
  const { pool = "first", holder, interfaces = [] } = options;
  return must(
    parseVirtualIP({
      metadata: {
        name: virtualIpName(ip.value),
        uid: options.uid ?? `vip-${address}`,
        resourceVersion: "9",
        finalizers: options.finalizers ?? ["berth.dev/held"],
        ...(options.deleting === true ? { deletionTimestamp: "2026-01-02T00:00:00Z" } : {}),
      },
      spec: {
        address,
        pool,
        usedBy: service === undefined ? "" : `${service.meta.namespace}/${service.meta.name}`,
        services:
          service === undefined
            ? []
            : [
                {
                  namespace: service.meta.namespace,
                  name: service.meta.name,
                  uid: service.meta.uid,
                  externalTrafficPolicy: service.externalTrafficPolicy,
                  ports: service.ports.map((port) => ({ ...port })),
                },
              ],
        l2: { interfaces },
      },
      ...(holder === undefined ? {} : { status: { holder: { node: "n1", epoch: 1, ...holder } } }),
    }),
  );
}

/** Lists that a test of the shells has no need of. */
export const noCache = { get: () => undefined, list: () => [] };

/** Berth's condition as it stands after an assignment. */
export function assigned(message: string, reason = "Assigned", status = "True"): { readonly [field: string]: string } {
  return { type: "berth.dev/AddressAssigned", status, reason, message, lastTransitionTime: "2026-01-01T00:00:00Z" };
}

export const CLEANUP = "service.kubernetes.io/load-balancer-cleanup";
