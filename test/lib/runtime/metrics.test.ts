import { expect, test } from "@jest/globals";
import { counter, gauge, histogram, METRICS_CONTENT_TYPE, renderMetrics } from "../../../lib/runtime/metrics.ts";

async function series(prefix: string): Promise<string[]> {
  return (await renderMetrics()).split("\n").filter((line) => line.startsWith(prefix));
}

test("counters add up per label value", async () => {
  const moves = counter("berth_test_moves_total", "Moves.", ["reason"]);
  moves.inc({ reason: "carrier" });
  moves.inc({ reason: "carrier" }, 2);
  expect(await series("berth_test_moves_total{")).toEqual(['berth_test_moves_total{reason="carrier"} 3']);
});

test("a gauge series goes when it is removed", async () => {
  const held = gauge("berth_test_held", "Held.", ["interface"]);
  held.set({ interface: "eth0" }, 4);
  held.set({ interface: "eth1" }, 5);
  held.remove({ interface: "eth0" });
  expect(await series("berth_test_held{")).toEqual(['berth_test_held{interface="eth1"} 5']);
});

test("a histogram counts into its buckets", async () => {
  const seconds = histogram("berth_test_seconds", "Seconds.", [], [1, 2]);
  seconds.observe({}, 1.5);
  expect(await series("berth_test_seconds_bucket")).toEqual([
    'berth_test_seconds_bucket{le="1"} 0',
    'berth_test_seconds_bucket{le="2"} 1',
    'berth_test_seconds_bucket{le="+Inf"} 1',
  ]);
});

test("the same name gives the same metric, another kind is refused, and so is a foreign prefix", async () => {
  counter("berth_test_same_total", "Same.").inc({});
  counter("berth_test_same_total", "Same.").inc({});
  expect(await series("berth_test_same_total")).toEqual(["berth_test_same_total 2"]);
  expect(() => gauge("berth_test_same_total", "Same.")).toThrow("another kind");
  expect(() => counter("test_total", "Wrong.")).toThrow("must start with berth_");
});

test("the process tells its memory, CPU time and start", async () => {
  for (const name of ["resident_memory_bytes", "cpu_seconds", "start_time_seconds"]) {
    const [line] = await series(`berth_process_${name} `);
    expect(Number(line?.split(" ")[1])).toBeGreaterThan(0);
  }
  expect(METRICS_CONTENT_TYPE).toContain("text/plain");
});
