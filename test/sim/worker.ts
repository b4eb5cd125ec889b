/**
 * A frame worker without sockets: the real fence, table, announcer, prober and detector (speaker/net/frame-loop.ts puts them
 * together in the same order), over frames of the simulated wire.
 */
import { Announcements } from "../../speaker/net/announcements.ts";
import { Counters } from "../../speaker/net/counters.ts";
import { createFence, type FenceEffect, type FenceInput, isAnswering } from "../../speaker/net/fence.ts";
import { HeldNews } from "../../speaker/net/held-news.ts";
import type { ToWorker } from "../../speaker/net/messages.ts";
import { HeldTable } from "../../speaker/net/table.ts";
import { type Asker, answerAll, type Frame, FrameQueue, NOBODY, type Said } from "./frame.ts";
import { interfaceFor } from "./objects.ts";
import { stepBent } from "./sabotage.ts";
import { SimSender } from "./sender.ts";
import { Heard } from "./starting.ts";
import { SimWatching, type WatchingOptions } from "./watching.ts";
import type { SimWire } from "./wire.ts";

/** How often an idle worker looks whether its main thread is there; the real one turns twenty times a second. */
const IDLE_MS = 500;

export interface WorkerOptions extends Omit<WatchingOptions, "onAnswer"> {
  readonly random: () => number;
  readonly onProtest: (what: string) => void;
}

