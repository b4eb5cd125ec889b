/**
 * The detector on the wire (election.md section 4): what it is told to watch, what it sends, and what it concludes. The machine
 * (detector.ts) is `(state, input, now) → {state, effects, wakeAt}`; times are monotonic milliseconds.
 */

/** What this node watches, out of records and Leases; a new plan replaces the old one, and what was learned of a station stays. */
export interface WatchPlan {
  /** One for each own interface that carries addresses. BOUNDED by the interfaces of the node. */
  readonly segments: readonly SegmentPlan[];
}

export interface SegmentPlan {
  /** The own interface. */
  readonly interface: string;
  /** Own addresses there, which questions are asked from; "" without one. */
  readonly address4: string;
  readonly linkLocal: string;
  /** Every other station of the segment that is known: speakers, then the gateway. BOUNDED by the nodes of the cluster. */
  readonly stations: readonly StationPlan[];
}

export interface StationPlan {
  /** Name of the node; "" for the gateway. */
  readonly node: string;
  /** Lower case with colons; "" for the gateway, whose MAC is learned from its answer. */
  readonly mac: string;
  /** What its kernel answers for on this segment; "" without one. */
  readonly address4: string;
  readonly linkLocal: string;
  /** Addresses of Services that it answers for, or answered for until they were taken from it; sorted. */
  readonly targets: readonly string[];
  /** This node is one of the three that watch it all the time; the others wait for an alarm. */
  readonly watched: boolean;
  /** This node has taken addresses from it: it is probed until it is heard again (F2). */
  readonly pursued: boolean;
  /** Its word counts when the sides of a split are weighed: a gateway, or a node whose Lease is fresh (E16). */
  readonly counts: boolean;
  /** It has found this node gone: it is asked at once, and its answer is told (ADR 33). */
  readonly doubted: boolean;
}

/** Whether a question is about an address of a Service or about what the station's kernel answers for. */
export type ProbeAbout = "target" | "node";

/** One question to send. For IPv4 an ARP request, for IPv6 a neighbour solicitation (election.md section 4, W2). */
export interface LivenessProbe {
  readonly interface: string;
  /** The address asked for: a target, or the station's own address. */
  readonly address: string;
  /** Sender: the node's own IPv4 address, or its link-local address. */
  readonly source: string;
  /** Destination MAC; "" for broadcast (IPv4) or ff02::1 (IPv6): the alarm, the last three, and a gateway not yet known. */
  readonly mac: string;
  /** Destination address of a solicitation: the station's link-local address, "" for ff02::1; unused for IPv4. */
  readonly destination: string;
}

/** Somebody answered one of this node's questions: a reply to one, a solicited advertisement. */
export interface LivenessAnswer {
  readonly interface: string;
  readonly address: string;
  readonly mac: string;
}

/** A known peer asks everybody for this address: its own probes were not answered (the alarm). */
export interface Alarm {
  readonly interface: string;
  readonly address: string;
  readonly mac: string;
}

export type DetectorInput =
  | { readonly type: "plan"; readonly plan: WatchPlan }
  /** All that were read from the sockets in one turn of the loop, before `tick`. */
  | { readonly type: "heard"; readonly answers: readonly LivenessAnswer[]; readonly alarms: readonly Alarm[] }
  /** The loop was stopped, or frames were dropped: what is under way proves nothing, and nobody is judged by it. */
  | { readonly type: "gap" }
  /** The time has come, and every frame that had arrived was read. */
  | { readonly type: "tick" };

export type VerdictKind =
  /** Its addresses and its own address are silent: move at once. */
  | "gone"
  /** Its kernel answers, its addresses do not: the speaker is silent. */
  | "silent"
  /** It answers for others of its addresses, but not for these. */
  | "addresses";

/** What the wire says about one station; told when it is reached and every second while it lasts. */
export interface Verdict {
  readonly node: string;
  readonly interface: string;
  readonly kind: VerdictKind;
  /** The addresses that were asked for in vain: at least three for `gone` and `silent`, or all of fewer. */
  readonly addresses: readonly string[];
  /** Stations that count and answered in the window, this node included; of how many, the judged one included (E1, E16). */
  readonly seen: number;
  readonly stations: number;
  /** Others that answered: they prove this node's hearing, and nothing about the sides of a split. */
  readonly beside: number;
}

export type DetectorEffect =
  | { readonly type: "ask"; readonly probe: LivenessProbe }
  | { readonly type: "verdict"; readonly verdict: Verdict }
  /** A station answers again, after a verdict or after it was not heard for a while: it may have missed announcements. "": the router. */
  | { readonly type: "back"; readonly node: string; readonly interface: string }
  /** Another node than the one that is missed has answered for its address: it has taken it already. */
  | ({ readonly type: "heard"; readonly how: "instead" } & LivenessAnswer)
  /** Another node has answered for the first time, or one that is doubted: both are on one segment (E3), and its path carries both ways. */
  | { readonly type: "met"; readonly node: string; readonly interface: string };
