/**
 * `make sim SEED=… RUNS=… NODES=… FAULTS=… OUTAGES=…`: random runs for as long as one likes; the first failing seeds are told with
 * their story. Then what each fault costs a client, over OUTAGES seeds.
 */
import { FAULTS } from "./faults.ts";
import { OUTAGE_HEAD, outageLine, outagesOf } from "./outages.ts";
import { describeRun, randomRun } from "./random-run.ts";

function numberOf(name: string, usual: number): number {
  const text = process.env[name] ?? "";
  if (text === "") return usual;
  if (!/^(0|[1-9]\d{0,8})$/.test(text)) throw new Error(`${name} is "${text}": it takes a number up to 999999999`);
  return Number(text);
}

const TOLD_MAX = 5;
const first = numberOf("SEED", 1);
const runs = numberOf("RUNS", 1_000);
const options = { nodes: numberOf("NODES", 3), addresses: numberOf("ADDRESSES", 2), faults: numberOf("FAULTS", 8) };
const startedAt = performance.now();
let failed = 0;
for (let seed = first; seed < first + runs; seed++) {
  const run = randomRun({ seed, addresses6: 1, ...options });
  if (run.wrong.length === 0) continue;
  failed += 1;
  if (failed <= TOLD_MAX) console.log(describeRun(run));
}
const seconds = (performance.now() - startedAt) / 1000;
if (runs > 0)
  console.log(`${runs} seeds from ${first}, ${(runs / seconds).toFixed(1)} a second: ${failed} broke a rule`);
const seeds = numberOf("OUTAGES", 20);
if (seeds > 0) {
  console.log(OUTAGE_HEAD);
  for (const fault of FAULTS) console.log(outageLine(outagesOf(fault, first, seeds)));
}
process.exitCode = failed === 0 ? 0 : 1;
