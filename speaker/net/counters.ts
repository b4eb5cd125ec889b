/** What happened to the frames, by name. The names are a closed list, so the labels of the metric are too. */
import type { MldDrop } from "../packet/mld.ts";
import type { Outcome } from "../responder.ts";

export type CounterName =
  | Outcome
  | "announcements-sent"
  /** Clients told again after the kernel's redirect, and interfaces whose redirects could not be read. */
  | "corrections-sent"
  | "redirects-unseen"
  | "probes-sent"
  | "replies-sent"
  /** Questions of the detector, answers to them, and what it concluded from those that are missing. */
  | "liveness-sent"
  | "liveness-answered"
  | "alarms-heard"
  | "verdicts"
  | "back"
  /** The kernel did not take a frame: interface down or queue full. */
  | "send-failed"
  /** A batch that waited in a frozen process is not sent. */
  | "late"
  | "fenced"
  | "too-long"
  | "own-frame"
  | "heard"
  | "heard-not-told"
  /** Frames that found the receive queue full (PACKET_STATISTICS). */
  | "receive-dropped"
  /** The loop was late by more than 150 ms; frames read after such a gap. */
  | "gaps"
  | "evidence"
  | "announce-not-held"
  | "announce-fenced"
  | "group-join-refused"
  /** Multicast listener discovery: queries of routers and switches by what became of them, and reports to them. */
  | "mld-query"
  | MldDrop
  | "mld-reports-sent";

const POST_EVERY_MS = 10_000;

/** Counts since the start of the worker. */
export class Counters {
  /** One object for each name, so that counting is one look-up. BOUNDED by the names. */
  readonly #counts = new Map<CounterName, { value: number }>();
  #changed = false;
  #postedAt = Number.NEGATIVE_INFINITY;

  add(name: CounterName, count = 1): void {
    const known = this.#counts.get(name);
    if (known === undefined) this.#counts.set(name, { value: count });
    else known.value += count;
    this.#changed = true;
  }

  /** All counts, if there is something new and the last time is 10 s ago. */
  take(now: number): Readonly<Record<string, number>> | undefined {
    if (!this.#changed || now - this.#postedAt < POST_EVERY_MS) return undefined;
    this.#changed = false;
    this.#postedAt = now;
    const sorted = [...this.#counts].sort(([left], [right]) => (left < right ? -1 : 1));
    return Object.fromEntries(sorted.map(([name, { value }]) => [name, value]));
  }
}
