/** Everything the speaker of one node knows, as one value, and what it is told and wants done (speaker.ts is the step). */
import type { PeersInput, PeersState } from "../lib/lease/peers.ts";
import { initialPeers } from "../lib/lease/peers.ts";
import type { SpeakerFacts as LeaseFacts, SpeakerLease } from "../lib/model/speaker-lease.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import type { ApartMap } from "./apart.ts";
import type { NodeObjectFacts, SpeakerFacts } from "./candidates.ts";
import type { Place, ServiceEndpoints } from "./desired.ts";
import type { Verdict } from "./detector/types.ts";
import type { AddressState, Effect, ReadResult, World, WriteResult } from "./election/types.ts";
import type { NodeInterface } from "./interfaces.ts";
import type { FromWorker, TableEntry, ToWorker } from "./net/messages.ts";
import { type Joined, NOT_JOINED } from "./segments.ts";

/** What this process may do by its node's Lease. */
export type OwnLease =
  /** The former instance still has it (rolling update), or the first renewal is under way. */
  | { readonly phase: "waiting" }
  /** `adopted`: the former instance handed it over while it lived, so its records are ours as they stand (F9). */
  | { readonly phase: "acting"; readonly sinceMs: number; readonly adopted: boolean }
  | { readonly phase: "lost" };

/** One other speaker as this node judges it; the key tells cheaply whether its facts changed. */
export interface SpeakerView {
  readonly facts: SpeakerFacts;
  readonly lease: "fresh" | "expired" | "released" | "none";
  /**
   * Its Lease is fresh, so it has a say in who may take, and watches others. One that had run out before this observer lost the API
   * server says nothing new until it is renewed, though it may not be called run out meanwhile (E16).
   */
  readonly counts: boolean;
  readonly segments: Readonly<Record<string, string>>;
  /** As it was last seen. */
  readonly seen: SpeakerLease;
  readonly key: string;
}

export type Leaving =
  /** The heartbeat was told; it says which of the two ways it is. */
  | { readonly kind: "asked"; readonly sinceMs: number }
  /** The Lease names the next instance on this node: nothing moves, and nothing is written any more. */
  | { readonly kind: "giving"; readonly sinceMs: number; readonly successorMs: number }
  /** Every address is handed over; `markedMs` is when the Lease came to say so, -Infinity while it does not. */
  | { readonly kind: "handing-over"; readonly sinceMs: number; readonly markedMs: number }
  /** Nothing is answered any more: the Lease is given up. */
  | { readonly kind: "releasing"; readonly sinceMs: number }
  | { readonly kind: "done" };

/** What the heartbeat tells of a shutdown (lib/lease/heartbeat-types.ts). */
export type LeaseEvent = "leaving" | "handed-over" | "successor-acting" | "ended" | "fenced";

