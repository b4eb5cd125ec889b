/** S2 over time: how long two nodes that hear each other answer for one address, against what is promised for the occasion. */
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { DRIFT, noteLongest } from "./bound.ts";
import { boundOf } from "./double-bound.ts";
import type { Happened, Pair, RunWorld } from "./happened.ts";
import type { SimWire } from "./wire.ts";

/** The NotReady of a node and the expiry of its Lease follow a fault by so much; after that it explains nothing. */
const AFTERMATH_MS = 75_000;
/** The message of a main thread to its worker, and a frame. */
const HOP_MS = 3;
/** A call that the server has not answered is given up after this; a read waits for the write before it. */
const CALL_MS = 2_000;
/** An announcement that is lost is made up for by the second round after it; those of before the losses ended count. */
const LOSSY_MS = 4_400;
/** Of a hand-over, the time from its record until both may begin: the successor at once, as it sees the record, and the other one ends after this. */
const HAND_OVER_MS = 1_000;
/** So late is one of the fault `lagging-api`. */
const LAGGING_MS = 2_000;
/** A watch of a server that does well is so late at most. */
const WATCH_MS = 50;
/** What a late watch brought last has an effect for as long as a hand-over. */
const LAGGED_MS = 1_000;
/** A store that was put back shows itself in the next renewal, of which the call before may take two seconds, and a late watch may bring it. */
const PUT_BACK_MS = 3_600 + CALL_MS + LAGGING_MS + LAGGED_MS;

export interface DoublesOptions {
  readonly world: RunWorld;
  readonly happened: Happened;
  readonly wireOf: (address: string) => SimWire;
  readonly protest: (what: string) => void;
  /** Until a write is confirmed to whoever wrote it. */
  readonly confirmMs: number;
  /** So late is a watch at most while nothing is broken. */
  readonly watchMs: number;
  /** Reads are answered in time when the server does well. */
  readonly isQuick: boolean;
}

interface Overlap extends Pair {
  readonly address: string;
  readonly sinceMs: number;
  readonly wasApart: boolean;
  readonly wasPaused: boolean;
  /** Which of the two. */
  readonly paused: readonly string[];
  readonly isPursued: boolean;
  isHandOver: boolean;
  isUnread: boolean;
  bothTook: boolean;
  isStale: boolean;
  told: boolean;
}

export class Doubles {
  /** The longest of each kind, for reports. BOUNDED by the names of double-bound.ts and what is added to them. */
  readonly longest = new Map<string, number>();
  /** When the record of an address was written. BOUNDED by those. */
  readonly #writtenMs = new Map<string, number>();
  /** By pair, of each address that has any. BOUNDED by those. */
  readonly #open = new Map<string, Map<string, Overlap>>();
  readonly #options: DoublesOptions;

  constructor(options: DoublesOptions) {
    this.#options = options;
  }

  /** Two answer now for one address at least, so the end must not be missed. */
  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  isOpenFor(address: string): boolean {
    return this.#open.has(address);
  }

  get longestMs(): number {
    return Math.max(0, ...this.longest.values());
  }

  /** Called with each change of a record. */
  onRecord(address: string): void {
    this.#writtenMs.set(address, this.#options.world.now());
  }

  /** Called for each address with the nodes that answer for it. */
  look(vip: VirtualIP, nodes: readonly string[]): void {
    if (nodes.length < 2 && !this.isOpenFor(vip.address)) return;
    const wire = this.#options.wireOf(vip.address);
    for (const left of nodes) {
      for (const right of nodes) {
        if (left < right && wire.connected(left, right)) this.#both(vip, wire, { left, right });
      }
    }
    this.#close(vip.address, nodes, wire);
  }

