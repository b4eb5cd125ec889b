/**
 * `make bench ONLY=prefix`: every figure, or those whose names start so, one JSON object a line on standard output.
 * Progress goes to standard error. The figures are taken in one lab, which is started for them and ended afterwards.
 */
import { Berth } from "../e2e/berth.ts";
import { startLab } from "../lab/lab.ts";
import { failoverFigures } from "./failover.ts";
import { type Figure, lineOf } from "./figures.ts";
import { memoryFigures } from "./memory.ts";

/** In the order in which they run; each needs an installed Berth. */
const figures: readonly Figure[] = [...memoryFigures, ...failoverFigures];

async function main(only: string): Promise<void> {
  const wanted = figures.filter(({ name }) => name.startsWith(only));
  const wantsStart = "lab/warm".startsWith(only);
  if (wanted.length === 0 && !wantsStart) {
    throw new Error(
      `no figure's name starts with "${only}"; there are ${["lab/warm", ...figures.map(({ name }) => name)].join(", ")}`,
    );
  }
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
