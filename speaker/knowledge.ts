/** How each input changes what a speaker knows, and which addresses have to decide because of it. Nothing is decided here. */
import { type PeersInput, stepPeers } from "../lib/lease/peers.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import { assertNever } from "../lib/runtime/errors.ts";
import { notApart } from "./apart.ts";
import { type Batch, tell } from "./batch.ts";
import { type Input, wireKey } from "./election/types.ts";
import { fencedInterface } from "./fence-mark.ts";
import { interfaceFacts, withNetworks } from "./interfaces.ts";
import { kernelAnswers, localAddresses } from "./kernel.ts";
import type { FromWorker } from "./net/messages.ts";
import { interfaceFactsOf } from "./publish.ts";
import { join, stillJoined, stillMet } from "./segments.ts";
import { DOUBT_ALL_MS, type SpeakerInput, type SpeakerState } from "./state.ts";
import { onBack, onVerdict, stillTold } from "./verdicts.ts";

export function knowAll(before: SpeakerState, inputs: readonly SpeakerInput[], now: number): Batch {
  const batch: Batch = {
    state: before,
    effects: [],
    inputs: new Map(),
    misplaced: new Set(),
    due: new Set(),
    services: new Set(),
    allDue: false,
    clusterChanged: false,
    leasesTouched: false,
    touched: false,
    rewatch: false,
    shutdown: false,
    events: [],
    fence: undefined,
  };
  const own = new Set<keyof Lists>();
  for (const input of inputs) know(batch, input, own, now);
  judgeKernel(batch, before);
  if (batch.services.size > 0) {
    for (const vip of batch.state.vips.values()) if (usesAny(vip, batch.services)) batch.misplaced.add(vip.meta.name);
  }
  // As it was: a Lease in this batch has set the next time, and what was due now is due all the same.
  if (now >= Math.min(before.peersWakeAt, batch.state.peersWakeAt)) onLease(batch, { type: "tick" }, now);
  return batch;
}

/** What the API server lists beside Leases. */
type Lists = Pick<SpeakerState, "vips" | "endpoints" | "nodes">;

/** `own`: lists that this batch has copied already, since an object of them has changed. Most batches change none of thousands. */
function know(batch: Batch, input: SpeakerInput, own: Set<keyof Lists>, now: number): void {
  switch (input.type) {
    case "virtual-ip":
      if (batch.state.vips.has(input.name) !== (input.vip !== undefined)) listenAnew(batch);
      put(batch, own, "vips", input.name, input.vip);
      batch.misplaced.add(input.name);
      batch.due.add(input.name);
      if (input.vip !== undefined) tell(batch, input.name, { type: "seen", vip: input.vip });
      break;
    case "node":
      if (JSON.stringify(batch.state.nodes.get(input.name)) === JSON.stringify(input.node)) break;
      put(batch, own, "nodes", input.name, input.node);
      batch.clusterChanged = true;
      break;
    case "endpoints":
      put(batch, own, "endpoints", input.service, input.endpoints);
      batch.services.add(input.service);
      break;
    case "lease":
      onLease(batch, input.input, now);
      break;
    case "own-lease":
      onOwnLease(batch, input, now);
      break;
    case "api":
      batch.state = { ...batch.state, apiUp: input.up };
      break;
    case "synced":
      batch.state = { ...batch.state, synced: true };
      batch.clusterChanged = true;
      break;
    case "proxy":
      if (batch.state.proxyReady === input.ready) break;
      batch.state = { ...batch.state, proxyReady: input.ready };
      batch.clusterChanged = true;
      break;
    case "uplink":
      batch.state = { ...batch.state, uplinkLost: new Set(input.lost) };
      batch.clusterChanged = true;
      break;
    case "gateways":
      batch.state = { ...batch.state, gateways: input.byInterface };
      batch.clusterChanged = true;
      break;
    case "arp-ignore":
      batch.state = { ...batch.state, arpIgnore: input.byInterface };
      break;
    case "worker":
      onWorker(batch, input.message, now);
      break;
    case "read":
      tell(batch, input.name, { type: "read", id: input.id, result: input.result });
      break;
    case "written":
      tell(batch, input.name, { type: "written", epoch: input.epoch, result: input.result });
      break;
    case "lease-event":
      batch.events.push(input.event);
      if (input.event === "fenced") fence(batch, fencedInterface(input.mark ?? ""));
      break;
    case "shutdown":
      batch.shutdown = true;
      break;
    case "tick":
      break;
    default:
      assertNever(input);
  }
}

/** Which addresses others may announce is another set now. */
function listenAnew(batch: Batch): void {
  const { listening } = batch.state;
  if (!listening.isStale) batch.state = { ...batch.state, listening: { ...listening, isStale: true } };
}

function onLease(batch: Batch, input: PeersInput, now: number): void {
  const { state, effects, wakeAt } = stepPeers(batch.state.peers, input, now);
  batch.state = { ...batch.state, peers: state, peersWakeAt: wakeAt ?? Number.POSITIVE_INFINITY };
  batch.leasesTouched = true;
  if (effects.length > 0) doubtWatches(batch, now);
}

/** One watch is dead; the others have no such sign, and may have been hit by the same. */
function doubtWatches(batch: Batch, now: number): void {
  const all = now - batch.state.allDoubtedMs >= DOUBT_ALL_MS;
  if (all) batch.state = { ...batch.state, allDoubtedMs: now };
  batch.effects.push({ type: "doubt-watches", all });
}

