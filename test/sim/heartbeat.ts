/** Runs the real heartbeat machine against the simulated API server: what each call does to the Lease is said here. */
import { initialHeartbeat, stepHeartbeat } from "../../lib/lease/heartbeat.ts";
import type { HeartbeatEffect, HeartbeatInput, HeartbeatState, LeaseCall } from "../../lib/lease/heartbeat-types.ts";
import { factAnnotations, type SpeakerFacts, type SpeakerLease } from "../../lib/model/speaker-lease.ts";
import type { SimApi } from "./api.ts";
import { speakerLease } from "./objects.ts";
import type { Sabotage } from "./sabotage.ts";
import type { MachineTime } from "./timeline.ts";

export interface HeartbeatHooks {
  /** The process runs: not dead and not frozen. */
  readonly runs: () => boolean;
  /** Runs now, or when the process does again. */
  readonly later: (run: () => void) => void;
  readonly onEffect: (effect: Exclude<HeartbeatEffect, { type: "request" }>) => void;
}

type Answer = { readonly kind: "ok"; readonly lease: SpeakerLease | undefined } | { readonly kind: "refused" };

export class SimHeartbeat {
  #state: HeartbeatState;
  readonly #api: SimApi;
  readonly #timeline: MachineTime;
  readonly #hooks: HeartbeatHooks;
  readonly #sabotage: Sabotage;
  #wakeSerial = 0;

  constructor(
    options: {
      readonly node: string;
      readonly instance: string;
      readonly seed: number;
      readonly sabotage: Sabotage;
    },
    api: SimApi,
    timeline: MachineTime,
    hooks: HeartbeatHooks,
  ) {
    this.#state = initialHeartbeat(options.node, options.instance, options.seed);
    this.#sabotage = options.sabotage;
    this.#api = api;
    this.#timeline = timeline;
    this.#hooks = hooks;
  }

  input(input: HeartbeatInput): void {
    const { state, effects, wakeAt } = stepHeartbeat(this.#state, input, this.#timeline.now);
    this.#state = state;
    for (const effect of effects) {
      if (effect.type === "request") this.#request(effect.request, effect.call);
      else this.#hooks.onEffect(effect);
    }
    const serial = ++this.#wakeSerial;
    if (wakeAt === undefined) return;
    this.#timeline.after(Math.max(0, wakeAt - this.#timeline.now) + 0.001, () => {
      if (serial === this.#wakeSerial && this.#hooks.runs()) this.input({ type: "tick" });
    });
  }

  /** A frozen process has missed its ticks. */
  thaw(): void {
    this.input({ type: "tick" });
  }

  #request(request: number, told: LeaseCall): void {
    const { node, instance } = this.#state;
    const isSilent = this.#sabotage.forgetsLeaving === true && told.type === "renew";
    const call = isSilent ? { ...told, leaving: false } : told;
    const { wallText } = this.#timeline;
    this.#api.call<Answer>(
      node,
      () => {
        if (call.type === "queue" && this.#sabotage.forgetsNext === true) return { kind: "refused" };
        return perform(this.#api, node, instance, call, wallText);
      },
      (answer) => this.#hooks.later(() => this.input(inputOf(request, answer))),
    );
  }
}

function inputOf(request: number, answer: Answer | undefined): HeartbeatInput {
  if (answer === undefined) return { type: "failed", request };
  if (answer.kind === "ok") return { type: "answered", request, lease: answer.lease };
  return { type: "refused", request, retryAfterMs: undefined };
}

function perform(api: SimApi, node: string, instance: string, call: LeaseCall, renewTime: string): Answer {
  const lease = api.leases.get(node);
  const put = (next: SpeakerLease): Answer => ({ kind: "ok", lease: api.putLease(next) });
  if (call.type === "read") return { kind: "ok", lease };
  if (call.type === "create") {
    if (lease !== undefined) return { kind: "refused" };
    return put({ ...withFacts(speakerLease(node, instance, 0), call.facts), renewTime });
  }
  if (lease === undefined) return { kind: "refused" };
  const unchanged = lease.meta.resourceVersion === call.from.meta.resourceVersion;
  switch (call.type) {
    case "take":
      if (!unchanged) return { kind: "refused" };
      return put({
        ...withFacts(lease, call.facts),
        instance,
        leaving: false,
        nextInstance: "",
        previousInstance: "",
        fencedBy: "",
        renewTime,
      });
    case "renew":
      if (lease.instance !== instance) return { kind: "refused" };
      if (call.unfence !== "" && call.unfence !== lease.fencedBy) return { kind: "refused" };
      return put({
        ...(call.facts === undefined ? lease : withFacts(lease, call.facts)),
        leaving: call.leaving,
        fencedBy: call.unfence === "" ? lease.fencedBy : "",
        renewTime,
      });
    case "queue":
      if (!unchanged) return { kind: "refused" };
      return put({ ...lease, nextInstance: instance });
    case "unqueue":
      if (lease.nextInstance !== instance) return { kind: "refused" };
      return put({ ...lease, nextInstance: "" });
    case "hand-over":
      if (lease.instance !== instance || lease.nextInstance !== call.to) return { kind: "refused" };
      return put({
        ...lease,
        instance: call.to,
        nextInstance: "",
        previousInstance: instance,
        leaving: false,
        renewTime,
      });
    case "release":
      if (lease.instance !== instance) return { kind: "refused" };
      return put({ ...lease, instance: "", leaving: false });
    default:
      throw new Error("unknown call");
  }
}

function withFacts(lease: SpeakerLease, facts: SpeakerFacts): SpeakerLease {
  const annotations = { ...lease.meta.annotations, ...factAnnotations(facts) };
  return { ...lease, facts, meta: { ...lease.meta, annotations } };
}
