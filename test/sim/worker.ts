/** A frame worker without frames, with the real detector: keeps the table, announces in rounds, answers probes, hears, and fences itself after a gap. */
import type { Random } from "../../lib/runtime/random.ts";
import { createDetector, stepDetector } from "../../speaker/detector/detector.ts";
import type { DetectorInput } from "../../speaker/detector/types.ts";
import type { FromWorker, HeardHow, ToWorker } from "../../speaker/net/messages.ts";
import type { Time } from "./timeline.ts";
import type { SimWire } from "./wire.ts";

const ROUNDS = 5;
const ROUND_MS = 1_100;
/** speaker/net/fence.ts: a longer gap stops the answers until the records were read. */
const FENCE_GAP_MS = 5_000;

export interface WorkerOptions {
  readonly node: string;
  readonly timeline: Time;
  readonly random: Random;
  readonly wire: SimWire;
  readonly tell: (message: FromWorker) => void;
  /** Sabotage: addresses that leave the table are answered on. */
  readonly neverYield: boolean;
  /** Sabotage: announcements of others are not heard. */
  readonly deaf: boolean;
  readonly onProtest: (what: string) => void;
}

export class SimWorker {
  readonly node: string;
  #table = new Set<string>();
  #sentTable = new Set<string>();
  #dropped = new Set<string>();
  #announcedMeanwhile = new Map<string, string>();
  #fence = 0;
  #fenced = false;
  #frozenAt: number | undefined;
  #dead = false;
  #loss = 0;
  #lastAt = 0;
  #detector = createDetector();
  #tickSerial = 0;
  readonly #options: WorkerOptions;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.node = options.node;
    options.wire.workers.add(this);
  }

  answers(address: string): boolean {
    if (this.#dead || this.#frozenAt !== undefined || this.#fenced || this.#dropped.has(address)) return false;
    return this.#table.has(address) && !this.#options.wire.unplugged.has(this.node);
  }

  kill(): void {
    this.#dead = true;
    this.#options.wire.workers.delete(this);
  }

  freeze(): void {
    this.#frozenAt ??= this.#options.timeline.now;
  }

  thaw(): void {
    const { timeline, tell } = this.#options;
    if (this.#frozenAt === undefined || this.#dead) return;
    const gapMs = timeline.now - this.#frozenAt;
    this.#frozenAt = undefined;
    this.#detect({ type: "gap" });
    const lost = [...this.#announcedMeanwhile].filter(([address]) => this.#table.has(address));
    this.#announcedMeanwhile.clear();
    if (gapMs > FENCE_GAP_MS) {
      this.#fenced = true;
      this.#fence += 1;
      tell({ type: "fenced", fence: this.#fence, reason: "loop-gap", gapMs });
    } else if (lost.length > 0 && gapMs > 150) {
      for (const [address] of lost) this.#dropped.add(address);
      this.#loss += 1;
      tell({ type: "lost", loss: this.#loss, addresses: lost.map(([address, mac]) => ({ address, mac })) });
    }
  }

  /** The whole machine goes on as if nothing had been: what came meanwhile never reached it, and no clock shows a gap. */
  resume(): void {
    this.#frozenAt = undefined;
    this.#announcedMeanwhile.clear();
    this.#detect({ type: "tick" });
  }

  hear(address: string, mac: string, how: HeardHow): void {
    if (this.#dead || this.#options.deaf) return;
    if (this.#frozenAt !== undefined) {
      if (how === "announcement") this.#announcedMeanwhile.set(address, mac);
      return;
    }
    if (this.#table.has(address)) this.#options.tell({ type: "heard", address, interface: "eth0", mac, how });
    else if (how === "announcement") {
      this.#options.tell({ type: "announced", entries: [{ address, interface: "eth0", mac }] });
    }
  }

  /** Somebody asks everybody for an address. */
  alarm(address: string, mac: string): void {
    if (this.#table.has(address) || !this.#hears()) return;
    this.#detect({ type: "heard", answers: [], alarms: [{ interface: "eth0", address, mac }] });
  }

  #hears(): boolean {
    return !this.#dead && !this.#options.deaf && this.#frozenAt === undefined;
  }

  #detect(input: DetectorInput): void {
    const { timeline, tell, wire, node } = this.#options;
    const { state, effects, wakeAt } = stepDetector(this.#detector, input, timeline.now);
    this.#detector = state;
    for (const effect of effects) {
      if (effect.type === "verdict") {
        if (!this.#fenced) tell({ type: "verdict", ...effect.verdict });
      } else if (effect.type === "back") tell(effect);
      else {
        wire.ask(node, effect.probe, (mac) => {
          const answer = { interface: "eth0", address: effect.probe.address, mac };
          if (this.#hears()) this.#detect({ type: "heard", answers: [answer], alarms: [] });
        });
      }
    }
    const serial = ++this.#tickSerial;
    if (wakeAt === undefined) return;
    // A hair later: after a pause the difference of two times is not exact, and an alarm that rings early is set again.
    timeline.quietly(Math.max(0, wakeAt - timeline.now) + 0.001, () => {
      if (serial === this.#tickSerial && !this.#dead && this.#frozenAt === undefined) this.#detect({ type: "tick" });
    });
  }

  /** From the main thread; the table takes a moment to be applied. */
  receive(message: ToWorker): void {
    const { timeline, random } = this.#options;
    if (message.type === "table") this.#sentTable = new Set(message.entries.map((entry) => entry.address));
    if (message.type === "announce" && !this.#sentTable.has(message.address)) {
      this.#options.onProtest(`announce of ${message.address}, which is not in the table`);
    }
    // One channel: what was sent first arrives first.
    this.#lastAt = Math.max(this.#lastAt, timeline.now + 0.5 + random() * 0.5);
    timeline.after(this.#lastAt - timeline.now, () => this.#act(message));
  }

  #act(message: ToWorker): void {
    if (this.#dead) return;
    if (this.#frozenAt !== undefined) {
      this.#options.timeline.after(5, () => this.#act(message));
      return;
    }
    switch (message.type) {
      case "table": {
        const addresses = message.entries.map((entry) => entry.address);
        this.#table = new Set(this.#options.neverYield ? [...this.#table, ...addresses] : addresses);
        // Only a table that was made in the knowledge of a loss brings its addresses back.
        this.#dropped = new Set([...this.#dropped].filter(() => (message.lossSeen ?? 0) < this.#loss));
        this.#options.tell({ type: "applied", generation: message.generation });
        break;
      }
      case "announce":
        this.#round(message.address, ROUNDS);
        break;
      case "probe":
        this.#probe(message.id, message.address, 3, new Set());
        break;
      case "watch":
        this.#detect({ type: "plan", plan: message.plan });
        break;
      case "resume":
        if (message.fence === this.#fence) this.#fenced = false;
        break;
      default:
    }
  }

  get loss(): number {
    return this.#loss;
  }

  #round(address: string, left: number): void {
    if (left === 0 || this.#dead) return;
    if (this.answers(address)) this.#options.wire.broadcast(this.node, address, "announcement");
    else if (!this.#table.has(address)) return;
    this.#options.timeline.after(ROUND_MS, () => this.#round(address, left - 1));
  }

  #probe(id: number, address: string, left: number, found: Set<string>): void {
    if (this.#dead) return;
    const { wire, timeline, tell } = this.#options;
    if (wire.unplugged.has(this.node)) {
      tell({ type: "probed", id, address, answers: [], sent: false });
    } else if (left === 0) {
      tell({ type: "probed", id, address, answers: [...found], sent: true });
    } else {
      if (this.#frozenAt === undefined && !this.#options.deaf)
        for (const mac of wire.answers(this.node, address)) found.add(mac);
      timeline.after(100, () => this.#probe(id, address, left - 1, found));
    }
  }
}
