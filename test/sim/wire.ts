/** The switch: who hears whom. Frames are as slow as a frame is; what matters is whether they arrive. */
import type { HeardHow } from "../../speaker/net/messages.ts";
import { macOf } from "./objects.ts";
import type { SimWorker } from "./worker.ts";

export class SimWire {
  /** Nodes whose cable is out. */
  readonly unplugged = new Set<string>();
  /** Side of the switch; nodes on different sides do not hear each other. */
  readonly sides = new Map<string, number>();
  readonly workers = new Set<SimWorker>();

  connected(left: string, right: string): boolean {
    if (this.unplugged.has(left) || this.unplugged.has(right)) return false;
    return (this.sides.get(left) ?? 0) === (this.sides.get(right) ?? 0);
  }

  /** A frame about an address from a node to all others. */
  broadcast(from: string, address: string, how: HeardHow): void {
    for (const worker of this.workers) {
      if (worker.node !== from && this.connected(from, worker.node)) worker.hear(address, macOf(from), how);
    }
  }

  /** The MACs that answer a probe of `from`. */
  answers(from: string, address: string): readonly string[] {
    const macs = new Set<string>();
    for (const worker of this.workers) {
      if (worker.node === from || !this.connected(from, worker.node) || !worker.answers(address)) continue;
      macs.add(macOf(worker.node));
      worker.hear(address, macOf(from), "probe");
    }
    return [...macs];
  }
}
