/** The four lists that a speaker watches, narrowed as they arrive, and turned into inputs of the loop. */
import type { Informer, KubeApi } from "../../lib/kube/api.ts";
import { createInformer, type InformerDeps } from "../../lib/kube/informer.ts";
import { apiPath } from "../../lib/kube/path.ts";
import { parseEndpointSlice, SERVICE_NAME_LABEL } from "../../lib/model/endpoint-slice.ts";
import { API_VERSION } from "../../lib/model/meta.ts";
import { parseNode } from "../../lib/model/node.ts";
import { parseSpeakerLease, SPEAKER_LEASE_SELECTOR, type SpeakerLease } from "../../lib/model/speaker-lease.ts";
import { parseVirtualIP } from "../../lib/model/virtual-ip.ts";
import { nodeObjectFacts, type SliceFacts, serviceEndpoints, sliceFacts } from "../desired.ts";
import type { SpeakerInput } from "../state.ts";

export interface WatchOptions {
  readonly api: KubeApi;
  /** Where the Leases of the speakers are. */
  readonly namespace: string;
  readonly deps: InformerDeps;
  readonly post: (input: SpeakerInput) => void;
  /** Every Lease of a speaker as it comes, this node's included; undefined when it is gone. */
  readonly onLease: (name: string, lease: SpeakerLease | undefined) => void;
}

export interface Watches {
  start(): void;
  stop(): void;
  /** Lists everything again: the API server was rolled back. */
  relist(): void;
  /** Lists the Leases again, or `all`, but for what is being listed: a watch does not deliver. */
  doubt(all: boolean): void;
  /** The API answers again: pauses after failures end now. */
  retryNow(): void;
}

export function createWatches(options: WatchOptions): Watches {
  const { api, deps, post } = options;
  let open = 4;
  const onSynced = (): void => {
    open -= 1;
    if (open === 0) post({ type: "synced" });
  };
  const vips = createInformer(
    api,
    {
      path: apiPath(API_VERSION, "virtualips"),
      parse: parseVirtualIP,
      onChange: (name) => post({ type: "virtual-ip", name, vip: vips.get(name) }),
      onSynced,
    },
    deps,
  );
  const nodes = createInformer(
    api,
    {
      path: apiPath("v1", "nodes"),
      parse: (raw) => {
        const node = parseNode(raw);
        return node && nodeObjectFacts(node);
      },
      onChange: (name) => post({ type: "node", name, node: nodes.get(name) }),
      onSynced,
    },
    deps,
  );
  const leases = leaseInformer(options, onSynced);
  const slices = sliceInformer(options, onSynced);
  const all: readonly Pick<Informer<unknown>, "start" | "stop" | "relist" | "doubt" | "retryNow">[] = [
    vips,
    nodes,
    leases,
    slices,
  ];
  return {
    start: () => all.forEach((one) => void one.start()),
    stop: () => all.forEach((one) => void one.stop()),
    relist: () => all.forEach((one) => void one.relist()),
    doubt: (everything) => (everything ? all : [leases]).forEach((one) => void one.doubt()),
    retryNow: () => all.forEach((one) => void one.retryNow()),
  };
}

function leaseInformer(options: WatchOptions, onSynced: () => void): Informer<SpeakerLease> {
  /** The node of each Lease, for the moment when the object is gone. BOUNDED by the Leases. */
  const nodeOf = new Map<string, string>();
  const leases: Informer<SpeakerLease> = createInformer(
    options.api,
    {
      path: apiPath("coordination.k8s.io/v1", "leases", { namespace: options.namespace }),
      query: { labelSelector: SPEAKER_LEASE_SELECTOR },
      parse: parseSpeakerLease,
      onChange: (key) => {
        const lease = leases.get(key);
        const node = lease?.node ?? nodeOf.get(key);
        if (node === undefined) return;
        if (lease === undefined) nodeOf.delete(key);
        else nodeOf.set(key, node);
        options.onLease(node, lease);
      },
      onSynced,
    },
    options.deps,
  );
  return leases;
}

function sliceInformer(options: WatchOptions, onSynced: () => void): Informer<SliceFacts> {
  const { post } = options;
  /** Which Service each slice was last seen with, and the slices of each Service. BOUNDED by the slices. */
  const serviceOf = new Map<string, string>();
  const slicesOf = new Map<string, Set<string>>();
  const told = (service: string): void => {
    const keys = [...(slicesOf.get(service) ?? [])].sort();
    const facts = keys.map((key) => slices.get(key)).filter((one) => one !== undefined);
    post({ type: "endpoints", service, endpoints: facts.length === 0 ? undefined : serviceEndpoints(facts) });
  };
  const slices: Informer<SliceFacts> = createInformer(
    options.api,
    {
      path: apiPath("discovery.k8s.io/v1", "endpointslices"),
      // Slices that belong to no Service are of no use to anybody here.
      query: { labelSelector: SERVICE_NAME_LABEL },
      parse: (raw) => {
        const slice = parseEndpointSlice(raw);
        return slice && sliceFacts(slice);
      },
      onChange: (key) => {
        const before = serviceOf.get(key);
        const after = slices.get(key)?.service;
        if (before !== undefined && before !== after) {
          slicesOf.get(before)?.delete(key);
          if (slicesOf.get(before)?.size === 0) slicesOf.delete(before);
          serviceOf.delete(key);
          told(before);
        }
        if (after === undefined) return;
        serviceOf.set(key, after);
        slicesOf.set(after, (slicesOf.get(after) ?? new Set()).add(key));
        told(after);
      },
      onSynced,
    },
    options.deps,
  );
  return slices;
}
