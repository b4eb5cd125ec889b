/**
 * `make bench ONLY=prefix`: every figure, or those whose names start so, one JSON object a line on standard output.
 * Progress goes to standard error. The responder and the bursts are measured first, in network namespaces of their own; the
 * other figures are taken in one lab, which is started for them and ended afterwards.
 */
import { Berth } from "../e2e/berth.ts";
import { startLab } from "../lab/lab.ts";
import { measureAllocation, type Others } from "./allocate.ts";
import { measureBurst } from "./burst/measure.ts";
import { burstNames } from "./burst/plan.ts";
import { failoverFigures } from "./failover.ts";
import { type Figure, lineOf } from "./figures.ts";
import { memoryFigures } from "./memory.ts";
import { measureResponder } from "./responder/measure.ts";
import { responderNames } from "./responder/plan.ts";

/** Needs neither root nor a cluster. */
const ALLOCATIONS: readonly (readonly [string, Others])[] = [
  ["allocate/65536", "full"],
  ["allocate/refusing", "refusing"],
];

/** Those of the lab in the order in which they run; each needs an installed Berth. */
const figures: readonly Figure[] = [...memoryFigures, ...failoverFigures];

async function main(only: string): Promise<void> {
  const wanted = figures.filter(({ name }) => name.startsWith(only));
  const wantsStart = "lab/warm".startsWith(only);
  const responder = responderNames.filter((name) => name.startsWith(only));
  const allocations = ALLOCATIONS.filter(([name]) => name.startsWith(only));
  for (const [name, others] of allocations)
    console.log(lineOf({ name, unit: "us", ...measureAllocation(5_000, others) }));
  const bursts = burstNames.filter((name) => name.startsWith(only));
  if (responder.length > 0) await measureResponder(new Set(responder));
  if (bursts.length > 0) await measureBurst(new Set(bursts));
  if (wanted.length + responder.length + bursts.length + allocations.length === 0 && !wantsStart) {
    const allocationNames = ALLOCATIONS.map(([name]) => name);
    const names = [
      "lab/warm",
      ...allocationNames,
      ...responderNames,
      ...burstNames,
      ...figures.map(({ name }) => name),
    ];
    throw new Error(`no figure's name starts with "${only}"; there are ${names.join(", ")}`);
  }
  if (wanted.length > 0 || wantsStart) await measureInLab(wanted, wantsStart);
}

async function measureInLab(wanted: readonly Figure[], wantsStart: boolean): Promise<void> {
  const startedAt = performance.now();
  const lab = await startLab();
  try {
    const startedS = (performance.now() - startedAt) / 1000;
    if (wantsStart) console.log(lineOf({ name: "lab/warm", unit: "s", samples: [startedS] }));
    const berth = new Berth(lab);
    await berth.install();
    for (const figure of wanted) {
      console.error(`bench: ${figure.name}`);
      console.log(lineOf({ name: figure.name, unit: figure.unit, ...(await figure.measure(berth)) }));
    }
  } finally {
    await lab.stop();
  }
}

await main(process.argv[2] ?? "");
