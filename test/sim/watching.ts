/** The real detector in a simulated worker (speaker/net/watching.ts): its questions go to the wire, its verdicts to the main thread. */
import { createDetector, stepDetector } from "../../speaker/detector/detector.ts";
import type { DetectorInput } from "../../speaker/detector/types.ts";
import type { FromWorker } from "../../speaker/net/messages.ts";
import type { Sabotage } from "./sabotage.ts";
import type { Time } from "./timeline.ts";
import type { SimWire } from "./wire.ts";

export interface WatchingOptions {
  readonly node: string;
  readonly timeline: Time;
  /** By interface. */
  readonly wires: ReadonlyMap<string, SimWire>;
  readonly sabotage: Sabotage;
  readonly tell: (message: FromWorker) => void;
  readonly onAnswer: (on: string, address: string, mac: string, toQuestion: boolean) => void;
}

export class SimWatching {
  #detector = createDetector();
  wakeAt = Number.POSITIVE_INFINITY;
  readonly #options: WatchingOptions;

  constructor(options: WatchingOptions) {
    this.#options = options;
  }

  step(told: DetectorInput): void {
    const { node, timeline, wires, sabotage, tell, onAnswer } = this.#options;
    const heard = sabotage.watching?.(told, this.#detector) ?? told;
    const input = heard.type === "plan" ? { ...heard, plan: sabotage.plan?.(heard.plan) ?? heard.plan } : heard;
    const before = sabotage.detector?.(this.#detector) ?? this.#detector;
    const { state, effects, wakeAt } = stepDetector(before, input, timeline.now);
    this.#detector = state;
    this.wakeAt = wakeAt ?? Number.POSITIVE_INFINITY;
    for (const effect of effects) {
      if (effect.type === "ask") {
        const { probe } = effect;
        wires.get(probe.interface)?.ask(node, probe, (mac) => onAnswer(probe.interface, probe.address, mac, true));
      } else if (effect.type !== "verdict") tell(effect);
      else tell({ type: "verdict", ...(sabotage.verdict?.(effect.verdict) ?? effect.verdict) });
    }
  }

  /** Sabotage: judged before what has come is read, and as if it had run all the time. */
  judgeUnread(): void {
    this.#detector = { ...this.#detector, dueMs: Number.POSITIVE_INFINITY };
    this.step({ type: "tick" });
    const stations = [...this.#detector.stations].map(([key, one]) => {
      const isMissed = one.burst !== undefined || one.judged !== undefined;
      const pending = one.pending.filter(({ isLost }) => !isMissed || !isLost);
      return [key, { ...one, pending }] as const;
    });
    this.#detector = { ...this.#detector, stations: new Map(stations) };
  }
}
