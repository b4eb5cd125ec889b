/**
 * The election of one address: what it knows, what it is told, what it wants done. One value per address, plus the `World` that
 * all addresses of this node share. The machine (machine.ts) is `(state, input, world, place, now) → {state, effects, wakeAt}`.
 */
import type { ConditionClaim } from "../../lib/model/conditions.ts";
import type { Condition } from "../../lib/model/meta.ts";
import type { Holder, VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { ProbeRequest } from "../prober.ts";
import type { FaultReason, MoveReason, YieldReason } from "../reasons.ts";
import type { Hearing, WireView } from "./seen-on-wire.ts";

/** What all addresses of this node share. */
export interface World {
  readonly node: string;
  readonly instance: string;
  /** The node's Lease names this instance: only then may it act for the node. */
  readonly acting: boolean;
  readonly actingSinceMs: number;
  /** The Lease was handed over by the former instance of this node: its records are ours as they stand. */
  readonly adopted: boolean;
  readonly apiUp: boolean;
  /** When this process last found that it had been stopped: what the watch shows right after is a backlog, not the present. */
  readonly stalledMs: number;
  /** This process was told to end, whichever way: it takes nothing, and whoever announces what it answers for takes it over. */
  readonly ending: boolean;
  /** It is on its way out: it hands over and takes nothing. */
  readonly stopping: boolean;
  /** When the node's Lease was written to say that it leaves; -Infinity as long as it does not. */
  readonly markedMs: number;
  /** The other nodes, by name. BOUNDED by the nodes of the cluster. */
  readonly peers: ReadonlyMap<string, Peer>;
  /** The segments that the interfaces of this node stand on, as its Lease names them. */
  readonly segments: Readonly<Record<string, string>>;
  /** The interfaces that are listened to, and whether this node hears anybody there. BOUNDED by its interfaces. */
  readonly hearing: ReadonlyMap<string, Hearing>;
  /** Which node a MAC belongs to, out of all Leases of the last hour. A MAC that is not here is foreign. */
  readonly macOwners: ReadonlyMap<string, string>;
  /** What the wire says of other nodes, by `wireKey`. BOUNDED by the nodes and the interfaces of this one. */
  readonly wire: ReadonlyMap<string, WireView>;
  /** By successor: addresses that are being handed to it, as they stand at the turn of each address. BOUNDED by the nodes of the cluster. */
  readonly handing: ReadonlyMap<string, number>;
  /** Addresses that this node answers on the evidence of the wire, without a record. */
  readonly taking: number;
  /** The generation that the next table will have, and the last one the worker confirmed. */
  readonly nextGeneration: number;
  readonly appliedGeneration: number;
}

export function wireKey(node: string, ownInterface: string): string {
  return `${node} ${ownInterface}`;
}

/** What `wireKey` put together: neither name has a space. */
export function ofWireKey(key: string): { readonly node: string; readonly ownInterface: string } {
  const [node = "", ownInterface = ""] = key.split(" ");
  return { node, ownInterface };
}

export interface Peer {
  /** The process that its Lease names; "" without one. */
  readonly instance: string;
  /** Its Lease, judged by its age on our own clock. */
  readonly lease: "fresh" | "expired" | "released" | "none";
  /** Its process goes, and no other one on the node takes its place: its addresses are to be taken over (F5). */
  readonly leaving: boolean;
  /** Condition Ready of its Node; false without a Node object. */
  readonly nodeReady: boolean;
  readonly nodeExists: boolean;
  /** The segments that its interfaces stand on; one that is not in it is not known. */
  readonly segments: Readonly<Record<string, string>>;
}

/** What this node answers for, as it was last told to the worker. */
export interface Serving {
  readonly interface: string;
  readonly mac: string;
  readonly sinceMs: number;
  /** The generation of the table that first holds it. */
  readonly generation: number;
}

/** Answered on the evidence of the wire, or because its holder leaves: the record still names that one, at this epoch. */
export interface Taken {
  readonly epoch: number;
  /** The node that leaves, and answers until it hears this one; "" for one that is lost. */
  readonly from: string;
  readonly why: MoveReason;
  readonly sinceMs: number;
  /** One that comes later in the order was heard to announce it as well, and was let: it is told once more. */
  readonly contested?: boolean;
}

/** The node that an address was taken from: it is probed until it is heard again, and then told (F2). */
export interface Pursuit {
  readonly node: string;
  readonly instance: string;
  /** With which it answered. */
  readonly mac: string;
  readonly sinceMs: number;
  /** When it was last told. */
  readonly toldMs: number;
  /** When it answered again: answers that were under way come for a moment more, and mean nothing new. */
  readonly backMs: number | undefined;
}

/** The hand-over under way: the record names the successor, this node still answers. */
export interface HandingOver {
  readonly to: string;
  readonly epoch: number;
  readonly untilMs: number;
  /** The server has said that this node named it. One that has named itself, by the mark in the Lease, runs, whether it is heard here or not. */
  readonly named: boolean;
}

/** A process that could hold the address instead. */
export interface Better {
  readonly node: string;
  readonly instance: string;
  readonly sinceMs: number;
}

/** The one thing in progress. */
export type Task =
  | { readonly kind: "none" }
  /** Others come first: this node tries itself `rank` seconds later. */
  | { readonly kind: "wait"; readonly why: ProbeWhy; readonly sinceMs: number }
  /** With `to` only that MAC is asked: it has answered a question to everybody, or somebody has in its name (E12). */
  | {
      readonly kind: "probe";
      readonly why: ProbeWhy;
      readonly id: number;
      readonly sinceMs: number;
      readonly to?: string | undefined;
    }
  /** A compare-and-set is under way. */
  | {
      readonly kind: "write";
      readonly act: "claim" | "pass" | "release";
      /** The node that it names; "" for none. */
      readonly to: string;
      readonly epoch: number;
      readonly why: MoveReason;
    };

export type ProbeWhy = MoveReason | "come-back";

export type ReadWhy =
  /** An event went back behind what was seen; the server decides (election.md section 1, F6). */
  | "lower-epoch"
  /** A write was refused, or its outcome is unknown. */
  | "write-outcome"
  /** A known peer announces what this node answers for (rule Y). */
  | "peer-heard"
  /** A known peer asks whether anybody answers for what this node answers for: it has read another record (F6). */
  | "peer-asks"
  /** This node fell silent and may have missed a change: carrier came back, the worker was fenced, a gap. */
  | "was-silent";

/** A GET without resourceVersion that is needed before more is decided. */
export interface Reading {
  readonly why: ReadWhy;
  readonly sinceMs: number;
  /** Of the request under way; 0 when none is. */
  readonly id: number;
  /** The server could not be asked at least once, or has not answered within the time of rule Y. */
  readonly failed: boolean;
}

export interface AddressState {
  readonly name: string;
  readonly address: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly deleting: boolean;
  readonly conditions: readonly Condition[];
  readonly record: Holder | undefined;
  /** What this process found first, what it has seen since in the watch only, which may lag, or what was told by the server in answer to this process. */
  readonly recordBy: "start" | "watch" | "answer";
  /** When this process first saw the record's epoch. */
  readonly recordSeenMs: number;
  /** The highest epoch ever seen for this uid. */
  readonly topEpoch: number;
  readonly serving: Serving | undefined;
  /** The first generation without the address; a silence is confirmed when the worker has applied it. */
  readonly silentGeneration: number;
  readonly handing: HandingOver | undefined;
  readonly taken: Taken | undefined;
  readonly pursuit: Pursuit | undefined;
  /** The known peer that was last heard to announce the address. */
  readonly announcer: { readonly node: string; readonly atMs: number } | undefined;
  readonly task: Task;
  readonly reading: Reading | undefined;
  readonly retryAtMs: number;
  readonly failures: number;
  /** Successors that were not heard, or a holder that was said to leave and goes on, and until when they are passed over. BOUNDED: pruned when over, one a second at most. */
  readonly skipped: readonly { readonly node: string; readonly untilMs: number }[];
  /** Candidates that come before this holder by choice, and since when without a gap. BOUNDED: the first three, by voluntary.ts. */
  readonly better: readonly Better[];
  /** What is wrong with this holder's node, and since when without a gap while somebody is better off. */
  readonly fault: { readonly reason: FaultReason; readonly sinceMs: number } | undefined;
  /** Moves by choice of late, whoever made them, and when the last one was seen. */
  readonly voluntary: { readonly count: number; readonly atMs: number };
  /** Announced while a write of this node was under way: the successor may see the record before the write is answered. */
  readonly heardEarly: string;
  readonly defendedMs: number;
  /** When a foreign host first announced it after the last defence: one more is due. */
  readonly owesDefenceMs: number | undefined;
  /** When a peer's question last made this node read. */
  readonly askedMs: number;
  readonly foreign: { readonly mac: string; readonly sinceMs: number } | undefined;
  /** Claims as last posted, so that none is posted twice within a while, shown or not. BOUNDED: two types. */
  readonly posted: readonly { readonly claim: ConditionClaim; readonly atMs: number }[];
  /** Numbers probes and reads, so that a late answer is not taken for a new one. */
  readonly serial: number;
  /** The last epoch whose move was told. */
  readonly toldEpoch: number;
}

export type Input =
  | { readonly type: "seen"; readonly vip: VirtualIP }
  | { readonly type: "read"; readonly id: number; readonly result: ReadResult }
  | { readonly type: "written"; readonly epoch: number; readonly result: WriteResult }
  | { readonly type: "probed"; readonly id: number; readonly answers: readonly string[]; readonly sent: boolean }
  | { readonly type: "heard"; readonly mac: string; readonly how: "announcement" | "answer" | "probe" | "instead" }
  /** After a gap the worker dropped the address because this MAC announced it meanwhile. */
  | { readonly type: "lost"; readonly mac: string }
  /** A node answers on the wire again that was not heard for a while. */
  | { readonly type: "back"; readonly node: string }
  /** The worker answers nothing until it is told to resume. */
  | { readonly type: "fenced" }
  /** Something in the world or the place is another now, or it is time. */
  | { readonly type: "tick" };

export type ReadResult =
  | { readonly kind: "found"; readonly vip: VirtualIP }
  | { readonly kind: "gone" }
  | { readonly kind: "failed" };

export type WriteResult =
  | { readonly kind: "ok"; readonly vip: VirtualIP }
  /** The server said no: somebody else was faster, or the object is another. */
  | { readonly kind: "refused" }
  /** No answer: it may have been written or not. */
  | { readonly kind: "unknown" };

/** The record to write; the shell adds `since`, which is for people. */
export type HolderIntent = Omit<Holder, "since">;

export type Effect =
  | {
      readonly type: "compare-and-set";
      readonly name: string;
      readonly uid: string;
      /** The epoch that the server must still have; undefined when the object has no record yet. */
      readonly fromEpoch: number | undefined;
      /** For the first record alone, where there is no epoch to test. */
      readonly resourceVersion: string;
      /** The object has no status to add to. */
      readonly bareStatus: boolean;
      readonly holder: HolderIntent;
    }
  | { readonly type: "read"; readonly name: string; readonly id: number }
  | ({ readonly type: "probe" } & ProbeRequest)
  | {
      readonly type: "announce";
      readonly address: string;
      readonly interface: string;
      readonly reason: MoveReason;
      /** One round alone: a defence (A4). */
      readonly once?: boolean;
    }
  | {
      readonly type: "condition";
      readonly name: string;
      readonly uid: string;
      readonly claim: ConditionClaim;
      readonly conditions: readonly Condition[];
    }
  /** The wire alone has made this node answer: the victim's Lease is to be marked, once for all its addresses on that interface of it (F5). */
  | { readonly type: "fence"; readonly node: string; readonly instance: string; readonly interface: string }
  /** This node runs, and a peer that found it gone, behind this interface of it, has taken what it held. */
  | { readonly type: "missed"; readonly by: string; readonly interface: string }
  /** This node became the one that answers; once per epoch. */
  | {
      readonly type: "moved";
      readonly name: string;
      readonly reason: MoveReason;
      readonly epoch: number;
      readonly interface: string;
    }
  | { readonly type: "yielded"; readonly name: string; readonly reason: YieldReason; readonly epoch: number };

/** Milliseconds; each with the section of the rules that it comes from. */
export const TIMES = {
  /** A successor starts at once; the predecessor yields when it hears it, at the latest after this (section 8). */
  handOverMs: 1_000,
  /**
   * A successor has no more on its way to it than it announces in so long, at the pace of the announcer: all of it must be heard
   * within the second of each hand-over (section 8). Whoever must wait looks again after half of it.
   */
  lotMs: 200,
  /** Successors that have seen in the Lease that a node leaves are heard within this; what is left then it hands over itself (F5). */
  markMs: 1_000,
  /**
   * Rounds of a node that leaves may be under way for so long after somebody has begun in its place: the last of a lot is announced at
   * the end of `lotMs`, and only then the other can hear it. Less, and both fall silent. And of two that have taken the same from a lost
   * node: beside the time that all their announcements take (section 5).
   */
  crossMs: 400,
  /** A successor that was not heard is passed over for so long (section 8). */
  skipMs: 30_000,
  /** What each rank waits more than the one before it, while the Lease is the only detector. */
  rankMs: 1_000,
  /** The same when the wire has found the holder gone: each rank announces so much later (section 5). */
  wireRankMs: 100,
  /** A silent speaker on a node that answers is given so long to come back: its kernel still forwards (section 4). */
  silentMs: 2_000,
  /** A record so young whose holder was not heard yet is not judged by the wire (E2). */
  youngMs: 1_000,
  /** Another node was heard announcing: so long it is believed before the wire is asked. Its five rounds are over by then. */
  announcedMs: 5_000,
  /** A peer that finds this node gone, and is gone for it, is left alone for so long where nobody else could take from it, doubled up to the maximum (section 5, ADR 33). */
  apartMs: 30_000,
  apartMaxMs: 3_600_000,
  /** Such a peer has not answered for so long, though its Lease is renewed: an operator is told that the path is broken. */
  brokenMs: 5_000,
  /** The node that was taken from is probed for so long if it is never heard again (F2). */
  pursueMs: 600_000,
  /** First claims wait so long after the process began to act, so that speakers that start together share the addresses. */
  settleMs: 2_000,
  /** A GET that is to confirm a holder against a peer's announcement (section 7). */
  confirmMs: 200,
  /** Without the API a former holder comes back after (rank + 1) times this, probing first (section 7). */
  comeBackRankMs: 100,
  /** The holder's API connection alone is lost: ask again. */
  cutOffRetryMs: 3_000,
  /** A known peer answers for an address that has another record: look again. */
  peerRetryMs: 2_000,
  /** A foreign host has the address of a first use: doubled up to the maximum. */
  conflictRetryMs: 5_000,
  conflictRetryMaxMs: 60_000,
  /** A write or read failed: doubled up to the maximum. */
  apiRetryMs: 500,
  apiRetryMaxMs: 5_000,
  /**
   * The worker answers every probe, and paces their questions: those of 1,000 addresses take 6 s. A probe that is given up before
   * its turn is asked again behind all others, for ever; so this is only for an answer that was lost.
   */
  probeLimitMs: 60_000,
  /** Peers that ask on the wire make the one that answers read its record, once in this time. */
  askedMs: 5_000,
  /** RFC 5227 section 2.4 (c), DEFEND_INTERVAL. */
  defendMs: 10_000,
  /** A host that comes up says so two or three times, over two seconds: RFC 5227 section 2.3 (ANNOUNCE_NUM, ANNOUNCE_INTERVAL), RFC 4861 section 7.2.6. */
  defendAfterMs: 2_500,
  /** A foreign host not heard for so long is no conflict any more. */
  conflictHoldMs: 60_000,
  /** A condition that did not show on the object, or did not stay there, is posted again. */
  repostMs: 30_000,
  /** For so long after a stop what the watch shows counts as a backlog. */
  backlogMs: 1_000,
  /** A move by choice waits so long, doubled for each one of late up to the maximum; they are forgotten after that time without one (E13). */
  voluntaryMs: 30_000,
  voluntaryMaxMs: 3_600_000,
  voluntaryForgetMs: 7_200_000,
  /** A lost uplink may be everybody's, which the others' Leases show a moment later. */
  faultSettleMs: 3_000,
  /** A successor that cannot hold the address leaves its predecessor the time to take it back. */
  declineMs: 1_500,
} as const;
