/**
 * The heartbeat Lease of a speaker (election.md section 2; coordination.k8s.io/v1 Lease): one per node, named
 * `berth-speaker-<node>`. It says which process acts for the node and what other nodes must know about it. Its
 * timestamps are for people: age is judged by lib/lease/peers.ts from the moment a change was seen.
 */

import { formatIp, type Ip, parseIp } from "../address/ip.ts";
import { formatMac, parseMac } from "../address/mac.ts";
import { parseCidr } from "../address/range.ts";
import type { Json } from "../kube/api.ts";
import { asInteger, asObject, asText, fields, items, parseMeta, textMap, texts } from "./decode.ts";
import type { ObjectMeta } from "./meta.ts";

export const COMPONENT_LABEL = "berth.dev/component";
export const SPEAKER_COMPONENT = "speaker";
/** The label selector that lists the Leases of all speakers and nothing else. */
export const SPEAKER_LEASE_SELECTOR = `${COMPONENT_LABEL}=${SPEAKER_COMPONENT}`;

export const INTERFACES_ANNOTATION = "berth.dev/interfaces";
/** Written as "true" or "false"; absent, as from an older speaker, means true. */
export const PROXY_READY_ANNOTATION = "berth.dev/proxy-ready";
/** A JSON list; absent means that the kernel answers for none. */
export const KERNEL_ANSWERS_ANNOTATION = "berth.dev/kernel-answers";
/** A JSON list; absent means that no uplink is known to be lost. */
export const UPLINK_LOST_ANNOTATION = "berth.dev/uplink-lost";
/** A JSON object; an interface that is not in it stands on a segment that is not known. */
export const SEGMENTS_ANNOTATION = "berth.dev/segments";
/** A JSON object; of an interface that is not in it, as from an older speaker, nothing is known. */
export const HEARING_ANNOTATION = "berth.dev/hearing";
export const LEAVING_ANNOTATION = "berth.dev/leaving";
export const NEXT_INSTANCE_ANNOTATION = "berth.dev/next-instance";
export const PREVIOUS_INSTANCE_ANNOTATION = "berth.dev/previous-instance";
export const FENCED_BY_ANNOTATION = "berth.dev/fenced-by";

const NAME_PREFIX = "berth-speaker-";
/** BOUNDED: more interfaces than this in one Lease are not read; a node announces on a handful. */
const INTERFACES_MAX = 64;
/** BOUNDED: 3 KB of the annotations for an interface. Of more addresses the first in the order of their text are told. */
export const OWN_ADDRESSES_MAX = 64;
/** What the kernel takes as the name of a link: up to 15 characters, none of them white space, `/` or `:`. */
const LINK_NAME = /^[^\s/:]{1,15}$/;
/** BOUNDED: 16 KB of an object's 256 KB of annotations. The node refuses also those that did not fit, only others learn it later. */
const KERNEL_ANSWERS_MAX = 1_000;

/** One interface that the node may announce on. */
export interface SpeakerInterface {
  readonly name: string;
  /** Lower case, six pairs. */
  readonly mac: string;
  /** Connected subnets in CIDR form, both families. */
  readonly subnets: readonly string[];
  readonly carrier: boolean;
  /** Canonical link-local IPv6 address, the target of probes by neighbour solicitation; "" if there is none. */
  readonly linkLocal: string;
  /** The node's own IPv4 address there, which its kernel answers for whatever becomes of its speaker; "" if there is none. */
  readonly address4: string;
  /** All of the node's own addresses there that last, both families, without link-local ones; sorted. None from an older speaker. */
  readonly addresses: readonly string[];
}

/** What a speaker tells the others about its node; written on change only. */
export interface SpeakerFacts {
  /** Best first: lowest route metric, then lowest index. */
  readonly interfaces: readonly SpeakerInterface[];
  /** kube-proxy answers 200 on the node, or there is none: traffic for an address would be translated (E14). */
  readonly proxyReady: boolean;
  /** Addresses of VirtualIPs that the node's own kernel answers for, whoever holds them; sorted (E12). */
  readonly kernelAnswers: readonly string[];
  /** Interfaces whose gateway does not answer any more, sorted; only a speaker that checks its uplink knows any. */
  readonly uplinkLost: readonly string[];
  /**
   * The segment that each interface stands on, by a name that all who hear each other there have in common: the first by name of those
   * that this process has heard there, itself included (E3).
   */
  readonly segments: Readonly<Record<string, string>>;
  /** By interface: true where another station has answered this process, false where all that did are silent; none where nobody ever has (E1). */
  readonly hearing: Readonly<Record<string, boolean>>;
}

