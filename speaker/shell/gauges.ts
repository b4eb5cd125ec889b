/** What the speaker's state is, as metrics; and what in it must not go unnoticed, in the log. */
import type { Logger } from "../../lib/runtime/log.ts";
import { ofWireKey } from "../election/types.ts";
import type { SpeakerState } from "../state.ts";
import { brokenPaths, isolatedOn } from "../wire-view.ts";
import { acting, broken, held, highestEpoch, isolated, verdicts } from "./metrics.ts";

export class Gauges {
  readonly #log: Logger;
  #isolatedOn = "";
  #broken: readonly string[] = [];

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
    this.#showBroken(brokenPaths(state));
  }

  #showIsolation(interfaces: readonly string[]): void {
    isolated.set({}, interfaces.length);
    const text = interfaces.join();
    if (text !== this.#isolatedOn && text !== "")
      this.#log.warn({ interfaces }, "isolated: nobody is heard there, so nothing is taken from anybody");
    this.#isolatedOn = text;
  }

  #showBroken(paths: readonly string[]): void {
    broken.set({}, paths.length);
    for (const path of paths.filter((one) => !this.#broken.includes(one)))
      this.#log.warn(
        peerOf(path),
        "the path to this peer is broken: it finds this node gone, and this node does not hear it",
      );
    for (const path of this.#broken.filter((one) => !paths.includes(one)))
      this.#log.info(peerOf(path), "the path to this peer is broken no more: it is heard, or it has gone");
    this.#broken = paths;
  }
}

function peerOf(path: string): { readonly peer: string; readonly interface: string } {
  const { node, ownInterface } = ofWireKey(path);
  return { peer: node, interface: ownInterface };
}
