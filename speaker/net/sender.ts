/** What leaves unasked: runs the announcer and the prober and writes their frames to the wire. */
import { type Announced, createAnnouncer, stepAnnouncer } from "../announcer.ts";
import { writeAnnouncement, writeProbe } from "../packet/frames.ts";
import {
  createProber,
  type ProbeAnswer,
  type ProbeRequest,
  type ProberEffect,
  type ProberInput,
  stepProber,
} from "../prober.ts";
import type { OutFrame, Wire } from "./wire.ts";

export type Probed = Extract<ProberEffect, { type: "probed" }>;

export class Sender {
  readonly #wire: Wire;
  /** Called for each probe that has ended. */
  readonly #probed: (probed: Probed) => void;
  #announcer = createAnnouncer();
  #prober = createProber();
  /** When the next step is due; until then a turn of the loop costs nothing here. */
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(wire: Wire, probed: (probed: Probed) => void) {
    this.#wire = wire;
    this.#probed = probed;
  }

  announce(entries: readonly Announced[], now: number): void {
    this.#plan({ type: "plan", entries }, now);
  }

  /** Ends the rounds of everything that is no longer held. */
  keep(held: (entry: Announced) => boolean, now: number): void {
    this.#plan({ type: "keep", held }, now);
  }

  /** Ends all rounds. */
  silence(now: number): void {
    this.#plan({ type: "clear" }, now);
  }

  #plan(input: Parameters<typeof stepAnnouncer>[1], now: number): void {
    this.#announcer = stepAnnouncer(this.#announcer, input, now).state;
    this.#wakeAt = now;
  }

  probe(requests: readonly ProbeRequest[], now: number): void {
    this.#stepProber({ type: "probe", requests }, now);
  }

  answers(answers: readonly ProbeAnswer[], now: number): void {
    this.#stepProber({ type: "answers", answers }, now);
  }

  /** Frames were lost on every interface: no probe under way can be trusted. */
  failProbes(now: number): void {
    this.#stepProber({ type: "failed", interface: undefined }, now);
  }

  /** Sends what is due and returns when to come again. */
  tick(now: number): number {
    if (now < this.#wakeAt) return this.#wakeAt;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const { state, effects, wakeAt } = stepAnnouncer(this.#announcer, { type: "tick" }, now);
    this.#announcer = state;
    this.#wire.send(
      effects.map(({ address, interface: name, form }): OutFrame => {
        const write = (mac: string, out: Uint8Array, at: number) => writeAnnouncement(form, address, mac, out, at);
        return { interface: name, family: form === "advertisement" ? 6 : 4, write };
      }),
      "announcements-sent",
    );
    this.#wake(wakeAt);
    this.#stepProber({ type: "tick" }, now);
    return this.#wakeAt;
  }

  /** Bounded: each failure ends the probes of an interface, and there are finitely many of those. */
  #stepProber(first: ProberInput, now: number): void {
    const inputs: ProberInput[] = [first];
    for (let input = inputs.shift(); input !== undefined; input = inputs.shift()) {
      const { state, effects, wakeAt } = stepProber(this.#prober, input, now);
      this.#prober = state;
      this.#wake(wakeAt);
      for (const effect of effects) if (effect.type === "probed") this.#probed(effect);
      const asks = effects.filter((effect) => effect.type === "ask");
      const failed = this.#wire.send(
        asks.map(({ address, interface: name, to }): OutFrame => {
          const write = (mac: string, out: Uint8Array, at: number) => writeProbe(address, mac, out, at, to);
          return { interface: name, family: address.includes(":") ? 6 : 4, write };
        }),
        "probes-sent",
      );
      for (const name of failed) inputs.push({ type: "failed", interface: name });
    }
  }

  #wake(at: number | undefined): void {
    if (at !== undefined && at < this.#wakeAt) this.#wakeAt = at;
  }
}