export interface SpeakerLease {
  readonly meta: ObjectMeta;
  readonly node: string;
  /** Instance id of the one process that acts for the node; "" when the last one released it. */
  readonly instance: string;
  /** How often the instance changed (spec.leaseTransitions). */
  readonly transitions: number;
  /** RFC 3339. What it says is for people; that it is another one than before is the sign of life (isRenewed). */
  readonly renewTime: string;
  readonly facts: SpeakerFacts;
  /** The node gives up all it holds: every successor starts at once. */
  readonly leaving: boolean;
  /** The process on the same node that waits to take over (rolling update); "" if none. */
  readonly nextInstance: string;
  /** Whose records `instance` may adopt without a move: it handed the Lease over while it lived; "" if nobody did. */
  readonly previousInstance: string;
  /** The node that found this one gone by the wire; its process holds nothing until it has won a new epoch. "" if none. */
  readonly fencedBy: string;
}

/** Instance id of a process: `<podUid>/<random>`, so that a restarted container knows its own predecessor. */
export function instanceId(podUid: string, random: string): string {
  return `${podUid}/${random}`;
}

/** True for two different processes of one pod's container: the kubelet starts one only when the other is dead. */
export function isSamePod(left: string, right: string): boolean {
  const pod = left.slice(0, left.indexOf("/") + 1);
  return pod.length > 1 && right.startsWith(pod);
}

/**
 * Whether the process that acts for the node has written since. Others write in its Lease, too: the one that waits its name, another node its
 * mark. That says nothing of who may be dead. Any other time counts, an earlier one as well: clocks are set, and stores put back.
 */
export function isRenewed(before: SpeakerLease, after: SpeakerLease): boolean {
  return before.instance !== after.instance || before.renewTime !== after.renewTime;
}

export function speakerLeaseName(node: string): string {
  return `${NAME_PREFIX}${node}`;
}

/** Reads a Lease of a speaker; undefined for an object that is none. Facts that cannot be read are left out. */
export function parseSpeakerLease(raw: Json): SpeakerLease | undefined {
  const meta = parseMeta(raw);
  if (meta === undefined || !meta.name.startsWith(NAME_PREFIX) || meta.name === NAME_PREFIX) return undefined;
  const spec = fields(fields(raw)["spec"]);
  const { annotations } = meta;
  return {
    meta,
    node: meta.name.slice(NAME_PREFIX.length),
    instance: asText(spec["holderIdentity"]) ?? "",
    transitions: asInteger(spec["leaseTransitions"]) ?? 0,
    renewTime: asText(spec["renewTime"]) ?? "",
    facts: {
      interfaces: parseInterfaces(annotations[INTERFACES_ANNOTATION] ?? "[]"),
      proxyReady: annotations[PROXY_READY_ANNOTATION] !== "false",
      kernelAnswers: parseTexts(annotations[KERNEL_ANSWERS_ANNOTATION] ?? "[]").slice(0, KERNEL_ANSWERS_MAX),
      uplinkLost: parseTexts(annotations[UPLINK_LOST_ANNOTATION] ?? "[]").slice(0, INTERFACES_MAX),
      segments: textMap(parseJson(annotations[SEGMENTS_ANNOTATION] ?? "{}")),
      hearing: parseHearing(annotations[HEARING_ANNOTATION] ?? "{}"),
    },
    leaving: annotations[LEAVING_ANNOTATION] === "true",
    nextInstance: annotations[NEXT_INSTANCE_ANNOTATION] ?? "",
    previousInstance: annotations[PREVIOUS_INSTANCE_ANNOTATION] ?? "",
    fencedBy: annotations[FENCED_BY_ANNOTATION] ?? "",
  };
}

/**
 * The facts as the annotation `berth.dev/interfaces` holds them. Equal facts give equal text. The interfaces stay in the node's
 * own order, best first: another node that hands an address over must name the one this node would choose (W3).
 */
export function serializeInterfaces(facts: Pick<SpeakerFacts, "interfaces">): string {
  return JSON.stringify(
    facts.interfaces.map((one) => ({
      name: one.name,
      mac: one.mac,
      subnets: [...one.subnets].sort(),
      carrier: one.carrier,
      linkLocal: one.linkLocal,
      address4: one.address4,
      addresses: one.addresses,
    })),
  );
}

/** The facts as annotations, always all of them, so that a change is never a removal. Equal facts give equal text. */
export function factAnnotations(facts: SpeakerFacts): Readonly<Record<string, string>> {
  return {
    [INTERFACES_ANNOTATION]: serializeInterfaces(facts),
    [PROXY_READY_ANNOTATION]: String(facts.proxyReady),
    [KERNEL_ANSWERS_ANNOTATION]: JSON.stringify(facts.kernelAnswers.slice(0, KERNEL_ANSWERS_MAX)),
    [UPLINK_LOST_ANNOTATION]: JSON.stringify(facts.uplinkLost),
    [SEGMENTS_ANNOTATION]: JSON.stringify(Object.fromEntries(Object.entries(facts.segments).sort())),
    [HEARING_ANNOTATION]: JSON.stringify(Object.fromEntries(Object.entries(facts.hearing).sort())),
  };
}

