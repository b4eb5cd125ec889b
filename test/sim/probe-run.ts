import { Cluster } from "./cluster.ts";
import { planFaults } from "./faults.ts";

const from = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 20);
const started = performance.now();
let events = 0;
let bad = 0;
for (let seed = from; seed < from + count; seed++) {
  const cluster = new Cluster({ seed, nodes: 3, addresses: 3 });
  events += cluster.run(5_000);
  const planned = planFaults(cluster, 40_000, 5);
  events += cluster.run(62_000);
  cluster.heal();
  events += cluster.run(40_000);
  const wrong = [...cluster.invariants.violations, ...cluster.invariants.converged()];
  if (wrong.length > 0) {
    bad += 1;
    if (bad < 6)
      console.log(
        `seed ${seed}\n  ${planned.join("\n  ")}\n  --\n  ${wrong.join("\n  ")}\n  --\n  ${cluster.moves.map((m) => `${Math.round(m.atMs)} ${m.node} ${m.name} ${m.reason} ${m.epoch}`).join("\n  ")}`,
      );
  }
}
console.log({ count, bad, events, perSeedMs: (performance.now() - started) / count });
