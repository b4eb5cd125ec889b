/**
 * Writes the status and the finalizer of the pools, each pool at most once in a while; but the finalizer is there at the first
 * use at once, since a pool without it can be gone a moment later with its addresses in use.
 */
import type { KubeApi } from "../../lib/kube/api.ts";
import type { Outcome } from "../../lib/kube/loop.ts";
import { apiPath } from "../../lib/kube/path.ts";
import { API_VERSION } from "../../lib/model/meta.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import type { Warning } from "../events.ts";
import { countVips, type Ledger } from "../ledger.ts";
import * as metrics from "../metrics.ts";
import { finalizerChange, planPoolStatus, STATUS_PERIOD_MS } from "../pool-status.ts";
import { isInvalid, type PoolEntry, type Pools } from "../pools.ts";
import type { World } from "../problems.ts";
import { FIELD_MANAGER, writePoolFinalizer } from "./writes.ts";

export interface PoolWriterDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  warn(warning: Warning): void;
}

const DONE: Outcome = { type: "done" };
/** After a write of the finalizer that was refused: by then the cache has the version that was in the way. */
const MARK_RETRY_MS = 100;

export class PoolWriter {
  readonly #deps: PoolWriterDeps;
  /** When the status of a pool was last written. BOUNDED by the pools, as are the next two. */
  readonly #written = new Map<string, number>();
  /** When a pool was last given its finalizer: until the cache has it, and if somebody goes on removing it, once in a while. */
  readonly #marked = new Map<string, number>();
  /** Keys of pools that are looked at again as soon as they may be written. */
  readonly #queued = new Set<string>();
  /** Pools whose addresses put aside have been counted. */
  readonly #counted = new Set<string>();

  constructor(deps: PoolWriterDeps) {
    this.#deps = deps;
  }

  /**
   * This pool's turn comes by itself: in a burst every address changes its counts, and one look at the end is enough. Not so
   * for the first of them, which the finalizer is written for.
   */
  isQueued(key: string, { ledger, pools }: { readonly ledger: Ledger; readonly pools: Pools }): boolean {
    if (!this.#queued.has(key)) return false;
    const entry = pools.get(key.slice(key.indexOf(":") + 1));
    return entry === undefined || !this.#mustMark(entry, ledger);
  }

  clear(): void {
    this.#written.clear();
    this.#marked.clear();
    this.#queued.clear();
    for (const pool of this.#counted) metrics.quarantined.remove({ pool });
    this.#counted.clear();
  }

  async reconcile(name: string, { ledger, pools }: World, nowText: string): Promise<Outcome> {
    const entry = pools.get(name);
    const now = this.#deps.clock.monotonicMs();
    if (entry !== undefined && this.#mustMark(entry, ledger)) await this.#mark(entry, now);
    const due = dueMs(this.#written, name);
    if (entry !== undefined && now < due) {
      this.#queued.add(`pool:${name}`);
      return { type: "requeue", afterMs: due - now };
    }
    this.#queued.delete(`pool:${name}`);
    for (const family of [4, 6] as const) metrics.addresses.set({ family: `IPv${family}` }, countVips(ledger, family));
    metrics.poolsInvalid.set({}, [...pools.values()].filter(isInvalid).length);
    this.#countQuarantined(name, entry === undefined ? undefined : (ledger.uses.get(name)?.quarantined.size ?? 0));
    if (entry === undefined) {
      this.#written.delete(name);
      this.#marked.delete(name);
      return DONE;
    }
    const finalizer = finalizerChange(entry, ledger);
    const unmarks = finalizer === false;
    // Written just now, or taken away by somebody since.
    const end: Outcome = finalizer === true ? { type: "requeue", afterMs: dueMs(this.#marked, name) - now } : DONE;
    const { apply, warning } = planPoolStatus(entry, ledger, nowText);
    if (!unmarks && apply === undefined) return end;
    this.#written.set(name, now);
    if (unmarks) await writePoolFinalizer(this.#deps.api, entry.pool, false);
    // It was the last finalizer of a pool that is being deleted: that is gone now.
    const ends = unmarks && entry.pool.meta.deletionTimestamp !== undefined;
    if (apply === undefined || ends) return end;
    const path = apiPath(API_VERSION, "ippools", { name, subresource: "status" });
    await this.#deps.api.patch(path, "apply", apply, { query: { fieldManager: FIELD_MANAGER, force: "true" } });
    if (warning !== undefined) {
      const { reason, message } = warning;
      const { meta } = entry.pool;
      this.#deps.warn({ kind: "IPPool", apiVersion: API_VERSION, meta, reason, action: "ReadPool", message });
    }
    return end;
  }

  #mustMark(entry: PoolEntry, ledger: Ledger): boolean {
    const { name } = entry.pool.meta;
    const isDue = this.#deps.clock.monotonicMs() >= dueMs(this.#marked, name);
    return isDue && finalizerChange(entry, ledger) === true;
  }

  async #mark({ pool }: PoolEntry, now: number): Promise<void> {
    const { name } = pool.meta;
    this.#marked.set(name, now);
    try {
      await writePoolFinalizer(this.#deps.api, pool, true);
    } catch (thrown) {
      this.#marked.set(name, now + MARK_RETRY_MS - STATUS_PERIOD_MS);
      throw thrown;
    }
  }

  /** undefined: the pool is gone. */
  #countQuarantined(pool: string, count: number | undefined): void {
    if (count === undefined) {
      this.#counted.delete(pool);
      metrics.quarantined.remove({ pool });
      return;
    }
    this.#counted.add(pool);
    metrics.quarantined.set({ pool }, count);
  }
}

/** When what was last done at that time may be done again. */
function dueMs(times: ReadonlyMap<string, number>, name: string): number {
  return (times.get(name) ?? Number.NEGATIVE_INFINITY) + STATUS_PERIOD_MS;
}
