/** One speaker process: the real loop and the real heartbeat, with a worker, an API server and a wire that are simulated. */
import type { HeartbeatEffect } from "../../lib/lease/heartbeat-types.ts";
import type { Random } from "../../lib/runtime/random.ts";
import type { FromWorker, Link } from "../../speaker/net/messages.ts";
import { newsInputs } from "../../speaker/shell/news.ts";
import { stepSpeaker } from "../../speaker/speaker.ts";
import { initialSpeaker, type SpeakerEffect, type SpeakerInput, type SpeakerState } from "../../speaker/state.ts";
import type { SimApi } from "./api.ts";
import { SimHeartbeat } from "./heartbeat.ts";
import { SimInformers } from "./informers.ts";
import { gatewayOn, link } from "./objects.ts";
import { givesUpLoudly, postCondition, SimRecords, writeFence } from "./records.ts";
import { bentInputs, type Sabotage } from "./sabotage.ts";
import { wrongStarts } from "./starting.ts";
import { type Clocks, MachineTime, type Time } from "./timeline.ts";
import type { SimWire } from "./wire.ts";
import { SimWorker } from "./worker.ts";
import { expectSilence } from "./yielding.ts";

export interface ProcessOptions {
  readonly node: string;
  readonly instance: string;
  readonly timeline: Time;
  readonly random: Random;
  readonly api: SimApi;
  /** The segments that the node stands on, by its interface there. */
  readonly wires: ReadonlyMap<string, SimWire>;
  readonly clocks: Clocks;
  readonly sabotage: Sabotage;
  readonly onProtest: (what: string) => void;
  readonly onMove: (node: string, name: string, reason: string, epoch: number) => void;
  readonly onExit: (process: SimProcess) => void;
}

type HeartbeatNews = Exclude<HeartbeatEffect, { type: "request" }>;

export class SimProcess {
  readonly node: string;
  readonly instance: string;
  readonly worker: SimWorker;
  state: SpeakerState;
  dead = false;
  /** It does not run: stopped, or its machine paused. */
  frozen = false;
  /** After a stop it reads what waits in its sockets in several turns of its loop, a piece each millisecond; else all of it in one. */
  readsLater = false;
  /** Its main thread alone, or its worker as well. */
  #stopped: "nothing" | "main" | "all" = "nothing";
  readonly #inbox: SpeakerInput[] = [];
  /** Callbacks that came while the process was frozen. */
  readonly #waiting: (() => void)[] = [];
  #scheduled = false;
  #wakeSerial = 0;
  #heartbeatStarted = false;
  readonly #heartbeat: SimHeartbeat;
  readonly #informers: SimInformers;
  readonly #records: SimRecords;
  #lossSeen = 0;
  readonly #options: ProcessOptions;
  readonly #time: MachineTime;
  #pausedMs: number | undefined;

