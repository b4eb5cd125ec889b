/**
 * Loaded into the measured speaker by `--import`, beside its program: tells how much its frame worker has allocated, and
 * blocks its main thread when it is asked to. Plain JavaScript, since stripping types would cost the process megabytes.
 */
import { isMainThread } from "node:worker_threads";

if (isMainThread) {
  const workers = [];
  process.on("worker", (worker) => workers.push(worker));
  process.on("message", async (command) => {
    if ("blockMs" in command) {
      const beganMs = Date.now();
      process.send({ blockingSinceMs: beganMs }, () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, command.blockMs);
        process.send({ blockedFromMs: beganMs, blockedToMs: Date.now() });
      });
      return;
    }
    const heaps = await Promise.all(workers.map((worker) => worker.getHeapStatistics()));
    process.send({ allocatedBytes: heaps.reduce((sum, heap) => sum + heap.total_allocated_bytes, 0) });
  });
  // A benchmark that was killed leaves no speaker behind.
  process.on("disconnect", () => process.exit(1));
}
