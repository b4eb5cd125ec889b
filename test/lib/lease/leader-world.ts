/** Controllers around one Lease, each with a clock of its own, behind a network that delays, drops and answers late. */
import { KubeError } from "../../../lib/kube/errors.ts";
import {
  DEFAULT_TIMING,
  initialLeader,
  isLeading,
  type LeaderEffect,
  type LeaderInput,
  type LeaderState,
  stepLeader,
} from "../../../lib/lease/leader.ts";
import { leaderBody, readLease } from "../../../lib/lease/leader-loop.ts";
import { type Random, seededRandom } from "../../../lib/runtime/random.ts";
import { LeaseServer, type Operation } from "./lease-server.ts";

const COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/berth-system/leases";
export const PATH = `${COLLECTION}/berth-controller`;

/** How calls travel: milliseconds each way, and the share that is lost each way. */
export interface Network {
  readonly delayMaxMs: number;
  readonly loss: number;
}

export interface Replica {
  state: LeaderState;
  /** The world's time at which this one's clock showed 0, and how fast it runs. */
  readonly offsetMs: number;
  readonly rate: number;
  network: Network;
  frozen: boolean;
  alive: boolean;
  wakeAt: number | undefined;
  readonly news: string[];
}

interface Event {
  readonly at: number;
  readonly replica: Replica;
  readonly run: () => void;
}

export const GOOD: Network = { delayMaxMs: 10, loss: 0 };
export const CUT: Network = { delayMaxMs: 10, loss: 1 };

export class LeaderWorld {
  readonly server = new LeaseServer();
  readonly replicas: Replica[] = [];
  /** The most that ever led at once. */
  leadersMax = 0;
  now = 0;
  readonly random: Random;
  #events: Event[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  boot(identity: string, clock: { offsetMs?: number; rate?: number } = {}): Replica {
    const replica: Replica = {
      state: initialLeader(identity, Math.floor(this.random() * 2 ** 32)),
      offsetMs: clock.offsetMs ?? Math.floor(this.random() * 1e6),
      rate: clock.rate ?? 1,
      network: GOOD,
      frozen: false,
      alive: true,
      wakeAt: undefined,
      news: [],
    };
    this.replicas.push(replica);
    this.input(replica, { type: "start" });
    return replica;
  }

  leaders(): readonly Replica[] {
    return this.replicas.filter((one) => one.alive && isLeading(one.state, this.#local(one)));
  }

  input(replica: Replica, input: LeaderInput): void {
    const step = stepLeader(replica.state, input, this.#local(replica));
    replica.state = step.state;
    replica.wakeAt = step.wakeAt;
    for (const effect of step.effects) this.#execute(replica, effect);
    this.#check();
  }

  /** What `dice` says befalls one of them, whichever: its network, or whether it stands still. Above 0.75 it may thaw. */
  disturb(dice: number): void {
    const replica = this.replicas[Math.floor(this.random() * this.replicas.length)];
    if (replica === undefined) throw new Error("no replica");
    if (dice < 0.25) replica.network = { delayMaxMs: this.random() * 3_000, loss: this.random() * 0.6 };
    else if (dice < 0.35) replica.network = CUT;
    else if (dice < 0.65) replica.network = GOOD;
    else replica.frozen = dice < 0.75;
  }

  heal(): void {
    for (const replica of this.replicas) {
      replica.network = GOOD;
      replica.frozen = false;
    }
  }

  /** Puts the store back to `server.save()` as it is done: the server is away for longer than anybody leads without it. */
  putBack(): void {
    const networks = this.replicas.map(({ network }) => network);
    for (const replica of this.replicas) replica.network = CUT;
    this.run(DEFAULT_TIMING.deadlineMs + 100);
    this.server.restore();
    for (const [index, replica] of this.replicas.entries()) replica.network = networks[index] ?? GOOD;
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (let steps = 0; ; steps++) {
      if (steps > 100_000) throw new Error("a machine spins");
      const at = Math.min(
        end + 1,
        ...this.#events.map((event) => event.at),
        ...this.replicas.map((one) => this.#wakes(one)),
      );
      if (at > end) break;
      this.now = Math.max(this.now, at);
      this.#check();
      this.#fire();
    }
    this.now = end;
  }

  #fire(): void {
    // What waits for a frozen one waits until it thaws; a request on its way does not.
    const due = this.#events.filter((event) => event.at <= this.now);
    this.#events = this.#events.filter((event) => event.at > this.now);
    for (const event of due.sort((left, right) => left.at - right.at)) event.run();
    for (const replica of this.replicas) {
      if (this.#wakes(replica) <= this.now) this.input(replica, { type: "tick" });
    }
  }

  #wakes(replica: Replica): number {
    if (!replica.alive || replica.frozen || replica.wakeAt === undefined) return Infinity;
    // Timers fire late, never early: rounding must not wake a machine before its time again and again.
    return replica.offsetMs + replica.wakeAt / replica.rate + 0.01;
  }

  #local(replica: Replica): number {
    return (this.now - replica.offsetMs) * replica.rate;
  }

  #check(): void {
    this.leadersMax = Math.max(this.leadersMax, this.leaders().length);
  }

  #execute(replica: Replica, effect: LeaderEffect): void {
    if (effect.type !== "request") {
      if (effect.type !== "pulse")
        replica.news.push("reason" in effect ? `${effect.type} ${effect.reason}` : effect.type);
      return;
    }
    const { request } = effect;
    const { delayMaxMs, loss } = replica.network;
    const there = this.random() * delayMaxMs;
    const back = this.random() * delayMaxMs;
    const timeoutAt = this.now + effect.timeoutMs;
    const answer = (at: number, input: LeaderInput) => this.#deliver(replica, at, input);
    if (this.random() < loss) {
      answer(timeoutAt, { type: "failed", request });
      return;
    }
    const isAnswerLost = this.random() < loss || there + back > effect.timeoutMs;
    // The server does what reached it, however late, whether or not anybody still waits for it.
    this.#events.push({
      at: this.now + there,
      replica,
      run: () => {
        const done = this.#perform(replica, effect);
        if (!isAnswerLost) answer(this.now + back, done);
      },
    });
    if (isAnswerLost) answer(timeoutAt, { type: "failed", request });
  }

  #deliver(replica: Replica, at: number, input: LeaderInput): void {
    const run = () => {
      if (!replica.alive) return;
      if (replica.frozen) this.#deliver(replica, this.now + 50, input);
      else this.input(replica, input);
    };
    this.#events.push({ at, replica, run });
  }

  #perform(replica: Replica, effect: Extract<LeaderEffect, { type: "request" }>): LeaderInput {
    const { request, call } = effect;
    const clock = { wallMs: () => this.now, monotonicMs: () => this.now };
    const options = { namespace: "berth-system", name: "berth-controller", identity: replica.state.identity, clock };
    try {
      if (call.type === "read") return { type: "answered", request, lease: readLease(this.server.read(PATH)) };
      const body = leaderBody(call, options);
      const raw =
        call.type === "create"
          ? this.server.create(COLLECTION, body)
          : this.server.patch(PATH, body as unknown as Operation[]);
      return { type: "answered", request, lease: readLease(raw) };
    } catch (thrown) {
      if (!(thrown instanceof KubeError)) throw thrown;
      if (call.type === "read" && thrown.code === "not-found") return { type: "answered", request, lease: undefined };
      return { type: "refused", request, retryAfterMs: undefined };
    }
  }
}
