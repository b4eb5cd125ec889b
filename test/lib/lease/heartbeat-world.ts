/** Processes of one node around one Lease, in simulated time: the machine, its requests, and a server that can be cut off. */
import type { Json } from "../../../lib/kube/api.ts";
import { KubeError } from "../../../lib/kube/errors.ts";
import { initialHeartbeat, stepHeartbeat } from "../../../lib/lease/heartbeat.ts";
import type { HeartbeatEffect, HeartbeatInput, HeartbeatState, LeaseCall } from "../../../lib/lease/heartbeat-types.ts";
import { leaseRequest } from "../../../lib/lease/heartbeat-write.ts";
import { parseSpeakerLease, type SpeakerFacts, type SpeakerLease } from "../../../lib/model/speaker-lease.ts";
import { LeaseServer, type Operation } from "./lease-server.ts";

export const COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/berth-system/leases";
export const PATH = `${COLLECTION}/berth-speaker-n1`;

export const facts = (carrier = true): SpeakerFacts => ({
  interfaces: [
    {
      name: "eth0",
      mac: "02:00:00:00:00:01",
      subnets: ["10.0.0.0/24"],
      carrier,
      linkLocal: "fe80::1",
      address4: "10.0.0.1",
      addresses: ["10.0.0.1"],
    },
  ],
  proxyReady: true,
  kernelAnswers: [],
  uplinkLost: [],
  segments: {},
  hearing: {},
});

export interface Process {
  state: HeartbeatState;
  alive: boolean;
  /** "lost": the server does it, the answer never comes. */
  link: "up" | "down" | "lost";
  /** Everything but requests, as short text. */
  readonly news: string[];
  /** Calls in the order they were sent. */
  readonly sent: LeaseCall["type"][];
  wakeAt: number | undefined;
  pending: { at: number; input: HeartbeatInput } | undefined;
}

export class World {
  readonly server = new LeaseServer();
  readonly processes: Process[] = [];
  now = 0;
  readonly #latencyMs: number;

  constructor(latencyMs = 5) {
    this.#latencyMs = latencyMs;
  }

  boot(instance: string, seed = 1): Process {
    const state = initialHeartbeat("n1", instance, seed);
    const process: Process = {
      state,
      alive: true,
      link: "up",
      news: [],
      sent: [],
      wakeAt: undefined,
      pending: undefined,
    };
    this.processes.push(process);
    this.input(process, { type: "facts", facts: facts() });
    this.input(process, { type: "start" });
    return process;
  }

  input(process: Process, input: HeartbeatInput): void {
    const step = stepHeartbeat(process.state, input, this.now);
    process.state = step.state;
    process.wakeAt = step.wakeAt;
    for (const effect of step.effects) this.#execute(process, effect);
  }

  lease(): SpeakerLease {
    const lease = parseSpeakerLease(this.server.read(PATH));
    if (lease === undefined) throw new Error("no lease");
    return lease;
  }

  /** Shows a process what the watch would; nothing where there is no Lease, if that is allowed. */
  show(process: Process, mayBeAbsent = false): void {
    if (mayBeAbsent && !this.server.has(PATH)) return;
    this.input(process, { type: "observed", lease: this.lease() });
  }

  /** Lets time pass, one event after the other. BOUNDED: a machine that spins fails the test. */
  run(ms: number): void {
    const end = this.now + ms;
    for (let events = 0; ; events++) {
      if (events > 10_000) throw new Error("the machine spins");
      const due = this.processes.flatMap((one) => (one.alive ? [one.pending?.at ?? one.wakeAt ?? Infinity] : []));
      const next = Math.min(...due, Infinity);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      for (const process of this.processes) this.#wake(process);
    }
    this.now = end;
  }

  #wake(process: Process): void {
    if (!process.alive) return;
    const { pending } = process;
    if (pending !== undefined && pending.at <= this.now) {
      process.pending = undefined;
      this.input(process, pending.input);
    } else if (pending === undefined && process.wakeAt !== undefined && process.wakeAt <= this.now) {
      this.input(process, { type: "tick" });
    }
  }

  #execute(process: Process, effect: HeartbeatEffect): void {
    if (effect.type !== "request") {
      if (effect.type === "pulse" || effect.type === "renewed") return;
      const detail = "adopt" in effect ? effect.adopt : "by" in effect ? effect.by : "to" in effect ? effect.to : "";
      process.news.push(`${effect.type} ${detail}`.trim());
      return;
    }
    const { request, call } = effect;
    process.sent.push(call.type);
    const done = process.link === "down" ? undefined : this.#perform(process, request, call);
    const input: HeartbeatInput = done === undefined || process.link === "lost" ? { type: "failed", request } : done;
    const delay = process.link === "up" ? this.#latencyMs : effect.timeoutMs;
    process.pending = { at: this.now + delay, input };
  }

  #perform(process: Process, request: number, call: LeaseCall): HeartbeatInput {
    const context = { namespace: "berth-system", node: "n1", instance: process.state.instance, wallMs: this.now };
    const asked = leaseRequest(call, context);
    try {
      const raw =
        asked.verb === "get"
          ? this.server.read(asked.path)
          : asked.verb === "create"
            ? this.server.create(asked.path, asked.body)
            : this.server.patch(asked.path, asked.body as unknown as Operation[]);
      return { type: "answered", request, lease: parseSpeakerLease(raw) };
    } catch (thrown) {
      if (!(thrown instanceof KubeError)) throw thrown;
      if (call.type === "read" && thrown.code === "not-found") return { type: "answered", request, lease: undefined };
      return { type: "refused", request, retryAfterMs: undefined };
    }
  }
}

export const role = (process: Process) => process.state.role.type;

export function annotate(world: World, key: string, value: string): void {
  world.server.edit(PATH, (object) => {
    const metadata = object["metadata"] as { annotations: Record<string, Json> };
    metadata.annotations[key] = value;
  });
}

/** A process "old/1" that acts. */
export function acting(): { world: World; old: Process } {
  const world = new World();
  const old = world.boot("old/1");
  world.run(100);
  if (role(old) !== "acting") throw new Error("the first process does not act");
  return { world, old };
}
