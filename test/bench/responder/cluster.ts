/** What the API server of the measured speaker holds: two nodes, their Leases, and addresses recorded for one of them. */
import { formatIp, type Ip, parseIp, virtualIpName } from "../../../lib/address/ip.ts";
import type { Json } from "../../../lib/kube/api.ts";
import { conditionJson } from "../../../lib/model/conditions.ts";
import { SERVICE_NAME_LABEL } from "../../../lib/model/endpoint-slice.ts";
import { type SpeakerLease, serializeSpeakerLease, speakerLeaseName } from "../../../lib/model/speaker-lease.ts";
import { holderJson, virtualIPJson } from "../../../lib/model/virtual-ip.ts";

export const NAMESPACE = "berth-system";
export const NODE = "measured";
const PEER = "asking";
export const INTERFACE = "eth0";

const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
export const PEER_LEASE = [LEASES, speakerLeaseName(PEER)] as const;

export interface Place {
  readonly mac: string;
  readonly address4: string;
  readonly linkLocal: string;
}

export interface ClusterOptions {
  /** How many addresses of each family the measured node holds. */
  readonly addresses: number;
  readonly node: Place;
  readonly peer: Place;
}

export const FIRST = { 4: "10.77.64.0", 6: "fd77::1:0" } as const;
export const SUBNETS = ["10.77.0.0/16", "fd77::/64"];
const SERVICE = { namespace: "default", name: "web" };
const BEFORE = "2026-01-01T00:00:00.000000Z";

/** By the path of their collection. */
export function clusterObjects(options: ClusterOptions): Readonly<Record<string, readonly Json[]>> {
  const { addresses, node, peer } = options;
  return {
    "/apis/berth.dev/v1alpha1/virtualips": [
      ...addressesFrom(FIRST[4], addresses).map((ip) => heldAddress(ip, node)),
      ...addressesFrom(FIRST[6], addresses).map((ip) => heldAddress(ip, node)),
    ],
    "/api/v1/nodes": [nodeObject(NODE), nodeObject(PEER)],
    [LEASES]: [leaseObject(NODE, node), leaseObject(PEER, peer)],
    "/apis/discovery.k8s.io/v1/endpointslices": [sliceObject("IPv4", "10.244.0.1"), sliceObject("IPv6", "fd44::1")],
  };
}

function addressesFrom(text: string, count: number): readonly Ip[] {
  const first = parseIp(text);
  if (!first.ok) throw new Error(first.reason);
  return Array.from({ length: count }, (_, index) => ({ ...first.value, value: first.value.value + BigInt(index) }));
}

/** Recorded and announced by the predecessor on the node. */
function heldAddress(ip: Ip, { mac }: Place): Json {
  const name = virtualIpName(ip);
  const address = formatIp(ip);
  const port = { name: "", protocol: "TCP", port: 80 } as const;
  const service = { ...SERVICE, uid: "service-uid", externalTrafficPolicy: "Cluster", ports: [port] } as const;
  const spec = {
    address,
    pool: "bench",
    services: [service],
    l2: { interfaces: [], nodeSelector: undefined, preferred: [] },
  };
  const object = virtualIPJson(name, spec) as { readonly metadata: object };
  const holder = { node: NODE, instance: "before/1", epoch: 1, since: BEFORE, interface: INTERFACE, mac };
  const announced = {
    type: "Announced",
    status: "True",
    reason: "Announced",
    message: `${NODE} answers for ${address} on ${INTERFACE} with ${mac}`,
    lastTransitionTime: BEFORE,
    observedGeneration: undefined,
  } as const;
  return {
    ...object,
    metadata: { ...object.metadata, uid: `uid-${name}`, generation: 1, creationTimestamp: BEFORE },
    status: {
      holder: holderJson({ ...holder, from: "", reason: "first-holder" }),
      conditions: [conditionJson(announced)],
    },
  } as Json;
}

function nodeObject(name: string): Json {
  const metadata = { name, uid: `node-${name}`, labels: { "kubernetes.io/hostname": name } };
  return { metadata, status: { conditions: [{ type: "Ready", status: "True" }] } };
}

function leaseObject(node: string, { mac, address4, linkLocal }: Place): Json {
  const one = { name: INTERFACE, mac, subnets: SUBNETS, carrier: true, linkLocal, address4, addresses: [address4] };
  const meta: SpeakerLease["meta"] = {
    name: speakerLeaseName(node),
    namespace: NAMESPACE,
    uid: `lease-${node}`,
    resourceVersion: "",
    generation: 1,
    creationTimestamp: BEFORE,
    deletionTimestamp: undefined,
    labels: {},
    annotations: {},
    finalizers: [],
  };
  return serializeSpeakerLease({
    meta,
    node,
    instance: "before/1",
    transitions: 0,
    renewTime: BEFORE,
    facts: { interfaces: [one], proxyReady: true, kernelAnswers: [], uplinkLost: [], segments: {}, hearing: {} },
    leaving: false,
    nextInstance: "",
    previousInstance: "",
    fencedBy: "",
  });
}

function sliceObject(addressType: "IPv4" | "IPv6", address: string): Json {
  const { namespace, name: service } = SERVICE;
  const name = `${service}-${addressType.toLowerCase()}`;
  const metadata = { namespace, name, uid: `uid-${name}`, labels: { [SERVICE_NAME_LABEL]: service } };
  const endpoint = { addresses: [address], nodeName: PEER, conditions: { ready: true } };
  return { metadata, addressType, endpoints: [endpoint] };
}
