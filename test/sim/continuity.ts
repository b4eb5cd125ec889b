/**
 * S4 at every step: whoever answers for an address goes on. Losing the API server, a slow or lagging one, clocks that jump, a rolling
 * update and a planned move leave no instant without an answer, for as long as the process that owes it is able to give one.
 *
 * Owed by the process that has answered under the record that stands, and was the last to answer; in a hand-over by the one that hands over, until its second is
 * over (S5 ends it there). Able: it runs and acts for its node, its fence lets it answer, no mark in its Lease forbids it (F5), its
 * cable is in, and all that has been so for a moment. Not promised, and why:
 * - a store that was put back: the record wins, and the one that it does not name yields (F6);
 * - where nodes hear each other one way, with losses or not at all, two take the same address now and then: whoever hears the other
 *   announce it and gets no record in time is silent, and comes back as a candidate that asks first (rule Y);
 * - the same of two that answer, for whatever reason, while the server takes longer than rule Y has for a read: both are silent then.
 */
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { isSilencing } from "../../speaker/election/decide.ts";
import { TIMES } from "../../speaker/election/types.ts";
import type { SimProcess } from "./process.ts";
import type { SimWire } from "./wire.ts";

/** What happens within the time of a frame is one moment. */
const MOMENT_MS = 1;
/** A process that has just become able reads first what it has missed, and is given two seconds by the others before they take. */
const ABLE_MS = 2_500;
/** A wire that was whole for so long has nobody left who took what he could not hear. */
const WHOLE_MS = 5_000;
/** A read that is answered late or fails after its two seconds, the turn of the last of few candidates with its jitter, and three questions. */
const RULE_Y_MS = 4_000;
/** The store's older records may be found by the next renewal, and the age of Leases counts anew after it (F6, E4). */
const PUT_BACK_MS = 60_000;

const NEVER = Number.NEGATIVE_INFINITY;

/** A second by a clock that runs fast, counted from the record, which is before its confirmation. */
const HANDING_MS = 0.97 * TIMES.handOverMs;

export interface World {
  readonly processes: ReadonlyMap<string, readonly SimProcess[]>;
  readonly wires: readonly SimWire[];
  readonly wireOf: (address: string) => SimWire;
  readonly now: () => number;
  readonly protest: (what: string) => void;
  readonly reachesApi: (node: string) => boolean;
  /** When the store was put back last; -Infinity if never. */
  readonly putBackMs: () => number;
  /** Calls to the server take a second or more now. */
  readonly isSlow: () => boolean;
}

interface Debt {
  readonly uid: string;
  readonly epoch: number;
  readonly process: SimProcess;
}

interface Silence {
  readonly process: SimProcess;
  readonly sinceMs: number;
}

