/**
 * What this speaker knows about the others from their Leases (election.md section 2, hazards E4, E8 and F7).
 *
 * A Lease is expired when the process that it names has not renewed it for 10 s of this observer's monotonic clock; what others
 * write in it is no sign of life. The count is only worth something while the watch delivers, and the proof of that is this node's own Lease: it is in the same
 * watch and renewed every 3 s. So after an outage, a freeze or a dead watch the count of every Lease starts again when
 * the own renewal is seen, and while it is not seen nothing is judged.
 */
import { isRenewed, type SpeakerLease } from "../model/speaker-lease.ts";
import { assertNever } from "../runtime/errors.ts";

/** Not renewed for this long: the speaker is gone or cut off. Three renewals with jitter and time-outs fit in. */
export const LEASE_EXPIRY_MS = 10_000;
/** Not renewed for this long: at least one renewal is missing (3 s + 20 %, and a second for the way). */
export const LEASE_MISSED_MS = 4_600;
/** The own renewal not seen for this long (one late renewal and its time-out): the watch proves nothing any more. */
export const OUTAGE_MS = 6_000;
/** A renewal that succeeded but did not come through the watch within this time: the watch is dead. */
export const WATCH_LAG_MAX_MS = 3_000;
/** A MAC found in a Lease is a known peer for this long after it was last there. */
export const KNOWN_MAC_MS = 3_600_000;

export interface Peer {
  /** The last one seen; kept when the object is gone, as long as its MACs are known. */
  readonly lease: SpeakerLease;
  /** When it was last seen to be renewed, or the object to come or go. Monotonic milliseconds. */
  readonly changedMs: number;
  readonly present: boolean;
}

export interface KnownMac {
  readonly node: string;
  /** When it was last in a Lease; undefined while it is. */
  readonly lastSeenMs: number | undefined;
}

export interface PeersState {
  /** This node: its Lease is the proof that the watch delivers. */
  readonly self: string;
  /** By node. BOUNDED by the nodes that had a speaker in the last hour. */
  readonly peers: ReadonlyMap<string, Peer>;
  /** By MAC, own ones included. BOUNDED by 64 interfaces per Lease, and forgotten after an hour. */
  readonly macs: ReadonlyMap<string, KnownMac>;
  /** When the own Lease last came through the watch, changed. */
  readonly selfSeenMs: number | undefined;
  /** Ages are counted from here at the earliest. */
  readonly countFromMs: number;
  /** The last own renewal that the watch has not shown yet. */
  readonly awaited: { readonly resourceVersion: string; readonly sinceMs: number } | undefined;
}

export type PeersInput =
  /** A Lease from the informer (itself included), or what a relist found. */
  | { readonly type: "lease"; readonly lease: SpeakerLease }
  | { readonly type: "gone"; readonly node: string }
  /** The own renewal was confirmed by the API server. */
  | { readonly type: "renewed"; readonly resourceVersion: string }
  /** The own renewal failed: whatever the watch says from here on may be late. */
  | { readonly type: "pulse-lost" }
  | { readonly type: "tick" };

export type PeersEffect =
  /**
   * Renewals succeed but do not arrive (a half-open connection, or a watch above the server's revision, or a server that is late):
   * list the Leases, and now and then the rest, for the other watches have no such sign and may have been hit by the same.
   */
  { readonly type: "watch-dead" };

export interface PeersStep {
  readonly state: PeersState;
  readonly effects: readonly PeersEffect[];
  readonly wakeAt: number | undefined;
}

export type LeaseVerdict =
  /** Renewed within the last 10 s of counted time. */
  | "fresh"
  /** Not renewed for 10 s of counted time, or gone for that long. */
  | "expired"
  /** The last process on that node gave it up in order (holderIdentity is empty). */
  | "released"
  /** No Lease of that node was seen in the last hour. */
  | "absent"
  /** The observer itself is in an outage, or has not seen long enough: no judgement. */
  | "unknown";

