/** The detector's place in the worker: feeds it what was heard, sends its questions, posts what it concludes. */
import { createDetector, stepDetector } from "../detector/detector.ts";
import type {
  Alarm,
  DetectorEffect,
  DetectorInput,
  LivenessAnswer,
  LivenessProbe,
  WatchPlan,
} from "../detector/types.ts";
import { writeLivenessProbe } from "../packet/frames.ts";
import type { Counters } from "./counters.ts";
import { ANNOUNCED_LIMITS, HearingLimit } from "./hearing-limit.ts";
import type { FromWorker } from "./messages.ts";
import type { OutFrame, Wire } from "./wire.ts";

/** Of one turn; more alarms than these say nothing more. */
const ALARMS_MAX = 256;

export class Watching {
  readonly #wire: Wire;
  readonly #counters: Counters;
  readonly #post: (message: FromWorker) => void;
  readonly #limit = new HearingLimit(ANNOUNCED_LIMITS);
  #detector = createDetector();
  #wakeAt = Number.POSITIVE_INFINITY;
  /** What the stations of the plan answer for by themselves: what this node must recognise beside the addresses of Services. */
  #addresses: readonly string[] = [];
  #peers: ReadonlySet<string> = new Set();
  /** BOUNDED by the frames of one turn, and ALARMS_MAX. */
  #answers: LivenessAnswer[] = [];
  #alarms: Alarm[] = [];

  constructor(wire: Wire, counters: Counters, post: (message: FromWorker) => void) {
    this.#wire = wire;
    this.#counters = counters;
    this.#post = post;
  }

  /** Own addresses of the stations and what they are asked for, to be found in the index. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** MACs of the nodes in the plan; a gateway is no node. */
  get peers(): Iterable<string> {
    return this.#peers;
  }

  /** Whether the MAC is that of another node of the cluster. */
  isPeer(mac: string): boolean {
    return this.#peers.has(mac);
  }

  follow(plan: WatchPlan, now: number): void {
    const stations = plan.segments.flatMap((segment) => segment.stations);
    const all = stations.flatMap((one) => [one.address4, one.linkLocal, ...one.targets]);
    this.#addresses = [...new Set(all)].filter((address) => address !== "");
    this.#peers = new Set(stations.flatMap((one) => (one.node === "" ? [] : [one.mac])));
    this.#step({ type: "plan", plan }, now);
  }

  answered(answer: LivenessAnswer): void {
    this.#answers.push(answer);
  }

  alarmed(alarm: Alarm): void {
    this.#counters.add("alarms-heard");
    if (this.#alarms.length < ALARMS_MAX) this.#alarms.push(alarm);
  }

  /** The loop did not run, or frames are missing: what is under way proves nothing. */
  gap(now: number): void {
    this.#answers = [];
    this.#alarms = [];
    this.#step({ type: "gap" }, now);
  }

  /**
   * Hands over what was heard and lets time judge; `isDrained` says that no frame waits unread, for only then may a missing answer
   * count as missing. Returns when to come again; not before
   * the next turn if it was not.
   */
  tick(now: number, isDrained: boolean): number {
    if (this.#answers.length > 0 || this.#alarms.length > 0) {
      const [answers, alarms] = [this.#answers, this.#alarms];
      this.#answers = [];
      this.#alarms = [];
      this.#counters.add("liveness-answered", answers.length);
      this.#step({ type: "heard", answers, alarms }, now);
    }
    if (!isDrained) return Number.POSITIVE_INFINITY;
    if (now >= this.#wakeAt) this.#step({ type: "tick" }, now);
    return this.#wakeAt;
  }

  #step(input: DetectorInput, now: number): void {
    const { state, effects, wakeAt } = stepDetector(this.#detector, input, now);
    this.#detector = state;
    this.#wakeAt = wakeAt ?? Number.POSITIVE_INFINITY;
    for (const effect of effects) this.#tell(effect, now);
    const asks = effects.flatMap((effect) => (effect.type === "ask" ? [frameOf(effect.probe)] : []));
    if (asks.length > 0) this.#wire.send(asks, "liveness-sent");
  }

  #tell(effect: DetectorEffect, now: number): void {
    if (effect.type === "ask") return;
    // Answers may be forged, as many as there are frames.
    if (effect.type === "heard" && !this.#limit.admits(effect.address, effect.how, true, now)) {
      this.#counters.add("heard-not-told");
      return;
    }
    if (effect.type !== "met" && effect.type !== "hearing")
      this.#counters.add(effect.type === "verdict" ? "verdicts" : effect.type);
    this.#post(effect.type === "verdict" ? { type: "verdict", ...effect.verdict } : effect);
  }
}

function frameOf(probe: LivenessProbe): OutFrame {
  const write = (mac: string, out: Uint8Array, at: number) => writeLivenessProbe(probe, mac, out, at);
  return { interface: probe.interface, family: probe.address.includes(":") ? 6 : 4, write };
}
