/** The three lists that the controller watches. */
import type { Informer, KubeApi } from "../../lib/kube/api.ts";
import { createInformer, type InformerDeps } from "../../lib/kube/informer.ts";
import { apiPath } from "../../lib/kube/path.ts";
import { type IPPool, parseIPPool } from "../../lib/model/ip-pool.ts";
import { API_VERSION } from "../../lib/model/meta.ts";
import { parseService, type Service } from "../../lib/model/service.ts";
import { parseVirtualIP, type VirtualIP } from "../../lib/model/virtual-ip.ts";

export interface WatchHandlers {
  onService(key: string): void;
  onVip(name: string): void;
  onPool(name: string): void;
  /** All three lists are complete; called once. */
  onSynced(): void;
}

export interface Watches {
  readonly services: Informer<Service>;
  readonly vips: Informer<VirtualIP>;
  readonly pools: Informer<IPPool>;
  readonly synced: boolean;
  start(): void;
  stop(): void;
  /** Lists everything again: the API server's store went back. */
  relist(): void;
  /** The API answers again: pauses after failures end now. */
  retryNow(): void;
}

export function createWatches(api: KubeApi, handlers: WatchHandlers, deps: InformerDeps): Watches {
  let open = 3;
  const onSynced = (): void => {
    open -= 1;
    if (open === 0) handlers.onSynced();
  };
  const services = createInformer<Service>(
    api,
    { path: apiPath("v1", "services"), parse: parseService, onChange: (key) => handlers.onService(key), onSynced },
    deps,
  );
  const vips = createInformer<VirtualIP>(
    api,
    {
      path: apiPath(API_VERSION, "virtualips"),
      parse: parseVirtualIP,
      onChange: (key) => handlers.onVip(key),
      onSynced,
    },
    deps,
  );
  const pools = createInformer<IPPool>(
    api,
    { path: apiPath(API_VERSION, "ippools"), parse: parseIPPool, onChange: (key) => handlers.onPool(key), onSynced },
    deps,
  );
  const all: readonly Pick<Informer<unknown>, "start" | "stop" | "relist" | "retryNow">[] = [services, vips, pools];
  return {
    services,
    vips,
    pools,
    get synced() {
      return open === 0;
    },
    start: () => all.forEach((one) => void one.start()),
    stop: () => all.forEach((one) => void one.stop()),
    relist: () => all.forEach((one) => void one.relist()),
    retryNow: () => all.forEach((one) => void one.retryNow()),
  };
}
