/** The switch: who hears whom, what gets lost, and what comes twice or late. Frames are as slow as a frame is. */

import type { LivenessProbe } from "../../speaker/detector/types.ts";
import type { AnnouncementForm } from "../../speaker/packet/frames.ts";
import type { SimHost } from "./host.ts";
import { addressOf, GATEWAY, linkLocalOf, macOf } from "./objects.ts";
import type { Timeline } from "./timeline.ts";
import type { SimWorker } from "./worker.ts";

/** The name under which the router stands on the segment. */
export const ROUTER = "router";

export class SimWire {
  /** Nodes whose cable is out. */
  readonly unplugged = new Set<string>();
  /** Side of the switch, 0 where none is said; stations on different sides do not hear each other. */
  readonly sides = new Map<string, number>();
  readonly workers = new Set<SimWorker>();
  readonly hosts = new Set<SimHost>();
  /** Nodes that are switched off, or paused: no kernel answers or forwards. */
  readonly off = new Set<string>();
  nodes: readonly string[] = [];
  /** Nodes whose frames reach nobody, and nodes that hear nobody, with the cable in. */
  readonly mute = new Set<string>();
  readonly deaf = new Set<string>();
  /** "n1>n2": what n1 sends does not reach n2. */
  readonly blocked = new Set<string>();
  /** Addresses that a node leaves unanswered though its table has them: "n1 10.0.0.100". */
  readonly unanswered = new Set<string>();
  /** Private VLAN: nodes reach hosts and the router, but not each other (E3). */
  isolated = false;
  /** Frames that get lost, of one. */
  loss = 0;
  /** Frames that come twice, of one, and how much later any may come than the ones sent after it. */
  duplicates = 0;
  delayMsMax = 0;
  /** How much later than a moment answers to the detector come from a node (a loaded one). */
  readonly slowAnswersMs = new Map<string, number>();
  /** Whether there is a router; it stands on side 0. */
  hasGateway = true;
  readonly #timeline: Timeline;
  readonly #random: () => number;
  readonly #onStray: (what: string) => void;

  constructor(timeline: Timeline, random: () => number, onStray: (what: string) => void) {
    this.#timeline = timeline;
    this.#onStray = onStray;
    this.#random = random;
  }

  /** Whether a frame gets from one station to the other: nodes, hosts, the router. */
  reaches(from: string, to: string): boolean {
    if (this.unplugged.size + this.sides.size === 0 && !this.isOneWay) return true;
    if (this.unplugged.has(from) || this.unplugged.has(to)) return false;
    if ((this.sides.get(from) ?? 0) !== (this.sides.get(to) ?? 0)) return false;
    if (this.isolated && this.nodes.includes(from) && this.nodes.includes(to)) return false;
    return !this.mute.has(from) && !this.deaf.has(to) && !this.blocked.has(`${from}>${to}`);
  }

  /** Whether the node runs and stands with the router and the hosts. */
  isAttached(node: string): boolean {
    return !this.off.has(node) && !this.unplugged.has(node) && (this.sides.get(node) ?? 0) === 0;
  }

  /** Whether some hear what others do not. */
  get isOneWay(): boolean {
    return this.mute.size + this.deaf.size + this.blocked.size > 0 || this.isolated;
  }

  /** Whether they hear each other. */
  connected(left: string, right: string): boolean {
    return this.reaches(left, right) && this.reaches(right, left);
  }

  /** Whether what a host sends to this node is translated and answered: its kernel does that, whatever its speaker does. */
  forwards(node: string, host: string): boolean {
    return !this.off.has(node) && this.connected(node, host);
  }

  /** Every frame for an address of a Service leaves a worker that answers for it (S3, S5). */
  #leaves(worker: SimWorker, address: string): void {
    if (!worker.answers(address)) this.#onStray(`S5: ${worker.node} answers for ${address}, which it must not`);
  }

  /** An announcement of a node to everybody. */
  announce(from: string, address: string, form: AnnouncementForm): void {
    for (const worker of this.workers) {
      if (worker.node === from) continue;
      this.#carry(from, worker.node, () => worker.onAnnouncement(address, macOf(from)));
    }
    for (const host of this.hosts) {
      this.#carry(from, host.name, () => host.onAnnouncement(address, macOf(from), form));
    }
  }

  /** A question of a node before it answers itself (RFC 5227 section 2.1): every speaker may answer, no kernel does. */
  probe(from: string, address: string, arrive: (mac: string) => void): void {
    for (const worker of this.workers) {
      if (worker.node === from) continue;
      const reply = (): void => {
        this.#leaves(worker, address);
        this.#carry(worker.node, from, () => arrive(macOf(worker.node)));
      };
      this.#carry(from, worker.node, () => worker.onRequest(address, reply, { probeBy: macOf(from) }));
    }
  }

  /** A question of a host: to everybody, or with a MAC to one. */
  resolve(host: string, address: string, mac: string, arrive: (mac: string) => void): void {
    for (const worker of this.workers) {
      if (mac !== "" && macOf(worker.node) !== mac) continue;
      const reply = (): void => {
        this.#leaves(worker, address);
        this.#carry(worker.node, host, () => arrive(macOf(worker.node)));
      };
      this.#carry(host, worker.node, () => worker.onRequest(address, reply));
    }
  }

  /** A question of the detector. */
  ask(from: string, probe: LivenessProbe, arrive: (mac: string) => void): void {
    const { address, mac } = probe;
    if (address === GATEWAY.address4) {
      if (!this.hasGateway) return;
      this.#carry(from, ROUTER, () => this.#carry(ROUTER, from, () => arrive(GATEWAY.mac)));
      return;
    }
    const owner = this.nodes.find((node) => address === addressOf(node) || address === linkLocalOf(node));
    if (owner !== undefined) {
      // A kernel answers for its node's address whatever becomes of the speaker.
      if (owner === from || (mac !== "" && mac !== macOf(owner))) return;
      const lateMs = this.slowAnswersMs.get(owner);
      this.#carry(from, owner, () => this.#carry(owner, from, () => arrive(macOf(owner)), lateMs));
      return;
    }
    for (const worker of this.workers) {
      const { node } = worker;
      if (node === from || (mac !== "" && mac !== macOf(node))) continue;
      const answer = (): void => {
        this.#leaves(worker, address);
        this.#carry(node, from, () => arrive(macOf(node)), this.slowAnswersMs.get(node));
      };
      this.#carry(from, node, () => worker.onRequest(address, answer, { alarmBy: mac === "" ? macOf(from) : "" }));
    }
  }

  #carry(from: string, to: string, arrive: () => void, lateMs = 0): void {
    if (!this.reaches(from, to) || this.off.has(from)) return;
    if (this.loss > 0 && this.#random() < this.loss) return;
    const copies = this.duplicates > 0 && this.#random() < this.duplicates ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delayMs = 0.1 + this.#random() * 0.3 + this.#random() * this.delayMsMax + lateMs;
      this.#timeline.quietly(delayMs, () => {
        if (!this.off.has(to)) arrive();
      });
    }
  }
}
