/**
 * The stage of the fault matrix: four Services (IPv4 and IPv6, externalTrafficPolicy Cluster and Local) whose addresses one node
 * holds, and their clients: a new connection every 10 ms, one long TCP stream and one UDP flow each.
 */
import { type Berth, target } from "../../e2e/berth.ts";
import { backend, namespace, pool, service } from "../../e2e/manifests.ts";
import { type Connecting, failuresOf } from "../../lab/spawned.ts";

export const ns = "bench-failover";
/** The node that has every address when a row begins. */
export const VICTIM = "n3";
const others = ["n1", "n2"] as const;
const ATTEMPTS_MAX = 5;
/** What is measured is the way to the address, not how its servers end or starve. */
const backendOptions = { lingers: true, cpu: "250m" };
const annotations = { "berth.dev/pool": ns };

export const SERVICES = ["v4-cluster", "v4-local", "v6-cluster", "v6-local"] as const;
export type ServiceName = (typeof SERVICES)[number];

export interface Outcome {
  /** The longest time without an answered new connection. */
  readonly outageMs: number;
  /** New connections without a SYN-ACK within a second. */
  readonly lost: number;
  /** Connections that were open and were reset or stalled. */
  readonly cut: number;
  /** The longest time without a reply in the UDP flow, from the last datagram answered before it to the first one after. */
  readonly udpMs: number;
  /** For who reads of a broken promise: when the longest time began, counted from the fault, and what the attempts came to. */
  readonly told: string;
}

interface Clients {
  readonly fresh: Connecting;
  readonly stream: Connecting;
  readonly flow: Connecting;
}

/** For `l2` of a pool: that node alone may have its addresses; any node for undefined. */
export function onlyOn(node: string | undefined): object {
  return node === undefined ? {} : { nodeSelector: { matchLabels: { "kubernetes.io/hostname": node } } };
}

export class Stage {
  readonly berth: Berth;
  #addresses: Readonly<Record<string, string>> = {};
  #clients: Readonly<Record<string, Clients>> = {};

  constructor(berth: Berth) {
    this.berth = berth;
  }

  /** Once: the pool, the backends and the Services. Fine when they are there already. */
  async build(): Promise<void> {
    const { berth } = this;
    await berth.apply(
      namespace(ns),
      this.#pool(VICTIM),
      // Under Cluster no backend dies with the holder: what is measured is the way to the address.
      backend("cluster", others, ns, backendOptions),
      backend("local", [...others, VICTIM], ns, backendOptions),
      ...SERVICES.map((name) => {
        const [family, policy] = name.split("-");
        const ipFamilies = [family === "v4" ? "IPv4" : "IPv6"] as const;
        const app = policy ?? "";
        return service(name, {
          namespace: ns,
          annotations,
          ipFamilies,
          app,
          policy: app === "local" ? "Local" : "Cluster",
        });
      }),
    );
    for (const app of ["cluster", "local"]) await berth.rollout(app, ns);
    const entries = await Promise.all(SERVICES.map(async (name) => [name, await berth.address(name, ns)] as const));
    this.#addresses = Object.fromEntries(entries);
  }

  async clear(): Promise<void> {
    await this.berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=190s");
    await this.berth.kubectl("delete", "ippool", ns);
  }

  #pool(node: string | undefined): object {
    return pool(ns, ["10.99.0.240/31", "fd99::240/127"], { autoAssign: false, l2: onlyOn(node) });
  }

  addressOf(name: ServiceName): string {
    return this.#addresses[name] ?? "";
  }

  get addresses(): readonly string[] {
    return SERVICES.map((name) => this.addressOf(name));
  }

  /** Everything whole, every address on the victim, every other node free to take it. */
  async gather(): Promise<void> {
    const { berth } = this;
    await berth.lab.heal();
    await berth.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s");
    await berth.ready();
    await berth.refreshSpeaker(VICTIM);
    for (const app of ["cluster", "local"]) await berth.rollout(app, ns);
    for (let attempt = 1; ; attempt += 1) {
      await berth.apply(this.#pool(VICTIM));
      for (const address of this.addresses) await berth.holder(address, (node) => node === VICTIM, 90_000);
      await berth.apply(this.#pool(undefined));
      // The others must have seen that they may, and their detectors must have heard the victim answer for each address.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      const now = await this.holders();
      if (now.every((node) => node === VICTIM)) return;
      // A victim that has just come back may be named before it is ready, and the address is taken back from it.
      if (attempt === ATTEMPTS_MAX)
        throw new Error(`${VICTIM} did not keep the addresses: ${now.join(", ")} hold them`);
    }
  }

  async connect(): Promise<void> {
    const { lab } = this.berth;
    const entries = SERVICES.map((name) => {
      const address = this.addressOf(name);
      const client = name.startsWith("v4") ? "c1" : "c2";
      const clients: Clients = {
        fresh: lab.connect(client, target(address)),
        stream: lab.connect(client, target(address, 9000), { mode: "stream", everyMs: 50 }),
        flow: lab.connect(client, target(address, 9000), { mode: "udp", everyMs: 50 }),
      };
      return [name, clients] as const;
    });
    this.#clients = Object.fromEntries(entries);
    await this.answered(50);
  }

  /** Waits until so many more new connections of each client were answered. */
  async answered(count: number, timeoutMs = 90_000): Promise<void> {
    await Promise.all(Object.values(this.#clients).map(({ fresh }) => fresh.untilOk(count, timeoutMs)));
  }

  /** What the clients saw; \`faultMs\` is when the fault began, since the Unix epoch. */
  async finish(faultMs: number): Promise<Readonly<Record<ServiceName, Outcome>>> {
    const entries = await Promise.all(
      Object.entries(this.#clients).map(async ([name, { fresh, stream, flow }]) => {
        const [all, held, datagrams] = await Promise.all([fresh.finish(), stream.finish(), flow.finish()]);
        const { cut: cutFresh } = failuresOf(all);
        const cut = cutFresh + Math.max(0, (held.connections ?? 1) - 1);
        const lost = all.failed - cutFresh;
        const longest = all.gaps.find(({ durationMs }) => durationMs === all.longestGapMs);
        const told =
          longest === undefined
            ? ""
            : `from ${Math.round(longest.startMs - faultMs)} ms on, ${JSON.stringify(all.errors)}`;
        const outcome = { outageMs: all.longestGapMs, lost, cut, udpMs: datagrams.longestGapMs, told };
        return [name, outcome] as const;
      }),
    );
    this.#clients = {};
    return Object.fromEntries(entries) as Record<ServiceName, Outcome>;
  }

  /** Verdicts of all speakers so far, as their metrics count them. */
  async verdicts(): Promise<number> {
    const { lab } = this.berth;
    const counts = await Promise.all(
      lab.nodes.map(async ({ name }) => {
        const { stdout } = await lab.exec(name, [lab.toolsPath, "get", "http://127.0.0.1:7473/metrics"]);
        return Number(/^berth_speaker_frames_total\{what="verdicts"\} (\d+)$/m.exec(stdout)?.[1] ?? 0);
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The nodes that the records name, one for each address. */
  async holders(): Promise<readonly string[]> {
    return Promise.all(this.addresses.map((address) => this.berth.holder(address, undefined, 90_000)));
  }
}
