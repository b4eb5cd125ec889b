/** The lists that the controller watches. */
import type { Informer, Json, KubeApi } from "../../lib/kube/api.ts";
import { createInformer, type InformerDeps } from "../../lib/kube/informer.ts";
import { apiPath } from "../../lib/kube/path.ts";
import { type IPPool, parseIPPool } from "../../lib/model/ip-pool.ts";
import { API_VERSION } from "../../lib/model/meta.ts";
import { type Namespace, parseNamespace } from "../../lib/model/namespace.ts";
import { type NodeAddressList, parseNodeAddresses } from "../../lib/model/node.ts";
import { parseService, type Service } from "../../lib/model/service.ts";
import { type NetworksText, parseNetworksText, SPEAKER_LEASE_SELECTOR } from "../../lib/model/speaker-lease.ts";
import { parseVirtualIP, type VirtualIP } from "../../lib/model/virtual-ip.ts";

export interface WatchHandlers {
  onService(key: string): void;
  onVip(name: string): void;
  onPool(name: string): void;
  onNamespace(name: string): void;
  onNode(name: string): void;
  onLease(key: string): void;
  /** All lists are complete; called once. */
  onSynced(): void;
}

export interface Watches {
  readonly services: Informer<Service>;
  readonly vips: Informer<VirtualIP>;
  readonly pools: Informer<IPPool>;
  readonly namespaces: Informer<Namespace>;
  readonly nodes: Informer<NodeAddressList>;
  readonly leases: Informer<NetworksText>;
  /** The lists that have not arrived yet, by resource. */
  missing(): readonly string[];
  start(): void;
  stop(): void;
  /** Lists everything again: the API server's store went back. */
  relist(): void;
  /** The API answers again: pauses after failures end now. */
  retryNow(): void;
}

/** `namespace` is Berth's own, where the speakers' Leases are. */
export function createWatches(api: KubeApi, namespace: string, handlers: WatchHandlers, deps: InformerDeps): Watches {
  let open = 6;
  const onSynced = (): void => {
    open -= 1;
    if (open === 0) handlers.onSynced();
  };
  function informer<T>(
    path: string,
    parse: (raw: Json) => T | undefined,
    onChange: (key: string) => void,
    query: Readonly<Record<string, string>> = {},
  ): Informer<T> {
    return createInformer<T>(api, { path, query, parse, onChange, onSynced }, deps);
  }
  const services = informer(apiPath("v1", "services"), parseService, (key) => handlers.onService(key));
  const vips = informer(apiPath(API_VERSION, "virtualips"), parseVirtualIP, (key) => handlers.onVip(key));
  const pools = informer(apiPath(API_VERSION, "ippools"), parseIPPool, (key) => handlers.onPool(key));
  const namespaces = informer(apiPath("v1", "namespaces"), parseNamespace, (key) => handlers.onNamespace(key));
  const nodes = informer(apiPath("v1", "nodes"), parseNodeAddresses, (key) => handlers.onNode(key));
  const leasePath = apiPath("coordination.k8s.io/v1", "leases", { namespace });
  const onLease = (key: string) => handlers.onLease(key);
  const leases = informer(leasePath, parseNetworksText, onLease, { labelSelector: SPEAKER_LEASE_SELECTOR });
  const named = { services, virtualips: vips, ippools: pools, namespaces, nodes, leases };
  const all: readonly Pick<Informer<unknown>, "start" | "stop" | "relist" | "retryNow">[] = Object.values(named);
  return {
    services,
    vips,
    pools,
    namespaces,
    nodes,
    leases,
    missing: () => Object.entries(named).flatMap(([resource, one]) => (one.synced ? [] : [resource])),
    start: () => all.forEach((one) => void one.start()),
    stop: () => all.forEach((one) => void one.stop()),
    relist: () => all.forEach((one) => void one.relist()),
    retryNow: () => all.forEach((one) => void one.retryNow()),
  };
}
