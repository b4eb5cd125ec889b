/**
 * Hazard E6: what the detector asks and is asked is bounded for each node, whatever the number of nodes and addresses. Real detectors
 * by real rings, every question answered; counted second by second, from the first one on.
 */
import { describe, expect, test } from "@jest/globals";
import { createDetector, stepDetector } from "../../speaker/detector/detector.ts";
import type { DetectorInput, LivenessProbe } from "../../speaker/detector/types.ts";
import { watchedBy } from "../../speaker/watch-plan.ts";
import { addressOf, linkLocalOf, macOf } from "./objects.ts";
import { type HeldBy, ON, planOf, spread } from "./rings.ts";
import { Timeline } from "./timeline.ts";

interface Counts {
  /** The most questions about addresses of Services in any second: what the speakers have to answer. */
  services: number;
  /** The same about the nodes' own addresses, which their kernels answer. */
  nodes: number;
}

class Segment {
  readonly timeline = new Timeline();
  readonly #names: readonly string[];
  readonly #ofMac: ReadonlyMap<string, string>;
  readonly #heldBy: HeldBy;
  /** Questions by what is counted, node and second. */
  readonly #counted = new Map<string, number>();

  constructor(nodes: number, addresses: number) {
    this.#names = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
    this.#ofMac = new Map(this.#names.map((name) => [macOf(name), name]));
    this.#heldBy = spread(this.#names, addresses);
    for (const name of running(this.#names, this.#names[0] ?? "")) this.#run(name);
  }

  worst(direction: "sent" | "asked"): Counts {
    const worst: Counts = { services: 0, nodes: 0 };
    for (const [key, count] of this.#counted) {
      const [which, about] = key.split(" ");
      if (which !== direction) continue;
      if (about === "services") worst.services = Math.max(worst.services, count);
      else worst.nodes = Math.max(worst.nodes, count);
    }
    return worst;
  }

  /** Of the last full second. */
  lastSecond(direction: "sent" | "asked"): Counts {
    const last = String(Math.floor(this.timeline.now / 1_000) - 1);
    const worst: Counts = { services: 0, nodes: 0 };
    for (const [key, count] of this.#counted) {
      const [which, about, , second] = key.split(" ");
      if (which !== direction || second !== last) continue;
      if (about === "services") worst.services = Math.max(worst.services, count);
      else worst.nodes = Math.max(worst.nodes, count);
    }
    return worst;
  }

  #run(name: string): void {
    let detector = createDetector();
    let serial = 0;
    const step = (input: DetectorInput): void => {
      const { state, effects, wakeAt } = stepDetector(detector, input, this.timeline.now);
      detector = state;
      for (const effect of effects) {
        if (effect.type === "verdict") throw new Error(`${name} judges ${effect.verdict.node}`);
        if (effect.type === "ask") this.#ask(name, effect.probe, (mac) => step(heard(effect.probe, mac)));
      }
      const own = ++serial;
      if (wakeAt === undefined) return;
      this.timeline.quietly(Math.max(0, wakeAt - this.timeline.now) + 0.001, () => {
        if (own === serial) step({ type: "tick" });
      });
    };
    // They do not start in step.
    this.timeline.quietly((this.#names.indexOf(name) * 37) % 1_000, () =>
      step({ type: "plan", plan: { segments: [planOf(name, this.#names, this.#heldBy, () => false)] } }),
    );
  }

  #ask(from: string, { address, mac }: LivenessProbe, answer: (mac: string) => void): void {
    const to = this.#ofMac.get(mac) ?? "";
    const about = address === addressOf(to) || address === linkLocalOf(to) ? "nodes" : "services";
    this.#count("sent", about, from);
    this.#count("asked", about, to);
    this.timeline.quietly(0.4, () => answer(mac));
  }

  #count(direction: "sent" | "asked", about: string, node: string): void {
    const key = `${direction} ${about} ${node} ${Math.floor(this.timeline.now / 1_000)}`;
    this.#counted.set(key, (this.#counted.get(key) ?? 0) + 1);
  }
}

function heard({ address }: LivenessProbe, mac: string): DetectorInput {
  return { type: "heard", answers: [{ interface: ON, address, mac }], alarms: [] };
}

/**
 * Of a large segment a part runs, and the others only answer: one node, the three that watch it, and some more. What the first is
 * asked about addresses of Services comes from its watchers alone.
 */
function running(names: readonly string[], first: string): readonly string[] {
  const isWatcher = (name: string): boolean => {
    const others = names.filter((one) => one !== name);
    return watchedBy(name, others).has(first);
  };
  return names.filter((name, index) => index < RUNNING_MAX || isWatcher(name));
}

const RUNNING_MAX = 12;
/** About addresses of Services: ten a second to each of the three that a node watches. */
const AT_REST_MAX = 30;
/** At a start, once for each speaker that it gets to know as well: no more than thirty a second of each family. */
const SERVICES_MAX = 60;
/** About the nodes' own addresses: whom it does not know yet at 33 a second, spread by a hash; then everybody in turns, ten a second. */
const NODES_MAX = 55;

describe("questions of a node in any second, both families together", () => {
  test.each([
    [3, 500, 20],
    [30, 3_000, 12],
    [300, 6_000, 12],
  ])("E6: %i nodes, %i addresses", (nodes, addresses, seconds) => {
    const segment = new Segment(nodes, addresses);
    segment.timeline.runUntil(seconds * 1_000, () => {});
    for (const direction of ["sent", "asked"] as const) {
      const { services, nodes: own } = segment.worst(direction);
      expect({ direction, services, own, within: services <= SERVICES_MAX && own <= NODES_MAX }).toMatchObject({
        within: true,
      });
    }
    // At rest a node asks those three and nobody else about addresses of Services, and three ask it.
    expect(segment.lastSecond("sent").services).toBeLessThanOrEqual(AT_REST_MAX);
    expect(segment.lastSecond("asked").services).toBeLessThanOrEqual(AT_REST_MAX);
    expect(segment.lastSecond("asked").services).toBeGreaterThan(0);
  });
});
