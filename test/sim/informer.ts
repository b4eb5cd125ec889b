/** The real reflector and the real cache over one list of the simulated API server: what each of its effects does is said here. */
import { ObjectCache } from "../../lib/kube/object-cache.ts";
import { initialReflector, stepReflector } from "../../lib/kube/reflector.ts";
import type { Delivery, ReflectorEffect, ReflectorFailure, ReflectorInput } from "../../lib/kube/reflector-types.ts";
import type { SimApi } from "./api.ts";
import type { Kind, Objects } from "./store.ts";
import type { Time } from "./timeline.ts";

export interface InformerHooks {
  /** Runs now, or when the process does again. */
  readonly later: (run: () => void) => void;
  readonly runs: () => boolean;
  readonly onChange: (key: string) => void;
  readonly onSynced: () => void;
}

const UNANSWERED: ReflectorFailure = { kind: "unanswered", retryAfterMs: undefined };

export class SimInformer<K extends Kind> {
  readonly #node: string;
  readonly #kind: K;
  readonly #api: SimApi;
  readonly #time: Time;
  readonly #hooks: InformerHooks;
  readonly #cache: ObjectCache<Objects[K]>;
  #state;
  #synced = false;
  #wakeSerial = 0;
  #open: { readonly watch: number; readonly close: () => void } | undefined;

  constructor(
    options: { readonly node: string; readonly kind: K; readonly seed: number },
    api: SimApi,
    time: Time,
    hooks: InformerHooks,
  ) {
    this.#node = options.node;
    this.#kind = options.kind;
    this.#api = api;
    this.#time = time;
    this.#hooks = hooks;
    this.#state = initialReflector(options.seed);
    this.#cache = new ObjectCache((raw) => (raw as unknown as { readonly value: Objects[K] }).value);
  }

  get(key: string): Objects[K] | undefined {
    return this.#cache.get(key);
  }

  input(input: ReflectorInput): void {
    const { state, effects, wakeAt } = stepReflector(this.#state, input, this.#time.now);
    this.#state = state;
    for (const effect of effects) this.#execute(effect);
    const serial = ++this.#wakeSerial;
    if (wakeAt === undefined) return;
    this.#time.after(Math.max(0, wakeAt - this.#time.now) + 0.001, () => {
      if (serial === this.#wakeSerial && this.#hooks.runs()) this.input({ type: "tick" });
    });
  }

  /** The connections of the process are closed: what was under way has failed. */
  closeConnections(): void {
    const { phase } = this.#state;
    if (phase.type === "watching") this.#end(phase.watch, UNANSWERED);
    else if (phase.type === "listing") {
      this.input({ type: "list-failed", request: phase.request, failure: UNANSWERED });
    }
  }

  /** The process has ended. */
  stop(): void {
    this.#open?.close();
    this.#open = undefined;
  }

  #end(watch: number, failure: ReflectorFailure | undefined): void {
    if (this.#open?.watch === watch) this.stop();
    this.input({ type: "watch-ended", watch, failure });
  }

  #execute(effect: ReflectorEffect): void {
    switch (effect.type) {
      case "list":
        this.#api.list(this.#node, this.#kind, (list) =>
          this.#hooks.later(() =>
            this.input(
              list === undefined
                ? { type: "list-failed", request: effect.request, failure: UNANSWERED }
                : { type: "listed", request: effect.request, ...list, continueToken: "" },
            ),
          ),
        );
        break;
      case "open-watch":
        this.#watch(effect.watch, Number(effect.query["resourceVersion"]), Number(effect.query["timeoutSeconds"]));
        break;
      case "close-watch":
        if (this.#open?.watch === effect.watch) this.stop();
        break;
      case "deliver":
        this.#deliver(effect.delivery);
        break;
      case "restarted":
        break;
      default:
        throw new Error("unknown effect of a reflector");
    }
  }

  #watch(watch: number, from: number, seconds: number): void {
    const { later } = this.#hooks;
    const close = this.#api.watch(this.#node, this.#kind, from, seconds, {
      onEvent: ({ type, object, resourceVersion }) =>
        later(() => this.input({ type: "event", watch, event: type, object, resourceVersion })),
      onEnd: (failure) => later(() => this.#end(watch, failure)),
    });
    this.#open = { watch, close };
  }

  #deliver(delivery: Delivery): void {
    for (const key of this.#cache.apply(delivery).changed) this.#hooks.onChange(key);
    if (this.#synced || delivery.type !== "replace") return;
    this.#synced = true;
    this.#hooks.onSynced();
  }
}
