/** The rules that must always hold (S1, S2, S5; S4 in continuity.ts) and the one that must hold in the end (L1), checked against what nodes really answer. */
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { SimApi } from "./api.ts";
import { Continuity } from "./continuity.ts";
import { Doubles } from "./doubles.ts";
import { Flaps } from "./flaps.ts";
import { Happened } from "./happened.ts";
import type { SimHost } from "./host.ts";
import { Liveness } from "./liveness.ts";
import { segmentOf } from "./objects.ts";
import type { SimProcess } from "./process.ts";
import type { SimWire } from "./wire.ts";

export interface Limits {
  /** Until a write is confirmed. */
  readonly confirmMs: number;
  /** Until a watch has brought it. */
  readonly watchMs: number;
  /** Reads are answered within the time that rule Y has for them. */
  readonly isQuick: boolean;
  /** A neighbour cache on the segment names another node than the one that alone answers. */
  readonly cacheMs: number;
}

/** With frames that get lost an announcement may be heard two rounds later. */
const LOSSY_MS = 2_200;
const MOMENT_MS = 0.05;
const NOBODY: readonly string[] = [];
/** So many addresses are looked at each time. */
const ALL_CHECKED_MAX = 40;
/** Until a host has doubted and probed what it learned while paths carried one way only. */
const ONE_WAY_MS = 40_000;

export class Invariants {
  readonly violations: string[] = [];
  /** Since when nobody answers, by address, and the longest such time of each since `resetGaps`. */
  readonly #silentSince = new Map<string, number>();
  readonly #gaps = new Map<string, number>();
  #checkedMs = Number.NEGATIVE_INFINITY;
  #turn = 0;
  #lossyAtMs = Number.NEGATIVE_INFINITY;
  #oneWayAtMs = Number.NEGATIVE_INFINITY;
  /** Since when the cache of a host is wrong, by host and address. */
  readonly #wrongSince = new Map<string, number>();
  readonly #api: SimApi;
  readonly #wires: readonly SimWire[];
  readonly #limits: Limits;
  readonly #now: () => number;
  readonly #continuity: Continuity;
  readonly #happened: Happened;
  readonly #flaps: Flaps;
  readonly doubles: Doubles;
  readonly liveness: Liveness;

