/** Who may hold an address, and in which order (election.md section 3). Pure: the same facts give the same list on every node. */
import type { Ip } from "../lib/address/ip.ts";
import type { Labels } from "../lib/model/meta.ts";
import { matchesSelector, preferenceOf } from "../lib/model/selector.ts";
import type { L2Rules } from "../lib/model/virtual-ip.ts";
import { interfacesFor, type NodeInterface } from "./interfaces.ts";
import type { ExclusionReason, FaultReason } from "./reasons.ts";
import { rendezvousWeight } from "./rendezvous.ts";

/** One node: its Node object and its speaker's Lease, as this observer judges them. */
export interface NodeFacts {
  readonly name: string;
  /** undefined: there is no Node object. */
  readonly node: NodeObjectFacts | undefined;
  /** undefined: there is no Lease. */
  readonly speaker: SpeakerFacts | undefined;
}

export interface NodeObjectFacts {
  readonly labels: Labels;
  readonly ready: boolean;
  readonly networkUnavailable: boolean;
  readonly excluded: boolean;
  readonly outOfService: boolean;
}

export interface SpeakerFacts {
  readonly instance: string;
  /** Not renewed for too long, by the observer's own clock. */
  readonly expired: boolean;
  readonly leaving: boolean;
  readonly interfaces: readonly NodeInterface[];
  /** kube-proxy there translates, or there is none (E14). */
  readonly proxyReady: boolean;
  /** What its own kernel answers for, speaker or not (kernel.ts). */
  readonly kernelAnswers: ReadonlySet<string>;
  /** Its interfaces whose gateway does not answer it any more (uplink.ts). */
  readonly uplinkLost: ReadonlySet<string>;
  /** By interface, whether it hears anybody there (hearing.ts). */
  readonly hearing: Readonly<Record<string, boolean>>;
}

/** Where the endpoints of the address's Services are; a shared address needs every one of its Local Services on the node. */
export interface EndpointFacts {
  readonly hasServices: boolean;
  /** A ready or serving endpoint of one of its Services at least exists somewhere: one that has none must not silence the others. */
  readonly anywhere: boolean;
  /** externalTrafficPolicy Local: nodes with a ready endpoint. undefined: Cluster, any node does. */
  readonly readyNodes: ReadonlySet<string> | undefined;
  /** externalTrafficPolicy Local: nodes with an endpoint that still carries traffic, ready or not. */
  readonly servingNodes: ReadonlySet<string> | undefined;
}

export interface Candidate {
  readonly node: string;
  readonly instance: string;
  readonly interface: string;
  readonly mac: string;
  /** Whether it hears anybody on that interface; undefined: nobody has answered its process yet. */
  readonly hears: boolean | undefined;
  /** It hears nobody any more, while another candidate does: it comes last, and takes nothing (E1). Where nobody hears anybody, nobody is. */
  readonly isolated: boolean;
  /** Passed the hard rules but not the soft ones: comes after all others, is never silenced. */
  readonly demoted: boolean;
  /** What the pool says about who should: the larger one comes first (`l2.preferred`). */
  readonly preference: number;
  /** Why a holder there should hand over to one that has no such fault; of what demotes only that which breaks its traffic. */
  readonly fault: FaultReason | undefined;
}

export interface Excluded {
  readonly node: string;
  readonly reason: ExclusionReason;
}

export interface Candidates {
  /** Best first. */
  readonly ordered: readonly Candidate[];
  /** By node name, each with the first rule that it breaks. */
  readonly excluded: readonly Excluded[];
}

export interface AddressFacts {
  readonly address: string;
  readonly ip: Ip;
  readonly l2: L2Rules;
  readonly endpoints: EndpointFacts;
}