export function initialPeers(self: string, now: number): PeersState {
  return {
    self,
    peers: new Map(),
    macs: new Map(),
    selfSeenMs: undefined,
    countFromMs: now,
    awaited: undefined,
  };
}

export function stepPeers(state: PeersState, input: PeersInput, now: number): PeersStep {
  switch (input.type) {
    case "lease":
      return done(onLease(state, input.lease, now), now);
    case "gone":
      return done(onGone(state, input.node, now), now);
    case "renewed":
      return done(onRenewed(state, input.resourceVersion, now), now);
    case "pulse-lost":
      return done({ ...state, selfSeenMs: undefined, awaited: undefined }, now);
    case "tick":
      return onTick(state, now);
    default:
      return assertNever(input);
  }
}

/**
 * Milliseconds for which the Lease of a node is known not to have been renewed; undefined while this observer is in an
 * outage or for a node without a Lease. Age of what was seen, never a comparison of clocks.
 */
export function unchangedMs(state: PeersState, node: string, now: number): number | undefined {
  const peer = state.peers.get(node);
  if (peer === undefined || isOutage(state, now)) return undefined;
  return Math.max(0, now - Math.max(peer.changedMs, state.countFromMs));
}

export function leaseVerdict(state: PeersState, node: string, now: number): LeaseVerdict {
  const peer = state.peers.get(node);
  if (peer === undefined) return isOutage(state, now) ? "unknown" : "absent";
  if (peer.present && peer.lease.instance === "") return "released";
  const age = unchangedMs(state, node, now);
  if (age === undefined) return "unknown";
  if (age >= LEASE_EXPIRY_MS) return "expired";
  // Counting began anew after the last change: it may be alive or dead, and only time tells.
  return peer.present && now - peer.changedMs < LEASE_EXPIRY_MS ? "fresh" : "unknown";
}

/** At least one renewal of that node is missing; false when this observer cannot tell. */
export function hasMissedRenewal(state: PeersState, node: string, now: number): boolean {
  return (unchangedMs(state, node, now) ?? 0) >= LEASE_MISSED_MS;
}

/** The node a MAC belongs to, if it was in a Lease within the last hour; a MAC unknown here is a foreign host. */
export function knownPeer(state: PeersState, mac: string, now: number): string | undefined {
  const known = state.macs.get(mac);
  if (known === undefined) return undefined;
  return known.lastSeenMs === undefined || now - known.lastSeenMs < KNOWN_MAC_MS ? known.node : undefined;
}

/** True while the own renewal has not come through the watch for OUTAGE_MS, or never has. */
export function isOutage(state: PeersState, now: number): boolean {
  return state.selfSeenMs === undefined || now - state.selfSeenMs > OUTAGE_MS;
}

function onLease(state: PeersState, lease: SpeakerLease, now: number): PeersState {
  const before = state.peers.get(lease.node);
  const version = lease.meta.resourceVersion;
  const same = before?.present === true && before.lease.meta.resourceVersion === version;
  if (same) return state;
  const isAlive = before?.present !== true || isRenewed(before.lease, lease);
  const changedMs = isAlive ? now : before.changedMs;
  const peers = new Map(state.peers).set(lease.node, { lease, changedMs, present: true });
  const next = { ...state, peers, macs: noteMacs(state.macs, before, lease, now) };
  return lease.node === state.self ? onSelfSeen(next, now) : next;
}

/** The watch delivers. After an outage all ages start here: the changes made meanwhile may still be on their way. */
function onSelfSeen(state: PeersState, now: number): PeersState {
  const countFromMs = isOutage(state, now) ? now : state.countFromMs;
  // Here too: while everybody renews in time there is nothing to wake for, and those who went would be kept for ever.
  return { ...forget(state, now), selfSeenMs: now, countFromMs, awaited: undefined };
}

