import { readFileSync } from "node:fs";
import { type Berth, berthNamespace } from "../e2e/berth.ts";
import { namespace, pool } from "../e2e/manifests.ts";
import { type Figure, type Measured, tenths } from "./figures.ts";

/** Long enough for the first collections after the start. */
const settleMs = 60_000;

function mebibytes(rollup: string, field: string): number {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(rollup)?.[1];
  if (kibibytes === undefined) throw new Error(`smaps_rollup has no field ${field}`);
  return Number(kibibytes) / 1024;
}

/** Resident and anonymous memory of a process in MiB, proc_pid_smaps(5). */
export function memoryOfProcess(pid: number): { readonly rss: number; readonly anon: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return { rss: mebibytes(rollup, "Rss"), anon: mebibytes(rollup, "Anonymous") };
}

/**
 * Resident and anonymous memory of all processes of a component, in the shipped image with the manifest's flags. `value` is that of the
 * largest: of two controllers one is active, and a median would tell of the other.
 */
async function memoryOf(berth: Berth, component: "controller" | "speaker"): Promise<Measured> {
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const samples: number[] = [];
  let anon = 0;
  for (const { metadata, spec } of await berth.pods(component)) {
    const pod = { node: spec.nodeName, pod: metadata.name, namespace: berthNamespace };
    for (const { pid } of await berth.lab.processesOf(pod)) {
      const memory = memoryOfProcess(pid);
      samples.push(memory.rss);
      anon = Math.max(anon, memory.anon);
    }
  }
  return { samples, also: { value: tenths(Math.max(...samples)), anon: tenths(anon) } };
}

const LOADED = "bench-memory";
const SERVICES = 1_000;
const APPLIED_AT_ONCE = 250;

/** Node ports are fewer than what a large cluster has of Services. */
function loadedService(name: string): object {
  const ports = [{ name: "http", port: 80, protocol: "TCP" }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: LOADED, annotations: { "berth.dev/pool": LOADED } },
    spec: { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, selector: { app: name }, ports },
  };
}

/** With a thousand Services that nobody answers for: it is the controller that is measured. */
async function memoryLoaded(berth: Berth): Promise<Measured> {
  const nobody = { nodeSelector: { matchLabels: { "berth.dev/bench": "nobody" } } };
  await berth.apply(namespace(LOADED), pool(LOADED, ["10.250.0.0/20"], { autoAssign: false, l2: nobody }));
  try {
    const names = Array.from({ length: SERVICES }, (_, index) => `s${index}`);
    for (let first = 0; first < SERVICES; first += APPLIED_AT_ONCE) {
      await berth.apply(...names.slice(first, first + APPLIED_AT_ONCE).map(loadedService));
    }
    const all = async (): Promise<true | undefined> => {
      const given = (await berth.vips()).filter(({ spec }) => spec.services.some((one) => one.namespace === LOADED));
      return given.length === SERVICES ? true : undefined;
    };
    await berth.lab.waitFor(`${SERVICES} addresses`, all, { timeoutMs: 120_000, everyMs: 1_000 });
    return await memoryOf(berth, "controller");
  } finally {
    await berth.kubectl("delete", "namespace", LOADED, "--wait=true", "--timeout=190s");
    await berth.kubectl("delete", "ippool", LOADED);
  }
}

export const memoryFigures: readonly Figure[] = [
  { name: "memory/controller/idle", unit: "MiB", measure: (berth) => memoryOf(berth, "controller") },
  { name: "memory/speaker", unit: "MiB", measure: (berth) => memoryOf(berth, "speaker") },
  // Last: the speakers keep the memory that a thousand addresses took.
  { name: `memory/controller/${SERVICES}`, unit: "MiB", measure: memoryLoaded },
];
