/** What leaves a simulated worker unasked: the real announcer and the real prober (speaker/net/sender.ts) over the simulated wire. */
import { type AnnouncerInput, createAnnouncer, stepAnnouncer } from "../../speaker/announcer.ts";
import type { FromWorker, ToWorker } from "../../speaker/net/messages.ts";
import { createProber, type ProberInput, stepProber } from "../../speaker/prober.ts";
import type { Sabotage } from "./sabotage.ts";
import type { Time } from "./timeline.ts";
import type { SimWire } from "./wire.ts";

export interface SenderOptions {
  readonly node: string;
  readonly timeline: Time;
  /** By interface. */
  readonly wires: ReadonlyMap<string, SimWire>;
  readonly sabotage: Sabotage;
  readonly tell: (message: FromWorker) => void;
  /** Whether a frame may leave for the address now. */
  readonly answers: (address: string) => boolean;
  readonly onProtest: (what: string) => void;
  readonly onAnswer: (on: string, address: string, mac: string, toQuestion: boolean) => void;
}

export class SimSender {
  #announcer;
  #prober = createProber();
  #announcerAt = Number.POSITIVE_INFINITY;
  #proberAt = Number.POSITIVE_INFINITY;
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#announcer = createAnnouncer(options.sabotage.unpaced === true ? 1_000_000 : undefined);
  }

  get wakeAt(): number {
    return Math.min(this.#announcerAt, this.#proberAt);
  }

  tick(): void {
    const { now } = this.#options.timeline;
    if (now >= this.#announcerAt) this.announce({ type: "tick" });
    if (now >= this.#proberAt) this.probe({ type: "tick" });
  }

  plan({ address, interface: on, once = false }: Extract<ToWorker, { type: "announce" }>): void {
    const family = address.includes(":") ? 6 : 4;
    this.announce({ type: "plan", entries: [{ address, family, interface: on, once }] });
  }

  announce(input: AnnouncerInput): void {
    const { timeline, wires, node, sabotage, answers, onProtest } = this.#options;
    if (input.type === "clear" && sabotage.keepsRounds === true) return;
    const { state, effects, wakeAt } = stepAnnouncer(this.#announcer, input, timeline.now);
    this.#announcer = state;
    this.#announcerAt = wakeAt ?? Number.POSITIVE_INFINITY;
    for (const { address, interface: on, form } of effects) {
      const wire = wires.get(on);
      if (wire === undefined || wire.unplugged.has(node)) continue;
      // As in the real sender: what has to stay unsaid was taken from the announcer before.
      if (!answers(address)) onProtest(`S3: ${node} announces ${address}, which it must not`);
      wire.announce(node, address, form);
    }
  }

  probe(input: ProberInput): void {
    const { timeline, wires, node, tell, onAnswer } = this.#options;
    // Nothing is asked, so nothing can be answered.
    if (input.type === "answers" && this.#prober.probes.size === 0) return;
    const { state, effects, wakeAt } = stepProber(this.#prober, input, timeline.now);
    this.#prober = state;
    this.#proberAt = wakeAt ?? Number.POSITIVE_INFINITY;
    for (const effect of effects) {
      if (effect.type === "probed") {
        tell(effect);
        continue;
      }
      const { interface: on, address, to } = effect;
      const wire = wires.get(on);
      if (wire === undefined || wire.unplugged.has(node)) this.probe({ type: "failed", interface: on });
      else wire.probe(node, address, (mac) => onAnswer(on, address, mac, false), to);
    }
  }
}
