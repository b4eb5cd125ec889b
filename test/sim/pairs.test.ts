import { describe, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import { Cluster } from "./cluster.ts";
import { begin, FAULTS, type Fault } from "./faults.ts";
import { converge } from "./random-run.ts";

/** `make test` goes through all pairs; `make check` takes each fault alone, and followed by one of the others. */
const SAMPLE = [...FAULTS.slice(7), ...FAULTS.slice(0, 7)];

/** A fault alone both short and long; of a pair one of the two. */
function durations(first: Fault, second: Fault | undefined): readonly number[] {
  if (second === undefined) return [400, 14_000];
  return [(FAULTS.indexOf(first) + FAULTS.indexOf(second)) % 2 === 0 ? 400 : 14_000];
}

/** Each fault on the holder and beside it, short and long, alone and followed by another one. */
describe("every fault, and every pair of faults", () => {
  test.each(FAULTS)("%s first", (fault) => {
    const wrong: string[] = [];
    for (const second of IS_FULL ? [undefined, ...FAULTS] : [undefined, SAMPLE[FAULTS.indexOf(fault)]]) {
      for (const lastMs of durations(fault, second)) {
        for (const where of ["holder", "other"] as const) {
          const cluster = new Cluster({ seed: 99, nodes: 3, addresses: 1, addresses6: 1, drift: 0.02 });
          cluster.run(5_000);
          const holder = cluster.holder("10.0.0.100") ?? "";
          const other = cluster.names.find((name) => name !== holder) ?? "";
          begin(cluster, fault, where === "holder" ? holder : other, lastMs);
          cluster.run(1_500);
          if (second !== undefined) begin(cluster, second, where === "holder" ? other : holder, lastMs);
          cluster.run(lastMs + 2_000);
          cluster.heal();
          converge(cluster);
          const found = [...cluster.invariants.violations, ...cluster.invariants.converged()];
          wrong.push(...found.map((what) => `${fault}, ${second ?? "nothing"}, ${lastMs} ms, ${where}: ${what}`));
        }
      }
    }
    expect(wrong.slice(0, 10).join("\n")).toBe("");
  });
});