export interface SpeakerState {
  readonly node: string;
  readonly instance: string;
  readonly own: OwnLease;
  readonly apiUp: boolean;
  /** Every list has arrived. */
  readonly synced: boolean;
  /** rtnetlink has spoken. */
  readonly linked: boolean;
  readonly leaving: Leaving | undefined;
  /** Another node has declared this one gone; ends when every record was read again (F5). */
  readonly fenced: boolean;
  /** BOUNDED, as all maps here, by the objects of the API server. */
  readonly vips: ReadonlyMap<string, VirtualIP>;
  readonly nodes: ReadonlyMap<string, NodeObjectFacts>;
  readonly endpoints: ReadonlyMap<string, ServiceEndpoints>;
  readonly interfaces: readonly NodeInterface[];
  /** Which of them are on one segment, as the worker has heard. BOUNDED by the pairs of interfaces. */
  readonly joined: Joined;
  /** Nodes that have answered there once, by wireKey. BOUNDED by `speakers` and the interfaces, once a step is over. */
  readonly met: ReadonlySet<string>;
  /** kube-proxy of this node translates, or there is none (proxy-health.ts). */
  readonly proxyReady: boolean;
  /** The links that have an address as their own, by address. BOUNDED by what the kernel has. */
  readonly local: ReadonlyMap<string, readonly string[]>;
  /** What the kernel's arp_ignore amounts to, by interface. */
  readonly arpIgnore: ReadonlyMap<string, number>;
  /** Addresses of VirtualIPs that the kernel answers for by itself (kernel.ts). */
  readonly kernelAnswers: ReadonlySet<string>;
  /** Own interfaces whose gateway does not answer any more; none without the check. */
  readonly uplinkLost: ReadonlySet<string>;
  readonly peers: PeersState;
  readonly peersWakeAt: number;
  /** When a dead watch of Leases last had everything else listed, too. */
  readonly allDoubtedMs: number;
  /** This node's own renewals come through the watch, so the age of others' Leases says something. */
  readonly judging: boolean;
  readonly speakers: ReadonlyMap<string, SpeakerView>;
  /** What the detector says and has repeated of late, by wireKey. BOUNDED by the stations that it was told to watch. */
  readonly verdicts: ReadonlyMap<string, ToldVerdict>;
  /** Peers whose path to this node is broken, as their taking from it shows. */
  readonly apart: ApartMap;
  /** The default gateways by interface: one more station that can prove this node's hearing. */
  readonly gateways: ReadonlyMap<string, Gateway>;
  /** The plan that the detector follows, and when it is another by time alone. */
  readonly watching: { readonly text: string; readonly wakeAt: number };
  readonly world: World;
  readonly addresses: ReadonlyMap<string, AddressState>;
  readonly places: ReadonlyMap<string, Place>;
  readonly wakes: ReadonlyMap<string, number>;
  /** The name of the VirtualIP of an address, for messages of the worker. */
  readonly names: ReadonlyMap<string, string>;
  /** When the next step is due at the latest; one that comes much later tells of a stop. */
  readonly dueMs: number;
  readonly generation: number;
  readonly applied: number;
  readonly table: readonly TableEntry[];
  readonly listening: Listening;
  readonly probeSerial: number;
  /** Probes at the worker, by its id. BOUNDED: one for each address, and PROBES_MAX. */
  readonly probes: ReadonlyMap<number, { readonly name: string; readonly id: number }>;
}

export interface ToldVerdict {
  readonly verdict: Verdict;
  /** The process that was judged. */
  readonly instance: string;
  readonly sinceMs: number;
  readonly toldMs: number;
}

/** A router of the segment; "" for an address that it does not have. */
export interface Gateway {
  readonly address4: string;
  readonly linkLocal: string;
}

/** What the worker was last told to keep sockets on and to listen for. */
export interface Listening {
  readonly interfaces: readonly string[];
  /** The names of the VirtualIPs have changed since. */
  readonly isStale: boolean;
  readonly toldMs: number;
}

export type SpeakerInput =
  | { readonly type: "virtual-ip"; readonly name: string; readonly vip: VirtualIP | undefined }
  | { readonly type: "node"; readonly name: string; readonly node: NodeObjectFacts | undefined }
  | { readonly type: "endpoints"; readonly service: string; readonly endpoints: ServiceEndpoints | undefined }
  | { readonly type: "lease"; readonly input: PeersInput }
  | { readonly type: "own-lease"; readonly phase: OwnLease["phase"]; readonly adopted: boolean }
  | { readonly type: "api"; readonly up: boolean }
  | { readonly type: "synced" }
  | { readonly type: "worker"; readonly message: FromWorker }
  | { readonly type: "arp-ignore"; readonly byInterface: ReadonlyMap<string, number> }
  | { readonly type: "proxy"; readonly ready: boolean }
  /** Interfaces whose gateway does not answer any more, sorted (uplink.ts). */
  | { readonly type: "uplink"; readonly lost: readonly string[] }
  | { readonly type: "gateways"; readonly byInterface: ReadonlyMap<string, Gateway> }
  | { readonly type: "read"; readonly name: string; readonly id: number; readonly result: ReadResult }
  | { readonly type: "written"; readonly name: string; readonly epoch: number; readonly result: WriteResult }
  | { readonly type: "lease-event"; readonly event: LeaseEvent; readonly mark?: string }
  | { readonly type: "shutdown" }
  | { readonly type: "tick" };

