import { type Berth, berthNamespace, target } from "../e2e/berth.ts";
import { backend, namespace, pool, service } from "../e2e/manifests.ts";
import { type Figure, type Measured, runs } from "./figures.ts";

const ns = "bench-failover";
const nodes = ["n1", "n2", "n3"] as const;
const annotations = { "berth.dev/pool": ns };

/** A Service with one IPv4 address, and backends on every node but the one that holds it. */
async function addressBeside(berth: Berth): Promise<string> {
  await berth.apply(
    namespace(ns),
    pool(ns, ["10.99.0.240/32"], { autoAssign: false }),
    backend("web", nodes, ns),
    service("web", { namespace: ns, annotations }),
  );
  await berth.rollout("web", ns);
  return berth.address("web", ns);
}

async function backendsBeside(berth: Berth, holder: string): Promise<void> {
  await berth.apply(
    backend(
      "web",
      nodes.filter((node) => node !== holder),
      ns,
    ),
  );
  await berth.rollout("web", ns);
}

interface Gap {
  readonly outageMs: number;
  /** New connections that were not answered. */
  readonly lost: number;
  /** Connections that were open when the address moved: their translation stays on the old node, so they are reset. */
  readonly cut: number;
}

/** The longest time without an answer to a client that opens a connection every 10 ms while the holder goes. */
async function gapOf(berth: Berth, address: string, go: (holder: string) => Promise<void>): Promise<Gap> {
  const holder = await berth.holder(address, undefined, 60_000);
  await backendsBeside(berth, holder);
  await berth.reached("c1", target(address));
  const client = berth.lab.connect("c1", target(address));
  await client.untilOk(50);
  await go(holder);
  await berth.holder(address, (node) => node !== holder, 60_000);
  await client.untilOk(100, 60_000);
  const { longestGapMs, failed, errors } = await client.finish();
  const cut = errors["connection reset by peer"] ?? 0;
  await berth.lab.heal();
  await berth.ready();
  return { outageMs: longestGapMs, lost: failed - cut, cut };
}

async function repeat(berth: Berth, times: number, go: (holder: string) => Promise<void>): Promise<Measured> {
  const address = await addressBeside(berth);
  const gaps: Gap[] = [];
  for (let run = 1; run <= times; run += 1) {
    const gap = await gapOf(berth, address, go);
    console.error(`bench: run ${run} of ${times}: ${Math.round(gap.outageMs)} ms, ${gap.lost} lost, ${gap.cut} cut`);
    gaps.push(gap);
  }
  const sum = (of: (gap: Gap) => number): number => gaps.reduce((total, gap) => total + of(gap), 0);
  const also = { lost: sum(({ lost }) => lost), cut: sum(({ cut }) => cut) };
  return { samples: gaps.map(({ outageMs }) => outageMs), also };
}

export const failoverFigures: readonly Figure[] = [
  {
    name: "failover/cable",
    unit: "ms",
    measure: (berth) => repeat(berth, runs(10), (holder) => berth.lab.pullCable(holder)),
  },
  {
    name: "failover/sigterm",
    unit: "ms",
    measure: (berth) =>
      repeat(berth, runs(10), async (holder) => {
        await berth.kubectl("-n", berthNamespace, "delete", "pod", await berth.speakerOn(holder), "--wait=false");
      }),
  },
];