  constructor(options: ProcessOptions) {
    const { node, instance, random, api, wires, sabotage } = options;
    const timeline = new MachineTime(options.timeline, options.clocks);
    this.#time = timeline;
    this.#options = { ...options, timeline };
    this.node = node;
    this.instance = instance;
    this.state = initialSpeaker(node, instance, timeline.now);
    const { onProtest } = options;
    this.worker = new SimWorker({
      ...{ node, timeline, random, wires, sabotage, onProtest },
      tell: (message) => this.later(() => this.#onWorker(message)),
    });
    this.#heartbeat = new SimHeartbeat({ node, instance, seed: this.#seed(), sabotage }, api, timeline, {
      runs: () => !this.dead && !this.frozen,
      later: (run) => this.later(run),
      onEffect: (effect) => this.#onNews(effect),
    });
    this.#records = new SimRecords(api, node, (run) => this.later(run));
    this.#informers = new SimInformers(node, random, api, timeline, {
      later: (run) => this.later(run),
      runs: () => !this.dead && !this.frozen,
      post: (input) => this.post(input),
      onLease: (lease) => this.#heartbeat.input({ type: "observed", lease }),
    });
    this.relink();
    const routed = [...wires.values()].filter((wire) => wire.hasGateway);
    const byInterface = new Map(routed.map((wire) => [wire.interface, gatewayOn(wire.segment)]));
    if (byInterface.size > 0) this.post({ type: "gateways", byInterface });
    this.#informers.input({ type: "start" });
    this.#sign();
  }

  #seed(): number {
    return Math.floor(this.#options.random() * 2 ** 32);
  }

  /** As speaker/net/frame-port.ts does, once a second: the main thread is there. */
  #sign(): void {
    if (this.dead) return;
    if (!this.frozen) this.worker.receive({ type: "sign" });
    this.#time.after(1_000, () => this.#sign());
  }

  /** How long ago that was, by its own clock. */
  ago(atMs: number): number {
    return this.#time.now - atMs;
  }

  /** Runs now, or after the thaw. */
  later(run: () => void): void {
    if (this.dead) return;
    if (this.frozen || (this.readsLater && this.#waiting.length > 0)) this.#waiting.push(run);
    else run();
  }

  post(input: SpeakerInput): void {
    this.#inbox.push(input);
    if (this.#scheduled || this.frozen) return;
    this.#scheduled = true;
    this.#options.timeline.after(0, () => this.#step());
  }

  kill(): void {
    if (this.dead) return;
    this.dead = true;
    this.worker.kill();
    this.#informers.stop();
  }

  /** The main thread alone stands still; the worker goes on for as long as it may. */
  stick(): void {
    this.#stopped = "main";
    this.frozen = true;
  }

  /** Stopped by a signal. */
  freeze(): void {
    this.#stopped = "all";
    this.frozen = true;
    this.worker.freeze();
  }

  thaw(): void {
    if (this.#stopped === "nothing" || this.dead) return;
    this.#stopped = "nothing";
    // Of a paused machine nothing runs.
    if (this.#pausedMs !== undefined) return;
    // What the worker says now is read after what it has said before: it is one channel.
    this.worker.thaw();
    this.frozen = false;
    this.#catchUp();
  }

  /** What came while it stood still, and the ticks that it missed. */
  #catchUp(): void {
    if (!this.readsLater) for (const run of this.#waiting.splice(0)) run();
    this.#heartbeat.thaw();
    this.#informers.input({ type: "tick" });
    this.post({ type: "tick" });
    this.#readOn();
  }

  #readOn(): void {
    if (this.#waiting.length === 0) return;
    this.#options.timeline.after(1, () => {
      if (this.dead || this.frozen) return;
      this.#waiting.shift()?.();
      this.#readOn();
    });
  }

  /** The whole machine stops. */
  pause(): void {
    this.#pausedMs ??= this.#time.now;
    this.frozen = true;
    this.worker.freeze();
  }

  resume(): void {
    if (this.#pausedMs === undefined || this.dead) return;
    this.#time.miss(this.#time.now - this.#pausedMs);
    this.#pausedMs = undefined;
    this.worker.resume(this.#stopped === "all");
    this.frozen = this.#stopped !== "nothing";
    if (!this.frozen) this.#catchUp();
  }

  /** A cable of the node was pulled or put in: the carriers as they are now. */
  relink(): void {
    const links = [...this.#options.wires.values()].map(
      (wire): Link => link(this.node, !wire.unplugged.has(this.node), wire.segment),
    );
    if (links.some(({ carrier }) => !carrier)) this.worker.heard.forget();
    this.later(() => this.post({ type: "worker", message: { type: "links", links } }));
  }

  shutDown(): void {
    this.later(() => this.post({ type: "shutdown" }));
  }

  #step(): void {
    this.#scheduled = false;
    if (this.dead || this.frozen) return;
    const { timeline, sabotage } = this.#options;
    const { now } = timeline;
    const before = sabotage.state?.(this.state, now) ?? this.state;
    const told = this.#inbox.splice(0);
    const { state, effects, wakeAt } = stepSpeaker(before, bentInputs(sabotage, told, before, now), now);
    this.state = state;
    for (const what of wrongStarts(before, state, effects, this.worker.heard, now)) this.#options.onProtest(what);
    for (const effect of sabotage.effects?.(effects, state, now) ?? effects) this.#execute(effect);
    expectSilence(this, told, before, timeline, this.#options.onProtest);
    if (!this.#heartbeatStarted && state.synced && state.linked) {
      this.#heartbeatStarted = true;
      this.#heartbeat.input({ type: "start" });
    }
    const serial = ++this.#wakeSerial;
    if (wakeAt === Number.POSITIVE_INFINITY) return;
    if (wakeAt <= timeline.now) this.#options.onProtest(`wakeAt ${wakeAt} is not after ${timeline.now}`);
    timeline.after(Math.max(1, wakeAt - timeline.now), () => {
      if (serial === this.#wakeSerial && !this.dead && !this.frozen) this.post({ type: "tick" });
    });
  }

  #execute(effect: SpeakerEffect): void {
    const { api, node, instance } = this.#options;
    switch (effect.type) {
      case "compare-and-set": {
        const { name, uid, fromEpoch, resourceVersion, holder } = effect;
        if (givesUpLoudly(this, name, holder))
          this.#options.onProtest(`${node} gives ${name} up while its worker still answers`);
        this.#records.call(
          () => api.compareAndSet(name, uid, fromEpoch, resourceVersion, holder, node),
          (result) => this.post({ type: "written", name, epoch: holder.epoch, result: result ?? { kind: "unknown" } }),
        );
        break;
      }
      case "read": {
        const { name, id } = effect;
        this.#records.call(
          () => api.read(name),
          (result) => this.post({ type: "read", name, id, result: result ?? { kind: "failed" } }),
        );
        break;
      }
      case "condition":
        postCondition(api, node, effect);
        break;
      case "worker":
        this.worker.receive(
          effect.message.type === "table" ? { ...effect.message, lossSeen: this.#lossSeen } : effect.message,
        );
        break;
      case "facts":
        this.#heartbeat.input({ type: "facts", facts: effect.facts });
        break;
      case "heartbeat":
        this.#heartbeat.input({ type: effect.input });
        break;
      case "fence":
        writeFence(api, this.#records, effect);
        break;
      case "moved":
        this.#options.onMove(node, effect.name, effect.reason, effect.epoch);
        break;
      case "exit":
        this.kill();
        this.#options.onExit(this);
        break;
      case "doubt-watches":
        this.#informers.doubt(effect.all);
        break;
      case "yielded":
        break;
      default:
        throw new Error(`unknown effect of ${instance}`);
    }
  }

  #onWorker(message: FromWorker): void {
    if (message.type === "lost") this.#lossSeen = message.loss;
    if (message.type === "heard" && message.how === "announcement") this.worker.receive({ type: "sign" });
    this.post({ type: "worker", message });
  }

  /** As speaker/main.ts and lib/lease/heartbeat-loop.ts do. */
  #onNews(news: HeartbeatNews): void {
    const isIgnored = this.#options.sabotage.ignoresPulse === true;
    if (news.type === "pulse-lost" && !isIgnored) this.#informers.closeConnections();
    for (const input of newsInputs(news)) this.post(input);
    if (news.type === "pulse" && news.restored) this.#informers.input({ type: "retry-now" });
    if (news.type === "rollback" && !isIgnored) this.#informers.input({ type: "relist" });
  }
}
