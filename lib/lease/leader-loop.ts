/** The shell of the leader election: sends its requests, and tells the program when it leads. */
import type { Json, KubeApi } from "../kube/api.ts";
import { isUnanswered, KubeError } from "../kube/errors.ts";
import { apiPath } from "../kube/path.ts";
import { asInteger, asText, fields, parseMeta } from "../model/decode.ts";
import { COMPONENT_LABEL } from "../model/speaker-lease.ts";
import type { Clock } from "../runtime/clock.ts";
import { assertNever, BerthError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { counter, gauge } from "../runtime/metrics.ts";
import { OneAtATime } from "../runtime/one-at-a-time.ts";
import { type Random, randomSeed } from "../runtime/random.ts";
import { Alarm, type Scheduler, systemScheduler } from "../runtime/scheduler.ts";
import { microTime } from "./heartbeat-write.ts";
import {
  DEFAULT_TIMING,
  initialLeader,
  isLeading,
  type LeaderCall,
  type LeaderEffect,
  type LeaderInput,
  type LeaderLease,
  type LeaderState,
  type LeaderTiming,
  stepLeader,
} from "./leader.ts";

/** The Lease of the controllers, in Berth's namespace. */
export const LEADER_LEASE = "berth-controller";

const API = "coordination.k8s.io/v1";
const calls = counter("berth_leader_calls_total", "Calls for the leader's Lease, by what for and outcome.", [
  "call",
  "outcome",
]);
const leading = gauge("berth_leader", "1 in the controller that is active, 0 in the others.");

/** What the program hears of; `pulse-lost` has closed the connections already. */
export type LeaderNews = Exclude<LeaderEffect, { type: "request" }>;

export interface LeaderOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  /** Name of the Lease, `berth-controller` for the controllers. */
  readonly name: string;
  /** `<podUid>/<random>` (instanceId in lib/model/speaker-lease.ts). */
  readonly identity: string;
  readonly onNews: (news: LeaderNews) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly timing?: LeaderTiming;
  readonly scheduler?: Scheduler;
}

export interface Leader {
  start(): void;
  /** Whether this process may act now; ask before each act. */
  isLeading(): boolean;
  /** Releases the Lease; to be called when nothing acts any more. Resolves when it is released, or cannot be. */
  stop(): Promise<void>;
  /** identity of the leader as last seen, "" if nobody. */
  readonly holder: string;
}

export function createLeader(options: LeaderOptions): Leader {
  return new LeaderLoop(options);
}

class LeaderLoop implements Leader {
  readonly #options: LeaderOptions;
  readonly #alarm: Alarm;
  readonly #inbox = new OneAtATime<LeaderInput>((input) => this.#handle(input));
  readonly #ended = Promise.withResolvers<void>();
  #state: LeaderState;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#state = initialLeader(options.identity, randomSeed(options.random), options.timing ?? DEFAULT_TIMING);
    this.#alarm = new Alarm(options.scheduler ?? systemScheduler, () => this.#inbox.put({ type: "tick" }));
    leading.set({}, 0);
  }

  get holder(): string {
    return this.#state.lease?.holder ?? "";
  }
  start(): void {
    this.#inbox.put({ type: "start" });
  }
  isLeading(): boolean {
    return isLeading(this.#state, this.#options.clock.monotonicMs());
  }
  stop(): Promise<void> {
    if (!this.#state.started) return Promise.resolve();
    this.#inbox.put({ type: "stop" });
    return this.#ended.promise;
  }

  #handle(input: LeaderInput): void {
    const now = this.#options.clock.monotonicMs();
    const step = stepLeader(this.#state, input, now);
    this.#state = step.state;
    this.#alarm.set(step.wakeAt, now);
    for (const effect of step.effects) {
      if (effect.type === "request") void this.#send(effect.request, effect.call, effect.timeoutMs);
      else this.#tell(effect);
    }
  }

  #tell(news: LeaderNews): void {
    const { log, api, identity } = this.#options;
    if (news.type === "pulse-lost") api.closeConnections();
    if (news.type === "leading") leading.set({}, 1);
    if (news.type === "not-leading") leading.set({}, 0);
    if (news.type === "ended") this.#ended.resolve();
    if (news.type !== "pulse") log.info({ ...news, identity, holder: this.holder }, "leader election");
    this.#options.onNews(news);
  }

  async #send(request: number, call: LeaderCall, timeoutMs: number): Promise<void> {
    const outcome = await this.#call(request, call, timeoutMs);
    calls.inc({ call: call.type, outcome: outcome.type });
    this.#inbox.put(outcome);
  }

  async #call(request: number, call: LeaderCall, timeoutMs: number): Promise<LeaderInput> {
    try {
      return { type: "answered", request, lease: readLease(await this.#request(call, timeoutMs)) };
    } catch (thrown) {
      const error = BerthError.from(thrown);
      if (call.type === "read" && error.code === "not-found") return { type: "answered", request, lease: undefined };
      this.#options.log.warn({ call: call.type, error }, "call for the leader's Lease failed");
      if (isUnanswered(error)) return { type: "failed", request };
      return { type: "refused", request, retryAfterMs: error instanceof KubeError ? error.retryAfterMs : undefined };
    }
  }

  #request(call: LeaderCall, timeoutMs: number): Promise<Json> {
    const { api, namespace, name } = this.#options;
    const path = apiPath(API, "leases", { namespace, name });
    if (call.type === "read") return api.get(path, { timeoutMs });
    const body = leaderBody(call, this.#options);
    if (call.type === "create") return api.create(apiPath(API, "leases", { namespace }), body, { timeoutMs });
    return api.patch(path, "json", body, { timeoutMs });
  }
}