export type SpeakerEffect =
  | Exclude<Effect, { type: "probe" | "announce" | "fence" | "missed" }>
  /** The wire has found this process of another node gone, and its addresses are taken: says so in its Lease (F5). */
  | {
      readonly type: "fence";
      readonly node: string;
      readonly instance: string;
      readonly by: string;
      /** Its interface behind which it is gone, as long as its Lease has this resourceVersion; "": the whole node (fence-mark.ts). */
      readonly interface: string;
      readonly resourceVersion: string;
    }
  | { readonly type: "worker"; readonly message: ToWorker }
  /** What others must know of this node: for its Lease. */
  | { readonly type: "facts"; readonly facts: LeaseFacts }
  /** For the heartbeat: the process goes; everything is handed over; every record was read after a fence. */
  | { readonly type: "heartbeat"; readonly input: "shutdown" | "release" | "fence-answered" }
  /** The watch of Leases does not deliver: they are to be listed again, and now and then `all`, since nothing proves that any watch does (F7). */
  | { readonly type: "doubt-watches"; readonly all: boolean }
  /** Nothing is answered any more that somebody else could answer: the process may end. */
  | { readonly type: "exit"; readonly reason: ExitReason };

export type ExitReason = "lease-given" | "lease-lost" | "handed-over" | "deadline";

export interface SpeakerStep {
  readonly state: SpeakerState;
  /** In this order. */
  readonly effects: readonly SpeakerEffect[];
  readonly wakeAt: number;
}

/** Probes the worker may owe an answer to. */
export const PROBES_MAX = 10_000;
/**
 * A watch of Leases that is dead has all the others listed again, at most so often: what it lacks may be a server that is late, on every
 * node at once, and lists of everything are what such a server can do least. A watch that is silent for good ends by itself (reflector.ts).
 */
export const DOUBT_ALL_MS = 60_000;
/** The heartbeat says within this which way it is, or addresses are handed over without its mark. */
export const ASK_LIMIT_MS = 1_500;
/** The next instance acts: so long both answer, with one MAC, and then this process ends. */
export const GIVEN_LINGER_MS = 1_000;
/** The Lease is given up within this, or it runs out by itself. */
export const RELEASE_LIMIT_MS = 2_000;
/** A leaving speaker ends after this whatever is left; the kubelet kills at 30 s. */
export const LEAVE_LIMIT_MS = 10_000;

export function initialSpeaker(node: string, instance: string, now: number): SpeakerState {
  const world: World = {
    node,
    instance,
    acting: false,
    actingSinceMs: 0,
    adopted: false,
    apiUp: true,
    stalledMs: Number.NEGATIVE_INFINITY,
    ending: false,
    stopping: false,
    markedMs: Number.NEGATIVE_INFINITY,
    peers: new Map(),
    segments: {},
    hearing: new Map(),
    macOwners: new Map(),
    wire: new Map(),
    handing: new Map(),
    taking: 0,
    nextGeneration: 1,
    appliedGeneration: 0,
  };
  return {
    node,
    instance,
    own: { phase: "waiting" },
    apiUp: true,
    synced: false,
    linked: false,
    leaving: undefined,
    fenced: false,
    vips: new Map(),
    nodes: new Map(),
    endpoints: new Map(),
    interfaces: [],
    joined: NOT_JOINED,
    met: new Set(),
    // Until the shell has asked it knows nothing against the node.
    proxyReady: true,
    local: new Map(),
    arpIgnore: new Map(),
    kernelAnswers: new Set(),
    uplinkLost: new Set(),
    peers: initialPeers(node, now),
    peersWakeAt: Number.POSITIVE_INFINITY,
    allDoubtedMs: Number.NEGATIVE_INFINITY,
    judging: false,
    speakers: new Map(),
    verdicts: new Map(),
    apart: new Map(),
    gateways: new Map(),
    watching: { text: "", wakeAt: Number.POSITIVE_INFINITY },
    world,
    addresses: new Map(),
    places: new Map(),
    wakes: new Map(),
    names: new Map(),
    dueMs: Number.POSITIVE_INFINITY,
    generation: 0,
    applied: 0,
    table: [],
    listening: { interfaces: [], isStale: false, toldMs: Number.NEGATIVE_INFINITY },
    probeSerial: 0,
    probes: new Map(),
  };
}

/** What the node answers for, by name of the VirtualIP. */
export function servedNames(state: SpeakerState): readonly string[] {
  return [...state.addresses.values()].filter((one) => one.serving !== undefined).map((one) => one.name);
}
