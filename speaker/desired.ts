/**
 * From what the API server and the kernel show to what each address wants to know: who may hold it, whether this node may,
 * and where. A snapshot in, a plain value out; what changed since is nobody's business here.
 */
import { type Family, parseIp } from "../lib/address/ip.ts";
import type { EndpointSlice } from "../lib/model/endpoint-slice.ts";
import { isExcluded, isOutOfService, type Node } from "../lib/model/node.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import {
  type AddressFacts,
  type Candidates,
  candidatesOf,
  type EndpointFacts,
  endpointRule,
  faultOf,
  kernelRule,
  type NodeFacts,
  type NodeObjectFacts,
  nodeRule,
  type SpeakerFacts,
} from "./candidates.ts";
import { interfacesFor, type NodeInterface } from "./interfaces.ts";
import type { ExclusionReason, FaultReason } from "./reasons.ts";
import { rendezvousOrder } from "./rendezvous.ts";
import { type Joined, segmentsOf } from "./segments.ts";

/** What this node knows of the cluster. BOUNDED by the objects of the API server. */
export interface Cluster {
  readonly node: string;
  readonly instance: string;
  /** Node objects by name. */
  readonly nodes: ReadonlyMap<string, NodeObjectFacts>;
  /** Speakers of the other nodes, by node name, out of their Leases. */
  readonly speakers: ReadonlyMap<string, SpeakerFacts>;
  /** Interfaces of this node, out of rtnetlink, best first. */
  readonly interfaces: readonly NodeInterface[];
  /** Which of them were found to be on one segment. */
  readonly joined: Joined;
  /** kube-proxy of this node translates, or there is none. */
  readonly proxyReady: boolean;
  /** Addresses that the kernel of this node answers for by itself. */
  readonly kernelAnswers: ReadonlySet<string>;
  /** Interfaces of this node whose gateway does not answer any more. */
  readonly uplinkLost: ReadonlySet<string>;
  /** Interfaces of this node, and whether it hears anybody there. */
  readonly hearing: Readonly<Record<string, boolean>>;
  /** Endpoints by `namespace/name` of the Service. */
  readonly endpoints: ReadonlyMap<string, ServiceEndpoints>;
}

/** Endpoints of one Service and family: an IPv6 address is only ever translated to IPv6 endpoints. */
export interface FamilyEndpoints {
  /** Some endpoint takes traffic: ready, or terminating and still serving. */
  readonly anywhere: boolean;
  /** Nodes with an endpoint that is ready and not terminating. */
  readonly ready: ReadonlySet<string>;
  /** Nodes with an endpoint that takes traffic. */
  readonly serving: ReadonlySet<string>;
}

export type ServiceEndpoints = Readonly<Record<Family, FamilyEndpoints>>;

/** One interface of this node, and what would break the traffic of an address there. */
export interface Usable {
  readonly interface: string;
  readonly mac: string;
  readonly fault?: FaultReason | undefined;
}

/** Where this node stands with an address. */
export interface Standing {
  /** The rule of node, endpoints or kernel that keeps this node from the address. */
  readonly rule: ExclusionReason | undefined;
  /** Interfaces with carrier that may carry the address, best first. */
  readonly usable: readonly Usable[];
  /** Their names by segment, best first; an address is answered on one of each. */
  readonly segments: readonly (readonly string[])[];
  /** A node can carry traffic to its own endpoints only (externalTrafficPolicy Local). */
  readonly isLocal: boolean;
  /** Why `usable` is empty. */
  readonly unusable: "no-interface" | "no-carrier" | undefined;
}

export interface Place extends Candidates {
  readonly standing: Standing;
  /** Nobody can hold the address and this node is the one to say so. */
  readonly reporter: boolean;
}

/** Every node that has a Node object or a Lease, by name; this node with what it sees itself. Once per change of the cluster. */
export function nodeFacts(cluster: Cluster): readonly NodeFacts[] {
  const own: SpeakerFacts = {
    instance: cluster.instance,
    expired: false,
    leaving: false,
    interfaces: cluster.interfaces,
    proxyReady: cluster.proxyReady,
    kernelAnswers: cluster.kernelAnswers,
    uplinkLost: cluster.uplinkLost,
    hearing: cluster.hearing,
  };
  const names = new Set([...cluster.nodes.keys(), ...cluster.speakers.keys(), cluster.node]);
  return [...names].sort().map((name) => ({
    name,
    node: cluster.nodes.get(name),
    speaker: name === cluster.node ? own : cluster.speakers.get(name),
  }));
}

