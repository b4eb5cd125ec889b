/** A whole cluster in one process, from one seed: N speakers, the API server, the switch, and hands that break things. */
import { type Random, seededRandom } from "../../lib/runtime/random.ts";
import { SimApi } from "./api.ts";
import { Invariants } from "./invariants.ts";
import { endpointsOn, nodeObject, SERVICE, virtualIP } from "./objects.ts";
import { SimProcess } from "./process.ts";
import { Timeline } from "./timeline.ts";
import { SimWire } from "./wire.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly addresses: number;
  readonly latencyMsMax?: number;
  readonly watchLagMsMax?: number;
  /** Whether a router stands on the segment; default true. */
  readonly gateway?: boolean;
  /** Rules broken on purpose, to see that the simulation finds it. */
  readonly sabotage?: "ignore-epoch" | "never-yield" | "deaf";
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

export class Cluster {
  readonly timeline = new Timeline();
  readonly random: Random;
  readonly wire: SimWire;
  readonly api: SimApi;
  readonly invariants: Invariants;
  readonly moves: Move[] = [];
  readonly names: readonly string[];
  /** The processes that run, by node; two of one node during a rolling update. */
  readonly processes = new Map<string, SimProcess[]>();
  readonly #options: ClusterOptions;
  #instances = 0;
  #pods = 0;
  readonly #lastSeen = new Map<string, number>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.wire = new SimWire(this.timeline, this.random);
    this.wire.hasGateway = options.gateway ?? true;
    const watchLagMsMax = options.watchLagMsMax ?? 50;
    const latencyMsMax = options.latencyMsMax ?? 20;
    this.api = new SimApi(
      this.timeline,
      this.random,
      { latencyMsMax, watchLagMsMax, ignoreEpoch: options.sabotage === "ignore-epoch" },
      (before, after, by) => this.invariants.onRecord(before, after, by),
    );
    const slackMs = 3 * watchLagMsMax + 4 * latencyMsMax + 100;
    // A holder that hears another asks for the record and waits 200 ms; one announcement in 1.1 s may be the only sign.
    const limits = { handOverMs: 1_000 + slackMs, otherMs: 1_100 + 200 + slackMs };
    this.invariants = new Invariants(this.api, this.wire, limits, () => this.timeline.now);
    this.names = Array.from({ length: options.nodes }, (_, index) => `n${index + 1}`);
    this.wire.nodes = this.names;
    for (const name of this.names) this.api.putNode(name, nodeObject());
    this.api.putEndpoints(SERVICE, endpointsOn(this.names));
    for (let index = 0; index < options.addresses; index++) {
      this.api.putVip(virtualIP(`10.0.${index >> 7}.${100 + (index & 127)}`, 0));
    }
    for (const name of this.names) this.start(name);
    this.#nodeController();
  }

  /** A new pod, or the next container of the old one. */
  start(node: string, pod = `pod-${node}-${++this.#pods}`): SimProcess {
    const { sabotage } = this.#options;
    const process = new SimProcess({
      node,
      instance: `${pod}/${++this.#instances}`,
      timeline: this.timeline,
      random: this.random,
      api: this.api,
      wire: this.wire,
      neverYield: sabotage === "never-yield",
      deaf: sabotage === "deaf",
      onProtest: (what) => this.invariants.protest(what),
      onMove: (by, name, reason, epoch) => {
        this.moves.push({ atMs: this.timeline.now, node: by, name, reason, epoch });
      },
      onExit: (gone) => this.#forget(gone),
    });
    this.processes.set(node, [...(this.processes.get(node) ?? []), process]);
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

  /** Runs on, checking the invariants after each event. */
  run(forMs: number): number {
    return this.timeline.runUntil(this.timeline.now + forMs, () => this.invariants.check());
  }

  unplug(node: string): void {
    this.wire.unplugged.add(node);
    for (const process of this.processes.get(node) ?? []) process.plugged(false);
  }

  plug(node: string): void {
    this.wire.unplugged.delete(node);
    for (const process of this.processes.get(node) ?? []) process.plugged(true);
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

  /** Everything is mended: every node has one speaker that runs, every wire and path is whole. */
  heal(): void {
    for (const node of this.names) {
      this.wire.sides.delete(node);
      this.wire.off.delete(node);
      this.wire.mute.delete(node);
      this.wire.deaf.delete(node);
      if (this.wire.unplugged.has(node)) this.plug(node);
      this.api.cut.delete(node);
      for (const process of this.processes.get(node) ?? []) {
        process.resume();
        process.thaw();
      }
      if (!this.isUp(node)) this.start(node);
    }
    this.wire.loss = 0;
    this.api.slowMs = 0;
    this.setApi(true);
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
