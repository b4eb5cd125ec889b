/**
 * The one loop of a speaker as a pure step: a batch of what happened since the last one goes in, the whole node's decisions come
 * out. Inputs first become knowledge (knowledge.ts), then every address that they concern decides once (election/), then the table
 * for the worker is made of the outcome. Effects are in the order in which they must be executed: a table goes out before what is
 * announced under it.
 */
import { isOutage } from "../lib/lease/peers.ts";
import { onMissed } from "./apart.ts";
import type { Batch } from "./batch.ts";
import { nodeFacts, type Place, placeOf } from "./desired.ts";
import { handedTo, hearFirst, initialState, step } from "./election/machine.ts";
import type { AddressState, Effect, Input, World } from "./election/types.ts";
import { hearingOn, ownHearing } from "./hearing.ts";
import { knowAll } from "./knowledge.ts";
import { leave } from "./leave.ts";
import { publish } from "./publish.ts";
import { type Outlet, route } from "./route.ts";
import type { SpeakerEffect, SpeakerInput, SpeakerState, SpeakerStep } from "./state.ts";
import { reannouncements, tableOf } from "./table-plan.ts";
import { speakerFacts, viewMacs, viewPeers, viewSpeakers } from "./view.ts";
import { watchPlan } from "./watch-plan.ts";
import { viewWire } from "./wire-view.ts";

export function stepSpeaker(before: SpeakerState, inputs: readonly SpeakerInput[], now: number): SpeakerStep {
  const batch = knowAll(before, inputs, now);
  let state = leave(batch.state, batch, now, batch.effects);
  state = refreshWorld(state, batch, now);
  if (state.synced && state.linked) state = refreshPlaces(state, batch, now);
  state = publish(before, state, batch);
  const elected = elect(state, batch, now);
  state = elected.state;
  // Whom this node is apart from it asks.
  if (state.apart !== before.apart) batch.rewatch = true;
  const effects = [...batch.effects, ...tableEffects(before, state, batch), ...elected.effects];
  state = tellWorker(state, batch, now, effects);
  if (batch.fence !== undefined) {
    // The table that was just sent holds only what was read again; the rest joins it address by address.
    effects.splice(resumeAt(effects), 0, { type: "worker", message: { type: "resume", fence: batch.fence } });
  }
  state = leave(answerFence(state, effects), { shutdown: false, events: [] }, now, effects);
  const dueMs = wakeAt(state, now);
  return { state: { ...state, dueMs }, effects, wakeAt: dueMs };
}

/** Every record was read after another node declared this one gone: its mark may go (F5). */
function answerFence(state: SpeakerState, effects: SpeakerEffect[]): SpeakerState {
  if (!state.fenced || [...state.addresses.values()].some((one) => one.reading !== undefined)) return state;
  effects.push({ type: "heartbeat", input: "fence-answered" });
  return { ...state, fenced: false };
}

/** Behind the table, in front of everything that is announced under it. */
function resumeAt(effects: readonly SpeakerEffect[]): number {
  const table = effects.findIndex((effect) => effect.type === "worker" && effect.message.type === "table");
  return table < 0 ? effects.length : table + 1;
}

function refreshWorld(state: SpeakerState, batch: Batch, now: number): SpeakerState {
  const { own } = state;
  const judging = !isOutage(state.peers, now);
  let { speakers } = state;
  let { peers, macOwners } = state.world;
  if (batch.leasesTouched || batch.clusterChanged || judging !== state.judging) {
    const view = viewSpeakers(state.peers, state.speakers, now);
    speakers = view.speakers;
    if (view.changed) batch.clusterChanged = true;
    if (batch.clusterChanged || judging !== state.judging) {
      peers = viewPeers(speakers, state.nodes, judging);
      macOwners = viewMacs(state.peers, state.node, state.interfaces, now);
      batch.allDue = true;
    }
  }
  const { verdicts, apart, wire, changed } = viewWire(state, now);
  if (changed) batch.allDue = true;
  const world: World = {
    ...state.world,
    wire,
    acting: own.phase === "acting" && state.synced && state.linked,
    actingSinceMs: own.phase === "acting" ? own.sinceMs : 0,
    adopted: own.phase === "acting" && own.adopted,
    stalledMs: now - state.dueMs > STALL_MS ? now : state.world.stalledMs,
    // Once the Lease names the next instance, this one has no say any more: it answers on and writes nothing.
    apiUp: state.apiUp && state.leaving?.kind !== "giving" && state.leaving?.kind !== "done",
    ending: state.leaving !== undefined,
    stopping: isStopping(state.leaving?.kind),
    markedMs: state.leaving?.kind === "handing-over" ? state.leaving.markedMs : Number.NEGATIVE_INFINITY,
    peers,
    macOwners,
    nextGeneration: state.generation + 1,
    appliedGeneration: state.applied,
  };
  const old = state.world;
  if (world.acting !== old.acting || world.apiUp !== old.apiUp || world.stopping !== old.stopping) batch.allDue = true;
  return { ...state, speakers, verdicts, apart, world, judging };
}

