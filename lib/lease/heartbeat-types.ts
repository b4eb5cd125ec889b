/** States, inputs and effects of the speaker's heartbeat; lib/lease/heartbeat.ts holds the rules. */
import type { SpeakerFacts, SpeakerLease } from "../model/speaker-lease.ts";

export type HeartbeatRole =
  /** Holds nothing: just started, or another process acts for the node. */
  | { readonly type: "waiting" }
  /** The instance that the Lease names: this process acts for its node. */
  | { readonly type: "acting" }
  /** The Lease was given to the next instance; ends when that one is seen to renew. */
  | { readonly type: "handed"; readonly to: string; readonly atRenewTime: string }
  /** Another instance was found in the Lease: this process must be silent and leave. For good. */
  | { readonly type: "lost"; readonly by: string }
  | { readonly type: "ended" };

/** What is asked of the API server; lib/lease/heartbeat-write.ts turns it into requests. */
export type LeaseCall =
  | { readonly type: "read" }
  | { readonly type: "create"; readonly facts: SpeakerFacts }
  /** Becomes the instance, whoever was; refused if the Lease changed since it was seen. */
  | { readonly type: "take"; readonly from: SpeakerLease; readonly facts: SpeakerFacts }
  /** The heartbeat; with it whatever is to be written. Refused when another instance is named. */
  | {
      readonly type: "renew";
      readonly from: SpeakerLease;
      /** undefined when they stand there already. */
      readonly facts: SpeakerFacts | undefined;
      readonly leaving: boolean;
      /** The mark `fenced-by` to take away; "" for none. */
      readonly unfence: string;
    }
  /** Says that this process waits to take over. */
  | { readonly type: "queue"; readonly from: SpeakerLease }
  | { readonly type: "unqueue"; readonly from: SpeakerLease }
  | { readonly type: "hand-over"; readonly from: SpeakerLease; readonly to: string }
  | { readonly type: "release"; readonly from: SpeakerLease };

export interface HeartbeatState {
  readonly node: string;
  readonly instance: string;
  readonly role: HeartbeatRole;
  readonly started: boolean;
  /** The Lease as last seen, undefined when there is none or nothing was read yet. */
  readonly lease: SpeakerLease | undefined;
  /** A read or a write has told what is there. */
  readonly known: boolean;
  /** When the Lease was last renewed before these eyes by whom it names, or a call last failed. */
  readonly changedMs: number;
  /** The highest resourceVersion seen; an answer below it comes from a server that was put back. */
  readonly floor: string;
  readonly facts: SpeakerFacts | undefined;
  readonly request: number;
  /** One request at a time. */
  readonly inFlight:
    | { readonly request: number; readonly call: LeaseCall; readonly sentMs: number; readonly floor: string }
    | undefined;
  readonly dueMs: number;
  /** When the last write was sent, to pace those for changed facts. */
  readonly writtenMs: number;
  /** A refusal told that the Lease is not what was thought. */
  readonly mustRead: boolean;
  /** Refused writes in a row. */
  readonly refusals: number;
  readonly pulse: "unknown" | "heard" | "lost";
  readonly shutdown: "no" | "asked" | "release";
  /** The effect `leaving` was given. */
  readonly leavingTold: boolean;
  /** This process has named itself as the next instance once, over whoever stood there. */
  readonly queuedOnce: boolean;
  /** The value of `fenced-by` that was told, and whether the fence was answered. */
  readonly fence: { readonly by: string; readonly answered: boolean };
  readonly random: number;
}

export type HeartbeatInput =
  | { readonly type: "start" }
  /** The own node's Lease as the watch shows it; undefined: deleted. */
  | { readonly type: "observed"; readonly lease: SpeakerLease | undefined }
  /** The object after the call; undefined when a read found none. */
  | { readonly type: "answered"; readonly request: number; readonly lease: SpeakerLease | undefined }
  /** The API server said no: 404, 409, 422 (a JSON patch whose test failed), or anything else. */
  | { readonly type: "refused"; readonly request: number; readonly retryAfterMs: number | undefined }
  /** Nothing was answered. Whether it took effect is not known. */
  | { readonly type: "failed"; readonly request: number }
  | { readonly type: "facts"; readonly facts: SpeakerFacts }
  /** Every VirtualIP was read after `fenced`; the mark may go. */
  | { readonly type: "fence-answered" }
  /** SIGTERM: hand the Lease to the next instance, or mark the node as leaving. */
  | { readonly type: "shutdown" }
  /** Everything held was handed over to other nodes: give the Lease up. */
  | { readonly type: "release" }
  | { readonly type: "tick" };

export type HeartbeatEffect =
  | { readonly type: "request"; readonly request: number; readonly call: LeaseCall; readonly timeoutMs: number }
  /** This process acts for the node from now on. `adopt`: the instance whose records it may go on with; "" for none. */
  | { readonly type: "acting"; readonly adopt: string }
  /** Silence everything and exit: `by` acts for the node. */
  | { readonly type: "lost"; readonly by: string }
  /** This process waits for `behind`. */
  | { readonly type: "queued"; readonly behind: string }
  /** The API server answered. `restored`: it did not before; end the back-offs of the informers. */
  | { readonly type: "pulse"; readonly restored: boolean }
  /** The API server did not answer: close every connection and watch again. */
  | { readonly type: "pulse-lost" }
  /** The own Lease was written; for lib/lease/peers.ts, which waits to see it in the watch. */
  | { readonly type: "renewed"; readonly resourceVersion: string }
  /** The API server's store went back: relist everything without a resourceVersion. */
  | { readonly type: "rollback" }
  /** Another node declared this one gone: silent until every VirtualIP was read, then `fence-answered`. */
  | { readonly type: "fenced"; readonly by: string }
  /** `leaving` stands in the Lease: hand over address by address, then give `release`. */
  | { readonly type: "leaving" }
  /** The Lease names the next instance; go on answering until `successor-acting`, and then for a second. */
  | { readonly type: "handed-over"; readonly to: string }
  | { readonly type: "successor-acting" }
  /** Nothing more to do for the Lease; the process may exit. */
  | { readonly type: "ended" };

export interface HeartbeatStep {
  readonly state: HeartbeatState;
  readonly effects: readonly HeartbeatEffect[];
  readonly wakeAt: number | undefined;
}