function onOwnLease(batch: Batch, input: Extract<SpeakerInput, { type: "own-lease" }>, now: number): void {
  const { phase, adopted } = input;
  const before = batch.state.own;
  if (phase === "acting") {
    // Once this process has acted, what it holds is its own; only the first word can be an inheritance.
    const sinceMs = before.phase === "acting" ? before.sinceMs : now;
    batch.state = {
      ...batch.state,
      own: { phase, sinceMs, adopted: before.phase === "acting" ? before.adopted : adopted },
    };
  } else {
    batch.state = { ...batch.state, own: { phase } };
  }
  batch.allDue = true;
}

function onWorker(batch: Batch, message: FromWorker, now: number): void {
  const { state } = batch;
  switch (message.type) {
    case "links":
      onLinks(batch, message);
      return;
    case "applied":
      onApplied(batch, message.generation);
      return;
    case "probed": {
      const probe = state.probes.get(message.id);
      if (probe === undefined) return;
      const probes = new Map(state.probes);
      probes.delete(message.id);
      batch.state = { ...state, probes };
      tell(batch, probe.name, { type: "probed", id: probe.id, answers: message.answers, sent: message.sent });
      return;
    }
    case "heard":
      tellAddress(batch, message.address, { type: "heard", mac: message.mac, how: message.how });
      return;
    case "lost":
      for (const one of message.addresses) tellAddress(batch, one.address, { type: "lost", mac: one.mac });
      return;
    case "fenced":
      batch.fence = message.fence;
      for (const name of state.addresses.keys()) tell(batch, name, { type: "fenced" });
      // What was not seen for so long is not counted against anybody.
      if (message.gapMs > 1_000) onLease(batch, { type: "pulse-lost" }, now);
      return;
    case "announced":
      for (const one of message.entries) {
        tellAddress(batch, one.address, { type: "heard", mac: one.mac, how: "announcement" });
      }
      return;
    case "met":
      onMet(batch, wireKey(message.node, message.interface));
      return;
    case "one-segment": {
      const joined = join(state.joined, message.interfaces);
      if (joined !== state.joined) batch.clusterChanged = true;
      batch.state = { ...state, joined };
      return;
    }
    case "verdict":
      onVerdict(batch, message, now);
      return;
    case "back":
      onBack(batch, message.node, message.interface);
      return;
    case "ready":
    case "turning":
    case "counters":
    case "failed":
    case "mended":
      return;
    default:
      assertNever(message);
  }
}

function onLinks(batch: Batch, message: Extract<FromWorker, { type: "links" }>): void {
  const { state } = batch;
  const facts = interfaceFacts(message.links);
  const same = state.linked && JSON.stringify(facts) === JSON.stringify(interfaceFactsOf(state));
  const interfaces = same ? state.interfaces : withNetworks(facts);
  const joined = stillJoined(state.joined, state.interfaces, interfaces);
  const met = stillMet(state.met, interfaces);
  const verdicts = stillTold(state.verdicts, interfaces);
  const apart = stillTold(state.apart, interfaces);
  const local = localAddresses(message.links);
  batch.state = { ...state, linked: true, interfaces, joined, met, verdicts, apart, local };
  if (!same) batch.clusterChanged = true;
}

/** A node is heard there for the first time by this worker. */
function onMet(batch: Batch, key: string): void {
  const { state } = batch;
  const met = state.met.has(key) ? state.met : new Set(state.met).add(key);
  batch.state = { ...state, met, apart: notApart(state.apart, key) };
}

/** `fenced-by` stands in the own Lease: as after a fence of the worker, nothing is answered there that was not read again. */
function fence(batch: Batch, on: string): void {
  batch.state = { ...batch.state, fenced: true };
  for (const { name, serving, record } of batch.state.addresses.values()) {
    // What is answered on another interface, nobody there has missed (E11).
    const isBeside = serving !== undefined && serving.interface !== on && record?.interface !== on;
    if (on === "" || !isBeside) tell(batch, name, { type: "fenced" });
  }
}

/** Which addresses the kernel answers for may change with the links, with arp_ignore and with the VirtualIPs. */
function judgeKernel(batch: Batch, before: SpeakerState): void {
  const { state } = batch;
  if (batch.misplaced.size === 0 && state.local === before.local && state.arpIgnore === before.arpIgnore) return;
  const answers = kernelAnswers([...state.vips.values()], state);
  if (answers.join(" ") === [...before.kernelAnswers].join(" ")) return;
  batch.state = { ...state, kernelAnswers: new Set(answers) };
  batch.clusterChanged = true;
}

/** Whoever waits for this generation may go on: an announcement to report, a silence to record. */
function onApplied(batch: Batch, generation: number): void {
  const before = batch.state.applied;
  if (generation <= before) return;
  batch.state = { ...batch.state, applied: generation };
  for (const one of batch.state.addresses.values()) {
    const awaited = one.serving?.generation ?? one.silentGeneration;
    if (awaited > before && awaited <= generation) batch.due.add(one.name);
  }
}

function tellAddress(batch: Batch, address: string, input: Input): void {
  const name = batch.state.names.get(address);
  if (name !== undefined) tell(batch, name, input);
}

function usesAny(vip: VirtualIP, services: ReadonlySet<string>): boolean {
  return services.size > 0 && vip.services.some((one) => services.has(`${one.namespace}/${one.name}`));
}

type Item<K extends keyof Lists> = Lists[K] extends ReadonlyMap<string, infer T> ? T : never;

function put<K extends keyof Lists>(
  batch: Batch,
  own: Set<keyof Lists>,
  list: K,
  key: string,
  value: Item<K> | undefined,
): void {
  if (!own.has(list)) batch.state = { ...batch.state, [list]: new Map<string, unknown>(batch.state[list]) };
  own.add(list);
  // Its own copy, by the line above.
  const map = batch.state[list] as Map<string, unknown>;
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