function isStopping(kind: NonNullable<SpeakerState["leaving"]>["kind"] | undefined): boolean {
  return kind === "handing-over" || kind === "releasing" || kind === "done";
}

/** Where each address could be, computed again for those that the batch concerns. */
function refreshPlaces(state: SpeakerState, batch: Batch, now: number): SpeakerState {
  const names = batch.clusterChanged ? [...state.vips.keys()] : [...batch.misplaced];
  if (names.length === 0) return state;
  const cluster = { ...state, speakers: speakerFacts(state.speakers), hearing: ownHearing(state) };
  const nodes = nodeFacts(cluster);
  const places = new Map<string, Place>(batch.clusterChanged ? [] : state.places);
  for (const name of names) {
    const vip = state.vips.get(name);
    const place = vip && placeOf(vip, cluster, nodes);
    if (state.addresses.get(name)?.serving !== undefined && !isAnsweredAlike(state.places.get(name), place))
      batch.touched = true;
    if (place === undefined) places.delete(name);
    else places.set(name, place);
    batch.due.add(name);
  }
  const used = [...places.values()].flatMap((place) => place.standing.usable.map((one) => one.interface));
  const interfaces = [...new Set(used)].sort();
  batch.rewatch = true;
  if (interfaces.join(" ") === state.listening.interfaces.join(" ")) return { ...state, places };
  // At once, before anything is announced there.
  batch.effects.push(listenTo(state, interfaces));
  const world = { ...state.world, hearing: hearingOn(state.world.hearing, interfaces, now) };
  return { ...state, places, world, listening: { interfaces, isStale: false, toldMs: now } };
}

/** Whether a held address is answered on the same interfaces. */
function isAnsweredAlike(before: Place | undefined, after: Place | undefined): boolean {
  return JSON.stringify(before?.standing.segments) === JSON.stringify(after?.standing.segments);
}

/** Every address is listened for: whoever is next must know that somebody else has announced it already. */
function listenTo(state: SpeakerState, interfaces: readonly string[]): SpeakerEffect {
  const addresses = [...state.vips.values()].map((vip) => vip.address).sort();
  return { type: "worker", message: { type: "listen", interfaces, addresses } };
}

/** What the worker listens for and what its detector watches, when that is something else than before. */
function tellWorker(before: SpeakerState, batch: Batch, now: number, effects: SpeakerEffect[]): SpeakerState {
  let state = before;
  const { listening, watching } = state;
  if (listening.isStale && now >= listening.toldMs + LISTEN_EVERY_MS && state.linked) {
    effects.push(listenTo(state, listening.interfaces));
    state = { ...state, listening: { ...listening, isStale: false, toldMs: now } };
  }
  if (!batch.rewatch && !batch.clusterChanged && now < watching.wakeAt) return state;
  const { plan, wakeAt: planAt } = watchPlan(state, now);
  const text = JSON.stringify(plan);
  if (text !== watching.text) effects.push({ type: "worker", message: { type: "watch", plan } });
  return { ...state, watching: { text, wakeAt: planAt } };
}

interface Elected {
  readonly state: SpeakerState;
  readonly effects: readonly SpeakerEffect[];
}

