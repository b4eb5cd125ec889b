import { readFileSync } from "node:fs";
import { type Berth, berthNamespace } from "../e2e/berth.ts";
import type { Figure, Measured } from "./figures.ts";

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

/** Resident and anonymous memory of all processes of a component, in the shipped image with the manifest's flags. */
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
  return { samples, also: { anon: Math.round(anon * 10) / 10 } };
}

export const memoryFigures: readonly Figure[] = [
  { name: "memory/controller/idle", unit: "MiB", measure: (berth) => memoryOf(berth, "controller") },
  { name: "memory/speaker", unit: "MiB", measure: (berth) => memoryOf(berth, "speaker") },
];
