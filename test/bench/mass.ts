/** `failover/mass-500`: a node with 500 addresses dies; when was each of them announced by another one? */
import type { Berth } from "../e2e/berth.ts";
import { backend, namespace, pool, service } from "../e2e/manifests.ts";
import { type Figure, type Measured, runs } from "./figures.ts";

const ns = "bench-mass";
const COUNT = 500;
const APPLIED_AT_ONCE = 100;
const LISTEN_MS = 15_000;
const ATTEMPTS_MAX = 5;
const VICTIM = "n3";
const annotations = { "berth.dev/pool": ns };
const RANGE = "10.99.4.0/22";

function massPool(node: string | undefined): object {
  const nodeSelector = node === undefined ? {} : { nodeSelector: { matchLabels: { "kubernetes.io/hostname": node } } };
  return pool(ns, [RANGE], { autoAssign: false, l2: { interfaces: ["eth0"], ...nodeSelector } });
}

/** 500 Services with one backend and an address each, all on the victim. Their network is nobody's subnet: the pool names the interface. */
async function build(berth: Berth): Promise<readonly string[]> {
  await berth.apply(namespace(ns), massPool(VICTIM), backend("web", ["n1"], ns));
  const names = Array.from({ length: COUNT }, (_, index) => `s${index}`);
  for (let first = 0; first < COUNT; first += APPLIED_AT_ONCE) {
    const some = names.slice(first, first + APPLIED_AT_ONCE);
    await berth.apply(...some.map((name) => service(name, { namespace: ns, annotations, app: "web" })));
  }
  return gathered(berth);
}

async function gathered(berth: Berth): Promise<readonly string[]> {
  const all = async (): Promise<readonly string[] | undefined> => {
    const own = (await berth.vips()).filter(({ spec }) => spec.services.some(({ namespace }) => namespace === ns));
    const there = own.filter(({ status }) => status?.holder?.node === VICTIM);
    return there.length === COUNT ? there.map(({ spec }) => spec.address) : undefined;
  };
  return berth.lab.waitFor(`${COUNT} addresses on ${VICTIM}`, all, { timeoutMs: 180_000, everyMs: 1_000 });
}

/** Everything on the victim, and every other node free to take it. */
async function gather(berth: Berth): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await berth.apply(massPool(VICTIM));
    await gathered(berth);
    await berth.apply(massPool(undefined));
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    const held = (await berth.vips()).filter(({ status }) => status?.holder?.node === VICTIM).length;
    if (held >= COUNT) return;
    // A victim that has just come back may be named before it is ready, and the addresses are taken back from it.
    if (attempt === ATTEMPTS_MAX) throw new Error(`${VICTIM} kept ${held} of ${COUNT} addresses`);
  }
}

/** Milliseconds from the pull of the cable to the first announcement of each address by another node, as a client hears them. */
async function announcedAfter(berth: Berth, addresses: readonly string[]): Promise<readonly number[]> {
  const { lab } = berth;
  const capture = await lab.capture("c1", "arp");
  await lab.pullCable(VICTIM);
  const pulledAt = Date.now();
  await new Promise((resolve) => setTimeout(resolve, LISTEN_MS));
  await capture.stop();
  const own = lab.node(VICTIM).mac;
  const first = new Map<string, number>();
  for (const { arp, source, timeMs } of capture.views) {
    const isAnnouncement = arp !== undefined && arp.senderIp === arp.targetIp && source !== own && timeMs >= pulledAt;
    if (isAnnouncement && !first.has(arp.senderIp)) first.set(arp.senderIp, timeMs - pulledAt);
  }
  const missing = addresses.filter((address) => !first.has(address));
  if (missing.length > 0)
    throw new Error(
      `${missing.length} addresses were not announced within ${LISTEN_MS} ms: ${missing.slice(0, 5).join(", ")}`,
    );
  return addresses.map((address) => first.get(address) ?? Number.NaN);
}

/** The time until the last of the addresses is announced again, for each run. */
export async function measureMass(berth: Berth, times: number): Promise<Measured> {
  const addresses = await build(berth);
  const samples: number[] = [];
  try {
    for (let run = 1; run <= times; run += 1) {
      await gather(berth);
      const after = await announcedAfter(berth, addresses);
      console.error(`bench: mass-500 ${run} of ${times}: the last after ${Math.round(Math.max(...after))} ms`);
      samples.push(Math.max(...after));
      await berth.lab.heal();
      await berth.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s");
    }
  } finally {
    await berth.lab.heal();
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=190s");
    await berth.kubectl("delete", "ippool", ns);
  }
  return { samples };
}

export const massFigure: Figure = {
  name: "failover/mass-500",
  unit: "ms",
  measure: (berth) => measureMass(berth, runs(20)),
};