export class Continuity {
  /** Who owes an answer, by address. BOUNDED by the addresses, as are the hand-overs and the silences. */
  readonly #debts = new Map<string, Debt>();
  /** Since when each record is as it is. */
  readonly #recorded = new Map<string, { readonly epoch: number; readonly sinceMs: number }>();
  readonly #silences = new Map<string, Silence>();
  /** Who answered last. */
  readonly #last = new Map<string, readonly string[]>();
  /** When each process was not able last. BOUNDED by the processes of one run. */
  readonly #unableMs = new Map<SimProcess, number>();
  readonly #brokenMs = new Map<SimWire, number>();
  /** When two answered for an address last and no read could decide in time. BOUNDED by the addresses. */
  readonly #undecidedMs = new Map<string, number>();
  /** When the store was put back last, or could not be read after it: nobody finds it then. */
  #putBackMs = NEVER;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Called after each event, before the addresses are looked at. */
  turn(): void {
    const now = this.#world.now();
    for (const each of this.#world.processes.values()) {
      for (const process of each) if (!isAble(process)) this.#unableMs.set(process, now);
    }
    for (const wire of this.#world.wires) {
      const isBroken = wire.isOneWay || wire.sides.size + wire.unplugged.size + wire.off.size > 0 || wire.loss > 0;
      // What two took from each other meanwhile is settled when both can ask.
      const isOpen = !this.#isWhole(wire) && wire.nodes.some((node) => !this.#world.reachesApi(node));
      if (isBroken || isOpen) this.#brokenMs.set(wire, now);
    }
    this.#putBackMs = Math.max(this.#putBackMs, this.#world.putBackMs());
    const isUnread = [...this.#world.processes.keys()].some((node) => !this.#world.reachesApi(node));
    if (isUnread && now - this.#putBackMs < PUT_BACK_MS) this.#putBackMs = now;
  }

  /** Called for each address with the nodes that answer for it. */
  look(vip: VirtualIP, nodes: readonly string[]): void {
    const { address, holder } = vip;
    if (holder !== undefined && this.#recorded.get(address)?.epoch !== holder.epoch) {
      this.#recorded.set(address, { epoch: holder.epoch, sinceMs: this.#world.now() });
    }
    if (this.#world.isSlow() && isContested(vip, nodes)) this.#undecidedMs.set(address, this.#world.now());
    if (nodes.length > 0) {
      this.#last.set(address, nodes);
      this.#silences.delete(address);
      this.#owe(vip, nodes);
      return;
    }
    const debtor = this.#debtorOf(vip);
    const silence = this.#silences.get(address);
    if (debtor === undefined) this.#silences.delete(address);
    else if (silence?.process === debtor) this.#judge(address, silence);
    else this.#silences.set(address, { process: debtor, sinceMs: this.#world.now() });
  }

  #owe({ address, meta, holder }: VirtualIP, nodes: readonly string[]): void {
    const debt = this.#debts.get(address);
    if (holder === undefined || !nodes.includes(holder.node)) return;
    const isSame = debt?.epoch === holder.epoch && debt.uid === meta.uid && debt.process.worker.answers(address);
    if (isSame) return;
    for (const process of this.#world.processes.get(holder.node) ?? []) {
      if (!process.worker.answers(address)) continue;
      this.#debts.set(address, { uid: meta.uid, epoch: holder.epoch, process });
    }
  }

  #judge(address: string, { process, sinceMs }: Silence): void {
    const lastedMs = this.#world.now() - sinceMs;
    const isUndecided = this.#world.now() - (this.#undecidedMs.get(address) ?? NEVER) <= WHOLE_MS;
    if (lastedMs <= (this.#isWhole(this.#world.wireOf(address)) && !isUndecided ? MOMENT_MS : RULE_Y_MS)) return;
    this.#world.protest(`S4: ${process.node} could answer for ${address} and does not, for ${Math.round(lastedMs)} ms`);
    this.#debts.delete(address);
  }

  #isWhole(wire: SimWire): boolean {
    return this.#world.now() - (this.#brokenMs.get(wire) ?? NEVER) > WHOLE_MS;
  }

  #debtorOf({ meta, address, holder }: VirtualIP): SimProcess | undefined {
    const debt = this.#debts.get(address);
    if (debt === undefined || holder === undefined || debt.uid !== meta.uid) return undefined;
    const { process, epoch } = debt;
    const { node } = process;
    const now = this.#world.now();
    if (holder.node !== node || holder.epoch !== epoch) {
      if (holder.from !== node || holder.epoch !== epoch + 1) return undefined;
      if (now - (this.#recorded.get(address)?.sinceMs ?? now) > HANDING_MS) return undefined;
    }
    // Who gave way to another owes nothing when that one dies.
    if (this.#last.get(address)?.includes(node) !== true) return undefined;
    if (meta.deletionTimestamp !== undefined || now - this.#putBackMs < PUT_BACK_MS) return undefined;
    if (!isAble(process) || now - (this.#unableMs.get(process) ?? NEVER) < ABLE_MS) return undefined;
    const wire = this.#world.wireOf(address);
    if (wire.unplugged.has(node) || wire.off.has(node) || wire.unanswered.has(`${node} ${address}`)) return undefined;
    const place = process.state.places.get(meta.name);
    // Nobody could hold it, or not this node: without an endpoint there is nothing to answer for.
    return place === undefined || place.ordered.length === 0 || isSilencing(place.standing.rule) ? undefined : process;
  }
}

/** Two answer, and not as a record has it in a hand-over. */
function isContested({ holder }: VirtualIP, nodes: readonly string[]): boolean {
  return (
    nodes.length > 1 && !(holder !== undefined && [holder.node, holder.from].every((node) => nodes.includes(node)))
  );
}

function isAble({ dead, frozen, worker, state }: SimProcess): boolean {
  return !dead && !frozen && worker.isRunning && state.own.phase === "acting" && !state.fenced;
}
