/**
 * What is heard about addresses that this node answers for. The main thread is told, and decides by the record (election.md section 7). Where
 * a known peer announces one of them and the main thread gives no sign of life within a moment, the worker falls silent for that one
 * by itself: clients hear the other one, and a thread that stands still would let both answer until the fence ends it, 3 s later.
 */
import type { LostAddress } from "./fence.ts";
import { HELD_LIMITS, HearingLimit } from "./hearing-limit.ts";
import type { FromWorker, HeardHow, TableEntry } from "./messages.ts";
import type { HeldTable } from "./table.ts";

/** FramePort answers at once; a main thread that is only busy has as much time as three turns of this loop. */
export const MAIN_ANSWER_MS = 50;
/** An address that is so new here may still be announced by its predecessor, whose rounds were under way (election.md section 8). */
export const NEW_MS = 1_500;

interface Said {
  readonly address: string;
  readonly interface: string;
  readonly mac: string;
}

export class HeldNews {
  readonly #table: HeldTable;
  readonly #tell: (message: FromWorker) => void;
  readonly #limit = new HearingLimit(HELD_LIMITS);
  /** What the main thread was told and has not answered, and until when. BOUNDED by HELD_LIMITS: each ends after MAIN_ANSWER_MS. */
  readonly #open = new Map<string, { readonly mac: string; readonly dueAt: number }>();
  /** What peers have announced in the gap that is being read; undefined when none is. BOUNDED by the table. */
  #inGap: Map<string, LostAddress> | undefined;
  /** Since when each address of the table is in it. BOUNDED by the table. */
  #since: ReadonlyMap<string, number> = new Map();

  constructor(table: HeldTable, tell: (message: FromWorker) => void) {
    this.#table = table;
    this.#tell = tell;
  }

  /** When `tick` has something to do; Infinity: nothing is open. */
  get wakeAt(): number {
    // In the order in which they were told.
    for (const { dueAt } of this.#open.values()) return dueAt;
    return Number.POSITIVE_INFINITY;
  }

  /** A new table. */
  follow(entries: readonly TableEntry[], now: number): void {
    const before = this.#since;
    this.#since = new Map(entries.map(({ address }) => [address, before.get(address) ?? now]));
  }

  /** From here on what is heard had queued up while the loop did not run. */
  beginGap(): void {
    this.#inGap = new Map();
  }

  /**
   * The end of what had queued up: the addresses that were taken over meanwhile, and only peers take over. A stranger's announcement, of
   * which the main thread is told as ever, silences nobody (A4).
   *
   * A node that has come so lately that no plan names its MAC is a stranger here, and that is safe (election.md sections 5 and 7). To take
   * anything it must have read the records and written its Lease. With the API its own record, under a higher epoch, silences
   * this node. Without the API this node defends, as against any stranger; the newcomer knows this MAC from the Leases, so it
   * asks for the record, and yields unless it is named there: then both answer until this node reaches the API again, as without a gap.
   */
  endGap(): readonly LostAddress[] {
    const announced = [...(this.#inGap?.values() ?? [])];
    this.#inGap = undefined;
    return announced;
  }

  /** Tells the main thread; false when that would be more often than it may be told. */
  heard({ address, interface: on, mac }: Said, how: HeardHow, isPeer: boolean, now: number): boolean {
    const isTakeOver = how === "announcement" && isPeer;
    if (isTakeOver) this.#inGap?.set(address, { address, mac });
    if (!this.#limit.admits(address, how, isPeer, now)) return false;
    this.#tell({ type: "heard", address, interface: on, mac, how });
    const isNew = now < (this.#since.get(address) ?? now) + NEW_MS;
    if (isTakeOver && this.#inGap === undefined && !isNew && !this.#open.has(address))
      this.#open.set(address, { mac, dueAt: now + MAIN_ANSWER_MS });
    return true;
  }

  /** The main thread has said something: it runs, and will decide. */
  answered(): void {
    this.#open.clear();
  }

  /** Gives up what the main thread left open; true if that was something. */
  tick(now: number): boolean {
    if (now < this.wakeAt) return false;
    const late = [...this.#open].filter(([, { dueAt }]) => dueAt <= now);
    const addresses = late.map(([address, { mac }]) => ({ address, mac }));
    for (const { address } of addresses) this.#open.delete(address);
    this.#tell({ type: "lost", loss: this.#table.lose(addresses), addresses });
    return true;
  }
}
