/** The state of one address while a step works on it. It never leaves the step: what goes in and comes out is plain and frozen by type. */
import type { Holder, VirtualIP } from "../../lib/model/virtual-ip.ts";
import { FRAMES_PER_SECOND } from "../announcer.ts";
import type { Candidate } from "../candidates.ts";
import type { Place } from "../desired.ts";
import type { MoveReason, YieldReason } from "../reasons.ts";
import { type AddressState, type Effect, type ReadWhy, TIMES, type World, wireKey } from "./types.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface Draft {
  readonly s: Writable<AddressState>;
  readonly w: World;
  readonly place: Place;
  readonly now: number;
  readonly effects: Effect[];
  wakeAt: number;
}

/** Where this node answers, or would. */
export interface On {
  readonly interface: string;
  readonly mac: string;
}

export function wake(d: Draft, atMs: number): void {
  if (atMs < d.wakeAt) d.wakeAt = atMs;
}

/** Whether `atMs` has come; asks for a tick at that time if not. */
export function due(d: Draft, atMs: number): boolean {
  if (d.now >= atMs) return true;
  wake(d, atMs);
  return false;
}

/** Whether the record makes this process the holder: its instance is named, or it was given the place of the one that is. */
export function isMine(d: Draft): boolean {
  const { record } = d.s;
  return record !== undefined && record.node === d.w.node && (record.instance === d.w.instance || d.w.adopted);
}

/** Starts to answer: the record names this node. `announce` is false when the same node answered up to now. */
export function serve(d: Draft, on: On, announce: boolean): void {
  begin(d, on, announce, reasonOf(d.s.record), d.s.record?.epoch ?? 0);
}

/**
 * Starts to answer what the wire says is lost, before any record says so (election.md section 5): the record follows, and whoever
 * it names in the end has it.
 */
export function serveUnrecorded(d: Draft, on: On, why: MoveReason): void {
  const { s } = d;
  const { record } = s;
  if (record === undefined) return;
  s.taken = { epoch: record.epoch, from: "", why, sinceMs: d.now };
  s.pursuit = {
    node: record.node,
    instance: record.instance,
    mac: record.mac,
    sinceMs: d.now,
    toldMs: d.now,
    backMs: undefined,
  };
  begin(d, on, true, why, nextEpoch(d));
  d.effects.push({ type: "fence", node: record.node, instance: record.instance, interface: record.interface });
}

/** The same for what a node that leaves still answers for: it falls silent when it hears this one, and is neither marked nor pursued. */
export function serveLeft(d: Draft, on: On, why: MoveReason): void {
  const { record } = d.s;
  if (record === undefined) return;
  d.s.taken = { epoch: record.epoch, from: record.node, why, sinceMs: d.now };
  begin(d, on, true, why, nextEpoch(d));
}

/** The record is still the one that the address was taken under. */
export function isTaken(d: Draft): boolean {
  return d.s.taken !== undefined && d.s.taken.epoch === d.s.record?.epoch;
}

function begin(d: Draft, on: On, announce: boolean, reason: MoveReason, epoch: number): void {
  const { s } = d;
  s.serving = { interface: on.interface, mac: on.mac, sinceMs: d.now, generation: d.w.nextGeneration };
  s.task = { kind: "none" };
  if (announce) d.effects.push({ type: "announce", address: s.address, interface: on.interface, reason });
  if (epoch > s.toldEpoch && announce)
    d.effects.push({ type: "moved", name: s.name, reason, epoch, interface: on.interface });
  s.toldEpoch = Math.max(s.toldEpoch, epoch);
}

export function fallSilent(d: Draft, reason: YieldReason): void {
  const { s } = d;
  if (s.serving === undefined) return;
  s.serving = undefined;
  s.handing = undefined;
  s.taken = undefined;
  s.silentGeneration = d.w.nextGeneration;
  d.effects.push({ type: "yielded", name: s.name, reason, epoch: s.record?.epoch ?? 0 });
}

