/** What is broken in a run, and was a moment ago: what the bounds of the invariants depend on (double-bound.ts, answer-bound.ts). */
import type { SimApi } from "./api.ts";
import type { SimProcess } from "./process.ts";
import { signatureOf } from "./signature.ts";
import type { SimWire } from "./wire.ts";

/** Whatever looks back at changes looks no further. */
const CHANGES_KEPT_MS = 60_000;
const NEVER = Number.NEGATIVE_INFINITY;

export interface RunWorld {
  readonly api: SimApi;
  readonly wires: readonly SimWire[];
  readonly processes: ReadonlyMap<string, readonly SimProcess[]>;
  /** Those of one node; none while it has no speaker. */
  readonly processesOf: (node: string) => readonly SimProcess[];
  readonly now: () => number;
}

/** Two nodes, in the order of their names. */
export interface Pair {
  readonly left: string;
  readonly right: string;
}

export class Happened {
  /** When anything at all was broken last. */
  brokenMs = NEVER;
  /** The same without what only takes its time after a healing. */
  faultMs = NEVER;
  lossyMs = NEVER;
  laggingMs = NEVER;
  /** How much later than the others a frame may come, as the wires are now. */
  frameMs = 0;
  #turnMs = NEVER;
  #turnBeforeMs = NEVER;
  /** When each node stood still last: the machine, or its worker with it. BOUNDED, as all here, by the nodes. */
  readonly #stoodMs = new Map<string, number>();
  /** Until when its main thread stood still while its worker went on. */
  readonly #stuckMs = new Map<string, number>();
  readonly #stuck = new Set<string>();
  /** When it was not answered by the API server, or late. */
  readonly #unansweredMs = new Map<string, number>();
  /** When two did not hear each other, by wire and pair. BOUNDED by the pairs. */
  readonly #apartMs = new Map<string, number>();
  /** Nodes that have had a speaker which runs and acts for them; before that none is missing. */
  readonly #served = new Set<string>();
  /** What is broken and what is decided, as a line that is another one after each change; and when it changed. BOUNDED by what is looked back at. */
  #signature = "";
  #changedMs: readonly number[] = [];
  readonly #world: RunWorld;

  constructor(world: RunWorld) {
    this.#world = world;
  }

  /** Called after each event, before anything is judged. */
  turn(): void {
    const now = this.#world.now();
    this.#turnBeforeMs = this.#turnMs;
    this.#turnMs = now;
    this.frameMs = 0;
    for (const wire of this.#world.wires) this.#lookAtWire(wire, now);
    this.#lookAtApi(now);
    for (const [node, all] of this.#world.processes) this.#lookAtNode(node, all, now);
    this.#noteChange(now);
  }

  /** What happens in one moment, as when a machine loses its power, is one change. */
  #noteChange(now: number): void {
    const signature = signatureOf(this.#world);
    if (signature === this.#signature) return;
    this.#signature = signature;
    this.#changedMs = [...this.#changedMs.filter((atMs) => atMs > now - CHANGES_KEPT_MS), now];
  }

  /** How often something has broken, was mended, or was decided by an operator or the node controller. */
  changesSince(sinceMs: number): number {
    return this.#changedMs.filter((atMs) => atMs > sinceMs).length;
  }

  /** Until this moment, or since: what begins now begins by its mending. */
  #isSince(atMs: number | undefined, sinceMs: number): boolean {
    return atMs !== undefined && atMs >= sinceMs;
  }

  /** The look before the one of now: whatever was so then may have ended at this very event. */
  get lookBeforeMs(): number {
    return this.#turnBeforeMs;
  }

  stoodSince(node: string, sinceMs: number): boolean {
    return this.#isSince(this.#stoodMs.get(node), sinceMs);
  }

  /** Until when the main thread of the node stood still last, while its worker went on. */
  stuckMsOf(node: string): number {
    return this.#stuckMs.get(node) ?? NEVER;
  }

  unansweredSince(node: string, sinceMs: number): boolean {
    return this.#isSince(this.#unansweredMs.get(node), sinceMs);
  }

  apartSince(wire: SimWire, { left, right }: Pair, sinceMs: number): boolean {
    return this.#isSince(this.#apartMs.get(`${wire.segment} ${left} ${right}`), sinceMs);
  }

  #lookAtWire(wire: SimWire, now: number): void {
    const isSplit = wire.unplugged.size + wire.sides.size > 0 || wire.isOneWay;
    const isOdd = wire.off.size + wire.slowAnswersMs.size + wire.unanswered.size > 0;
    if (isSplit) this.#lookAtPairs(wire, now);
    if (wire.loss > 0) this.lossyMs = now;
    const isLate = wire.duplicates + wire.delayMsMax > 0;
    if (isLate) this.frameMs = Math.max(this.frameMs, wire.delayMsMax);
    if (isSplit || isOdd || isLate || wire.loss > 0 || !wire.hasGateway) this.#fault(now);
  }

  #lookAtPairs(wire: SimWire, now: number): void {
    for (const left of wire.nodes) {
      for (const right of wire.nodes) {
        if (left >= right || wire.connected(left, right)) continue;
        this.#apartMs.set(`${wire.segment} ${left} ${right}`, now);
      }
    }
  }

  #lookAtApi(now: number): void {
    const { api } = this.#world;
    if (api.laggingMs > 0) this.laggingMs = now;
    if (!api.up || api.cut.size + api.away.size > 0 || api.slowMs + api.laggingMs > 0) this.#fault(now);
    this.#fault(api.putBackMs);
  }

  #lookAtNode(node: string, all: readonly SimProcess[], now: number): void {
    const { api } = this.#world;
    if (!api.reaches(node) || api.slowMs > 0) this.#unansweredMs.set(node, now);
    const isServed = all.some(({ frozen, state }) => !frozen && state.own.phase === "acting");
    if (isServed) this.#served.add(node);
    else if (this.#served.has(node)) this.brokenMs = now;
    if (all.length === 0 || all.some(({ frozen }) => frozen)) this.#fault(now);
    for (const process of all) if (process.frozen && !process.worker.isRunning) this.#stoodMs.set(node, now);
    this.#lookAtStuck(node, all, now);
  }

  /** To the moment in which it goes on. */
  #lookAtStuck(node: string, all: readonly SimProcess[], now: number): void {
    const isStuck = all.some((process) => process.frozen && process.worker.isRunning);
    if (isStuck || this.#stuck.delete(node)) this.#stuckMs.set(node, now);
    if (isStuck) this.#stuck.add(node);
  }

  #fault(atMs: number): void {
    this.faultMs = Math.max(this.faultMs, atMs);
    this.brokenMs = Math.max(this.brokenMs, atMs);
  }
}