/** The whole object, as the API server would return it. Empty marks are left out. */
export function serializeSpeakerLease(lease: SpeakerLease): Json {
  const marks = {
    [LEAVING_ANNOTATION]: lease.leaving ? "true" : "",
    [NEXT_INSTANCE_ANNOTATION]: lease.nextInstance,
    [PREVIOUS_INSTANCE_ANNOTATION]: lease.previousInstance,
    [FENCED_BY_ANNOTATION]: lease.fencedBy,
  };
  const marked = Object.entries(marks).filter(([, value]) => value !== "");
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: lease.meta.name,
      namespace: lease.meta.namespace,
      ...(lease.meta.uid === "" ? {} : { uid: lease.meta.uid }),
      ...(lease.meta.resourceVersion === "" ? {} : { resourceVersion: lease.meta.resourceVersion }),
      labels: { ...lease.meta.labels, [COMPONENT_LABEL]: SPEAKER_COMPONENT },
      annotations: { ...factAnnotations(lease.facts), ...Object.fromEntries(marked) },
    },
    spec: {
      ...(lease.instance === "" ? {} : { holderIdentity: lease.instance }),
      ...(lease.renewTime === "" ? {} : { renewTime: lease.renewTime }),
      leaseDurationSeconds: 10,
      leaseTransitions: lease.transitions,
    },
  };
}

/** What a speaker's Lease says of its node's networks, as text: Leases change every few seconds, this does not. */
export interface NetworksText {
  readonly node: string;
  readonly text: string;
}

export function parseNetworksText(raw: Json): NetworksText | undefined {
  const meta = fields(fields(raw)["metadata"]);
  const name = asText(meta["name"]) ?? "";
  if (!name.startsWith(NAME_PREFIX)) return undefined;
  const text = asText(fields(meta["annotations"])[INTERFACES_ANNOTATION]) ?? "[]";
  return { node: name.slice(NAME_PREFIX.length), text };
}

export function parseInterfaces(text: string): readonly SpeakerInterface[] {
  return items(parseJson(text))
    .slice(0, INTERFACES_MAX)
    .map(parseInterface)
    .filter((one) => one !== undefined);
}

function parseTexts(text: string): readonly string[] {
  return texts(parseJson(text));
}

function parseHearing(text: string): Readonly<Record<string, boolean>> {
  const told = Object.entries(fields(parseJson(text))).filter(
    ([name, hears]) => LINK_NAME.test(name) && typeof hears === "boolean",
  );
  return Object.fromEntries(told.slice(0, INTERFACES_MAX)) as Record<string, boolean>;
}

/** An annotation that is no JSON says nothing. */
function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return [];
  }
}

/**
 * Fields that a newer version adds are ignored; without a name or a MAC the interface is of no use to anybody. Every node asks for
 * these addresses on its wire: a text that is none must end here, whoever wrote it.
 */
function parseInterface(raw: Json): SpeakerInterface | undefined {
  const one = asObject(raw);
  const name = asText(one?.["name"]) ?? "";
  const mac = parseMac(asText(one?.["mac"]) ?? "");
  if (one === undefined || !LINK_NAME.test(name) || !mac.ok) return undefined;
  return {
    name,
    mac: formatMac(mac.value),
    subnets: texts(one["subnets"]).filter((subnet) => parseCidr(subnet).ok),
    carrier: one["carrier"] === true,
    linkLocal: addressOr(asText(one["linkLocal"]), isLinkLocal6),
    address4: addressOr(asText(one["address4"]), (ip) => ip.family === 4),
    addresses: texts(one["addresses"])
      .slice(0, OWN_ADDRESSES_MAX)
      .map((text) => addressOr(text, () => true))
      .filter((text) => text !== ""),
  };
}

/** The canonical text of an address that `isFit` takes; "" for every other text. */
function addressOr(text: string | undefined, isFit: (ip: Ip) => boolean): string {
  const ip = parseIp(text ?? "");
  return ip.ok && isFit(ip.value) ? formatIp(ip.value) : "";
}

/** fe80::/10 (RFC 4291 section 2.5.6). */
function isLinkLocal6(ip: Ip): boolean {
  return ip.family === 6 && ip.value >> 118n === 0xfe80n >> 6n;
}
