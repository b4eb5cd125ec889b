/** States, inputs and effects of the reflector; lib/kube/reflector.ts holds the rules. */
import type { BerthError } from "../runtime/errors.ts";
import type { Json } from "./api.ts";
import { isUnanswered, KubeError } from "./errors.ts";

export type ReflectorPhase =
  | { readonly type: "stopped" }
  | {
      readonly type: "listing";
      readonly request: number;
      /** False after a continue token expired between two pages: then everything comes in one answer. */
      readonly paged: boolean;
      readonly continueToken: string;
      /** When its first page was asked for, and how long each may take. */
      readonly sinceMs: number;
      readonly timeoutMs: number;
      /** What the pages so far held. BOUNDED by the size of the collection. */
      readonly items: readonly Json[];
    }
  | {
      readonly type: "watching";
      readonly watch: number;
      readonly openedMs: number;
      /** When something last arrived, bookmarks included. */
      readonly heardMs: number;
      /** Something arrived at all. */
      readonly heard: boolean;
    }
  | {
      readonly type: "waiting";
      readonly untilMs: number;
      readonly next: "list" | "watch";
      /** The server itself asked to wait: nothing cuts this short. */
      readonly asked: boolean;
    };

export interface ReflectorState {
  readonly phase: ReflectorPhase;
  /** Number of the last request or watch; what belongs to an earlier one is ignored. */
  readonly sequence: number;
  /** Where the next watch starts; "" before the first list. */
  readonly resourceVersion: string;
  /** Failures in a row, without an event between them. */
  readonly failures: number;
  /** The last list was answered, and soon. */
  readonly listedSoon: boolean;
  /** A 410 was answered by a list and no event has come since. */
  readonly expired: boolean;
  /** State of the generator for jitter (lib/runtime/random.ts). */
  readonly random: number;
}

/** What went wrong, as far as the reflector acts on it. */
export interface ReflectorFailure {
  readonly kind: /** 410 or reason Expired: the version or the continue token is too old. */
    | "expired"
    /** Nothing was answered: refused, reset, timed out. */
    | "unanswered"
    /** 429, or any refusal that names a time to wait. */
    | "throttled"
    /** Any other answer: 403, 500, an unknown event. */
    | "refused";
  readonly retryAfterMs: number | undefined;
}

export type ReflectorInput =
  | { readonly type: "start" }
  | { readonly type: "stop" }
  | {
      readonly type: "listed";
      readonly request: number;
      readonly items: readonly Json[];
      readonly resourceVersion: string;
      /** metadata.continue; "" on the last page. */
      readonly continueToken: string;
    }
  | { readonly type: "list-failed"; readonly request: number; readonly failure: ReflectorFailure }
  | {
      readonly type: "event";
      readonly watch: number;
      readonly event: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
      readonly object: Json;
      readonly resourceVersion: string;
    }
  /** An ERROR event inside the watch, or an event that cannot be read. */
  | { readonly type: "event-error"; readonly watch: number; readonly failure: ReflectorFailure }
  /** The watch is over; no failure: the server closed it in order. */
  | { readonly type: "watch-ended"; readonly watch: number; readonly failure: ReflectorFailure | undefined }
  /** The API server was rolled back, or a connection died unseen: nothing known counts. */
  | { readonly type: "relist" }
  /** The watch is late or dead: listed anew, too, but a list that is under way is the answer to that already. */
  | { readonly type: "doubt" }
  /** The API server was heard elsewhere: do not sit out a back-off. */
  | { readonly type: "retry-now" }
  | { readonly type: "tick" };

/** Why a list or a watch began again; a closed set, for metric and log. */
export type ReflectorReason =
  | "expired"
  | "closed"
  | "short-watch"
  | "unanswered"
  | "throttled"
  | "refused"
  | "idle"
  | "rolled-back"
  | "commanded";

export type Delivery =
  /** Everything there is. `rolledBack`: it is older than what was delivered before. */
  | { readonly type: "replace"; readonly items: readonly Json[]; readonly rolledBack: boolean }
  | { readonly type: "upsert"; readonly object: Json }
  | { readonly type: "delete"; readonly object: Json };

export type ReflectorEffect =
  | {
      readonly type: "list";
      readonly request: number;
      readonly query: Readonly<Record<string, string>>;
      readonly timeoutMs: number;
    }
  | { readonly type: "open-watch"; readonly watch: number; readonly query: Readonly<Record<string, string>> }
  | { readonly type: "close-watch"; readonly watch: number }
  | { readonly type: "deliver"; readonly delivery: Delivery }
  | { readonly type: "restarted"; readonly reason: ReflectorReason; readonly delayMs: number };

export interface ReflectorStep {
  readonly state: ReflectorState;
  readonly effects: readonly ReflectorEffect[];
  /** Monotonic milliseconds at which a tick is due; undefined: nothing happens by time alone. */
  readonly wakeAt: number | undefined;
}

/** Narrows an error of the client to what the reflector distinguishes. */
export function failureOf(error: BerthError): ReflectorFailure {
  const retryAfterMs = error instanceof KubeError ? error.retryAfterMs : undefined;
  const status = error instanceof KubeError ? error.status : undefined;
  const reason = error instanceof KubeError ? error.reason : "";
  if (error.code === "gone" || reason === "Expired") return { kind: "expired", retryAfterMs };
  if (isUnanswered(error)) return { kind: "unanswered", retryAfterMs };
  if (status === 429 || retryAfterMs !== undefined) return { kind: "throttled", retryAfterMs };
  return { kind: "refused", retryAfterMs };
}
