/** L1 by the clock: after a healing every address that has a candidate is answered in time. What comes of it in the end: Invariants.converged. */
import type { Holder, VirtualIP } from "../../lib/model/virtual-ip.ts";
import { answerBoundOf, type Healing } from "./answer-bound.ts";
import { BELIEVED_MS, type Bound, DRIFT, noteLongest } from "./bound.ts";
import type { Happened, RunWorld } from "./happened.ts";
import type { SimProcess } from "./process.ts";

/** As long as continuity.ts reckons with it: by then the next renewal has shown it, and a Lease that came back with it has run out. */
const PUT_BACK_MS = 60_000;
/** Who has been there for so long has found its stations, and read what records there are. */
const SETTLED_MS = 5_000;

export interface LivenessOptions {
  readonly world: RunWorld;
  readonly happened: Happened;
  readonly protest: (what: string) => void;
  /** A call and its answer. */
  readonly callMs: number;
}

interface Silence {
  readonly sinceMs: number;
  readonly bound: Bound;
  told: boolean;
}

export class Liveness {
  /** The longest of each kind, for reports. BOUNDED by the names of answer-bound.ts. */
  readonly longest = new Map<string, number>();
  #healedMs: number | undefined;
  /** By address. BOUNDED by those. */
  readonly #silent = new Map<string, Silence>();
  readonly #options: LivenessOptions;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  /** Everything has been mended just now. */
  healed(): void {
    this.#healedMs = this.#options.world.now();
    this.#silent.clear();
  }

  /** By what is so as the silence begins: a process that was about to end when all was mended is not one that runs. */
  #boundOf(vip: VirtualIP): Bound {
    const { world } = this.#options;
    const { holder } = vip;
    const isPutBack = world.now() - world.api.putBackMs < PUT_BACK_MS;
    const { isWatched, wasAnnounced } = this.#knownOf(vip);
    return answerBoundOf({
      isPutBack,
      isThere: this.#isThere(holder),
      isWatched,
      wasAnnounced,
      turns: this.#turnsOf(vip),
    });
  }

  /** Called for each address with the nodes that answer for it. */
  look(vip: VirtualIP, nodes: readonly string[]): void {
    // A new fault, and what it does, is another matter.
    if (this.#options.happened.faultMs > (this.#healedMs ?? Number.POSITIVE_INFINITY)) this.#healedMs = undefined;
    if (this.#healedMs === undefined) return;
    const { address } = vip;
    const silence = this.#silent.get(address);
    const isSilent = nodes.length === 0 && this.#hasCandidate(vip);
    if (silence !== undefined) this.#judge(address, silence);
    else if (isSilent)
      this.#silent.set(address, { sinceMs: this.#options.world.now(), bound: this.#boundOf(vip), told: false });
    if (!isSilent) this.#silent.delete(address);
  }

  #judge(address: string, silence: Silence): void {
    const { world, protest, callMs } = this.#options;
    const { sinceMs, bound } = silence;
    const lastedMs = world.now() - sinceMs;
    noteLongest(this.longest, bound.name, lastedMs);
    if (lastedMs <= bound.ms * DRIFT + callMs || silence.told) return;
    silence.told = true;
    protest(
      `L1: nobody answers for ${address} for ${Math.round(lastedMs)} ms after a healing, ${bound.name}: ${bound.ms} ms`,
    );
  }

  #isThere(holder: Holder | undefined): boolean {
    const processes = this.#options.world.processesOf(holder?.node ?? "");
    return processes.some(({ instance, state }) => instance === holder?.instance && acts(state));
  }

  /** Who else may tell that the holder does not answer: whoever has heard it do so for an address of a Service (E3), but it believes another one that it has heard announce. */
  #knownOf({ address, holder }: VirtualIP): Pick<Healing, "isWatched" | "wasAnnounced"> {
    const { world } = this.#options;
    if (holder === undefined || holder.node === "") return { isWatched: false, wasAnnounced: false };
    const addresses = [...world.api.vips.keys()];
    const heard = [...world.processes]
      .filter(([node]) => node !== holder.node && this.#wasThere(node))
      .flatMap(([, all]) => all.filter(isSettled))
      .filter(({ worker }) => addresses.some((one) => worker.heard.answeredMs(one, holder.node) > 0));
    const wasAnnounced = heard.some((process) => {
      const { node = "", atMs = 0 } = process.worker.heard.announcerOf(address) ?? {};
      return !["", process.node, holder.node].includes(node) && process.ago(atMs) < BELIEVED_MS;
    });
    return { isWatched: heard.length > 0, wasAnnounced };
  }

  /** So many come before the last of those that may take it. */
  #turnsOf({ holder }: VirtualIP): number {
    const others = [...this.#options.world.processes].filter(([node, all]) => all.length > 0 && node !== holder?.node);
    return Math.max(0, others.length - 1);
  }

  /** It knows the record, and for how long nobody has answered under it. */
  #wasThere(node: string): boolean {
    const { world, happened } = this.#options;
    const sinceMs = world.now() - SETTLED_MS;
    const hasStood = happened.stoodSince(node, sinceMs) || happened.stuckMsOf(node) >= sinceMs;
    return !hasStood && !happened.unansweredSince(node, sinceMs);
  }

  #hasCandidate({ meta }: VirtualIP): boolean {
    return [...this.#options.world.processes.values()].some((all) =>
      all.some(({ state }) => acts(state) && (state.places.get(meta.name)?.ordered.length ?? 0) > 0),
    );
  }
}

/** It has acted for its node for so long. */
function isSettled(process: SimProcess): boolean {
  const { own } = process.state;
  return own.phase === "acting" && process.ago(own.sinceMs) > SETTLED_MS;
}

function acts(state: SimProcess["state"]): boolean {
  return state.own.phase === "acting";
}
