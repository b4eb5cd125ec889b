/** The objects of the simulated API server, as small as they can be. */

import type { ObjectMeta } from "../../lib/model/meta.ts";
import type { SpeakerLease } from "../../lib/model/speaker-lease.ts";
import type { ExternalTrafficPolicy, VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { NodeObjectFacts } from "../../speaker/candidates.ts";
import type { FamilyEndpoints, ServiceEndpoints } from "../../speaker/desired.ts";
import type { Link } from "../../speaker/net/messages.ts";
import type { Gateway } from "../../speaker/state.ts";

export const SERVICE = "default/web";

export function meta(name: string, revision: number, uid = `uid-${name}`): ObjectMeta {
  return {
    name,
    namespace: "",
    uid,
    resourceVersion: String(revision),
    generation: 1,
    creationTimestamp: "",
    deletionTimestamp: undefined,
    labels: {},
    annotations: {},
    finalizers: [],
  };
}

export function virtualIP(address: string, revision: number, policy: ExternalTrafficPolicy = "Cluster"): VirtualIP {
  const [namespace = "", name = ""] = SERVICE.split("/");
  return {
    meta: meta(address, revision),
    address,
    pool: "pool",
    services: [{ namespace, name, uid: "service", externalTrafficPolicy: policy, ports: [] }],
    l2: { interfaces: [], nodeSelector: undefined, preferred: [] },
    holder: undefined,
    conditions: [],
  };
}

export function nodeObject(changes: Partial<NodeObjectFacts> = {}): NodeObjectFacts {
  return { labels: {}, ready: true, networkUnavailable: false, excluded: false, outOfService: false, ...changes };
}

export function endpointsOn(ready: readonly string[], serving: readonly string[] = ready): ServiceEndpoints {
  const family: FamilyEndpoints = { anywhere: serving.length > 0, ready: new Set(ready), serving: new Set(serving) };
  return { 4: family, 6: family };
}

/** Nodes are n1, n2, … n300. */
function numberOf(node: string): number {
  return Number(node.slice(1));
}

/** Each node has one interface on each segment: eth0 on the first (0), eth1 on the second (1). */
export function interfaceOn(segment: number): string {
  return segment === 0 ? "eth0" : "eth1";
}

export function macOf(node: string, segment = 0): string {
  const digits = numberOf(node).toString(16).padStart(4, "0");
  return `02:00:00:0${segment}:${digits.slice(0, 2)}:${digits.slice(2)}`;
}

/** Out of the way of the addresses of Services. */
export function addressOf(node: string, segment = 0): string {
  return `10.${segment}.${200 + (numberOf(node) >> 7)}.${1 + (numberOf(node) & 127)}`;
}

export function linkLocalOf(node: string, segment = 0): string {
  return `fe80::${segment === 0 ? "" : `${segment}:`}${numberOf(node).toString(16)}`;
}

/** The first `count` addresses of Services; of a second family as many again. */
export function serviceAddress(index: number, family: 4 | 6 = 4, segment = 0): string {
  if (family === 6) return `fd0${segment}::1:${(index + 1).toString(16)}`;
  return `10.${segment}.${index >> 7}.${100 + (index & 127)}`;
}

/** The segment whose networks have the address of a Service. */
export function segmentOf(address: string): number {
  return address.startsWith("10.1.") || address.startsWith("fd01:") ? 1 : 0;
}

export function interfaceFor(address: string): string {
  return interfaceOn(segmentOf(address));
}

export function gatewayOn(segment: number): Gateway & { readonly mac: string } {
  return { address4: `10.${segment}.0.254`, linkLocal: "", mac: `02:00:00:0${segment}:ff:fe` };
}

export function link(node: string, carrier: boolean, segment = 0): Link {
  return {
    index: 2 + segment,
    name: interfaceOn(segment),
    mac: macOf(node, segment),
    carrier,
    master: "",
    kind: "",
    broadcast: true,
    addresses: [
      { address: addressOf(node, segment), prefixLength: 16, metric: 0 },
      { address: `fd0${segment}::${numberOf(node).toString(16)}`, prefixLength: 64, metric: 0 },
      { address: linkLocalOf(node, segment), prefixLength: 64, metric: 0 },
    ],
  };
}

/** As its process has renewed it at that revision. */
export function speakerLease(node: string, instance: string, revision: number): SpeakerLease {
  return {
    meta: meta(`berth-speaker-${node}`, revision),
    node,
    instance,
    transitions: 0,
    renewTime: String(revision),
    facts: { interfaces: [], proxyReady: true, kernelAnswers: [], uplinkLost: [], segments: {}, hearing: {} },
    leaving: false,
    nextInstance: "",
    previousInstance: "",
    fencedBy: "",
  };
}
