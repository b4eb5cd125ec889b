/** Puts the loop, the watches, the heartbeat and the frame worker together. What each effect means in the world is said here. */
import type { KubeApi } from "../../lib/kube/api.ts";
import type { SpeakerFacts } from "../../lib/model/speaker-lease.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { Logger } from "../../lib/runtime/log.ts";
import type { Effect } from "../election/types.ts";
import { interfaceFacts } from "../interfaces.ts";
import type { FromWorker, ToWorker } from "../net/messages.ts";
import { type SpeakerEffect, type SpeakerInput, type SpeakerState, servedNames } from "../state.ts";
import { DropLog } from "./drop-log.ts";
import { EventWriter } from "./event-writer.ts";
import { Gauges } from "./gauges.ts";
import { KernelReader } from "./kernel-reader.ts";
import { Limiter, RECORDS_MAX } from "./limiter.ts";
import { FrameCounters, fences, moves, recordCalls, yields } from "./metrics.ts";
import { readRecord, writeCondition, writeFence, writeRecord } from "./records.ts";
import { Runner } from "./runner.ts";
import { WirelessWarning } from "./wireless.ts";

/** The frame worker's end here: speaker/net/frame-port.ts, or a test's. */
export interface FramePortLike {
  send(message: ToWorker): void;
  onMessage(callback: (message: FromWorker) => void): void;
}

/** What the loop asks of the node's Lease. */
export interface HeartbeatPort {
  setFacts(facts: SpeakerFacts): void;
  tell(input: "shutdown" | "release" | "fence-answered"): void;
}

export interface SpeakerShellOptions {
  readonly node: string;
  readonly instance: string;
  /** Where the Leases of the speakers are. */
  readonly namespace: string;
  readonly podName: string;
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly frames: FramePortLike;
  readonly heartbeat: HeartbeatPort;
  /** The watch of Leases does not deliver, and perhaps none does (`all`). */
  readonly doubt: (all: boolean) => void;
  /** The lists are there and the interfaces are known: from here on the Lease may be asked for. */
  readonly onReady: () => void;
}

/** Conditions and events go beside the records, fewer. */
const OTHERS_MAX = 4;

export class SpeakerShell {
  readonly #options: SpeakerShellOptions;
  readonly #runner: Runner;
  readonly #records = new Limiter(RECORDS_MAX);
  readonly #others = new Limiter(OTHERS_MAX);
  readonly #counters = new FrameCounters();
  readonly #events: EventWriter;
  readonly #kernel = new KernelReader((input) => this.post(input));
  readonly #gauges: Gauges;
  readonly #wireless: WirelessWarning;
  readonly #drops: DropLog;
  #ready = false;
  #workerFailure: string | undefined;
  /** An interface that has no sockets for now; the worker goes on without it. */
  #interfaceFailure: string | undefined;
  #onExit: ((reason: string) => void) | undefined;
  #onLost: () => Promise<void> = async () => {};
  #leaving = false;
  #exited: string | undefined;