/** Orders the nodes that may hold the address: who hears nobody last, soft rules, then the pool's preference, then rendezvous hashing of (address, node name). */
export function candidatesOf(address: AddressFacts, nodes: readonly NodeFacts[]): Candidates {
  const ordered: (Candidate & { readonly weight: number })[] = [];
  const excluded: Excluded[] = [];
  for (const facts of nodes) {
    const verdict = judge(address, facts);
    if (typeof verdict === "string") excluded.push({ node: facts.name, reason: verdict });
    else ordered.push({ ...verdict, weight: rendezvousWeight(address.address, facts.name) });
  }
  const isHeard = ordered.some((one) => one.hears === true);
  const judged = ordered.map((one) =>
    isHeard && one.hears === false ? { ...one, isolated: true, demoted: true } : one,
  );
  judged.sort(
    (left, right) =>
      Number(left.isolated) - Number(right.isolated) ||
      Number(left.demoted) - Number(right.demoted) ||
      right.preference - left.preference ||
      right.weight - left.weight ||
      compare(left.node, right.node),
  );
  excluded.sort((left, right) => compare(left.node, right.node));
  return { ordered: judged.map(({ weight: _, ...candidate }) => candidate), excluded };
}

/** The rules in the order in which they are told to the user: what the user configured before what merely is so. */
function judge(address: AddressFacts, facts: NodeFacts): Candidate | ExclusionReason {
  const rule = nodeRule(address, facts) ?? endpointRule(address.endpoints, facts.name);
  if (rule !== undefined) return rule;
  const { speaker } = facts;
  if (speaker === undefined) return "no-speaker";
  if (speaker.expired) return "speaker-lease-expired";
  if (speaker.leaving) return "speaker-leaving";
  const ownKernel = kernelRule(speaker.kernelAnswers, address.address);
  if (ownKernel !== undefined) return ownKernel;
  const usable = interfacesFor(speaker.interfaces, address.l2.interfaces, address.ip);
  const chosen = usable.find((one) => one.carrier);
  if (chosen === undefined) return interfaceRule(address.l2, usable);
  const fault = faultOf(facts.node, speaker.uplinkLost, chosen.name);
  const demoted = facts.node?.ready !== true || fault !== undefined || !speaker.proxyReady;
  return {
    node: facts.name,
    instance: speaker.instance,
    interface: chosen.name,
    mac: chosen.mac,
    hears: speaker.hearing[chosen.name],
    isolated: false,
    demoted,
    preference: preferenceOf(address.l2.preferred, facts.node?.labels ?? {}),
    fault,
  };
}

/** What breaks the traffic of an address that is answered on that interface. */
export function faultOf(
  node: NodeObjectFacts | undefined,
  uplinkLost: ReadonlySet<string>,
  name: string,
): FaultReason | undefined {
  // What was asked for and not answered says more than what a network plugin wrote.
  if (uplinkLost.has(name)) return "hand-over-uplink-lost";
  return node?.networkUnavailable === true ? "hand-over-network-unavailable" : undefined;
}

/** Why none of the interfaces that may carry the address does. */
function interfaceRule(l2: L2Rules, usable: readonly NodeInterface[]): ExclusionReason {
  if (usable.length > 0) return "no-carrier";
  return l2.interfaces.length > 0 ? "no-such-interface" : "no-interface";
}

/** What the user or the cluster's operator has decided about the node. */
export function nodeRule(address: AddressFacts, facts: NodeFacts): ExclusionReason | undefined {
  if (!address.endpoints.hasServices) return "no-service";
  if (facts.node === undefined) return "node-unknown";
  if (facts.node.outOfService) return "out-of-service";
  if (facts.node.excluded) return "exclude-label";
  if (!matchesSelector(address.l2.nodeSelector, facts.node.labels)) return "node-selector";
  return undefined;
}

export function endpointRule(endpoints: EndpointFacts, node: string): ExclusionReason | undefined {
  if (!endpoints.anywhere) return "no-endpoint";
  if (endpoints.readyNodes === undefined || endpoints.readyNodes.has(node)) return undefined;
  return endpoints.servingNodes?.has(node) === true ? "local-endpoint-terminating" : "no-local-endpoint";
}

/** A kernel that has the address answers with the node's MAC whoever holds it: this node can neither take it nor give it up (E12). */
export function kernelRule(kernelAnswers: ReadonlySet<string>, address: string): ExclusionReason | undefined {
  return kernelAnswers.has(address) ? "answered-by-kernel" : undefined;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
