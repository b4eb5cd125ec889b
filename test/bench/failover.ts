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
  readonly lost: number;
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
  const { longestGapMs, failed } = await client.finish();
  await berth.lab.heal();
  await berth.ready();
  return { outageMs: longestGapMs, lost: failed };
}

async function repeat(berth: Berth, times: number, go: (holder: string) => Promise<void>): Promise<Measured> {
  const address = await addressBeside(berth);
  const gaps: Gap[] = [];
  for (let run = 1; run <= times; run += 1) {
    const gap = await gapOf(berth, address, go);
    console.error(`bench: run ${run} of ${times}: ${Math.round(gap.outageMs)} ms, ${gap.lost} lost`);
    gaps.push(gap);
  }
  const lost = gaps.reduce((sum, gap) => sum + gap.lost, 0);
  return { samples: gaps.map(({ outageMs }) => outageMs), also: { lost } };
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
