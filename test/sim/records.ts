/** What a speaker writes and reads (speaker/shell/records.ts). */
import type { SpeakerLease } from "../../lib/model/speaker-lease.ts";
import type { HolderIntent } from "../../speaker/election/types.ts";
import { fenceMark, fenceScope } from "../../speaker/fence-mark.ts";
import { RECORDS_MAX } from "../../speaker/shell/limiter.ts";
import type { SpeakerEffect } from "../../speaker/state.ts";
import type { SimApi } from "./api.ts";
import type { SimProcess } from "./process.ts";

type ConditionEffect = Extract<SpeakerEffect, { type: "condition" }>;
type FenceEffect = Extract<SpeakerEffect, { type: "fence" }>;

/** Server-side apply of one type of condition; the others stay. */
export function postCondition(api: SimApi, by: string, { claim, name, uid }: ConditionEffect): void {
  const act = (): void => {
    const vip = api.vips.get(name);
    if (vip === undefined || vip.meta.uid !== uid) return;
    const others = vip.conditions.filter((one) => one.type !== claim.type);
    const condition = { ...claim, lastTransitionTime: "", observedGeneration: undefined };
    api.putVip({ ...vip, conditions: [...others, condition] });
  };
  api.call(by, act, () => {});
}

/** S5: whoever writes that it holds no more has fallen silent before, unless the record says that it hands over. */
export function givesUpLoudly({ node, state, worker }: SimProcess, name: string, to: HolderIntent): boolean {
  if (to.node === node || to.from === node) return false;
  const { address = name, record } = state.addresses.get(name) ?? {};
  return record?.node === node && worker.answers(address);
}

/** The mark on the Lease of the process that the wire found gone, if it still is that process. */
export function writeFence(api: SimApi, records: SimRecords, effect: FenceEffect): void {
  const { node, instance, by } = effect;
  const attempt = (left: number, on: string, resourceVersion: string): void => {
    const patch = (): boolean => {
      const lease = api.leases.get(node);
      if (on !== "" && lease?.meta.resourceVersion !== resourceVersion) return false;
      if (lease?.instance === instance) api.putLease({ ...lease, fencedBy: fenceMark(by, on) });
      return true;
    };
    const again = (lease: SpeakerLease | undefined): void =>
      attempt(left - 1, left === 1 ? "" : fenceScope(lease?.fencedBy ?? "", on), lease?.meta.resourceVersion ?? "");
    records.call(patch, (isDone) => {
      if (isDone === false) records.call<SpeakerLease | undefined>(() => api.leases.get(node), again);
    });
  };
  attempt(3, effect.interface, effect.resourceVersion);
}

/** Calls that wait for each other, as those of speaker/shell/speaker-shell.ts do. */
export class SimRecords {
  readonly #api: SimApi;
  readonly #node: string;
  readonly #later: (run: () => void) => void;
  /** BOUNDED by the addresses: each has one call under way. */
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;

  constructor(api: SimApi, node: string, later: (run: () => void) => void) {
    this.#api = api;
    this.#node = node;
    this.#later = later;
  }

  call<T>(act: () => T, reply: (result: T | undefined) => void): void {
    this.#waiting.push(() =>
      this.#api.call(this.#node, act, (result) =>
        this.#later(() => {
          this.#inFlight -= 1;
          reply(result);
          this.#next();
        }),
      ),
    );
    this.#next();
  }

  #next(): void {
    if (this.#inFlight >= RECORDS_MAX) return;
    const run = this.#waiting.shift();
    if (run === undefined) return;
    this.#inFlight += 1;
    run();
  }
}
