/**
 * S2 at the moment in which a speaker starts: nobody begins to answer for an address while it hears a known peer have it, unless the record
 * names it (docs/election.md sections 5, 7 and 8). What was heard is what its worker has read from the wire, whatever became of that.
 */
import type { AddressState } from "../../speaker/election/types.ts";
import type { SpeakerEffect, SpeakerState } from "../../speaker/state.ts";
import { BELIEVED_MS } from "./bound.ts";

/**
 * A verdict ends with the first answer, and needs sixteen losses in a row, ten milliseconds apart, after one that was waited for
 * (section 4): whoever has answered so lately is not found gone. Announcements end no verdict: a holder that announces, and does not hear what it is
 * asked, is found gone all the same (docs/election.md section 5, E18).
 */
const ALIVE_MS = 150;

interface Announcer {
  readonly node: string;
  readonly atMs: number;
}

/** What the worker of one process has heard, by its own clock. */
export class Heard {
  /** Who has announced each address last. BOUNDED by the addresses. */
  readonly #announcers = new Map<string, Announcer>();
  /** When each node has answered a question of this one for each address last. BOUNDED by both. */
  readonly #answeredMs = new Map<string, Map<string, number>>();

  note(type: "announcement" | "answer", address: string, node: string, now: number): void {
    if (node === "") return;
    if (type === "announcement") this.#announcers.set(address, { node, atMs: now });
    else this.#noteAnswer(address, node, now);
  }

  #noteAnswer(address: string, node: string, now: number): void {
    const byNode = this.#answeredMs.get(address) ?? new Map<string, number>();
    this.#answeredMs.set(address, byNode.set(node, now));
  }

  announcerOf(address: string): Announcer | undefined {
    return this.#announcers.get(address);
  }

  answeredMs(address: string, node: string): number {
    return this.#answeredMs.get(address)?.get(node) ?? Number.NEGATIVE_INFINITY;
  }

  /** Without a cable there is no segment any more, and the detector gets to know everybody anew. */
  forget(): void {
    this.#answeredMs.clear();
  }

  /** Another node that has answered for the address since then. */
  otherSince(address: string, sinceMs: number, own: string): string | undefined {
    for (const [node, atMs] of this.#answeredMs.get(address) ?? []) if (atMs > sinceMs && node !== own) return node;
    return undefined;
  }
}

/** What is wrong about what the process has just begun to answer for. */
export function wrongStarts(
  before: SpeakerState,
  after: SpeakerState,
  effects: readonly SpeakerEffect[],
  heard: Heard,
  now: number,
): readonly string[] {
  // Whoever begins has a new table.
  if (!effects.some((effect) => effect.type === "worker" && effect.message.type === "table")) return [];
  return [...after.addresses].flatMap(([name, one]) => {
    const former = before.addresses.get(name);
    if (one.serving === undefined || former === undefined || former.serving !== undefined) return [];
    const why = wrongStart(former, one, after.node, heard, now);
    return why === undefined ? [] : [`S2: ${after.node} starts to answer for ${one.address} ${why}`];
  });
}

function wrongStart(
  former: AddressState,
  one: AddressState,
  own: string,
  heard: Heard,
  now: number,
): string | undefined {
  const { address, record, taken, recordSeenMs } = one;
  if (taken === undefined) {
    // Named by the record it need not ask; who comes back to it after a silence without the API must (rule Y).
    const { task } = former;
    if (task.kind !== "probe" || task.why !== "come-back") return undefined;
    const other = heard.otherSince(address, task.sinceMs, own);
    return other === undefined ? undefined : `as it comes back, though ${other} has answered its question`;
  }
  const holder = record?.node ?? "";
  const announcer = heard.announcerOf(address);
  const isBelieved = announcer !== undefined && announcer.atMs >= recordSeenMs && now < announcer.atMs + BELIEVED_MS;
  if (isBelieved && announcer.node !== own && announcer.node !== holder)
    return `${Math.round(now - announcer.atMs)} ms after ${announcer.node} has announced it`;
  // A node that leaves answers on until it hears this one.
  if (taken.from !== "") return undefined;
  const sinceMs = now - heard.answeredMs(address, holder);
  return sinceMs < ALIVE_MS ? `${Math.round(sinceMs)} ms after ${holder}, its holder, has answered for it` : undefined;
}
