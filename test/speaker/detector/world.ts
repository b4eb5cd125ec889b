/** A segment for the detector's tests: stations that answer, or not, with loss and delay, on a clock of its own. */
import { type Random, seededRandom } from "../../../lib/runtime/random.ts";
import { createDetector, type DetectorState, stepDetector } from "../../../speaker/detector/detector.ts";
import type {
  Alarm,
  DetectorEffect,
  DetectorInput,
  LivenessProbe,
  StationPlan,
  Verdict,
  WatchPlan,
} from "../../../speaker/detector/types.ts";

export const macOf = (node: string): string => `02:00:00:00:00:${node.charCodeAt(0).toString(16)}`;

export function station(node: string, changes: Partial<StationPlan> = {}): StationPlan {
  const last = node.charCodeAt(0);
  const base = { node, mac: macOf(node), address4: `10.0.0.${last}`, linkLocal: `fe80::${last}` };
  return { ...base, targets: [], watched: false, pursued: false, counts: true, doubted: false, ...changes };
}

export function planOf(...stations: readonly StationPlan[]): WatchPlan {
  return { segments: [{ interface: "eth0", address4: "10.0.0.9", linkLocal: "fe80::9", stations }] };
}

interface Arrival {
  readonly at: number;
  readonly address: string;
  readonly mac: string;
}

export class Segment {
  now = 1_000;
  state: DetectorState = createDetector();
  readonly asked: { readonly at: number; readonly probe: LivenessProbe }[] = [];
  readonly told: { readonly at: number; readonly effect: Exclude<DetectorEffect, { type: "ask" | "met" }> }[] = [];
  /** Who answered for the first time. */
  readonly met: string[] = [];
  /** Who answers for an address with which MAC; undefined: nobody. */
  answer: (probe: LivenessProbe) => string | undefined;
  loss = 0;
  delayMs = 0.3;
  #wakeAt: number | undefined;
  #arrivals: Arrival[] = [];
  readonly #random: Random;

  constructor(random: Random, answer: (probe: LivenessProbe) => string | undefined) {
    this.#random = random;
    this.answer = answer;
  }

  input(input: DetectorInput): void {
    const { state, effects, wakeAt } = stepDetector(this.state, input, this.now);
    this.state = state;
    this.#wakeAt = wakeAt;
    for (const effect of effects) this.#execute(effect);
  }

  alarm(alarm: Omit<Alarm, "interface">): void {
    this.input({ type: "heard", answers: [], alarms: [{ interface: "eth0", ...alarm }] });
  }

  /** Lets time pass; with `lateMs` every tick comes that much later than it was asked for. */
  run(forMs: number, lateMs = 0): void {
    const until = this.now + forMs;
    for (;;) {
      const arrival = this.#arrivals[0];
      const wake = this.#wakeAt === undefined ? Number.POSITIVE_INFINITY : Math.max(this.#wakeAt + lateMs, this.now);
      const at = Math.min(arrival?.at ?? Number.POSITIVE_INFINITY, wake);
      if (at > until) break;
      this.now = at;
      if (arrival !== undefined && arrival.at <= at) {
        this.#arrivals.shift();
        const { address, mac } = arrival;
        this.input({ type: "heard", answers: [{ interface: "eth0", address, mac }], alarms: [] });
      } else {
        this.input({ type: "tick" });
      }
    }
    this.now = until;
  }

  /** The node itself does not run for so long; what has arrived meanwhile is read then. */
  stall(forMs: number): void {
    this.now += forMs;
    const waiting = this.#arrivals.filter(({ at }) => at <= this.now);
    this.#arrivals = this.#arrivals.filter(({ at }) => at > this.now);
    const answers = waiting.map(({ address, mac }) => ({ interface: "eth0", address, mac }));
    this.input({ type: "heard", answers, alarms: [] });
    this.input({ type: "tick" });
  }

  get verdicts(): readonly Verdict[] {
    return this.told.flatMap(({ effect }) => (effect.type === "verdict" ? [effect.verdict] : []));
  }

  #execute(effect: DetectorEffect): void {
    if (effect.type === "met") {
      this.met.push(`${effect.node} on ${effect.interface}`);
      return;
    }
    if (effect.type !== "ask") {
      this.told.push({ at: this.now, effect });
      return;
    }
    this.asked.push({ at: this.now, probe: effect.probe });
    const mac = this.#random() < this.loss || this.#random() < this.loss ? undefined : this.answer(effect.probe);
    if (mac === undefined) return;
    this.#arrivals.push({ at: this.now + this.delayMs, address: effect.probe.address, mac });
    this.#arrivals.sort((left, right) => left.at - right.at);
  }
}

export const TARGETS = ["10.0.0.100", "10.0.0.101", "10.0.0.102", "fd00::1"];
export const GATEWAY = station("g", { node: "", mac: "", linkLocal: "" });

/** A holds four addresses, B is another speaker, and there is a gateway. */
export function world(
  options: { readonly seed?: number; readonly stations?: readonly StationPlan[]; readonly loss?: number } = {},
) {
  const silent = new Set<string>();
  const ownerOf = (address: string): string => {
    if (TARGETS.includes(address)) return "a";
    return (
      ["a", "b", "g"].find(
        (one) => address === `10.0.0.${one.charCodeAt(0)}` || address === `fe80::${one.charCodeAt(0)}`,
      ) ?? ""
    );
  };
  const answer = (probe: LivenessProbe): string | undefined => {
    const owner = ownerOf(probe.address);
    return owner === "" || silent.has(owner) || silent.has(probe.address) ? undefined : macOf(owner);
  };
  const segment = new Segment(seededRandom(options.seed ?? 1), answer);
  segment.loss = options.loss ?? 0;
  const stations = options.stations ?? [station("a", { targets: TARGETS, watched: true }), station("b"), GATEWAY];
  segment.input({ type: "plan", plan: planOf(...stations) });
  return { segment, silent };
}
