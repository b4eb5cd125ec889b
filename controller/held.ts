/**
 * When a VirtualIP that is being deleted may go (election.md section 1): its holder has written its silence, or the
 * Lease of the holder's speaker has run out, or the Node is gone. Until then nobody else gets the address. And what is to be
 * done about one that is not as Berth makes them.
 */
import { HELD_FINALIZER } from "../lib/model/meta.ts";
import type { Quarantine, VirtualIP } from "../lib/model/virtual-ip.ts";

/** The Lease unchanged for this long, seen by reads of this controller: the speaker has fallen silent. */
export const LEASE_EXPIRY_MS = 10_000;
/** How often a holder that stands in the way is looked at. */
export const HOLDER_CHECK_MS = 2_000;
/** A VirtualIP without Services is left alone for so long: whoever has made it by hand may be about to look at it. */
export const ORPHAN_MS = 60_000;
/** Reads further apart than this prove nothing: through an outage of the API no Lease is renewed. */
const READ_GAP_MAX_MS = 5_000;

/** What the reads of one speaker's Lease showed. */
export interface LeaseReads {
  /** resourceVersion, or "" while there is no Lease. */
  readonly version: string;
  /** Since when the reads show this version without a gap. Monotonic milliseconds, as below. */
  readonly sinceMs: number;
  readonly lastMs: number;
}

export function noteRead(before: LeaseReads | undefined, version: string, now: number): LeaseReads {
  const goesOn = before?.version === version && now - before.lastMs <= READ_GAP_MAX_MS;
  return { version, sinceMs: goesOn ? before.sinceMs : now, lastMs: now };
}

export function isExpired(reads: LeaseReads): boolean {
  return reads.lastMs - reads.sinceMs >= LEASE_EXPIRY_MS;
}

export type HeldVerdict =
  /** Living, or the finalizer is gone already. */
  | { readonly type: "nothing" }
  /** Somebody has taken the finalizer off a living one: the address would be given again before its holder is silent. */
  | { readonly type: "mark" }
  /** Names no Service. Berth makes none like that: removed if it stays so for ORPHAN_MS. */
  | { readonly type: "orphan" }
  /** Put aside: removed when its time is over. */
  | { readonly type: "quarantined"; readonly quarantine: Quarantine }
  /** Nobody holds it: the finalizer may be removed from this version of the object (a holder recorded meanwhile is a conflict). */
  | { readonly type: "let-go" }
  /** The holder's Node and Lease must be read. */
  | { readonly type: "ask"; readonly node: string };

export function judgeHeld(vip: VirtualIP): HeldVerdict {
  const { deletionTimestamp, finalizers } = vip.meta;
  const marked = finalizers.includes(HELD_FINALIZER);
  if (deletionTimestamp === undefined) {
    if (vip.services.length === 0 && vip.quarantine !== undefined) {
      return { type: "quarantined", quarantine: vip.quarantine };
    }
    if (vip.services.length === 0) return { type: "orphan" };
    return { type: marked ? "nothing" : "mark" };
  }
  if (!marked) return { type: "nothing" };
  if (vip.holder === undefined || vip.holder.node === "") return { type: "let-go" };
  return { type: "ask", node: vip.holder.node };
}

/** What the reads of a holder's Node and Lease say. */
export type HolderFinding = "node-gone" | "lease-expired" | "holding";

export function judgeHolder(nodeExists: boolean, reads: LeaseReads | undefined): HolderFinding {
  if (!nodeExists) return "node-gone";
  return reads !== undefined && isExpired(reads) ? "lease-expired" : "holding";
}