  constructor(options: SpeakerShellOptions) {
    this.#options = options;
    this.#gauges = new Gauges(options.log);
    this.#wireless = new WirelessWarning(options.log);
    this.#drops = new DropLog(options.log);
    const { api, clock, log, podName, node } = options;
    this.#events = new EventWriter({ api, clock, log, instance: podName || node, limiter: this.#others });
    this.#runner = new Runner({
      node: options.node,
      instance: options.instance,
      clock: options.clock,
      onStep: (state) => this.#afterStep(state),
      executors: {
        "compare-and-set": (effect) => this.#compareAndSet(effect),
        read: (effect) => this.#read(effect.name, effect.id),
        condition: (effect) => this.#condition(effect),
        moved: (effect, state) => this.#moved(effect, state),
        yielded: (effect) => {
          yields.inc({ reason: effect.reason });
          options.log.info({ vip: effect.name, reason: effect.reason, epoch: effect.epoch }, "stopped answering");
        },
        worker: (effect) => options.frames.send(effect.message),
        fence: (effect) => this.#fence(effect),
        facts: (effect) => options.heartbeat.setFacts(effect.facts),
        heartbeat: (effect) => options.heartbeat.tell(effect.input),
        "doubt-watches": (effect) => options.doubt(effect.all),
        exit: (effect) => this.#exit(effect),
      },
    });
    options.frames.onMessage((message) => this.#onWorker(message));
  }

  get state(): SpeakerState {
    return this.#runner.state;
  }

  post(input: SpeakerInput): void {
    this.#runner.post(input);
  }

  /** Why the speaker cannot do its work; undefined when it can. A process that waits for its predecessor's Lease is ready. */
  notReady(): string | undefined {
    const { synced, linked } = this.#runner.state;
    const failure = this.#workerFailure ?? this.#interfaceFailure;
    if (failure !== undefined) return failure;
    if (!synced) return "the lists of the API server have not arrived yet";
    return linked ? undefined : "the interfaces of this node are not known yet";
  }

  /** Why the process must be restarted: without its worker nothing is answered. */
  notAlive(): string | undefined {
    return this.#workerFailure;
  }

  /** Called when the process must end without having been told to: another one acts for this node, or it can answer no more. */
  onLost(handler: () => Promise<void>): void {
    this.#onLost = handler;
  }

  /** Hands everything over; resolves when the process may end. */
  leave(): Promise<void> {
    this.#leaving = true;
    this.post({ type: "shutdown" });
    if (this.#exited !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onExit = () => resolve();
    });
  }

  #onWorker(message: FromWorker): void {
    const { log } = this.#options;
    switch (message.type) {
      case "counters":
        this.#counters.update(message.counters);
        this.#drops.update(message, this.#options.clock.monotonicMs());
        return;
      case "failed":
        log.error({ error: message.message, fatal: message.fatal }, "the frame worker failed");
        if (message.fatal) this.#onWorkerEnd(message.message);
        else this.#interfaceFailure = message.message;
        return;
      case "mended":
        this.#interfaceFailure = undefined;
        return;
      case "fenced":
        fences.inc({ reason: message.reason });
        log.warn(
          { reason: message.reason, gapMs: Math.round(message.gapMs) },
          "answers stopped until the records are read",
        );
        break;
      case "lost":
        log.warn(
          { addresses: message.addresses },
          "announced by others in a gap, or while the main thread did not answer",
        );
        break;
      case "links":
        this.readKernel(interfaceFacts(message.links).map((one) => one.name));
        break;
      default:
    }
    this.post({ type: "worker", message });
  }

  /** Reads again what the kernel tells nobody of. */
  readKernel(interfaces: readonly string[] = this.state.interfaces.map((one) => one.name)): void {
    this.#kernel.read(interfaces);
  }

  /** The Lease beats on while nobody answers: the process must end now, so that the next one, or another node, takes over. */
  #onWorkerEnd(message: string): void {
    this.#workerFailure = `the frame worker failed: ${message}`;
    if (!this.#leaving) void this.#onLost();
  }

  #compareAndSet(effect: Extract<Effect, { type: "compare-and-set" }>): void {
    const { api, clock, log } = this.#options;
    this.#records.run(`write ${effect.name}`, async () => {
      const { result, error } = await writeRecord(api, effect, new Date(clock.wallMs()).toISOString());
      recordCalls.inc({ call: "write", result: result.kind });
      const { name, holder } = effect;
      const fields = { vip: name, node: holder.node, from: holder.from, epoch: holder.epoch, reason: holder.reason };
      if (error === undefined) log.info(fields, "record written");
      else log.warn({ ...fields, result: result.kind, error: error.message }, "record not written");
      this.post({ type: "written", name, epoch: holder.epoch, result });
    });
  }

  #read(name: string, id: number): void {
    this.#records.run(`read ${name}`, async () => {
      const { result, error } = await readRecord(this.#options.api, name);
      recordCalls.inc({ call: "read", result: result.kind });
      if (result.kind === "failed") this.#options.log.warn({ vip: name, error: error?.message }, "record not read");
      this.post({ type: "read", name, id, result });
    });
  }

  /** One attempt: without it the victim still finds itself replaced in every record. */
  #fence(effect: Extract<SpeakerEffect, { type: "fence" }>): void {
    const { api, namespace, log } = this.#options;
    const { node, by } = effect;
    this.#records.run(`fence ${node} ${effect.interface}`, async () => {
      try {
        await writeFence(api, namespace, effect);
        recordCalls.inc({ call: "fence", result: "ok" });
        log.warn({ node, by }, "a node is gone by the wire: its Lease says so now");
      } catch (thrown) {
        recordCalls.inc({ call: "fence", result: "failed" });
        log.warn(
          { node, by, error: BerthError.from(thrown).message },
          "a node is gone by the wire; its Lease was not marked",
        );
      }
    });
  }

  #condition(effect: Extract<Effect, { type: "condition" }>): void {
    const { api, clock, log } = this.#options;
    this.#others.run(`condition ${effect.name} ${effect.claim.type}`, async () => {
      try {
        await writeCondition(api, effect, new Date(clock.wallMs()).toISOString());
        recordCalls.inc({ call: "condition", result: "ok" });
        const vip = this.state.vips.get(effect.name);
        if (vip !== undefined) this.#events.said(vip, effect.claim);
      } catch (thrown) {
        // It is posted again when it does not show on the object.
        recordCalls.inc({ call: "condition", result: "failed" });
        log.warn(
          { vip: effect.name, type: effect.claim.type, error: BerthError.from(thrown).message },
          "condition not written",
        );
      }
    });
  }

  #moved(effect: Extract<Effect, { type: "moved" }>, state: SpeakerState): void {
    const { log, node } = this.#options;
    const { name, reason, epoch } = effect;
    moves.inc({ reason });
    log.info({ vip: name, reason, epoch, interface: effect.interface }, "answering");
    const vip = state.vips.get(name);
    if (vip !== undefined) this.#events.moved({ vip, node, interface: effect.interface, reason, epoch });
  }

  #exit(effect: Extract<SpeakerEffect, { type: "exit" }>): void {
    this.#options.log.info({ reason: effect.reason, stillHeld: servedNames(this.state).length }, "done, leaving");
    this.#exited = effect.reason;
    if (!this.#leaving) void this.#onLost();
    this.#onExit?.(effect.reason);
  }

  #afterStep(state: SpeakerState): void {
    this.#gauges.show(state);
    this.#wireless.look(state.listening.interfaces);
    if (this.#ready || !state.synced || !state.linked) return;
    this.#ready = true;
    this.#options.onReady();
  }
}