export class SimWorker {
  readonly node: string;
  #fence;
  readonly #watching: SimWatching;
  readonly #sender: SimSender;
  #peers: ReadonlySet<string> = new Set();
  readonly #table = new HeldTable();
  readonly #heldNews = new HeldNews(this.#table, (message) => this.#options.tell(message));
  #held: ReadonlySet<string> = new Set();
  readonly #announcements = new Announcements(new Counters());
  #sentTable = new Set<string>();
  /** What was ever in the table; sabotage answers for it on. */
  readonly #everHeld = new Set<string>();
  readonly #queue = new FrameQueue();
  readonly #messages: ToWorker[] = [];
  #frozen = false;
  #dead = false;
  #lastAt = 0;
  /** When the alarm rings that was set last, by its number. */
  #alarmAt = Number.POSITIVE_INFINITY;
  #serial = 0;
  readonly heard = new Heard();
  readonly #options: WorkerOptions;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.node = options.node;
    this.#fence = createFence(options.timeline.now);
    const onAnswer = (on: string, address: string, mac: string, toQuestion: boolean): void =>
      this.#receive({ type: "answer", on, address, mac, toQuestion });
    this.#watching = new SimWatching({ ...options, onAnswer });
    this.#sender = new SimSender({ ...options, onAnswer, answers: (address) => this.answers(address) });
    for (const wire of options.wires.values()) wire.workers.add(this);
    this.#idle();
  }

  /** It turns, and its fence lets it answer for what is in its table. */
  get isRunning(): boolean {
    return !this.#dead && !this.#frozen && isAnswering(this.#fence);
  }

  answers(address: string): boolean {
    const isKept = this.#options.sabotage.neverYields === true && this.#everHeld.has(address);
    if (!this.isRunning || !(isKept || this.#held.has(address))) return false;
    const wire = this.#options.wires.get(interfaceFor(address));
    return wire !== undefined && !wire.unplugged.has(this.node) && !wire.isUnanswered(this.node, address);
  }

  kill(): void {
    this.#dead = true;
    for (const wire of this.#options.wires.values()) wire.workers.delete(this);
  }

  /** From here on it does not turn; what comes waits in the buffer of the socket. */
  freeze(): void {
    if (this.#frozen) return;
    this.#fence = { ...this.#fence, loopAt: this.#options.timeline.now };
    this.#frozen = true;
  }

  thaw(): void {
    if (!this.#frozen || this.#dead) return;
    const { sabotage, timeline } = this.#options;
    // The fence has not looked yet, and the real worker would answer nothing before it has.
    if (sabotage.answersBacklog === true) answerAll(this.#queue.frames, (address) => this.#held.has(address));
    this.#frozen = false;
    // A short stop is none: the frames are read before anything is judged.
    if (sabotage.judgesUnread === true && timeline.now - this.#fence.loopAt <= 150) this.#watching.judgeUnread();
    this.#step({ type: "turn" });
    for (const frame of this.#queue.take().frames) this.#read(frame);
    while (this.#messages.length > 0) this.#readMessage();
    this.#timers();
  }

  /** The whole machine goes on as if nothing had been: what came meanwhile never reached it, and no clock shows a gap. */
  resume(isStopped: boolean): void {
    this.#fence = { ...this.#fence, loopAt: this.#options.timeline.now };
    this.#queue.take();
    this.#frozen = isStopped;
    if (isStopped) return;
    while (this.#messages.length > 0) this.#readMessage();
    this.#timers();
  }

  onAnnouncement(wire: SimWire, address: string, mac: string): void {
    this.#receive({ type: "announcement", on: wire.interface, address, mac });
  }

  onRequest(wire: SimWire, address: string, reply: () => void, by: Partial<Asker> = NOBODY): void {
    this.#receive({ type: "request", on: wire.interface, address, reply, alarmBy: "", probeBy: "", ...by });
  }

  /** From the main thread; the message takes a moment to be read. */
  receive(message: ToWorker): void {
    const { timeline, random } = this.#options;
    if (message.type === "table") this.#sentTable = new Set(message.entries.map((entry) => entry.address));
    if (message.type === "announce" && !this.#sentTable.has(message.address)) {
      this.#options.onProtest(`announce of ${message.address}, which is not in the table`);
    }
    // One channel: what was sent first arrives first.
    this.#lastAt = Math.max(this.#lastAt, timeline.now + 0.5 + random() * 0.5);
    this.#messages.push(message);
    timeline.after(this.#lastAt - timeline.now, () => {
      if (this.#dead || this.#frozen) return;
      this.#turn();
      this.#readMessage();
      this.#timers();
    });
  }

  /** The oldest first; times that are a hair apart decide nothing. */
  #readMessage(): void {
    const message = this.#messages.shift();
    if (message !== undefined) this.#act(message);
  }

  /** Asked after every event, so what the table says is kept. */
  #hold(): void {
    this.#held = new Set([...this.#everHeld].filter((address) => this.#table.isHeld(address, interfaceFor(address))));
  }

  /** Ends the rounds of what is held no more. */
  #keep(): void {
    this.#hold();
    this.#sender.announce({ type: "keep", held: ({ address }) => this.#held.has(address) });
  }

  #idle(): void {
    if (this.#dead) return;
    if (!this.#frozen) this.#turn();
    this.#options.timeline.quietly(IDLE_MS, () => this.#idle());
  }

  /** Between two events it has turned all the time. */
  #turn(): void {
    this.#fence = { ...this.#fence, loopAt: this.#options.timeline.now };
    this.#step({ type: "turn" });
  }

  #step(input: FenceInput): void {
    const { sabotage, timeline } = this.#options;
    const { state, effects } = stepBent(sabotage, this.#fence, input, timeline.now);
    this.#fence = state;
    for (const effect of effects) this.#onFence(effect);
  }

  #onFence(effect: FenceEffect): void {
    const { tell } = this.#options;
    switch (effect.type) {
      case "drain":
        this.#drain();
        break;
      case "lost":
        tell({ type: "lost", loss: this.#table.lose(effect.addresses), addresses: effect.addresses });
        this.#hold();
        break;
      case "fenced":
        this.#sender.announce({ type: "clear" });
        this.#watching.step({ type: "gap" });
        if (effect.reason !== "main-silent") this.#sender.probe({ type: "failed", interface: undefined });
        tell(effect);
        break;
      default:
        throw new Error("unknown effect of the fence");
    }
  }

  /** What was queued is evidence, and is not answered. */
  #drain(): void {
    this.#sender.announce({ type: "clear" });
    const { frames, dropped } = this.#queue.take();
    this.#heldNews.beginGap();
    for (const frame of frames) if (frame.type !== "request") this.#onHeard(frame);
    this.#watching.step({ type: "gap" });
    this.#step({ type: "drained", dropped, announced: this.#heldNews.endGap() });
  }

  #receive(frame: Frame): void {
    if (this.#dead || (this.#options.sabotage.deaf === true && frame.type === "announcement")) return;
    if (!this.#frozen) {
      this.#read(frame);
      this.#timers();
    } else this.#queue.push(frame);
  }

  #read(frame: Frame): void {
    const { address, on } = frame;
    const { now } = this.#options.timeline;
    switch (frame.type) {
      case "request":
        if (this.answers(address)) frame.reply();
        if (this.#held.has(address)) {
          const said = { address, interface: on, mac: frame.probeBy };
          if (frame.probeBy !== "") this.#heldNews.heard(said, "probe", this.#peers.has(said.mac), now);
        } else if (frame.alarmBy !== "") {
          this.#watching.step({ type: "heard", answers: [], alarms: [{ interface: on, address, mac: frame.alarmBy }] });
        }
        break;
      case "answer":
        this.#onHeard(frame);
        this.#watching.step({ type: "heard", answers: [{ interface: on, address, mac: frame.mac }], alarms: [] });
        break;
      case "announcement":
        this.#onHeard(frame);
        break;
      default:
    }
  }

  #onHeard({ on, address, mac, type, toQuestion = false }: Said): void {
    const { timeline, tell } = this.#options;
    this.#sender.probe({ type: "answers", answers: [{ address, interface: on, mac, toQuestion }] });
    this.heard.note(type, address, this.#options.wires.get(on)?.nodeOf(mac) ?? "", timeline.now);
    const isPeer = this.#peers.has(mac);
    if (this.#held.has(address)) this.#heldNews.heard({ address, interface: on, mac }, type, isPeer, timeline.now);
    else if (type === "announcement") {
      this.#announcements.add({ address, interface: on, mac }, isPeer, timeline.now);
      const entries = this.#announcements.take();
      if (entries.length > 0) tell({ type: "announced", entries });
    }
  }

  #act(message: ToWorker): void {
    this.#step({ type: "signed" });
    this.#heldNews.answered();
    switch (message.type) {
      case "table":
        this.#table.replace(message);
        this.#heldNews.follow(message.entries, this.#options.timeline.now);
        for (const { address } of message.entries) this.#everHeld.add(address);
        this.#keep();
        this.#options.tell({ type: "applied", generation: message.generation });
        break;
      case "announce":
        if (isAnswering(this.#fence) && this.#held.has(message.address)) this.#sender.plan(message);
        break;
      case "probe":
        this.#sender.probe({ type: "probe", requests: [message] });
        break;
      case "watch":
        this.#peers = new Set(message.plan.segments.flatMap(({ stations }) => stations.map((one) => one.mac)));
        this.#watching.step({ type: "plan", plan: message.plan });
        break;
      case "resume":
        this.#step({ type: "resume", fence: message.fence });
        break;
      default:
    }
  }

  /** The real loop's order: the detector judges only what was read, and nothing while nothing may be answered. */
  #timers(): void {
    const { timeline, sabotage } = this.#options;
    const { now } = timeline;
    const isRunning = isAnswering(this.#fence);
    if (isRunning && now >= this.#watching.wakeAt) this.#watching.step({ type: "tick" });
    if (sabotage.waitsForMain === true) this.#heldNews.answered();
    if (this.#heldNews.tick(now)) this.#keep();
    this.#sender.tick();
    const watchingAt = isRunning ? this.#watching.wakeAt : Number.POSITIVE_INFINITY;
    const at = Math.min(watchingAt, this.#sender.wakeAt, this.#heldNews.wakeAt);
    // An alarm that is set for this time already rings.
    if (at === this.#alarmAt) return;
    this.#alarmAt = at;
    const serial = ++this.#serial;
    if (at === Number.POSITIVE_INFINITY) return;
    // A hair later: the difference of two times is not exact, and an alarm that rings early is set again.
    timeline.quietly(Math.max(0, at - now) + 0.001, () => {
      if (serial !== this.#serial) return;
      this.#alarmAt = Number.POSITIVE_INFINITY;
      if (!this.#dead && !this.#frozen) this.#timers();
    });
  }
}
