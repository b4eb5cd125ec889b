/** One speaker process: the real loop and the real heartbeat, with a worker, an API server and a wire that are simulated. */
import type { Random } from "../../lib/runtime/random.ts";
import { newsInputs } from "../../speaker/shell/news.ts";
import { stepSpeaker } from "../../speaker/speaker.ts";
import { initialSpeaker, type SpeakerEffect, type SpeakerInput, type SpeakerState } from "../../speaker/state.ts";
import type { SimApi, WatchEvent } from "./api.ts";
import { SimHeartbeat } from "./heartbeat.ts";
import { GATEWAY, link } from "./objects.ts";
import { MachineTime, type Time } from "./timeline.ts";
import type { SimWire } from "./wire.ts";
import { SimWorker } from "./worker.ts";

export interface ProcessOptions {
  readonly node: string;
  readonly instance: string;
  readonly timeline: Time;
  readonly random: Random;
  readonly api: SimApi;
  readonly wire: SimWire;
  readonly neverYield: boolean;
  readonly deaf: boolean;
  readonly onProtest: (what: string) => void;
  readonly onMove: (node: string, name: string, reason: string, epoch: number) => void;
  readonly onExit: (process: SimProcess) => void;
}

export class SimProcess {
  readonly node: string;
  readonly instance: string;
  readonly worker: SimWorker;
  state: SpeakerState;
  dead = false;
  frozen = false;
  #inbox: SpeakerInput[] = [];
  /** Callbacks that came while the process was frozen. */
  readonly #waiting: (() => void)[] = [];
  #scheduled = false;
  #wakeSerial = 0;
  #heartbeatStarted = false;
  readonly #heartbeat: SimHeartbeat;
  readonly #closeWatch: () => void;
  readonly #options: ProcessOptions;
  readonly #time: MachineTime;
  #pausedMs: number | undefined;