  constructor(
    api: SimApi,
    wires: readonly SimWire[],
    limits: Limits,
    now: () => number,
    processes: ReadonlyMap<string, readonly SimProcess[]>,
  ) {
    this.#api = api;
    this.#wires = wires;
    this.#limits = limits;
    this.#now = now;
    this.#continuity = new Continuity({
      wires,
      now,
      processes,
      wireOf: (address) => this.#wireOf(address),
      protest: (what) => this.protest(what),
      reachesApi: (node) => api.reaches(node),
      putBackMs: () => api.putBackMs,
      isSlow: () => api.slowMs > 0,
    });
    const processesOf = (node: string) => processes.get(node) ?? [];
    const world = { api, wires, processes, processesOf, now };
    this.#happened = new Happened(world);
    const protest = (what: string): void => this.protest(what);
    this.#flaps = new Flaps(this.#happened, now, protest);
    this.liveness = new Liveness({ world, happened: this.#happened, protest, callMs: 2 * limits.confirmMs });
    this.doubles = new Doubles({
      ...{ world, happened: this.#happened, confirmMs: limits.confirmMs, watchMs: limits.watchMs },
      isQuick: limits.isQuick,
      wireOf: (address) => this.#wireOf(address),
      protest,
    });
  }

  /** Everything has been mended just now. */
  healed(): void {
    this.liveness.healed();
  }

  /** Longest double answer seen. */
  get longestMs(): number {
    return this.doubles.longestMs;
  }

  protest(what: string): void {
    if (this.violations.length < 20) this.violations.push(`${Math.round(this.#now())} ms: ${what}`);
  }

  /** Called with each change of a record: the API server's part of S1. */
  onRecord(before: VirtualIP, after: VirtualIP, by: string): void {
    const old = before.holder;
    const holder = after.holder;
    if (holder === undefined) return;
    this.doubles.onRecord(after.address);
    if (old !== undefined && holder.epoch <= old.epoch) {
      this.protest(`S1: ${by} wrote epoch ${holder.epoch} of ${after.address} over ${old.epoch}`);
    }
  }

  /** Called after each event of the simulation. */
  check(): void {
    // What happens within the time of a frame is one moment.
    if (this.#now() - this.#checkedMs < MOMENT_MS * this.#stride()) return;
    this.#checkedMs = this.#now();
    this.#happened.turn();
    this.#continuity.turn();
    for (const vip of this.#api.vips.values()) {
      const nodes = this.answering(vip.address);
      this.#continuity.look(vip, nodes);
      this.#noteGap(vip.address, nodes.length > 0);
      this.doubles.look(vip, nodes);
      this.liveness.look(vip, nodes);
      this.#flaps.look(vip, nodes);
    }
  }

  /** Called after what is quiet as well: a frame, or a timer of a worker, may end two answers. */
  glance(): void {
    if (!this.doubles.isOpen) return;
    for (const vip of this.#api.vips.values()) {
      if (this.doubles.isOpenFor(vip.address)) this.doubles.look(vip, this.answering(vip.address));
    }
  }

  /** With hundreds of addresses a look now and then is enough: what is wrong lasts for longer than some events. */
  #stride(): number {
    return 1 + Math.floor(this.#api.vips.size / ALL_CHECKED_MAX);
  }

  /**
   * Without the API, or for who cannot reach it, a node that was away for a moment learns from nobody that its address was taken and
   * left again; the kernel of the taker forwards, and the hosts doubt what they know after their time.
   */
  #isBlindSplit(): boolean {
    return this.#wires.some((wire) => {
      const isBlind = wire.nodes.some((node) => !this.#api.reaches(node));
      return isBlind && wire.nodes.some((node) => !wire.isAttached(node));
    });
  }

  /** Of two that hear each other one way only both may answer, and whoever is not heard is not answered back (docs/failover.md). */
  #isExcused(): boolean {
    return this.#now() - this.#oneWayAtMs < ONE_WAY_MS;
  }

  #lossyMs(): number {
    return this.#now() - this.#lossyAtMs < 2 * LOSSY_MS ? LOSSY_MS : 0;
  }

  /** Every cache on the segment comes to name the one node that answers, if host and node hear each other. */
  checkCache(host: SimHost): void {
    if (this.#wires.some((wire) => wire.loss > 0)) this.#lossyAtMs = this.#now();
    if (this.#wires.some((wire) => wire.isOneWay) || this.#isBlindSplit()) this.#oneWayAtMs = this.#now();
    const stride = this.#stride();
    this.#turn += 1;
    let index = 0;
    for (const vip of this.#api.vips.values()) {
      index += 1;
      if ((index + this.#turn) % stride !== 0) continue;
      const node = host.nodeOf(vip.address);
      const nodes = node === undefined ? NOBODY : this.answering(vip.address);
      const [holder = ""] = nodes;
      const isRight = nodes.length !== 1 || node === holder;
      if (isRight && this.#wrongSince.size === 0) continue;
      const key = `${host.name} ${vip.address}`;
      if (isRight || !this.#wireOf(vip.address).connected(holder, host.name) || this.#isExcused()) {
        this.#wrongSince.delete(key);
        continue;
      }
      const since = this.#wrongSince.get(key) ?? this.#now();
      this.#wrongSince.set(key, since);
      const lastedMs = this.#now() - since;
      if (lastedMs <= this.#limits.cacheMs + this.#lossyMs()) continue;
      this.protest(
        `C1: ${host.name} sends to ${node} for ${vip.address}, which ${holder} alone answers, ${Math.round(lastedMs)} ms`,
      );
      this.#wrongSince.set(key, Number.POSITIVE_INFINITY);
    }
  }

  resetGaps(): void {
    this.#gaps.clear();
    this.#silentSince.clear();
  }

  /** How long an address had nobody to answer for it, at most, since the reset. */
  get longestGapMs(): number {
    return Math.max(0, ...[...this.#gaps.keys(), ...this.#silentSince.keys()].map((one) => this.gapMsOf(one)));
  }

  /** The same of one address. */
  gapMsOf(address: string): number {
    const now = this.#now();
    return Math.max(this.#gaps.get(address) ?? 0, now - (this.#silentSince.get(address) ?? now));
  }

  #noteGap(address: string, answered: boolean): void {
    const since = this.#silentSince.get(address);
    if (!answered && since === undefined) this.#silentSince.set(address, this.#now());
    if (!answered || since === undefined) return;
    this.#gaps.set(address, Math.max(this.#gaps.get(address) ?? 0, this.#now() - since));
    this.#silentSince.delete(address);
  }

  /** L1: exactly the holder answers, for each address. Returns what is wrong. */
  converged(): readonly string[] {
    return [...this.#api.vips.values()].flatMap((vip) => {
      const nodes = this.answering(vip.address);
      if (nodes.length === 1 && nodes[0] === vip.holder?.node) return [];
      const holder = vip.holder === undefined ? "nobody" : `${vip.holder.node} at epoch ${vip.holder.epoch}`;
      return [`L1: ${nodes.join(" and ") || "nobody"} answers for ${vip.address}, the record names ${holder}`];
    });
  }

  /** The nodes, not processes: two speakers of one node have one MAC. */
  answering(address: string): readonly string[] {
    let nodes = NOBODY;
    for (const worker of this.#wireOf(address).workers) {
      if (worker.answers(address) && !nodes.includes(worker.node)) nodes = [...nodes, worker.node].sort();
    }
    return nodes;
  }

  #wireOf(address: string): SimWire {
    const wire = this.#wires.length === 1 ? this.#wires[0] : this.#wires[segmentOf(address)];
    if (wire === undefined) throw new Error(`${address} is on no segment`);
    return wire;
  }
}
