/**
 * The detectors of all nodes of a segment, and nothing else: real rings, a wire that loses frames, nodes that die. What each node asks and
 * is asked is noted with its time. It begins as a segment stands after a minute, when everybody has heard everybody.
 */
import { type Random, seededRandom } from "../../lib/runtime/random.ts";
import { createDetector, type DetectorState, stepDetector } from "../../speaker/detector/detector.ts";
import type {
  Alarm,
  DetectorEffect,
  LivenessAnswer,
  LivenessProbe,
  SegmentPlan,
  Verdict,
} from "../../speaker/detector/types.ts";
import { rendezvousOrder } from "../../speaker/rendezvous.ts";
import { addressOf, linkLocalOf, macOf } from "./objects.ts";
import { type HeldBy, ON, planOf, spread } from "./rings.ts";
import { Timeline } from "./timeline.ts";

/** A node reads what has come so long after the first of it. */
const TURN_MS = 0.4;
/** From a verdict to the plan of a node that has taken: it pursues from then on. */
const TAKEN_MS = 50;

export interface Options {
  readonly nodes: number;
  readonly addresses: number;
  /** All addresses are held by the first node, instead of by all nodes by turns. */
  readonly onOne?: boolean;
  /** Chance of each frame, and of each receiver of a broadcast, to be lost. */
  readonly loss?: number;
}

/** Times of frames of one node. `sent`: questions; `asked`: questions for it alone; `toAll`: broadcasts of others. */
export type Kind = "sent" | "asked" | "toAll";

export interface Told {
  readonly by: string;
  readonly atMs: number;
  readonly verdict: Verdict;
}

class Station {
  readonly name: string;
  detector: DetectorState = createDetector();
  readonly times: Readonly<Record<Kind, number[]>> = { sent: [], asked: [], toAll: [] };
  answers: LivenessAnswer[] = [];
  alarms: Alarm[] = [];
  isDead = false;
  serial = 0;

  constructor(name: string) {
    this.name = name;
  }
}

export class Detectors {
  readonly timeline = new Timeline();
  readonly told: Told[] = [];
  readonly names: readonly string[];
  readonly #stations: ReadonlyMap<string, Station>;
  readonly #ofMac: ReadonlyMap<string, Station>;
  readonly #heldBy: HeldBy;
  readonly #loss: number;
  readonly #random: Random;
  /** Who has taken from whom. */
  readonly #taken = new Map<string, Set<string>>();

