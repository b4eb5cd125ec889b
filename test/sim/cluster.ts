/** A whole cluster in one process, from one seed: N speakers, the API server, the switch, and hands that break things. */
import { type Random, seededRandom } from "../../lib/runtime/random.ts";
import { TIMES } from "../../speaker/election/types.ts";
import { SimApi } from "./api.ts";
import { SimHost } from "./host.ts";
import { Invariants } from "./invariants.ts";
import { endpointsOn, macOf, nodeObject, SERVICE, segmentOf, serviceAddress, virtualIP } from "./objects.ts";
import { SimProcess } from "./process.ts";
import { HONEST, type Sabotage } from "./sabotage.ts";
import { type Clocks, Timeline } from "./timeline.ts";
import { SimWire } from "./wire.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly addresses: number;
  readonly latencyMsMax?: number;
  readonly watchLagMsMax?: number;
  /** Whether a router stands on the segment; default true. */
  readonly gateway?: boolean;
  /** So many addresses of IPv6 beside those of IPv4; default none. */
  readonly addresses6?: number;
  /** So many addresses on a second segment, on which every node has a second interface; default none, and no such segment. */
  readonly addressesBeside?: number;
  /** Whether hosts stand on the segments; default true. */
  readonly hosts?: boolean;
  /** Each node's monotonic clock is faster or slower by up to this part; default 0. */
  readonly drift?: number;
  /** A rule broken on purpose, to see that the simulation finds it. */
  readonly sabotage?: Sabotage;
}

export interface Move {
  readonly atMs: number;
  readonly node: string;
  readonly name: string;
  readonly reason: string;
  readonly epoch: number;
}

/** The node controller marks a node NotReady after so long without its kubelet. */
const NOT_READY_MS = 40_000;

/** Of a server that does well. */
const WATCH_LAG_MS = 50;

export class Cluster {
  readonly timeline = new Timeline();
  readonly random: Random;
  /** The first segment. */
  readonly wire: SimWire;
  /** All of them, by the nodes' interfaces there. */
  readonly wires: ReadonlyMap<string, SimWire>;
  readonly api: SimApi;
  readonly invariants: Invariants;
  readonly moves: Move[] = [];
  readonly names: readonly string[];
  /** The processes that run, by node; two of one node during a rolling update. */
  readonly processes = new Map<string, SimProcess[]>();
  /** Two hosts on the segment, one whose connections confirm its neighbour cache and one whose do not. */
  readonly hosts: readonly SimHost[];
  readonly clocks = new Map<string, Clocks>();
  /** Nodes that are off for good: no fault befalls them any more, and healing does not bring them back. */
  readonly gone = new Set<string>();
  readonly #options: ClusterOptions;
  readonly #paused = new Set<string>();
  #instances = 0;
  #pods = 0;
  readonly #nodeOfMac: ReadonlyMap<string, string>;
  readonly #lastSeen = new Map<string, number>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.names = Array.from({ length: options.nodes }, (_, index) => `n${index + 1}`);
    this.wire = this.#segment(0);
    const all = (options.addressesBeside ?? 0) > 0 ? [this.wire, this.#segment(1)] : [this.wire];
    this.wires = new Map(all.map((wire) => [wire.interface, wire]));
    const watchLagMsMax = options.watchLagMsMax ?? WATCH_LAG_MS;
    const latencyMsMax = options.latencyMsMax ?? 20;
    this.api = new SimApi(
      this.timeline,
      this.random,
      { latencyMsMax, watchLagMsMax, sabotage: options.sabotage ?? HONEST },
      (before, after, by) => this.invariants.onRecord(before, after, by),
    );
    const slackMs = 3 * watchLagMsMax + 4 * latencyMsMax + 100;
    const isQuick = 2 * latencyMsMax < TIMES.confirmMs;
    const confirmMs = latencyMsMax + watchLagMsMax;
    const limits = { confirmMs, watchMs: watchLagMsMax, isQuick, cacheMs: 1_100 + 200 + slackMs };
    this.invariants = new Invariants(this.api, all, limits, () => this.timeline.now, this.processes);
    this.#nodeOfMac = new Map(all.flatMap((wire) => this.names.map((name) => [macOf(name, wire.segment), name])));
    const drift = options.drift ?? 0;
    for (const name of this.names) {
      const rate = 1 + drift * (2 * this.random() - 1);
      this.clocks.set(name, { rate, offsetMs: Math.floor(this.random() * 1e6), wallJumpMs: 0 });
    }
    for (const name of this.names) this.api.putNode(name, nodeObject());
    this.api.putEndpoints(SERVICE, endpointsOn(this.names));
    for (let index = 0; index < options.addresses; index++) this.api.putVip(virtualIP(serviceAddress(index), 0));
    for (let index = 0; index < (options.addresses6 ?? 0); index++) {
      this.api.putVip(virtualIP(serviceAddress(index, 6), 0));
    }
    for (let index = 0; index < (options.addressesBeside ?? 0); index++) {
      this.api.putVip(virtualIP(serviceAddress(index, 4, 1), 0));
    }
    const hosts = options.hosts === false ? [] : ["tcp", "udp"];
    this.hosts = all.flatMap((wire) => hosts.map((name) => this.#host(name, wire)));
    for (const name of this.names) this.start(name);
    this.#nodeController();
  }

  #segment(segment: number): SimWire {
    const { names: nodes, timeline, random } = this;
    const off = this.wire?.off ?? new Set<string>();
    const wire = new SimWire({ segment, nodes, off }, timeline, random, (what) => this.invariants.protest(what));
    wire.hasGateway = this.#options.gateway ?? true;
    return wire;
  }

  #host(name: string, wire: SimWire): SimHost {
    const isAlone = this.wires.size === 1;
    const options = {
      name,
      confirms: name === "tcp",
      // The name of a VirtualIP is its address here.
      addresses: () =>
        isAlone ? this.api.vips.keys() : [...this.api.vips.keys()].filter((one) => segmentOf(one) === wire.segment),
      nodeOf: (mac: string) => this.#nodeOfMac.get(mac),
      onTurn: (host: SimHost) => this.invariants.checkCache(host),
    };
    return new SimHost(options, this.timeline, wire);
  }

