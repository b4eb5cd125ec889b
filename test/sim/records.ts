/** What a speaker writes and reads (speaker/shell/records.ts). */
import type { SpeakerEffect } from "../../speaker/state.ts";
import type { SimApi } from "./api.ts";

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

/** The mark on the Lease of the process that the wire found gone, if it still is that process. */
export function fencing(api: SimApi, { node, instance, by }: FenceEffect): [() => void, () => void] {
  const act = (): void => {
    const lease = api.leases.get(node);
    if (lease?.instance === instance) api.putLease({ ...lease, fencedBy: by });
  };
  return [act, () => {}];
}

/** Calls that wait for each other: so many are under way (speaker/shell/speaker-shell.ts). */
const IN_FLIGHT_MAX = 32;

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
    if (this.#inFlight >= IN_FLIGHT_MAX) return;
    const run = this.#waiting.shift();
    if (run === undefined) return;
    this.#inFlight += 1;
    run();
  }
}
