/**
 * What the main thread and the frame worker say to each other. The main thread decides by the records of the API
 * server; the worker owns every socket, answers, announces, probes, hears, and fences itself.
 */
import type { Verdict, WatchPlan } from "../detector/types.ts";
import type { ProbeRequest } from "../prober.ts";
import type { MoveReason } from "../reasons.ts";

/** One usable link of this node, as rtnetlink tells it (netlink(7), RTM_NEWLINK and RTM_NEWADDR). */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  /** IFF_UP and IFF_LOWER_UP: the cable is in. */
  readonly carrier: boolean;
  /** Not empty when another device owns this one (bridge port, bond slave): such a link is never used itself. */
  readonly master: string;
  /** IFLA_INFO_KIND: "veth", "bridge", "macvlan", "" for a physical device. */
  readonly kind: string;
  /** Ethernet (ARPHRD_ETHER), broadcast, not loopback, not point-to-point, not without ARP (IFF_NOARP). */
  readonly broadcast: boolean;
  readonly addresses: readonly LinkAddress[];
}

export interface LinkAddress {
  /** Canonical text of the node's own address. */
  readonly address: string;
  readonly prefixLength: number;
  /** Metric of the connected route (IFA_RT_PRIORITY), 0 when the kernel gives none. */
  readonly metric: number;
  /** Duplicate address detection is not over, or has failed: not to be used as a source (RFC 4862 section 2). Absent otherwise. */
  readonly tentative?: true;
  /** An IPv6 address for privacy: the kernel replaces it within days (RFC 8981). Absent otherwise. */
  readonly temporary?: true;
}

/** An address this node answers for. */
export interface TableEntry {
  readonly address: string;
  readonly interface: string;
}

export type ToWorker =
  /** The whole set of addresses to answer for, under one generation; confirmed by `applied`. */
  | {
      readonly type: "table";
      readonly generation: number;
      readonly entries: readonly TableEntry[];
      /** The last `lost` that the main thread had read when it made this table; FramePort fills it in. */
      readonly lossSeen?: number;
    }
  /** Start the rounds of announcements of an address in the table (at once, then every 1.1 s, five rounds). */
  | {
      readonly type: "announce";
      readonly address: string;
      readonly interface: string;
      readonly reason: MoveReason;
      /** One round alone, and none while rounds are under way: a defence against a foreign host. */
      readonly once?: boolean;
    }
  /** Ask three times, 100 ms apart, whether anybody answers for the address; with `to` six times, only that MAC. Ends in one `probed`. */
  | ({ readonly type: "probe" } & ProbeRequest)
  /** Interfaces to keep a socket on and addresses whose announcements by others the main thread wants to hear of. */
  | { readonly type: "listen"; readonly interfaces: readonly string[]; readonly addresses: readonly string[] }
  /** What the detector watches; a plan replaces the one before. */
  | { readonly type: "watch"; readonly plan: WatchPlan }
  /** The main thread is alive: without one of these for 3 s the worker stops answering. Also the answer to `heard`. */
  | { readonly type: "sign" }
  /** After `fenced`: the main thread has read the records again; answer the current table. */
  | { readonly type: "resume"; readonly fence: number }
  | { readonly type: "stop" };

export type FromWorker =
  /** The loop runs. `wakeFd` is an eventfd by which FramePort ends a poll early; it is for FramePort alone. */
  | { readonly type: "ready"; readonly wakeFd: number }
  /** The loop turns, once a second: for FramePort alone. */
  | { readonly type: "turning" }
  /** All links, on each change (a rtnetlink event, never a poll). */
  | { readonly type: "links"; readonly links: readonly Link[] }
  /** From here on no frame leaves for an address that is not in this generation. */
  | { readonly type: "applied"; readonly generation: number }
  /** Who answered the probe: their MACs, in order, without repeats; own MACs never. */
  | {
      readonly type: "probed";
      readonly id: number;
      readonly address: string;
      readonly answers: readonly string[];
      readonly sent: boolean;
    }
  /** An announcement (or the answer to a probe) by somebody else, for a table or listened address; at most 10/s each address. */
  | {
      readonly type: "heard";
      readonly address: string;
      readonly interface: string;
      readonly mac: string;
      readonly how: HeardHow;
    }
  /** Addresses that others have announced and that this node does not answer for; a repeat by the same MAC once a second. */
  | { readonly type: "announced"; readonly entries: readonly Announcement[] }
  /** What the detector concludes; again every second while it lasts. */
  | ({ readonly type: "verdict" } & Verdict)
  /** A station answers again, after a verdict or after it was not heard for a while. */
  | { readonly type: "back"; readonly node: string; readonly interface: string }
  /** Whether anybody is heard on the interface: with the first answer, and on each change; for so long nobody has answered (E1). */
  | { readonly type: "hearing"; readonly interface: string; readonly hears: boolean; readonly quietMs: number }
  /** Another node has answered a question here for the first time. */
  | { readonly type: "met"; readonly node: string; readonly interface: string }
  /** What one of these interfaces sent was heard on the other: they stand on one segment (W3). In order; again after a change of links. */
  | { readonly type: "one-segment"; readonly interfaces: readonly [string, string] }
  /** The loop did not run for too long or the main thread did not sign: nothing is answered until `resume`. */
  | {
      readonly type: "fenced";
      readonly fence: number;
      readonly reason: "loop-gap" | "main-silent" | "drops";
      readonly gapMs: number;
    }
  /**
   * These addresses were announced by others, in a short gap after which answers went on by themselves, or while the main thread did
   * not answer: they are dropped until a table comes that was made in the knowledge of this loss.
   */
  | {
      readonly type: "lost";
      readonly loss: number;
      readonly addresses: readonly { readonly address: string; readonly mac: string }[];
    }
  /** Running totals, at most every 10 s; and the MAC that sent the last frame of each malformed kind. */
  | {
      readonly type: "counters";
      readonly counters: Readonly<Record<string, number>>;
      readonly senders: Readonly<Record<string, string>>;
    }
  /** `fatal`: the worker has ended and answers nothing any more. Else an interface has no sockets; the worker tries again. */
  | { readonly type: "failed"; readonly message: string; readonly fatal: boolean }
  /** Every interface has its sockets again. */
  | { readonly type: "mended" };

export interface Announcement {
  readonly address: string;
  readonly interface: string;
  readonly mac: string;
}

/** "instead": it has answered what was asked of another node, which was silent. */
export type HeardHow = "announcement" | "answer" | "probe" | "instead";
