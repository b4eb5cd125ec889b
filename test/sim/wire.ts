/** The switch: who hears whom. Frames are as slow as a frame is; what matters is whether they arrive. */

import type { LivenessProbe } from "../../speaker/detector/types.ts";
import type { HeardHow } from "../../speaker/net/messages.ts";
import { addressOf, GATEWAY, macOf } from "./objects.ts";
import type { Timeline } from "./timeline.ts";
import type { SimWorker } from "./worker.ts";

export class SimWire {
  /** Nodes whose cable is out. */
  readonly unplugged = new Set<string>();
  /** Side of the switch; nodes on different sides do not hear each other. */
  readonly sides = new Map<string, number>();
  readonly workers = new Set<SimWorker>();
  /** Nodes that are switched off: no kernel answers. */
  readonly off = new Set<string>();
  nodes: readonly string[] = [];
  /** Nodes whose frames reach nobody, and nodes that hear nobody, with the cable in. */
  readonly mute = new Set<string>();
  readonly deaf = new Set<string>();
  /** Frames of the detector that get lost, of one. */
  loss = 0;
  /** Whether there is a router; it stands on side 0. */
  hasGateway = true;
  readonly #timeline: Timeline;
  readonly #random: () => number;

  constructor(timeline: Timeline, random: () => number) {
    this.#timeline = timeline;
    this.#random = random;
  }

  /** Whether a frame gets from one to the other. */
  reaches(from: string, to: string): boolean {
    return this.#isWired(from, to) && !this.mute.has(from) && !this.deaf.has(to);
  }

  /** Whether they hear each other. */
  connected(left: string, right: string): boolean {
    return this.reaches(left, right) && this.reaches(right, left);
  }

  #isWired(left: string, right: string): boolean {
    if (this.unplugged.has(left) || this.unplugged.has(right)) return false;
    return (this.sides.get(left) ?? 0) === (this.sides.get(right) ?? 0);
  }

  /** A frame about an address from a node to all others. */
  broadcast(from: string, address: string, how: HeardHow): void {
    for (const worker of this.workers) {
      if (worker.node !== from && this.reaches(from, worker.node)) worker.hear(address, macOf(from), how);
    }
  }

  /** The MACs that answer a probe of `from`. */
  answers(from: string, address: string): readonly string[] {
    const macs = new Set<string>();
    for (const worker of this.workers) {
      if (worker.node === from || !this.reaches(from, worker.node) || !worker.answers(address)) continue;
      if (this.reaches(worker.node, from)) macs.add(macOf(worker.node));
      worker.hear(address, macOf(from), "probe");
    }
    return [...macs];
  }

  /** A question of the detector: there and back in less than a millisecond, or not at all. */
  ask(from: string, probe: LivenessProbe, arrive: (mac: string) => void): void {
    if (this.unplugged.has(from) || this.#isLost()) return;
    this.#timeline.quietly(0.2 + this.#random() * 0.6, () => {
      for (const mac of this.#whoAnswers(from, probe)) if (!this.#isLost()) arrive(mac);
    });
  }

  #isLost(): boolean {
    return this.loss > 0 && this.#random() < this.loss;
  }

  #whoAnswers(from: string, probe: LivenessProbe): readonly string[] {
    if (probe.address === GATEWAY.address4) {
      const isWired = this.hasGateway && !this.unplugged.has(from) && (this.sides.get(from) ?? 0) === 0;
      const reached = isWired && !this.mute.has(from) && !this.deaf.has(from);
      return reached ? [GATEWAY.mac] : [];
    }
    const macs = new Set<string>();
    for (const worker of [...this.workers]) {
      if (worker.node === from || !this.reaches(from, worker.node)) continue;
      const mac = macOf(worker.node);
      if (probe.mac !== "" && probe.mac !== mac) continue;
      if (worker.answers(probe.address)) {
        if (this.reaches(worker.node, from)) macs.add(mac);
      } else if (probe.mac === "") worker.alarm(probe.address, macOf(from));
    }
    // A kernel answers for its node's address whatever becomes of the speaker.
    for (const node of this.nodes) {
      const isIt = probe.address === addressOf(node) && (probe.mac === "" || probe.mac === macOf(node));
      if (isIt && !this.off.has(node) && node !== from && this.connected(from, node)) macs.add(macOf(node));
    }
    return [...macs];
  }
}