/** The worker has confirmed that no frame leaves for the address any more (S5). */
export function silenceConfirmed(d: Draft): boolean {
  return d.s.serving === undefined && d.w.appliedGeneration >= d.s.silentGeneration;
}

/** Asks for a GET; `was-silent` is the strictest reason and is never weakened by another, and `peer-heard` only by that. */
export function needRead(d: Draft, why: ReadWhy): void {
  const { s } = d;
  const before = s.reading?.why;
  if (before === "was-silent" && why !== "was-silent") return;
  // Whatever else is to be read: clients have heard the peer last, and whoever is confirmed against it must say so (rule Y).
  const strictest = before === "peer-heard" && why !== "was-silent" ? before : why;
  // A request that is under way was asked before this came up: its answer would prove nothing.
  s.reading = { why: strictest, sinceMs: d.now, id: 0, failed: false };
}

/** No write or read before a pause that doubles with each failure; the first one costs nothing. */
export function backOff(d: Draft): void {
  const { s } = d;
  s.failures = Math.min(s.failures + 1, 10);
  const pauseMs = s.failures === 1 ? 0 : Math.min(TIMES.apiRetryMs * 2 ** (s.failures - 2), TIMES.apiRetryMaxMs);
  s.retryAtMs = Math.max(s.retryAtMs, d.now + pauseMs);
}

/** The next epoch for this uid: above all that were ever seen, should the API server have been rolled back. */
export function nextEpoch(d: Draft): number {
  return Math.max(d.s.record?.epoch ?? 0, d.s.topEpoch) + 1;
}

type Target = Pick<Holder, "node" | "instance" | "interface" | "mac" | "from">;

/** Emits the compare-and-set. False when it must wait for the API or for the pause after a failure. */
export function write(d: Draft, act: "claim" | "pass" | "release", to: Target, why: MoveReason): boolean {
  const { s } = d;
  if (!d.w.apiUp || s.task.kind === "write" || !due(d, s.retryAtMs)) return false;
  const epoch = nextEpoch(d);
  s.heardEarly = "";
  s.task = { kind: "write", act, to: to.node, epoch, why };
  d.effects.push({
    type: "compare-and-set",
    name: s.name,
    uid: s.uid,
    fromEpoch: s.record?.epoch,
    resourceVersion: s.resourceVersion,
    bareStatus: s.conditions.length === 0,
    holder: { ...to, epoch, reason: why },
  });
  return true;
}

/** `from`: the node that still answers, if it is known to leave. */
export function claim(d: Draft, on: On, why: MoveReason, from = ""): boolean {
  const { node, instance } = d.w;
  return write(d, "claim", { node, instance, interface: on.interface, mac: on.mac, from }, why);
}

/** Names the successor. While this node still answers the record says so (`from`), the one permitted overlap (section 8). */
export function pass(d: Draft, to: Candidate, why: MoveReason): boolean {
  const from = d.s.serving === undefined ? "" : d.w.node;
  if (from !== "" && !fitsInLot(d, to.node)) return false;
  return write(d, "pass", { node: to.node, instance: to.instance, interface: to.interface, mac: to.mac, from }, why);
}

/** Whether the node can announce one more in time; asks for a tick a little later if not. */
export function fitsInLot(d: Draft, node: string): boolean {
  if ((d.w.handing.get(node) ?? 0) < (TIMES.lotMs * FRAMES_PER_SECOND) / 1_000) return true;
  wake(d, d.now + TIMES.lotMs / 2);
  return false;
}

/**
 * The node that the address is on its way to: the one that it is being handed to while this one still answers, or `own` while it announces
 * what another one hands over; undefined when it is not.
 */
export function handedTo(
  { serving, handing, task, taken, record }: AddressState,
  own: string,
  now: number,
): string | undefined {
  if (serving === undefined) return undefined;
  const from = taken?.from ?? (record?.node === own ? record.from : "");
  if (from !== "" && now < serving.sinceMs + TIMES.lotMs) return own;
  return handing?.to ?? (task.kind === "write" && task.act === "pass" ? task.to : undefined);
}