/** The body of a write: a new Lease, or a JSON patch that tests what it relies on (422 when that is not so). */
export function leaderBody(
  call: Exclude<LeaderCall, { type: "read" }>,
  options: Pick<LeaderOptions, "namespace" | "name" | "identity" | "clock" | "timing">,
): Json {
  const time = microTime(options.clock.wallMs());
  const { namespace, name, identity } = options;
  const leaseDurationSeconds = Math.ceil((options.timing ?? DEFAULT_TIMING).durationMs / 1000);
  switch (call.type) {
    case "create":
      return {
        apiVersion: API,
        kind: "Lease",
        metadata: { namespace, name, labels: { [COMPONENT_LABEL]: "controller" } },
        spec: {
          holderIdentity: identity,
          acquireTime: time,
          renewTime: time,
          leaseDurationSeconds,
          leaseTransitions: 0,
        },
      };
    case "take":
      return [
        { op: "test", path: "/metadata/resourceVersion", value: call.from.resourceVersion },
        // A store that was put back gives a version twice: the second time to a leader that lives.
        ...(call.from.renewTime === "" ? [] : [{ op: "test", path: "/spec/renewTime", value: call.from.renewTime }]),
        { op: "add", path: "/spec/holderIdentity", value: identity },
        { op: "add", path: "/spec/acquireTime", value: time },
        { op: "add", path: "/spec/renewTime", value: time },
        { op: "add", path: "/spec/leaseDurationSeconds", value: leaseDurationSeconds },
        { op: "add", path: "/spec/leaseTransitions", value: call.from.transitions + 1 },
      ];
    case "renew":
      return [
        { op: "test", path: "/spec/holderIdentity", value: identity },
        { op: "add", path: "/spec/renewTime", value: time },
      ];
    case "release":
      return [
        { op: "test", path: "/spec/holderIdentity", value: identity },
        { op: "remove", path: "/spec/holderIdentity" },
      ];
    default:
      return assertNever(call);
  }
}

/** The parts of a Lease that the election looks at; throws "bad-object" for anything else. */
export function readLease(raw: Json): LeaderLease {
  const meta = parseMeta(raw);
  const spec = fields(fields(raw)["spec"]);
  if (meta === undefined) throw new BerthError("bad-object", "the API server answered with something that is no Lease");
  return {
    resourceVersion: meta.resourceVersion,
    holder: asText(spec["holderIdentity"]) ?? "",
    transitions: asInteger(spec["leaseTransitions"]) ?? 0,
    renewTime: asText(spec["renewTime"]) ?? "",
  };
}
