/** The shell of the heartbeat: sends its requests, and tells the program what they mean. */

import type { Json, KubeApi } from "../kube/api.ts";
import { isUnanswered, KubeError } from "../kube/errors.ts";
import { parseSpeakerLease, type SpeakerFacts, type SpeakerLease } from "../model/speaker-lease.ts";
import type { Clock } from "../runtime/clock.ts";
import { BerthError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { counter, histogram } from "../runtime/metrics.ts";
import { OneAtATime } from "../runtime/one-at-a-time.ts";
import { type Random, randomSeed } from "../runtime/random.ts";
import { Alarm, type Scheduler, systemScheduler } from "../runtime/scheduler.ts";
import { initialHeartbeat, stepHeartbeat } from "./heartbeat.ts";
import type { HeartbeatEffect, HeartbeatInput, HeartbeatRole, HeartbeatState, LeaseCall } from "./heartbeat-types.ts";
import { leaseRequest } from "./heartbeat-write.ts";

const calls = counter("berth_lease_calls_total", "Calls for this node's Lease, by what for and outcome.", [
  "call",
  "outcome",
]);
const seconds = histogram("berth_lease_renew_seconds", "Duration of the renewals of this node's Lease.");

/** What the program hears of; requests are sent here, and `pulse-lost` has closed the connections already. */
export type HeartbeatNews = Exclude<HeartbeatEffect, { type: "request" }>;

export interface HeartbeatOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly node: string;
  readonly instance: string;
  readonly onNews: (news: HeartbeatNews) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly scheduler?: Scheduler;
}

export interface Heartbeat {
  start(): void;
  /** The own node's Lease as the informer of the Leases shows it; undefined: deleted. */
  observed(lease: SpeakerLease | undefined): void;
  facts(facts: SpeakerFacts): void;
  fenceAnswered(): void;
  shutdown(): void;
  release(): void;
  readonly role: HeartbeatRole["type"];
  /** Whether the last request was answered. */
  readonly pulse: HeartbeatState["pulse"];
  /** The Lease as last seen. */
  readonly lease: SpeakerLease | undefined;
}

export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  return new HeartbeatLoop(options);
}

class HeartbeatLoop implements Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #alarm: Alarm;
  readonly #inbox = new OneAtATime<HeartbeatInput>((input) => this.#handle(input));
  #state: HeartbeatState;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#state = initialHeartbeat(options.node, options.instance, randomSeed(options.random));
    this.#alarm = new Alarm(options.scheduler ?? systemScheduler, () => this.#inbox.put({ type: "tick" }));
  }

  get role(): HeartbeatRole["type"] {
    return this.#state.role.type;
  }
  get pulse(): HeartbeatState["pulse"] {
    return this.#state.pulse;
  }
  get lease(): SpeakerLease | undefined {
    return this.#state.lease;
  }
  start(): void {
    this.#inbox.put({ type: "start" });
  }
  observed(lease: SpeakerLease | undefined): void {
    this.#inbox.put({ type: "observed", lease });
  }
  facts(facts: SpeakerFacts): void {
    this.#inbox.put({ type: "facts", facts });
  }
  fenceAnswered(): void {
    this.#inbox.put({ type: "fence-answered" });
  }
  shutdown(): void {
    this.#inbox.put({ type: "shutdown" });
  }
  release(): void {
    this.#inbox.put({ type: "release" });
  }

  #handle(input: HeartbeatInput): void {
    const now = this.#options.clock.monotonicMs();
    const step = stepHeartbeat(this.#state, input, now);
    this.#state = step.state;
    this.#alarm.set(step.wakeAt, now);
    for (const effect of step.effects) {
      if (effect.type === "request") void this.#send(effect.request, effect.call, effect.timeoutMs);
      else this.#tell(effect);
    }
  }

  #tell(news: HeartbeatNews): void {
    const { log, api } = this.#options;
    if (news.type === "pulse-lost") api.closeConnections();
    if (news.type !== "pulse" && news.type !== "renewed") log.info({ ...news }, "heartbeat");
    this.#options.onNews(news);
  }

  async #send(request: number, call: LeaseCall, timeoutMs: number): Promise<void> {
    const started = this.#options.clock.monotonicMs();
    const outcome = await this.#call(request, call, timeoutMs);
    calls.inc({ call: call.type, outcome: outcome.type });
    if (call.type === "renew") seconds.observe({}, (this.#options.clock.monotonicMs() - started) / 1000);
    this.#inbox.put(outcome);
  }

  async #call(request: number, call: LeaseCall, timeoutMs: number): Promise<HeartbeatInput> {
    try {
      return { type: "answered", request, lease: readLease(await this.#request(call, timeoutMs)) };
    } catch (thrown) {
      const error = BerthError.from(thrown);
      if (call.type === "read" && error.code === "not-found") return { type: "answered", request, lease: undefined };
      this.#options.log.warn({ call: call.type, error }, "call for the Lease failed");
      if (isUnanswered(error)) return { type: "failed", request };
      const retryAfterMs = error instanceof KubeError ? error.retryAfterMs : undefined;
      return { type: "refused", request, retryAfterMs };
    }
  }

  #request(call: LeaseCall, timeoutMs: number): Promise<Json> {
    const { api, namespace, node, instance, clock } = this.#options;
    const request = leaseRequest(call, { namespace, node, instance, wallMs: clock.wallMs() });
    if (request.verb === "get") return api.get(request.path, { timeoutMs });
    if (request.verb === "create") return api.create(request.path, request.body, { timeoutMs });
    return api.patch(request.path, "json", request.body, { timeoutMs });
  }
}

function readLease(raw: Json): SpeakerLease {
  const lease = parseSpeakerLease(raw);
  if (lease === undefined)
    throw new BerthError("bad-object", "the API server answered with something that is no Lease");
  return lease;
}
