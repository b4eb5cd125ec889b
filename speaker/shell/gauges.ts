/** What the speaker's state is, as metrics; and the one thing in it that must not go unnoticed, in the log. */
import type { Logger } from "../../lib/runtime/log.ts";
import type { SpeakerState } from "../state.ts";
import { isolatedOn } from "../wire-view.ts";
import { acting, held, highestEpoch, isolated, verdicts } from "./metrics.ts";

export class Gauges {
  readonly #log: Logger;
  #isolatedOn = "";

  constructor(log: Logger) {
    this.#log = log;
  }

  show(state: SpeakerState): void {
    acting.set({}, state.world.acting ? 1 : 0);
    const served = [...state.addresses.values()].filter((one) => one.serving !== undefined);
    held.set({}, served.length);
    highestEpoch.set(
      {},
      served.reduce((highest, one) => Math.max(highest, one.record?.epoch ?? 0), 0),
    );
    verdicts.set({}, state.verdicts.size);
    this.#showIsolation(isolatedOn(state));
  }

  #showIsolation(interfaces: readonly string[]): void {
    isolated.set({}, interfaces.length);
    const text = interfaces.join();
    if (text !== this.#isolatedOn && text !== "")
      this.#log.warn({ interfaces }, "isolated: nobody is heard there, so nothing is taken from anybody");
    this.#isolatedOn = text;
  }
}
