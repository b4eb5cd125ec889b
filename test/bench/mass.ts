/**
 * `failover/mass-500`: a node with 500 addresses of both families and policies dies. When was each of them claimed by another one, and
 * what did the clients of four of them see?
 */
import type { Berth } from "../e2e/berth.ts";
import { backend, namespace, pool, service } from "../e2e/manifests.ts";
import { type Figure, type Measured, runs } from "./figures.ts";
import { claimsOf } from "./matrix/claims.ts";
import { printServices, samplesOf } from "./matrix/lines.ts";
import { worstOf } from "./matrix/promises.ts";
import type { RunResult } from "./matrix/run.ts";
import { onlyOn, SERVICES, Stage, VICTIM } from "./matrix/stage.ts";

const ns = "bench-mass";
/** Beside those that have clients. */
const COUNT = 500 - SERVICES.length;
const APPLIED_AT_ONCE = 100;
const LISTEN_MS = 15_000;
const RECORDED_MS = 60_000;
const ATTEMPTS_MAX = 5;
const PROMISED_MS = 2_000;
const annotations = { "berth.dev/pool": ns };
const RANGES = ["10.99.4.0/22", "fd99:4::/112"];

/** One run. Times are in milliseconds from the pull of the cable. */
interface MassRun {
  /** Of all 500: when another node claimed it first. */
  readonly claimedMs: readonly number[];
  /** When the last record named another node. */
  readonly recordedMs: number;
  readonly byService: RunResult["byService"];
}

function massPool(node: string | undefined): object {
  return pool(ns, RANGES, { autoAssign: false, l2: { interfaces: ["eth0"], ...onlyOn(node) } });
}

function massService(index: number): object {
  const isLocal = index % 4 >= 2;
  return service(`s${index}`, {
    namespace: ns,
    annotations,
    ipFamilies: [index % 2 === 0 ? "IPv4" : "IPv6"],
    app: isLocal ? "local" : "cluster",
    policy: isLocal ? "Local" : "Cluster",
  });
}

/** An address for each Service, all on the victim. Their networks are nobody's subnets: the pool names the interface. */
async function build(berth: Berth): Promise<readonly string[]> {
  await berth.apply(
    namespace(ns),
    massPool(VICTIM),
    backend("cluster", ["n1"], ns),
    backend("local", ["n1", "n2", VICTIM], ns),
  );
  for (const app of ["cluster", "local"]) await berth.rollout(app, ns);
  const all = Array.from({ length: COUNT }, (_, index) => massService(index));
  for (let first = 0; first < COUNT; first += APPLIED_AT_ONCE)
    await berth.apply(...all.slice(first, first + APPLIED_AT_ONCE));
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

/** How many of the 500 have a record that names the victim. */
async function onVictim(berth: Berth, addresses: readonly string[]): Promise<number> {
  const held = (await berth.vips()).filter(({ status }) => status?.holder?.node === VICTIM);
  return held.filter(({ spec }) => addresses.includes(spec.address)).length;
}

/** Everything on the victim, and every other node free to take it. */
async function gather(berth: Berth, stage: Stage, addresses: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await berth.apply(massPool(VICTIM));
    await gathered(berth);
    await stage.gather();
    await berth.apply(massPool(undefined));
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    const held = await onVictim(berth, addresses);
    if (held === addresses.length) return;
    // A victim that has just come back may be named before it is ready, and the addresses are taken back from it.
    if (attempt === ATTEMPTS_MAX) throw new Error(`${VICTIM} kept ${held} of ${addresses.length} addresses`);
  }
}

async function runMass(berth: Berth, stage: Stage, addresses: readonly string[]): Promise<MassRun> {
  const { lab } = berth;
  await gather(berth, stage, addresses);
  await stage.connect();
  const capture = await lab.capture("c1", "arp or icmp6");
  const pulledAt = Date.now();
  await lab.pullCable(VICTIM);
  const isRecorded = async (): Promise<number | undefined> =>
    (await onVictim(berth, addresses)) === 0 ? Date.now() - pulledAt : undefined;
  const recordedMs = await lab.waitFor("the records", isRecorded, { timeoutMs: RECORDED_MS, everyMs: 1_000 });
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, pulledAt + LISTEN_MS - Date.now())));
  await stage.answered(100);
  const byService = await stage.finish(pulledAt);
  await capture.stop();
  const first = new Map<string, number>();
  for (const { address, mac, timeMs } of claimsOf(capture.views)) {
    const isOthers = mac !== lab.node(VICTIM).mac && timeMs >= pulledAt;
    if (isOthers && !first.has(address)) first.set(address, timeMs - pulledAt);
  }
  const missing = addresses.filter((address) => !first.has(address));
  if (missing.length > 0)
    throw new Error(
      `${missing.length} addresses were not claimed within ${LISTEN_MS} ms: ${missing.slice(0, 5).join(", ")}`,
    );
  return { claimedMs: addresses.map((address) => first.get(address) ?? Number.NaN), recordedMs, byService };
}

/** What a run did not keep of what docs/failover.md promises, in words; nothing if it kept all. */
export function missedMass({ claimedMs, byService }: Pick<MassRun, "claimedMs" | "byService">): readonly string[] {
  const times = {
    "the last address claimed by another": Math.max(...claimedMs),
    "a client without an answer": worstOf({ byService }).outageMs,
  };
  const late = Object.entries(times).filter(([, ms]) => !(ms <= PROMISED_MS));
  return late.map(([what, ms]) => `${what}: ${Math.round(ms)} ms, promised ${PROMISED_MS}`);
}

/** The time until the last of the addresses is claimed again, for each run. */
export async function measureMass(berth: Berth, times: number): Promise<Measured> {
  const stage = new Stage(berth);
  await stage.build();
  const addresses = [...stage.addresses, ...(await build(berth))];
  const results: MassRun[] = [];
  let broken = 0;
  try {
    for (let run = 1; run <= times; run += 1) {
      const result = await runMass(berth, stage, addresses);
      const { outageMs, lost, cut } = worstOf(result);
      const last = Math.round(Math.max(...result.claimedMs));
      const missed = missedMass(result);
      broken += Number(missed.length > 0);
      console.error(
        `bench: mass-500 ${run} of ${times}: the last claimed after ${last} ms, recorded after ${result.recordedMs} ms; clients ${Math.round(outageMs)} ms, ${lost} lost, ${cut} cut`,
        ...missed.map((what) => `NOT AS PROMISED: ${what}`),
      );
      results.push(result);
      await berth.lab.heal();
      await berth.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s");
    }
  } finally {
    await berth.lab.heal();
    await berth.kubectl("delete", "namespace", ns, "--wait=true", "--timeout=190s");
    await berth.kubectl("delete", "ippool", ns);
  }
  printServices(
    "mass-500",
    results.map(({ byService }) => byService),
  );
  const { samples: outages, also } = samplesOf(results.map(worstOf));
  const recordedMs = Math.max(...results.map((result) => result.recordedMs));
  const samples = results.map(({ claimedMs }) => Math.max(...claimedMs));
  return { samples, also: { ...also, outageMs: Math.round(Math.max(...outages)), recordedMs, broken } };
}

export const massFigure: Figure = {
  name: "failover/mass-500",
  unit: "ms",
  measure: (berth) => measureMass(berth, runs(20)),
};