  constructor(options: ProcessOptions) {
    const { node, instance, random, api, wire } = options;
    const timeline = new MachineTime(options.timeline);
    this.#time = timeline;
    this.#options = { ...options, timeline };
    this.node = node;
    this.instance = instance;
    this.state = initialSpeaker(node, instance, timeline.now);
    this.worker = new SimWorker({
      node,
      timeline,
      random,
      wire,
      neverYield: options.neverYield,
      deaf: options.deaf,
      onProtest: options.onProtest,
      tell: (message) => this.later(() => this.post({ type: "worker", message })),
    });
    const seed = Math.floor(random() * 2 ** 32);
    this.#heartbeat = new SimHeartbeat({ node, instance, seed }, api, timeline, {
      runs: () => !this.dead && !this.frozen,
      onEffect: (effect) => {
        for (const input of newsInputs(effect)) this.post(input);
      },
    });
    this.#closeWatch = api.watch(node, (event) => this.later(() => this.#onEvent(event)));
    this.post({ type: "worker", message: { type: "links", links: [link(node, !wire.unplugged.has(node))] } });
    if (wire.hasGateway) this.post({ type: "gateways", byInterface: new Map([["eth0", GATEWAY]]) });
    timeline.after(200, () => this.post({ type: "synced" }));
  }

  /** Runs now, or after the thaw. */
  later(run: () => void): void {
    if (this.dead) return;
    if (this.frozen) this.#waiting.push(run);
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
    this.#closeWatch();
  }

  freeze(): void {
    this.frozen = true;
    this.worker.freeze();
  }

  thaw(): void {
    if (!this.frozen || this.dead || this.#pausedMs !== undefined) return;
    this.frozen = false;
    this.worker.thaw();
    for (const run of this.#waiting.splice(0)) run();
    this.#heartbeat.thaw();
    this.post({ type: "tick" });
  }

  /** The machine stops, speaker and kernel. */
  pause(): void {
    // A process that is stopped by a signal goes on with it: the two are not mixed.
    if (this.frozen) return;
    this.freeze();
    this.#pausedMs = this.#time.now;
    this.#options.wire.off.add(this.node);
  }

  resume(): void {
    if (this.#pausedMs === undefined || this.dead) return;
    this.#time.miss(this.#time.now - this.#pausedMs);
    this.#pausedMs = undefined;
    this.#options.wire.off.delete(this.node);
    this.frozen = false;
    this.worker.resume();
    for (const run of this.#waiting.splice(0)) run();
    this.#heartbeat.thaw();
    this.post({ type: "tick" });
  }

  plugged(carrier: boolean): void {
    this.later(() => this.post({ type: "worker", message: { type: "links", links: [link(this.node, carrier)] } }));
  }

  shutDown(): void {
    this.later(() => this.post({ type: "shutdown" }));
  }

  #step(): void {
    this.#scheduled = false;
    if (this.dead || this.frozen) return;
    const inputs = this.#inbox;
    this.#inbox = [];
    const { timeline } = this.#options;
    const { state, effects, wakeAt } = stepSpeaker(this.state, inputs, timeline.now);
    this.state = state;
    for (const effect of effects) this.#execute(effect);
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
    const { api, node, instance } = { ...this.#options };
    switch (effect.type) {
      case "compare-and-set": {
        const { name, uid, fromEpoch, resourceVersion, holder } = effect;
        this.#checkSilence(name, holder.node, holder.from);
        api.call(
          node,
          () => api.compareAndSet(name, uid, fromEpoch, resourceVersion, holder, node),
          (result) =>
            this.later(() =>
              this.post({ type: "written", name, epoch: holder.epoch, result: result ?? { kind: "unknown" } }),
            ),
        );
        break;
      }
      case "read":
        api.call(
          node,
          () => api.read(effect.name),
          (result) =>
            this.later(() =>
              this.post({ type: "read", name: effect.name, id: effect.id, result: result ?? { kind: "failed" } }),
            ),
        );
        break;
      case "condition":
        this.#condition(effect);
        break;
      case "worker":
        this.worker.receive(
          effect.message.type === "table" ? { ...effect.message, lossSeen: this.worker.loss } : effect.message,
        );
        break;
      case "facts":
        this.#heartbeat.input({ type: "facts", facts: effect.facts });
        break;
      case "heartbeat":
        this.#heartbeat.input({ type: effect.input });
        break;
      case "fence":
        this.#fence(effect);
        break;
      case "moved":
        this.#options.onMove(node, effect.name, effect.reason, effect.epoch);
        break;
      case "exit":
        this.kill();
        this.#options.onExit(this);
        break;
      case "yielded":
      case "relist-leases":
        break;
      default:
        throw new Error(`unknown effect of ${instance}`);
    }
  }

  #condition({ claim, name, uid }: Extract<SpeakerEffect, { type: "condition" }>): void {
    const { api } = this.#options;
    const act = (): void => {
      const vip = api.vips.get(name);
      if (vip === undefined || vip.meta.uid !== uid) return;
      const others = vip.conditions.filter((one) => one.type !== claim.type);
      const condition = { ...claim, lastTransitionTime: "", observedGeneration: undefined };
      api.putVip({ ...vip, conditions: [...others, condition] });
    };
    api.call(this.node, act, () => {});
  }

  #fence({ node, instance, by }: Extract<SpeakerEffect, { type: "fence" }>): void {
    const { api } = this.#options;
    const act = (): void => {
      const lease = api.leases.get(node);
      if (lease?.instance === instance) api.putLease({ ...lease, fencedBy: by });
    };
    api.call(this.node, act, () => {});
  }

  /** S5: whoever writes that it holds no more has fallen silent before, unless the record says that it hands over. */
  #checkSilence(name: string, to: string, from: string): void {
    if (to === this.node || from === this.node) return;
    const { address } = this.state.addresses.get(name) ?? { address: name };
    const record = this.state.addresses.get(name)?.record;
    if (record?.node === this.node && this.worker.answers(address)) {
      this.#options.onProtest(`${this.node} gives ${name} up while its worker still answers`);
    }
  }

  #onEvent(event: WatchEvent): void {
    if (event.type === "vip") this.post({ type: "virtual-ip", name: event.name, vip: event.vip });
    else if (event.type === "node") this.post({ type: "node", name: event.name, node: event.node });
    else if (event.type === "endpoints") {
      this.post({ type: "endpoints", service: event.service, endpoints: event.endpoints });
    } else {
      this.post({ type: "lease", input: { type: "lease", lease: event.lease } });
      if (event.lease.node === this.node) this.#heartbeat.input({ type: "observed", lease: event.lease });
    }
  }
}