  constructor({ nodes, addresses, onOne = false, loss = 0 }: Options, seed: number) {
    this.names = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
    this.#stations = new Map(this.names.map((name) => [name, new Station(name)]));
    this.#ofMac = new Map([...this.#stations.values()].map((one) => [macOf(one.name), one]));
    this.#loss = loss;
    this.#random = seededRandom(seed);
    this.#heldBy = spread(onOne ? this.names.slice(0, 1) : this.names, addresses);
    for (const one of this.#stations.values()) this.#begin(one);
  }

  die(name: string): void {
    this.#of(name).isDead = true;
  }

  run(forMs: number): void {
    this.timeline.runUntil(this.timeline.now + forMs, () => {});
  }

  /** The most frames of these kinds that any living node had within any `withinMs`, from `sinceMs` on. */
  most(kinds: readonly Kind[], withinMs: number, sinceMs: number): number {
    let most = 0;
    for (const { times, isDead } of this.#stations.values()) {
      if (isDead) continue;
      const all = kinds.flatMap((kind) => times[kind].filter((at) => at >= sinceMs)).sort((a, b) => a - b);
      for (let from = 0, to = 0; to < all.length; to++) {
        while ((all[from] as number) <= (all[to] as number) - withinMs) from++;
        most = Math.max(most, to - from + 1);
      }
    }
    return most;
  }

  /** Questions sent by all, and how many of them to everybody. */
  count(kind: Kind, sinceMs: number): number {
    const counts = [...this.#stations.values()].map(({ times }) => times[kind].filter((at) => at >= sinceMs).length);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  #of(name: string): Station {
    return this.#stations.get(name) as Station;
  }

  /** Everybody is known to it, and is asked for its own address in turns. */
  #begin(one: Station): void {
    const plan = { segments: [this.#planOf(one.name)] };
    const { state } = stepDetector(one.detector, { type: "plan", plan }, 0);
    const everyMs = Math.max(3_000, this.names.length * 100);
    const stations = [...state.stations].map(([key, station]) => {
      return [key, { ...station, heardMs: 0, isSpeakerKnown: true, acquaintAt: this.#random() * everyMs }] as const;
    });
    one.detector = { ...state, stations: new Map(stations), dueMs: Number.POSITIVE_INFINITY };
    this.timeline.quietly(0, () => this.#step(one, { type: "tick" }));
  }

  #planOf(name: string): SegmentPlan {
    return planOf(name, this.names, this.#heldBy, (node) => this.#taken.get(node)?.has(name) === true);
  }

  #step(one: Station, input: Parameters<typeof stepDetector>[1]): void {
    if (one.isDead) return;
    const { state, effects, wakeAt } = stepDetector(one.detector, input, this.timeline.now);
    one.detector = state;
    for (const effect of effects) this.#execute(one, effect);
    const own = ++one.serial;
    if (wakeAt === undefined) return;
    this.timeline.quietly(Math.max(0, wakeAt - this.timeline.now) + 0.001, () => {
      if (own === one.serial) this.#step(one, { type: "tick" });
    });
  }

  #execute(one: Station, effect: DetectorEffect): void {
    if (effect.type === "ask") this.#ask(one, effect.probe);
    if (effect.type !== "verdict") return;
    this.told.push({ by: one.name, atMs: this.timeline.now, verdict: effect.verdict });
    const { node, kind, seen, stations } = effect.verdict;
    if (kind !== "gone" || 2 * seen <= stations || this.#taken.get(node)?.has(one.name) === true) return;
    if (!this.#isFirstFor(one.name, node)) return;
    this.#taken.set(node, (this.#taken.get(node) ?? new Set()).add(one.name));
    const plan = () => this.#step(one, { type: "plan", plan: { segments: [this.#planOf(one.name)] } });
    this.timeline.quietly(TAKEN_MS, plan);
  }

  /** Nobody's record follows here, as while the API server is away: the others miss the lost node as long as it lasts. */
  #isFirstFor(name: string, lost: string): boolean {
    const candidates = this.names.filter((one) => one !== lost);
    return (this.#heldBy.get(lost) ?? []).some((address) => rendezvousOrder(address, candidates)[0] === name);
  }

  #ask(from: Station, { address, mac }: LivenessProbe): void {
    const at = this.timeline.now;
    from.times.sent.push(at);
    const receivers = mac === "" ? [...this.#stations.values()].filter((one) => one !== from) : [this.#ofMac.get(mac)];
    for (const to of receivers) {
      if (to === undefined || to.isDead || this.#isLost()) continue;
      to.times[mac === "" ? "toAll" : "asked"].push(at);
      const answersFor = address === addressOf(to.name) || address === linkLocalOf(to.name);
      if (answersFor || this.#heldBy.get(to.name)?.includes(address) === true) {
        if (!this.#isLost()) this.#hear(from, { interface: ON, address, mac: macOf(to.name) }, "answers");
      } else if (mac === "") this.#hear(to, { interface: ON, address, mac: macOf(from.name) }, "alarms");
    }
  }

  #isLost(): boolean {
    return this.#loss > 0 && this.#random() < this.#loss;
  }

  #hear(one: Station, what: Alarm, as: "answers" | "alarms"): void {
    one[as].push(what);
    if (one.answers.length + one.alarms.length > 1) return;
    this.timeline.quietly(TURN_MS, () => {
      const { answers, alarms } = one;
      one.answers = [];
      one.alarms = [];
      this.#step(one, { type: "heard", answers, alarms });
      if (one.detector.dueMs <= this.timeline.now) this.#step(one, { type: "tick" });
    });
  }
}
