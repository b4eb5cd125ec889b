/** Writes the status and the finalizer of the pools, each pool at most once in a while. */
import type { KubeApi } from "../../lib/kube/api.ts";
import type { Outcome } from "../../lib/kube/loop.ts";
import { apiPath } from "../../lib/kube/path.ts";
import { API_VERSION } from "../../lib/model/meta.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import type { Warning } from "../events.ts";
import { countVips } from "../ledger.ts";
import * as metrics from "../metrics.ts";
import { finalizerChange, planPoolStatus, STATUS_PERIOD_MS } from "../pool-status.ts";
import { isInvalid } from "../pools.ts";
import type { World } from "../problems.ts";
import { FIELD_MANAGER, writePoolFinalizer } from "./writes.ts";

export interface PoolWriterDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  warn(warning: Warning): void;
}

const DONE: Outcome = { type: "done" };

export class PoolWriter {
  readonly #deps: PoolWriterDeps;
  /** When the status of a pool was last written. BOUNDED by the pools, as is the next one. */
  readonly #written = new Map<string, number>();
  /** Keys of pools that are looked at again as soon as they may be written. */
  readonly #queued = new Set<string>();
  /** Pools whose addresses put aside have been counted. */
  readonly #counted = new Set<string>();

  constructor(deps: PoolWriterDeps) {
    this.#deps = deps;
  }

  /** This pool's turn comes by itself: in a burst every address changes its counts, and one look at the end is enough. */
  isQueued(key: string): boolean {
    return this.#queued.has(key);
  }

  clear(): void {
    this.#written.clear();
    this.#queued.clear();
    for (const pool of this.#counted) metrics.quarantined.remove({ pool });
    this.#counted.clear();
  }

  async reconcile(name: string, { ledger, pools }: World, nowText: string): Promise<Outcome> {
    const entry = pools.get(name);
    const now = this.#deps.clock.monotonicMs();
    const due = (this.#written.get(name) ?? Number.NEGATIVE_INFINITY) + STATUS_PERIOD_MS;
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
      return DONE;
    }
    const finalizer = finalizerChange(entry, ledger);
    const { apply, warning } = planPoolStatus(entry, ledger, nowText);
    if (finalizer === undefined && apply === undefined) return DONE;
    this.#written.set(name, now);
    // The last finalizer of a pool that is being deleted: it is gone after this.
    if (finalizer !== undefined) await writePoolFinalizer(this.#deps.api, entry.pool, finalizer);
    const ends = finalizer === false && entry.pool.meta.deletionTimestamp !== undefined;
    if (apply === undefined || ends) return DONE;
    const path = apiPath(API_VERSION, "ippools", { name, subresource: "status" });
    await this.#deps.api.patch(path, "apply", apply, { query: { fieldManager: FIELD_MANAGER, force: "true" } });
    if (warning !== undefined) {
      const { reason, message } = warning;
      const { meta } = entry.pool;
      this.#deps.warn({ kind: "IPPool", apiVersion: API_VERSION, meta, reason, action: "ReadPool", message });
    }
    return DONE;
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