  /** A new pod, or the next container of the old one. */
  start(node: string, pod = `pod-${node}-${++this.#pods}`): SimProcess {
    const { sabotage = HONEST } = this.#options;
    const clocks = this.clocks.get(node);
    if (clocks === undefined) throw new Error(`there is no node ${node}`);
    const process = new SimProcess({
      node,
      instance: `${pod}/${++this.#instances}`,
      timeline: this.timeline,
      random: this.random,
      api: this.api,
      wires: this.wires,
      clocks,
      sabotage,
      onProtest: (what) => this.invariants.protest(what),
      onMove: (by, name, reason, epoch) => {
        this.moves.push({ atMs: this.timeline.now, node: by, name, reason, epoch });
      },
      onExit: (gone) => this.#forget(gone),
    });
    this.processes.set(node, [...(this.processes.get(node) ?? []), process]);
    if (this.#paused.has(node)) process.pause();
    return process;
  }

  kill(node: string): void {
    for (const process of this.processes.get(node) ?? []) {
      process.kill();
      this.#forget(process);
    }
  }

  isUp(node: string): boolean {
    return (this.processes.get(node) ?? []).length > 0;
  }

  get living(): readonly string[] {
    return this.names.filter((name) => !this.gone.has(name));
  }

  /** The node is switched off for good; its Lease and its Node object stay. */
  retire(node: string): void {
    this.gone.add(node);
    this.kill(node);
    this.api.cut.add(node);
    this.wire.off.add(node);
    for (const wire of this.wires.values()) wire.unplugged.add(node);
  }

  /** Runs on, checking the invariants after each event. */
  run(forMs: number): number {
    const { invariants, timeline } = this;
    return timeline.runUntil(
      timeline.now + forMs,
      () => invariants.check(),
      () => invariants.glance(),
    );
  }

  /** The machine stops, speakers and kernel, and no clock of it knows. */
  pause(node: string): void {
    this.#paused.add(node);
    this.wire.off.add(node);
    this.api.away.add(node);
    for (const process of this.processes.get(node) ?? []) process.pause();
  }

  resume(node: string): void {
    if (!this.#paused.delete(node)) return;
    this.wire.off.delete(node);
    this.api.away.delete(node);
    for (const process of this.processes.get(node) ?? []) process.resume();
    this.#reconnect();
  }

  unplug(node: string, wire = this.wire): void {
    wire.unplugged.add(node);
    for (const process of this.processes.get(node) ?? []) process.relink();
  }

  plug(node: string, wire = this.wire): void {
    wire.unplugged.delete(node);
    for (const process of this.processes.get(node) ?? []) process.relink();
  }

  setReach(node: string, reached: boolean): void {
    if (reached) this.api.cut.delete(node);
    else this.api.cut.add(node);
    this.#reconnect();
  }

  setApi(up: boolean): void {
    this.api.up = up;
    this.#reconnect();
  }

  /** Everything is mended: every node that is not gone has one speaker that runs, every wire and path is whole. */
  heal(): void {
    for (const node of this.living) {
      for (const wire of this.wires.values()) if (wire.unplugged.has(node)) this.plug(node, wire);
      this.api.cut.delete(node);
      this.resume(node);
      for (const process of this.processes.get(node) ?? []) process.thaw();
      if (!this.isUp(node)) this.start(node);
    }
    for (const wire of this.wires.values()) wire.heal();
    for (const node of this.gone) this.wire.off.add(node);
    this.api.slowMs = 0;
    this.api.laggingMs = 0;
    this.setApi(true);
    this.invariants.healed();
  }

  /** The longest time that a packet of any host did not come back, since the reset. */
  get longestOutageMs(): number {
    return Math.max(...this.hosts.map((host) => host.longestOutageMs));
  }

  resetOutages(): void {
    this.invariants.resetGaps();
    for (const host of this.hosts) host.resetOutages();
  }

  /** What the record says, for tests. */
  holder(address: string): string | undefined {
    return this.api.vips.get(address)?.holder?.node;
  }

  #forget(gone: SimProcess): void {
    const left = (this.processes.get(gone.node) ?? []).filter((one) => one !== gone);
    this.processes.set(gone.node, left);
    // The kubelet starts the container again when nobody else is there.
    if (left.length === 0 && gone.state.own.phase === "lost") this.timeline.after(500, () => this.start(gone.node));
  }

  #reconnect(): void {
    this.timeline.after(0, () => this.api.settleConnections());
  }

  /** kubelet and node controller in one: a node that cannot reach the API server is not ready some time later. */
  #nodeController(): void {
    for (const node of this.names) {
      if (this.api.reaches(node)) this.#lastSeen.set(node, this.timeline.now);
      if (!this.api.up) this.#lastSeen.set(node, this.timeline.now);
      const ready = this.timeline.now - (this.#lastSeen.get(node) ?? 0) < NOT_READY_MS;
      if (ready !== this.api.nodes.get(node)?.ready) this.api.putNode(node, nodeObject({ ready }));
    }
    this.timeline.after(1_000, () => this.#nodeController());
  }
}
