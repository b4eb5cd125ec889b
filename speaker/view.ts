/** What the Leases and Nodes make of the other speakers: judged anew only where something changed. */
import { knownPeer, leaseVerdict, type PeersState } from "../lib/lease/peers.ts";
import { factAnnotations, isRenewed, type SpeakerLease } from "../lib/model/speaker-lease.ts";
import type { NodeObjectFacts, SpeakerFacts } from "./candidates.ts";
import type { Peer } from "./election/types.ts";
import { type NodeInterface, withNetworks } from "./interfaces.ts";
import type { SpeakerView } from "./state.ts";

export interface SpeakersView {
  readonly speakers: ReadonlyMap<string, SpeakerView>;
  /** Somebody came, went, moved, or is judged otherwise than before. */
  readonly changed: boolean;
}

export function viewSpeakers(peers: PeersState, before: ReadonlyMap<string, SpeakerView>, now: number): SpeakersView {
  const speakers = new Map<string, SpeakerView>();
  let changed = false;
  for (const [node, peer] of peers.peers) {
    if (node === peers.self) continue;
    const known = before.get(node);
    const lease = verdictOf(peers, node, now);
    const isSeen = known?.seen.meta.resourceVersion === peer.lease.meta.resourceVersion;
    const key = isSeen ? known.key : keyOf(peer.lease);
    const same = known !== undefined && known.key === key;
    const facts = same && known.lease === lease ? known.facts : factsOf(peer.lease, lease, same ? known : undefined);
    const { segments } = peer.lease.facts;
    const counts = lease === "fresh" && (known === undefined || isRenewed(known.seen, peer.lease) || known.counts);
    speakers.set(node, { facts, lease, counts, segments, key, seen: peer.lease });
    if (!same || known.lease !== lease || known.counts !== counts) changed = true;
  }
  return { speakers, changed: changed || speakers.size !== before.size };
}

/** Who cannot be judged is left alone: an observer that is cut off itself finds nobody dead (E4). */
function verdictOf(peers: PeersState, node: string, now: number): SpeakerView["lease"] {
  const verdict = leaseVerdict(peers, node, now);
  if (verdict === "absent") return "none";
  return verdict === "unknown" ? "fresh" : verdict;
}

function keyOf(lease: SpeakerLease): string {
  return `${lease.instance} ${isLeaving(lease)} ${JSON.stringify(factAnnotations(lease.facts))}`;
}

function factsOf(lease: SpeakerLease, verdict: SpeakerView["lease"], known: SpeakerView | undefined): SpeakerFacts {
  return {
    instance: lease.instance,
    expired: verdict !== "fresh",
    leaving: isLeaving(lease),
    interfaces: known?.facts.interfaces ?? withNetworks(lease.facts.interfaces),
    proxyReady: lease.facts.proxyReady,
    kernelAnswers: known?.facts.kernelAnswers ?? new Set(lease.facts.kernelAnswers),
    uplinkLost: known?.facts.uplinkLost ?? new Set(lease.facts.uplinkLost),
    hearing: lease.facts.hearing,
  };
}

/** A process that another one on the node waits for gives it its place, whatever it has marked before it saw that: nothing moves (F9). */
function isLeaving(lease: SpeakerLease): boolean {
  return lease.leaving && lease.nextInstance === "";
}

/** The speakers as the candidates' rules want them: one whose Lease is released or gone is no speaker. */
export function speakerFacts(speakers: ReadonlyMap<string, SpeakerView>): ReadonlyMap<string, SpeakerFacts> {
  const present = [...speakers].filter(([, view]) => view.lease === "fresh" || view.lease === "expired");
  return new Map(present.map(([node, view]) => [node, view.facts]));
}

/**
 * Every node that has a Node object or a Lease. `judging` is false while this node's own renewals do not come through the
 * watch: a Lease that is missing then is one that has not arrived, not one that is gone.
 */
export function viewPeers(
  speakers: ReadonlyMap<string, SpeakerView>,
  nodes: ReadonlyMap<string, NodeObjectFacts>,
  judging: boolean,
): ReadonlyMap<string, Peer> {
  const names = [...new Set([...speakers.keys(), ...nodes.keys()])].sort();
  return new Map(
    names.map((name) => [
      name,
      {
        instance: speakers.get(name)?.facts.instance ?? "",
        lease: speakers.get(name)?.lease ?? (judging ? "none" : "fresh"),
        leaving: speakers.get(name)?.facts.leaving ?? false,
        nodeReady: nodes.get(name)?.ready === true,
        nodeExists: nodes.has(name),
        segments: speakers.get(name)?.segments ?? {},
      },
    ]),
  );
}

/** MACs of Leases of the last hour, and those of this node as the kernel shows them. */
export function viewMacs(
  peers: PeersState,
  node: string,
  interfaces: readonly NodeInterface[],
  now: number,
): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const mac of peers.macs.keys()) {
    const owner = knownPeer(peers, mac, now);
    if (owner !== undefined) owners.set(mac, owner);
  }
  for (const own of interfaces) owners.set(own.mac, node);
  return owners;
}
