/**
 * The shell of the one loop: gathers what happened, steps once per turn of the event loop, executes the effects in their order.
 * Events are recorded where they arrive and acted on here, so that a burst of them costs one step.
 */
import type { Clock } from "../../lib/runtime/clock.ts";
import { assertNever } from "../../lib/runtime/errors.ts";
import { Alarm, type Scheduler, systemScheduler } from "../../lib/runtime/scheduler.ts";
import { stepSpeaker } from "../speaker.ts";
import { initialSpeaker, type SpeakerEffect, type SpeakerInput, type SpeakerState } from "../state.ts";

/** Executes one kind of effect each; what comes of it arrives as an input later. */
export type Executors = {
  readonly [K in SpeakerEffect["type"]]: (effect: Extract<SpeakerEffect, { type: K }>, state: SpeakerState) => void;
};

export interface RunnerOptions {
  readonly node: string;
  readonly instance: string;
  readonly clock: Clock;
  readonly executors: Executors;
  /** Called after each step. */
  readonly onStep: (state: SpeakerState) => void;
  readonly scheduler?: Scheduler;
}

export class Runner {
  readonly #options: RunnerOptions;
  readonly #alarm: Alarm;
  /** BOUNDED by what arrives within one turn of the event loop. */
  #inbox: SpeakerInput[] = [];
  #state: SpeakerState;
  #scheduled = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#state = initialSpeaker(options.node, options.instance, options.clock.monotonicMs());
    this.#alarm = new Alarm(options.scheduler ?? systemScheduler, () => this.post({ type: "tick" }));
  }

  get state(): SpeakerState {
    return this.#state;
  }

  post(input: SpeakerInput): void {
    this.#inbox.push(input);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#step());
  }

  #step(): void {
    this.#scheduled = false;
    const inputs = this.#inbox;
    this.#inbox = [];
    const now = this.#options.clock.monotonicMs();
    const { state, effects, wakeAt } = stepSpeaker(this.#state, inputs, now);
    this.#state = state;
    for (const effect of effects) this.#execute(effect);
    this.#alarm.set(wakeAt === Number.POSITIVE_INFINITY ? undefined : wakeAt, now);
    this.#options.onStep(state);
  }

  #execute(effect: SpeakerEffect): void {
    const { executors } = this.#options;
    const state = this.#state;
    switch (effect.type) {
      case "compare-and-set":
        executors["compare-and-set"](effect, state);
        break;
      case "read":
        executors.read(effect, state);
        break;
      case "condition":
        executors.condition(effect, state);
        break;
      case "moved":
        executors.moved(effect, state);
        break;
      case "yielded":
        executors.yielded(effect, state);
        break;
      case "worker":
        executors.worker(effect, state);
        break;
      case "fence":
        executors.fence(effect, state);
        break;
      case "facts":
        executors.facts(effect, state);
        break;
      case "heartbeat":
        executors.heartbeat(effect, state);
        break;
      case "doubt-watches":
        executors["doubt-watches"](effect, state);
        break;
      case "exit":
        executors.exit(effect, state);
        break;
      default:
        assertNever(effect);
    }
  }
}