export function release(d: Draft, why: MoveReason): boolean {
  return write(d, "release", { node: "", instance: d.w.instance, interface: "", mac: "", from: "" }, why);
}

/** Who comes next: the best candidate that is another node and was not skipped. */
export function successor(d: Draft): Candidate | undefined {
  return successors(d)[0];
}

/** Every other candidate that is not passed over, best first. */
export function successors(d: Draft): readonly Candidate[] {
  const skipped = d.s.skipped.filter((one) => one.untilMs > d.now).map((one) => one.node);
  return livingOthers(d, d.w.node).filter((one) => !skipped.includes(one.node));
}

/** The candidates without a node, and without those that the wire finds silent (E7). */
export function livingOthers(d: Draft, without: string): readonly Candidate[] {
  const { ordered, standing } = d.place;
  // A node that has to give the address up is no candidate any more, and still knows from where it answers, or would, who is dead there.
  const on = ownCandidate(d)?.interface ?? d.s.serving?.interface ?? standing.usable[0]?.interface;
  if (d.w.wire.size === 0 || on === undefined) return ordered.filter((one) => one.node !== without);
  return ordered.filter((one) => {
    const view = d.w.wire.get(wireKey(one.node, on));
    const silent = view?.proven === true && view.kind !== "addresses";
    return one.node !== without && !silent;
  });
}

export function ownCandidate(d: Draft): Candidate | undefined {
  return d.place.ordered.find((one) => one.node === d.w.node);
}

/** This node hears nobody where it would answer, and another candidate does: whatever nobody has is for that one to take (E1). */
export function isIsolated(d: Draft): boolean {
  return ownCandidate(d)?.isolated === true;
}

/** Place in the queue among the living candidates other than `without`; -1 for a node that is none. */
export function rankOf(d: Draft, without: string): number {
  return livingOthers(d, without).findIndex((one) => one.node === d.w.node);
}

/**
 * The same for an address that nobody has had yet: while anybody hears, whoever has heard nobody stands in no line (E1). All have just begun to
 * listen with the first address of all, and who hears somebody first must not come first: the others' Leases say so a moment later.
 */
export function firstRankOf(d: Draft): number {
  const all = livingOthers(d, "");
  const sinceMs = d.w.hearing.get(ownCandidate(d)?.interface ?? "")?.sinceMs ?? Number.NEGATIVE_INFINITY;
  const isOpen = d.now < sinceMs + TIMES.settleMs;
  const hearing = all.filter((one) => one.hears === true || (isOpen && one.hears === undefined));
  return (hearing.length > 0 ? hearing : all).findIndex((one) => one.node === d.w.node);
}

function reasonOf(record: Holder | undefined): MoveReason {
  return (record?.reason ?? "first-holder") as MoveReason;
}

/** What is known of an address when it is first seen. */
export function initialState(vip: VirtualIP, now: number): AddressState {
  return {
    name: vip.meta.name,
    address: vip.address,
    uid: vip.meta.uid,
    resourceVersion: vip.meta.resourceVersion,
    deleting: vip.meta.deletionTimestamp !== undefined,
    conditions: vip.conditions,
    record: vip.holder,
    recordBy: "start",
    recordSeenMs: now,
    topEpoch: vip.holder?.epoch ?? 0,
    serving: undefined,
    silentGeneration: 0,
    handing: undefined,
    taken: undefined,
    pursuit: undefined,
    announcer: undefined,
    task: { kind: "none" },
    reading: undefined,
    retryAtMs: 0,
    failures: 0,
    skipped: [],
    better: [],
    fault: undefined,
    voluntary: { count: 0, atMs: 0 },
    heardEarly: "",
    defendedMs: Number.NEGATIVE_INFINITY,
    owesDefenceMs: undefined,
    askedMs: Number.NEGATIVE_INFINITY,
    foreign: undefined,
    posted: [],
    serial: 0,
    toldEpoch: 0,
  };
}
