/** `make sim SEED=… RUNS=… NODES=… FAULTS=…`: random runs for as long as one likes; the first failing seeds are told with their story. */
import { describeRun, randomRun } from "./random-run.ts";

function numberOf(name: string, usual: number): number {
  const text = process.env[name] ?? "";
  if (text === "") return usual;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`${name} is "${text}": it takes a number from 1 to 999999999`);
  return Number(text);
}

const TOLD_MAX = 5;
const first = numberOf("SEED", 1);
const runs = numberOf("RUNS", 1_000);
const options = { nodes: numberOf("NODES", 3), addresses: numberOf("ADDRESSES", 2), faults: numberOf("FAULTS", 8) };
if (options.nodes > 9) throw new Error(`NODES is ${options.nodes}: the simulation has room for 9`);
const startedAt = performance.now();
let failed = 0;
for (let seed = first; seed < first + runs; seed++) {
  const run = randomRun({ seed, ...options });
  if (run.wrong.length === 0) continue;
  failed += 1;
  if (failed <= TOLD_MAX) console.log(describeRun(run));
}
const seconds = (performance.now() - startedAt) / 1000;
console.log(`${runs} seeds from ${first}, ${(runs / seconds).toFixed(1)} a second: ${failed} broke a rule`);
process.exitCode = failed === 0 ? 0 : 1;