function onGone(state: PeersState, node: string, now: number): PeersState {
  const peer = state.peers.get(node);
  if (peer?.present !== true) return state;
  const peers = new Map(state.peers).set(node, { ...peer, changedMs: now, present: false });
  return { ...state, peers, macs: releaseMacs(state.macs, node, now) };
}

function onRenewed(state: PeersState, resourceVersion: string, now: number): PeersState {
  const shown = state.peers.get(state.self)?.lease.meta.resourceVersion === resourceVersion;
  // The oldest renewal that is missing counts: a newer one must not push the deadline away.
  if (shown || state.awaited !== undefined) return state;
  return { ...state, awaited: { resourceVersion, sinceMs: now } };
}

function onTick(state: PeersState, now: number): PeersStep {
  const dead = state.awaited !== undefined && now - state.awaited.sinceMs >= WATCH_LAG_MAX_MS;
  const kept = forget(state, now);
  const next = dead ? { ...kept, awaited: undefined, selfSeenMs: undefined } : kept;
  return done(next, now, dead ? [{ type: "watch-dead" }] : []);
}

/** Marks the MACs of this Lease as present, and those of this node that are no longer in it as last seen now. */
function noteMacs(
  macs: PeersState["macs"],
  before: Peer | undefined,
  lease: SpeakerLease,
  now: number,
): PeersState["macs"] {
  if (before?.present === true && isNoted(macs, before.lease, lease)) return macs;
  const noted = new Map(releaseMacs(macs, lease.node, now));
  for (const { mac } of lease.facts.interfaces) noted.set(mac, { node: lease.node, lastSeenMs: undefined });
  return noted;
}

/** A renewal names the same MACs as before, nearly always. */
function isNoted(macs: PeersState["macs"], before: SpeakerLease, lease: SpeakerLease): boolean {
  const { interfaces } = lease.facts;
  return (
    interfaces.length === before.facts.interfaces.length &&
    interfaces.every(({ mac }, index) => {
      const known = macs.get(mac);
      const isSame = before.facts.interfaces[index]?.mac === mac;
      return isSame && known?.node === lease.node && known.lastSeenMs === undefined;
    })
  );
}

function releaseMacs(macs: PeersState["macs"], node: string, now: number): PeersState["macs"] {
  const entries = [...macs].map(([mac, known]): [string, KnownMac] =>
    known.node === node && known.lastSeenMs === undefined ? [mac, { node, lastSeenMs: now }] : [mac, known],
  );
  return new Map(entries);
}

function forget(state: PeersState, now: number): PeersState {
  const staleMac = (known: KnownMac) => known.lastSeenMs !== undefined && now - known.lastSeenMs >= KNOWN_MAC_MS;
  const stalePeer = (peer: Peer) => !peer.present && now - peer.changedMs >= KNOWN_MAC_MS;
  const macs = new Map([...state.macs].filter(([, known]) => !staleMac(known)));
  const peers = new Map([...state.peers].filter(([, peer]) => !stalePeer(peer)));
  if (macs.size === state.macs.size && peers.size === state.peers.size) return state;
  return { ...state, macs, peers };
}

/** Wakes for what changes by time alone: a verdict, the end of an own outage's grace, a watch that must be dead. */
function done(state: PeersState, now: number, effects: readonly PeersEffect[] = []): PeersStep {
  const watchAt = state.awaited === undefined ? 0 : state.awaited.sinceMs + WATCH_LAG_MAX_MS;
  let wakeAt = watchAt > now ? watchAt : Number.POSITIVE_INFINITY;
  for (const { changedMs } of state.peers.values()) {
    const at = Math.max(changedMs, state.countFromMs) + LEASE_EXPIRY_MS;
    if (at > now && at < wakeAt) wakeAt = at;
  }
  return { state, effects, wakeAt: wakeAt === Number.POSITIVE_INFINITY ? undefined : wakeAt };
}
