/** The shell of the reflector: executes its effects, and keeps the parsed objects. */
import { asText, fields, items } from "../model/decode.ts";
import type { Clock } from "../runtime/clock.ts";
import { assertNever, BerthError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { counter, gauge } from "../runtime/metrics.ts";
import { OneAtATime } from "../runtime/one-at-a-time.ts";
import { type Random, randomSeed } from "../runtime/random.ts";
import { Alarm, type Scheduler, systemScheduler } from "../runtime/scheduler.ts";
import type { Informer, InformerOptions, Json, KubeApi, WatchHandle } from "./api.ts";
import { errorFromStatus } from "./errors.ts";
import { ObjectCache } from "./object-cache.ts";
import { initialReflector, stepReflector } from "./reflector.ts";
import { type Delivery, failureOf, type ReflectorEffect, type ReflectorInput } from "./reflector-types.ts";

const restarts = counter("berth_informer_restarts_total", "Lists and watches begun again, by what made it necessary.", [
  "resource",
  "reason",
]);
const events = counter("berth_informer_events_total", "Events of watches.", ["resource", "type"]);
const unreadable = counter(
  "berth_informer_unreadable_total",
  "Objects that could not be read; the last readable state of each stays in use.",
  ["resource"],
);
const objects = gauge("berth_informer_objects", "Objects in the cache.", ["resource"]);

export interface InformerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The system's timers unless a test says otherwise. */
  readonly scheduler?: Scheduler;
}

export function createInformer<T>(api: KubeApi, options: InformerOptions<T>, deps: InformerDeps): Informer<T> {
  return new ReflectorInformer(api, options, deps);
}

class ReflectorInformer<T> implements Informer<T> {
  readonly #api: KubeApi;
  readonly #options: InformerOptions<T>;
  readonly #deps: InformerDeps;
  readonly #log: Logger;
  /** For metrics: the last step of the path, "services". */
  readonly #resource: string;
  readonly #alarm: Alarm;
  readonly #cache: ObjectCache<T>;
  readonly #inbox = new OneAtATime<ReflectorInput>((input) => this.#handle(input));
  #state;
  #synced = false;
  /** What the gauge shows: most deliveries change an object and not their number. */
  #toldSize = -1;
  #watch: { readonly number: number; readonly handle: WatchHandle } | undefined;

  constructor(api: KubeApi, options: InformerOptions<T>, deps: InformerDeps) {
    this.#api = api;
    this.#options = options;
    this.#deps = deps;
    this.#resource = options.path.slice(options.path.lastIndexOf("/") + 1);
    this.#log = deps.log.child({ resource: this.#resource });
    this.#cache = new ObjectCache(options.parse);
    this.#state = initialReflector(randomSeed(deps.random));
    this.#alarm = new Alarm(deps.scheduler ?? systemScheduler, () => this.#inbox.put({ type: "tick" }));
  }

  get synced(): boolean {
    return this.#synced;
  }
  start(): void {
    this.#inbox.put({ type: "start" });
  }
  stop(): void {
    this.#inbox.put({ type: "stop" });
  }
  relist(): void {
    this.#inbox.put({ type: "relist" });
  }
  doubt(): void {
    this.#inbox.put({ type: "doubt" });
  }
  retryNow(): void {
    this.#inbox.put({ type: "retry-now" });
  }
  get(key: string): T | undefined {
    return this.#cache.get(key);
  }
  list(): readonly T[] {
    return this.#cache.list();
  }

  #handle(input: ReflectorInput): void {
    const now = this.#deps.clock.monotonicMs();
    const result = stepReflector(this.#state, input, now);
    this.#state = result.state;
    this.#alarm.set(result.wakeAt, now);
    for (const effect of result.effects) this.#execute(effect);
  }

  #execute(effect: ReflectorEffect): void {
    switch (effect.type) {
      case "list":
        this.#list(effect);
        return;
      case "open-watch":
        this.#openWatch(effect.watch, effect.query);
        return;
      case "close-watch":
        if (this.#watch?.number === effect.watch) this.#watch.handle.close();
        return;
      case "deliver":
        this.#deliver(effect.delivery);
        return;
      case "restarted":
        restarts.inc({ resource: this.#resource, reason: effect.reason });
        // The end of each watch's time, every few minutes: counted, not told.
        if (effect.reason === "closed") return;
        this.#log.info({ reason: effect.reason, delayMs: Math.round(effect.delayMs) }, "watch begins again");
        return;
      default:
        assertNever(effect);
    }
  }

  #list({ request, query, timeoutMs }: Extract<ReflectorEffect, { type: "list" }>): void {
    this.#api.get(this.#options.path, { query: { ...this.#options.query, ...query }, timeoutMs }).then(
      (answer) => {
        const meta = fields(fields(answer)["metadata"]);
        this.#inbox.put({
          type: "listed",
          request,
          items: items(fields(answer)["items"]),
          resourceVersion: asText(meta["resourceVersion"]) ?? "",
          continueToken: asText(meta["continue"]) ?? "",
        });
      },
      (thrown) => {
        const error = BerthError.from(thrown);
        this.#log.warn({ error }, "list failed");
        this.#inbox.put({ type: "list-failed", request, failure: failureOf(error) });
      },
    );
  }

  #openWatch(watch: number, query: Readonly<Record<string, string>>): void {
    const handle = this.#api.watch(
      this.#options.path,
      { ...this.#options.query, ...query },
      {
        onEvent: (type, object) => this.#inbox.put(this.#eventInput(watch, type, object)),
        onEnd: (error) => {
          this.#inbox.put({ type: "watch-ended", watch, failure: error === undefined ? undefined : failureOf(error) });
        },
      },
    );
    this.#watch = { number: watch, handle };
  }

  #eventInput(watch: number, type: string, object: Json): ReflectorInput {
    const isKnown = type === "ADDED" || type === "MODIFIED" || type === "DELETED" || type === "BOOKMARK";
    events.inc({ resource: this.#resource, type: isKnown || type === "ERROR" ? type : "other" });
    const resourceVersion = asText(fields(fields(object)["metadata"])["resourceVersion"]);
    if (isKnown && resourceVersion !== undefined) return { type: "event", watch, event: type, object, resourceVersion };
    // An ERROR event carries a Status; anything else that cannot be read is as much a reason not to trust this watch.
    const error = errorFromStatus(500, type === "ERROR" ? object : undefined);
    this.#log.warn({ type, error }, "watch reported an error");
    return { type: "event-error", watch, failure: failureOf(error) };
  }

  #deliver(delivery: Delivery): void {
    const change = this.#cache.apply(delivery);
    if (this.#cache.size !== this.#toldSize) {
      this.#toldSize = this.#cache.size;
      objects.set({ resource: this.#resource }, this.#toldSize);
    }
    for (const key of change.unreadable) {
      unreadable.inc({ resource: this.#resource });
      this.#log.warn({ key }, "object cannot be read and is left as it was last");
    }
    if (delivery.type === "replace" && delivery.rolledBack) {
      this.#log.warn({}, "the API server was rolled back; everything was listed again");
    }
    const isFirst = delivery.type === "replace" && !this.#synced;
    if (isFirst) this.#synced = true;
    for (const key of change.changed) this.#tell(() => this.#options.onChange(key));
    if (isFirst) this.#tell(() => this.#options.onSynced());
  }

  /** Handlers promise not to throw. One that does anyway must not cost the others their events. */
  #tell(handler: () => void): void {
    try {
      handler();
    } catch (thrown) {
      this.#log.error({ error: BerthError.from(thrown) }, "handler of an informer failed");
    }
  }
}