/** undefined for an address that cannot be read; nobody announces that. */
export function placeOf(vip: VirtualIP, cluster: Cluster, nodes: readonly NodeFacts[]): Place | undefined {
  const ip = parseIp(vip.address);
  if (!ip.ok) return undefined;
  const endpoints = endpointsOf(vip, ip.value.family, cluster.endpoints);
  const facts: AddressFacts = { address: vip.address, ip: ip.value, l2: vip.l2, endpoints };
  const candidates = candidatesOf(facts, nodes);
  return {
    ...candidates,
    standing: standingOf(facts, cluster),
    reporter: candidates.ordered.length === 0 && isReporter(vip.address, cluster.node, nodes),
  };
}

/**
 * Without a candidate somebody must tell the user why: the first living speaker of the rendezvous order, candidate or not. Two
 * observers that disagree on who lives write the same text, so nothing worse than a needless write comes of it.
 */
function isReporter(address: string, node: string, nodes: readonly NodeFacts[]): boolean {
  const living = nodes.filter(({ speaker }) => speaker !== undefined && !speaker.expired && !speaker.leaving);
  return (
    rendezvousOrder(
      address,
      living.map(({ name }) => name),
    )[0] === node
  );
}

function standingOf(facts: AddressFacts, cluster: Cluster): Standing {
  const own: NodeFacts = { name: cluster.node, node: cluster.nodes.get(cluster.node), speaker: undefined };
  const matching = interfacesFor(cluster.interfaces, facts.l2.interfaces, facts.ip);
  const live = matching.filter((one) => one.carrier);
  const usable = live.map(
    ({ name, mac }): Usable => ({ interface: name, mac, fault: faultOf(own.node, cluster.uplinkLost, name) }),
  );
  return {
    rule:
      nodeRule(facts, own) ??
      endpointRule(facts.endpoints, cluster.node) ??
      kernelRule(cluster.kernelAnswers, facts.address),
    usable,
    segments: segmentsOf(live, facts.ip, cluster.joined),
    isLocal: facts.endpoints.readyNodes !== undefined,
    unusable: usable.length > 0 ? undefined : matching.length === 0 ? "no-interface" : "no-carrier",
  };
}

/** Services that share an address must each find what they need: a node counts when it serves all of the Local ones. */
function endpointsOf(vip: VirtualIP, family: Family, byService: ReadonlyMap<string, ServiceEndpoints>): EndpointFacts {
  const found = vip.services.map((service) => ({
    local: service.externalTrafficPolicy === "Local",
    endpoints: byService.get(`${service.namespace}/${service.name}`)?.[family],
  }));
  const local = found.filter((one) => one.local).map((one) => one.endpoints);
  return {
    hasServices: found.length > 0,
    anywhere: found.some((one) => one.endpoints?.anywhere === true),
    readyNodes: intersection(local.map((one) => one?.ready)),
    servingNodes: intersection(local.map((one) => one?.serving)),
  };
}

function intersection(sets: readonly (ReadonlySet<string> | undefined)[]): ReadonlySet<string> | undefined {
  const [first, ...rest] = sets.map((set) => set ?? new Set<string>());
  return first === undefined ? undefined : rest.reduce((left, right) => left.intersection(right), first);
}

export function nodeObjectFacts(node: Node): NodeObjectFacts {
  return {
    labels: node.meta.labels,
    ready: node.ready,
    networkUnavailable: node.networkUnavailable,
    excluded: isExcluded(node),
    outOfService: isOutOfService(node),
  };
}

/** What is kept of a slice: a cluster has thousands, and hardly any of them belongs to an address of ours. */
export interface SliceFacts {
  /** `namespace/name`. */
  readonly service: string;
  readonly addressType: EndpointSlice["addressType"];
  readonly anywhere: boolean;
  readonly ready: readonly string[];
  readonly serving: readonly string[];
}

export function sliceFacts(slice: EndpointSlice): SliceFacts {
  const serving = slice.endpoints.filter((endpoint) => endpoint.ready || endpoint.serving);
  const ready = slice.endpoints.filter((endpoint) => endpoint.ready && !endpoint.terminating);
  const nodesOf = (list: typeof serving) => [...new Set(list.map((one) => one.nodeName))].filter((name) => name !== "");
  return {
    service: `${slice.meta.namespace}/${slice.service}`,
    addressType: slice.addressType,
    anywhere: serving.length > 0,
    ready: nodesOf(ready),
    serving: nodesOf(serving),
  };
}

/** Sums up the slices of one Service. */
export function serviceEndpoints(slices: readonly SliceFacts[]): ServiceEndpoints {
  const sum = (type: SliceFacts["addressType"]): FamilyEndpoints => {
    const all = slices.filter((slice) => slice.addressType === type);
    return {
      anywhere: all.some((slice) => slice.anywhere),
      ready: new Set(all.flatMap((slice) => slice.ready)),
      serving: new Set(all.flatMap((slice) => slice.serving)),
    };
  };
  return { 4: sum("IPv4"), 6: sum("IPv6") };
}