  #close(address: string, nodes: readonly string[], wire: SimWire): void {
    const open = this.#open.get(address);
    for (const [key, overlap] of open ?? []) {
      const { left, right } = overlap;
      if (nodes.includes(left) && nodes.includes(right) && wire.connected(left, right)) continue;
      this.#judge(overlap);
      open?.delete(key);
    }
    if (open?.size === 0) this.#open.delete(address);
  }

  #both(vip: VirtualIP, wire: SimWire, pair: Pair): void {
    const key = `${pair.left} ${pair.right}`;
    const open = this.#open.get(vip.address) ?? new Map<string, Overlap>();
    const overlap = open.get(key) ?? this.#begin(vip.address, wire, pair);
    this.#open.set(vip.address, open.set(key, overlap));
    overlap.isHandOver ||= this.#isInHandOver(vip, overlap) || this.#isLeaving(pair) || this.#isNamedLate(vip, pair);
    overlap.isUnread ||= [pair.left, pair.right].some((node) => this.#isUnread(node, overlap));
    overlap.bothTook ||= [pair.left, pair.right].every((node) => this.#tookWithoutRecord(node, vip));
    overlap.isStale ||= this.#isStale(vip, pair);
    this.#judge(overlap);
  }

  #begin(address: string, wire: SimWire, pair: Pair): Overlap {
    const { happened, world } = this.#options;
    const { left, right } = pair;
    const beforeMs = happened.lookBeforeMs;
    const paused = [left, right].filter((node) => happened.stoodSince(node, beforeMs));
    return {
      ...pair,
      address,
      sinceMs: world.now(),
      wasApart: happened.apartSince(wire, pair, beforeMs),
      wasPaused: paused.length > 0,
      paused,
      isPursued: paused.some((node) => this.#isPursued(address, node, node === left ? right : left)),
      isHandOver: false,
      isUnread: false,
      bothTook: false,
      isStale: false,
      told: false,
    };
  }

  #judge(overlap: Overlap): void {
    const { happened, world, protest, confirmMs } = this.#options;
    const { left, right, sinceMs, address } = overlap;
    const { name, ms } = boundOf({
      ...overlap,
      isBroken: happened.brokenMs > sinceMs - AFTERMATH_MS,
      isLossy: happened.lossyMs > sinceMs - LOSSY_MS,
      lateMs: this.#lateMs(sinceMs),
      stuckMs: Math.max(0, ...[left, right].map((node) => happened.stuckMsOf(node) - sinceMs)),
    });
    const lastedMs = world.now() - sinceMs;
    noteLongest(this.longest, name, lastedMs);
    const slackMs =
      ms === 0 ? 0 : HOP_MS + 2 * happened.frameMs + this.#paceMs() + (overlap.isHandOver ? confirmMs : 0);
    if (lastedMs <= ms * DRIFT + slackMs || overlap.told) return;
    overlap.told = true;
    protest(
      `S2: ${left} and ${right} answer for ${address} at once for ${Math.round(lastedMs)} ms, ${name}: ${Math.round(ms)} ms`,
    );
  }

  /** How late the watches of these days are, beyond those of a server that does well. */
  #lateMs(sinceMs: number): number {
    const { happened, world, watchMs } = this.#options;
    const isLagging = happened.laggingMs > sinceMs - LAGGING_MS - LAGGED_MS;
    return isLagging || world.api.putBackMs > sinceMs - PUT_BACK_MS ? LAGGING_MS : Math.max(0, watchMs - WATCH_MS);
  }

  /** A thousand announcements a second: the last of many comes so late. */
  #paceMs(): number {
    return this.#options.world.api.vips.size;
  }

  /** The server does not answer in time, or the process waits for a call of before, or has not found yet that it is answered again. */
  #isUnread(node: string, { sinceMs, paused }: Overlap): boolean {
    const { happened, isQuick, world } = this.#options;
    // A machine that was paused was away itself.
    const fromMs = paused.includes(node) ? sinceMs : sinceMs - CALL_MS;
    const isAnswered =
      !happened.unansweredSince(node, fromMs) && world.processesOf(node).every((one) => one.state.apiUp);
    return !isQuick || !isAnswered;
  }

  #isPursued(address: string, node: string, by: string): boolean {
    const processes = this.#options.world.processesOf(by);
    return processes.some(({ state }) => state.addresses.get(address)?.pursuit?.node === node);
  }

  #isStale({ address, holder }: VirtualIP, { left, right }: Pair): boolean {
    if (holder?.node !== left && holder?.node !== right) return false;
    return this.#options.world.processesOf(holder.node === left ? right : left).some(({ state }) => {
      const { taken, record } = state.addresses.get(address) ?? {};
      return taken !== undefined && record?.node !== holder.node;
    });
  }

  #tookWithoutRecord(node: string, vip: VirtualIP): boolean {
    const processes = this.#options.world.processesOf(node);
    return vip.holder?.node !== node && processes.some(({ state }) => state.addresses.get(vip.address)?.taken);
  }

  /** It began within the hand-over that the record speaks of. Later that says only how this holder once came to the address. */
  #isInHandOver(vip: VirtualIP, { sinceMs, ...pair }: Overlap): boolean {
    const writtenMs = this.#writtenMs.get(vip.address) ?? Number.NEGATIVE_INFINITY;
    return isHandedOver(vip, pair) && sinceMs < writtenMs + HAND_OVER_MS + this.#options.confirmMs;
  }

  /** One of the two goes by a record of before, which its watch has brought late just now: in that the other one hands over to it. */
  #isNamedLate({ address }: VirtualIP, pair: Pair): boolean {
    return [pair.left, pair.right].some((node) =>
      this.#options.world.processesOf(node).some((process) => {
        const { record, recordSeenMs = 0 } = process.state.addresses.get(address) ?? {};
        return isHandedOver({ holder: record }, pair) && process.ago(recordSeenMs) < HAND_OVER_MS;
      }),
    );
  }

  #isLeaving({ left, right }: Pair): boolean {
    const { world } = this.#options;
    return [left, right].some((node) => world.processesOf(node).some(({ state }) => state.leaving !== undefined));
  }
}

function isHandedOver({ holder }: Pick<VirtualIP, "holder">, { left, right }: Pair): boolean {
  if (holder === undefined || holder.from === "") return false;
  return (holder.node === left && holder.from === right) || (holder.node === right && holder.from === left);
}
