/** The switch: who hears whom, what gets lost, and what comes twice or late. Frames are as slow as a frame is. */

import type { LivenessProbe } from "../../speaker/detector/types.ts";
import type { AnnouncementForm } from "../../speaker/packet/frames.ts";
import type { Asker } from "./frame.ts";
import type { SimHost } from "./host.ts";
import { addressOf, gatewayOn, interfaceOn, linkLocalOf, macOf } from "./objects.ts";
import type { Timeline } from "./timeline.ts";
import type { SimWorker } from "./worker.ts";

/** The name under which the router stands on the segment. */
export const ROUTER = "router";

/** One segment: every node has an interface on it. */
export class SimWire {
  readonly segment: number;
  /** The name of the nodes' interfaces here. */
  readonly interface: string;
  /** Nodes whose cable is out. */
  readonly unplugged = new Set<string>();
  /** Side of the switch, 0 where none is said; stations on different sides do not hear each other. */
  readonly sides = new Map<string, number>();
  readonly workers = new Set<SimWorker>();
  readonly hosts = new Set<SimHost>();
  /** Nodes that are switched off, or paused, on every segment: no kernel answers or forwards. */
  readonly off: Set<string>;
  readonly nodes: readonly string[];
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
  /** ARP and ND suppression, as EVPN and access points have it: the MAC that announced each address last. Absent: there is none. */
  suppressing: Map<string, string> | undefined;
  /** Hosts that know nothing of the cluster and use an address of it: their MACs, by address. */
  readonly strangers = new Map<string, string>();
  /** Whether there is a router; it stands on side 0. */
  hasGateway = true;
  readonly #timeline: Timeline;
  readonly #random: () => number;
  readonly #onStray: (what: string) => void;
  readonly #gateway;
  readonly #macs: ReadonlyMap<string, string>;
  readonly #nodeOfMac: ReadonlyMap<string, string>;
  /** Which node's kernel answers for an address. */
  readonly #owners: ReadonlyMap<string, string>;

  constructor(
    options: { readonly segment: number; readonly nodes: readonly string[]; readonly off: Set<string> },
    timeline: Timeline,
    random: () => number,
    onStray: (what: string) => void,
  ) {
    const { segment, nodes, off } = options;
    this.segment = segment;
    this.interface = interfaceOn(segment);
    this.nodes = nodes;
    this.off = off;
    this.#gateway = gatewayOn(segment);
    this.#macs = new Map(nodes.map((node) => [node, macOf(node, segment)]));
    this.#nodeOfMac = new Map([...this.#macs].map(([node, mac]) => [mac, node]));
    this.#owners = new Map(
      nodes.flatMap((node) => [
        [addressOf(node, segment), node],
        [linkLocalOf(node, segment), node],
      ]),
    );
    this.#timeline = timeline;
    this.#onStray = onStray;
    this.#random = random;
  }

  /** The node that has the MAC here; "" for none. */
  nodeOf(mac: string): string {
    return this.#nodeOfMac.get(mac) ?? "";
  }

  /** Whether what the node would answer for the address is lost. Asked after every event. */
  isUnanswered(node: string, address: string): boolean {
    return this.unanswered.size > 0 && this.unanswered.has(`${node} ${address}`);
  }

  #mac(node: string): string {
    return this.#macs.get(node) ?? "";
  }

  /** Everything but the cables, which the nodes must be told of. */
  heal(): void {
    for (const broken of [this.sides, this.off, this.mute, this.deaf, this.slowAnswersMs]) broken.clear();
    this.blocked.clear();
    this.unanswered.clear();
    this.isolated = false;
    this.loss = 0;
    this.duplicates = 0;
    this.delayMsMax = 0;
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
    const mac = this.#mac(from);
    this.suppressing?.set(address, mac);
    for (const worker of this.workers) {
      if (worker.node === from) continue;
      this.#carry(from, worker.node, () => worker.onAnnouncement(this, address, mac));
    }
    for (const host of this.hosts) this.#carry(from, host.name, () => host.onAnnouncement(address, mac, form));
  }

  /** A question of a node before it answers itself (RFC 5227 section 2.1), or with `to` to one MAC: every speaker may answer, no kernel does. */
  probe(from: string, address: string, arrive: (mac: string) => void, to = ""): void {
    if (to === "" && this.#suppress(from, address, arrive)) return;
    this.#askStranger(from, address, to, arrive);
    const asker = { probeBy: this.#mac(from) };
    for (const worker of this.workers) {
      if (worker.node === from || (to !== "" && to !== this.#mac(worker.node))) continue;
      this.#request(worker, from, address, arrive, asker);
    }
  }

  /** Whether the switch answers in the name of who announced the address last, and passes the question on to nobody (E12). */
  #suppress(from: string, address: string, arrive: (mac: string) => void): boolean {
    if (this.suppressing === undefined) return false;
    const mac = this.suppressing.get(address) ?? this.#mac(this.#owners.get(address) ?? "");
    if (mac === "" || mac === this.#mac(from)) return false;
    this.#carry(from, ROUTER, () => this.#carry(ROUTER, from, () => arrive(mac)));
    return true;
  }

  /** A host outside the cluster answers what everybody is asked, or it alone. */
  #askStranger(from: string, address: string, mac: string, arrive: (mac: string) => void): void {
    const own = this.strangers.get(address);
    if (own === undefined || (mac !== "" && mac !== own)) return;
    this.#carry(from, own, () => this.#carry(own, from, () => arrive(own)));
  }

  /** A question of a host: to everybody, or with a MAC to one. */
  resolve(host: string, address: string, mac: string, arrive: (mac: string) => void): void {
    if (mac === "" && this.#suppress(host, address, arrive)) return;
    this.#askStranger(host, address, mac, arrive);
    for (const worker of this.workers) {
      if (mac === "" || this.#mac(worker.node) === mac) this.#request(worker, host, address, arrive);
    }
  }

  /** A question of the detector. */
  ask(from: string, probe: LivenessProbe, arrive: (mac: string) => void): void {
    const { address, mac } = probe;
    if (mac === "" && this.#suppress(from, address, arrive)) return;
    if (address === this.#gateway.address4) {
      if (!this.hasGateway) return;
      this.#carry(from, ROUTER, () => this.#carry(ROUTER, from, () => arrive(this.#gateway.mac)));
      return;
    }
    const owner = this.#owners.get(address);
    if (owner !== undefined) {
      // A kernel answers for its node's address whatever becomes of the speaker.
      if (owner === from || (mac !== "" && mac !== this.#mac(owner))) return;
      const lateMs = this.slowAnswersMs.get(owner);
      this.#carry(from, owner, () => this.#carry(owner, from, () => arrive(this.#mac(owner)), lateMs));
      return;
    }
    this.#askStranger(from, address, mac, arrive);
    const asker = mac === "" ? { alarmBy: this.#mac(from) } : undefined;
    for (const worker of this.workers) {
      const { node } = worker;
      if (node === from || (mac !== "" && mac !== this.#mac(node))) continue;
      this.#request(worker, from, address, arrive, asker, this.slowAnswersMs.get(node));
    }
  }

  /** To the speaker of a node, and its answer back. */
  #request(
    worker: SimWorker,
    from: string,
    address: string,
    arrive: (mac: string) => void,
    asker?: Partial<Asker>,
    lateMs?: number,
  ): void {
    const { node } = worker;
    const reply = (): void => {
      this.#leaves(worker, address);
      this.#carry(node, from, () => arrive(this.#mac(node)), lateMs);
    };
    this.#carry(from, node, () => worker.onRequest(this, address, reply, asker));
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