/** Every address that something happened to, or whose time has come, decides; by name, so that equal inputs give equal effects. */
function elect(state: SpeakerState, batch: Batch, now: number): Elected {
  const due = dueNames(state, batch, now);
  // A copy of everything only where something may change: most steps of a node with thousands of addresses are about none of them.
  if (due.length === 0 && !batch.touched) return { state, effects: [] };
  const addresses = new Map(state.addresses);
  const wakes = new Map(state.wakes);
  const names = new Map(state.names);
  const probing = { serial: state.probeSerial, probes: new Map(state.probes) };
  const effects: SpeakerEffect[] = [];
  const by = `${state.node}/${Math.round(now)}`;
  const out: Outlet = { effects, probing, fenced: new Map(), missed: new Set(), by, peers: state.peers };
  const handing = countHanding(addresses.values(), state.node, now);
  const world = { ...state.world, handing, taking: countTaking(addresses.values()) };
  for (const name of due) {
    const place = state.places.get(name);
    const vip = state.vips.get(name);
    const known = addresses.get(name);
    if (vip === undefined) {
      if (known?.serving !== undefined) {
        batch.touched = true;
        effects.push({ type: "yielded", name, reason: "deleted", epoch: known.record?.epoch ?? 0 });
      }
      addresses.delete(name);
      wakes.delete(name);
      if (known !== undefined) names.delete(known.address);
      continue;
    }
    if (place === undefined) continue;
    names.set(vip.address, name);
    let wake = Number.POSITIVE_INFINITY;
    const own: Effect[] = [];
    const told = batch.inputs.get(name) ?? [];
    // An address that is new here begins with its newest state; what was seen of it before, in the same batch, is past.
    const fresh = known === undefined ? told.filter((input) => input.type !== "seen") : told;
    const inputs: readonly Input[] = fresh.length > 0 ? fresh : [{ type: "tick" }];
    let current = hearFirst(known ?? initialState(vip, now), inputs, world, place, now);
    for (const input of inputs) {
      const done = step(current, input, world, place, now);
      if (done.state.serving !== current.serving) batch.touched = true;
      current = done.state;
      wake = done.wakeAt;
      own.push(...done.effects);
    }
    for (const effect of own) route(effect, current, place, out);
    recount(handing, known && handedTo(known, state.node, now), handedTo(current, state.node, now));
    if (!isWatchedAlike(known, current)) batch.rewatch = true;
    addresses.set(name, current);
    wakes.set(name, wake);
  }
  const table = batch.touched ? tableOf(addresses, state.places) : state.table;
  if (batch.touched) {
    const placeAt = (address: string): Place | undefined => state.places.get(names.get(address) ?? "");
    for (const message of reannouncements(state.table, table, placeAt)) effects.push({ type: "worker", message });
  }
  const generation = batch.touched ? state.generation + 1 : state.generation;
  return {
    state: {
      ...state,
      addresses,
      apart: onMissed(state, out.missed, now),
      wakes,
      names,
      table,
      generation,
      probeSerial: probing.serial,
      probes: probing.probes,
    },
    effects,
  };
}

/** How many addresses are answered without a record, and announced all at once (election.md section 5). */
function countTaking(addresses: Iterable<AddressState>): number {
  let count = 0;
  for (const one of addresses) if (one.taken !== undefined) count += 1;
  return count;
}

/** How many addresses are on their way to each successor (election.md section 8). */
function countHanding(addresses: Iterable<AddressState>, node: string, now: number): Map<string, number> {
  const handing = new Map<string, number>();
  for (const one of addresses) recount(handing, undefined, handedTo(one, node, now));
  return handing;
}

function recount(handing: Map<string, number>, former: string | undefined, to: string | undefined): void {
  if (former === to) return;
  if (former !== undefined) handing.set(former, (handing.get(former) ?? 1) - 1);
  if (to !== undefined) handing.set(to, (handing.get(to) ?? 0) + 1);
}

/** Whether the watch plan is the same after this step of an address. */
function isWatchedAlike(before: AddressState | undefined, after: AddressState): boolean {
  return (
    before !== undefined &&
    before.record?.epoch === after.record?.epoch &&
    before.recordSeenMs === after.recordSeenMs &&
    before.pursuit?.node === after.pursuit?.node &&
    before.pursuit?.backMs === after.pursuit?.backMs &&
    (before.serving === undefined) === (after.serving === undefined) &&
    before.deleting === after.deleting
  );
}

function dueNames(state: SpeakerState, batch: Batch, now: number): readonly string[] {
  if (!state.synced || !state.linked) return [];
  const due = new Set([...batch.due, ...batch.inputs.keys()]);
  if (batch.allDue) for (const name of state.vips.keys()) due.add(name);
  for (const [name, at] of state.wakes) if (at <= now) due.add(name);
  return [...due].filter((name) => state.vips.has(name) || state.addresses.has(name)).sort();
}

/** A new generation whenever an address began or ended to be answered, even if both: who waits for one must get it. */
function tableEffects(before: SpeakerState, state: SpeakerState, batch: Batch): readonly SpeakerEffect[] {
  if (!batch.touched || state.generation === before.generation) return [];
  return [{ type: "worker", message: { type: "table", generation: state.generation, entries: state.table } }];
}

/** Creating thousands of addresses must not cost the worker an index of all of them each. */
const LISTEN_EVERY_MS = 200;
/** How often a process that goes looks whether it may. */
const LEAVING_TICK_MS = 250;
/** A process that acts steps at least this often, so that it notices when it was stopped. */
const TICK_MS = 1_000;
/** A step that is so late was kept from running: a pause of the process, a long collection, no processor. */
const STALL_MS = 500;

function wakeAt(state: SpeakerState, now: number): number {
  let at = state.own.phase === "acting" ? Math.min(state.peersWakeAt, now + TICK_MS) : state.peersWakeAt;
  for (const wake of state.wakes.values()) if (wake < at) at = wake;
  at = Math.min(at, state.watching.wakeAt);
  if (state.listening.isStale && state.linked)
    at = Math.min(at, Math.max(now + 1, state.listening.toldMs + LISTEN_EVERY_MS));
  if (state.leaving !== undefined && state.leaving.kind !== "done") at = Math.min(at, now + LEAVING_TICK_MS);
  return at;
}
