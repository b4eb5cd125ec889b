/** What the record says, as this node has learned it: by events, by reads, by the outcome of its own writes (election.md section 1). */

import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { assertNever } from "../../lib/runtime/errors.ts";
import { backOff, type Draft, fallSilent, initialState, isMine, needRead } from "./draft.ts";
import { type AddressState, type ReadResult, TIMES, type WriteResult } from "./types.ts";
import { noteMove } from "./voluntary.ts";

/** An event of the watch. One that goes back behind a known epoch is not acted on: a read decides (F6). */
export function onSeen(d: Draft, vip: VirtualIP, by: AddressState["recordBy"] = "watch"): void {
  if (vip.meta.uid !== d.s.uid) {
    replace(d, vip);
    return;
  }
  if (epochOf(vip) < (d.s.record?.epoch ?? 0)) {
    needRead(d, "lower-epoch");
    return;
  }
  accept(d, vip, by);
}

export function onRead(d: Draft, id: number, result: ReadResult): void {
  const { s } = d;
  const reading = s.reading;
  if (reading === undefined || reading.id !== id) return;
  switch (result.kind) {
    case "failed":
      backOff(d);
      s.reading = { ...reading, id: 0, failed: true };
      return;
    case "gone":
      s.reading = undefined;
      forget(d);
      return;
    case "found":
      if (result.vip.meta.uid !== s.uid) {
        replace(d, result.vip);
        return;
      }
      if (epochOf(result.vip) < (s.record?.epoch ?? 0) && s.recordSeenMs >= reading.sinceMs) {
        // The higher epoch was learned after the question was asked, so the answer is merely older.
        s.reading = { ...reading, id: 0, sinceMs: d.now };
        return;
      }
      s.reading = undefined;
      accept(d, result.vip, "answer");
      if (reading.why === "peer-heard") reassert(d);
      return;
    default:
      assertNever(result);
  }
}

export function onWritten(d: Draft, epoch: number, result: WriteResult): void {
  const { s } = d;
  if (s.task.kind === "write" && s.task.epoch === epoch) s.task = { kind: "none" };
  switch (result.kind) {
    case "ok":
      s.failures = 0;
      s.retryAtMs = Math.min(s.retryAtMs, d.now);
      // A late answer about the object that was there before this one: its record is nobody's any more (A1).
      if (result.vip.meta.uid !== s.uid) return;
      onSeen(d, result.vip, "answer");
      if (s.handing?.epoch === epoch) s.handing = { ...s.handing, named: true };
      return;
    case "refused":
    case "unknown":
      // The intent is dropped; what to do now is decided from a fresh read (F4).
      backOff(d);
      needRead(d, "write-outcome");
      return;
    default:
      assertNever(result);
  }
}

/** Takes over what the object says, the record included, also a lower one that a read has confirmed. */
function accept(d: Draft, vip: VirtualIP, by: AddressState["recordBy"]): void {
  const { s } = d;
  const before = s.record;
  s.resourceVersion = vip.meta.resourceVersion;
  s.deleting = vip.meta.deletionTimestamp !== undefined;
  s.conditions = vip.conditions;
  s.record = vip.holder;
  s.topEpoch = Math.max(s.topEpoch, epochOf(vip));
  if (by === "answer") s.recordBy = by;
  if (before?.epoch === vip.holder?.epoch) return;
  s.recordBy = by;
  s.recordSeenMs = d.now;
  // Refusals of the past were about the past: an address that nobody answers must not wait for them (E13).
  s.failures = 0;
  s.handing = undefined;
  s.taken = undefined;
  s.better = [];
  s.fault = undefined;
  noteMove(d);
  noteMissed(d, before);
  pursue(d, before);
  // The record has come to the epoch of the write under way, by us or by another: its answer would tell nothing new.
  if (s.task.kind === "write" && epochOf(vip) >= s.task.epoch) s.task = { kind: "none" };
  if (s.serving === undefined || isMine(d) || vip.holder?.from !== d.w.node || vip.holder.node === "") return;
  s.handing = { to: vip.holder.node, epoch: vip.holder.epoch, untilMs: d.now + TIMES.handOverMs, named: false };
  if (s.heardEarly === vip.holder.node) fallSilent(d, "successor-heard");
}

/** A peer has found this node gone, and it runs. Whoever was stopped was gone indeed. */
function noteMissed(d: Draft, before: AddressState["record"]): void {
  const { record } = d.s;
  if (before === undefined || record === undefined || !d.w.acting || d.now < d.w.stalledMs + TIMES.backlogMs) return;
  const isOwn = before.node === d.w.node && (before.instance === d.w.instance || d.w.adopted);
  if (!isOwn || record.node === d.w.node || record.reason !== "holder-unreachable") return;
  d.effects.push({ type: "missed", by: record.node, interface: before.interface });
}

/** Taken from a node that did not hand it over: nobody knows whether that one is silent for good (F2). */
function pursue(d: Draft, before: AddressState["record"]): void {
  const { s } = d;
  const { record } = s;
  if (!isMine(d) || record === undefined) {
    s.pursuit = undefined;
    return;
  }
  if (before === undefined || before.node === "" || before.node === d.w.node || before.mac === "") return;
  if (s.pursuit?.node === before.node || before.from === d.w.node || record.from !== "") return;
  // Handed on after its silence was confirmed: nothing is left to ask it for, and what it is given later is another matter.
  if (record.reason.startsWith("hand-over-")) return;
  s.pursuit = {
    node: before.node,
    instance: before.instance,
    mac: before.mac,
    sinceMs: d.now,
    toldMs: d.now,
    backMs: undefined,
  };
}

/** The same address for somebody else: nothing known of the former object holds, and nothing is answered (A1). */
function replace(d: Draft, vip: VirtualIP): void {
  fallSilent(d, "uid-changed");
  const { silentGeneration } = d.s;
  Object.assign(d.s, initialState(vip, d.now), { silentGeneration, serial: d.s.serial });
}

/** The object is gone; the watch will say so too and end this machine. */
function forget(d: Draft): void {
  fallSilent(d, "deleted");
  d.s.record = undefined;
  d.s.deleting = true;
}

/** The record confirmed this node against a peer that announced: say it once again (rule Y). */
function reassert(d: Draft): void {
  const { s } = d;
  if (s.serving === undefined || !isMine(d) || s.record === undefined) return;
  d.effects.push({ type: "announce", address: s.address, interface: s.serving.interface, reason: "taken-back" });
}

function epochOf(vip: VirtualIP): number {
  return vip.holder?.epoch ?? 0;
}
