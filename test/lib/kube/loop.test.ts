import { describe, expect, test } from "@jest/globals";
import { KubeError } from "../../../lib/kube/errors.ts";
import { createLoop, type Outcome } from "../../../lib/kube/loop.ts";
import { BerthError } from "../../../lib/runtime/errors.ts";
import { silentLogger } from "../../../lib/runtime/log.ts";
import { renderMetrics } from "../../../lib/runtime/metrics.ts";
import { FakeTime, settle } from "./fakes.ts";

/** A loop whose runs end when the test says so. */
function setUp(concurrency = 2, name = "test") {
  const time = new FakeTime();
  const runs: { key: string; end: (outcome: Outcome) => Promise<void>; fail: (error: unknown) => Promise<void> }[] = [];
  const loop = createLoop({
    name,
    concurrency,
    reconcile: (key) => {
      const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
      const end = (outcome: Outcome) => {
        resolve(outcome);
        return settle();
      };
      const fail = (error: unknown) => {
        reject(error);
        return settle();
      };
      runs.push({ key, end, fail });
      return promise;
    },
    clock: time,
    random: () => 1,
    log: silentLogger,
    backoff: { minMs: 10, maxMs: 40 },
    scheduler: time,
  });
  const run = (index: number) => {
    const one = runs[index];
    if (one === undefined) throw new Error(`there was no run ${index}`);
    return one;
  };
  return { time, loop, run, keys: () => runs.map((one) => one.key) };
}

const done: Outcome = { type: "done" };
const retry: Outcome = { type: "retry", error: new BerthError("conflict", "again") };

describe("the loop", () => {
  test("nothing runs before start, then as many as allowed", async () => {
    const { loop, keys, run } = setUp();
    for (const key of ["a", "b", "c"]) loop.add(key);
    expect(keys()).toEqual([]);
    loop.start();
    expect([keys(), loop.size]).toEqual([["a", "b"], 3]);
    await run(0).end(done);
    expect([keys(), loop.size]).toEqual([["a", "b", "c"], 2]);
  });

  test("a key added while it runs runs once more, never beside itself", async () => {
    const { loop, keys, run } = setUp();
    loop.start();
    loop.add("a");
    loop.add("a");
    expect(keys()).toEqual(["a"]);
    await run(0).end(done);
    expect(keys()).toEqual(["a", "a"]);
    await run(1).end(done);
    expect([keys(), loop.size]).toEqual([["a", "a"], 0]);
  });

  test("requeue looks again after its time", async () => {
    const { loop, keys, run, time } = setUp();
    loop.start();
    loop.add("a");
    await run(0).end({ type: "requeue", afterMs: 5_000 });
    await time.advance(4_999);
    expect(keys()).toEqual(["a"]);
    await time.advance(1);
    expect(keys()).toEqual(["a", "a"]);
  });

  test("retry backs off, what is thrown too, and done starts the back-off again", async () => {
    const { loop, run, time, keys } = setUp();
    loop.start();
    loop.add("a");
    await run(0).end(retry);
    await time.advance(10);
    await run(1).fail(new Error("thrown"));
    await time.advance(19);
    expect(keys()).toHaveLength(2);
    await time.advance(1);
    await run(2).end(done);
    loop.add("a");
    await run(3).end(retry);
    await time.advance(10);
    expect(keys()).toHaveLength(5);
  });

  test("a server that asks to wait is not asked before", async () => {
    const { loop, run, time, keys } = setUp();
    loop.start();
    loop.add("a");
    await run(0).end({
      type: "retry",
      error: new KubeError("api-refused", "slow", { status: 429, retryAfterMs: 3_000 }),
    });
    await time.advance(2_999);
    expect(keys()).toHaveLength(1);
    await time.advance(1);
    expect(keys()).toHaveLength(2);
  });

  test("a terminal error is not tried again until the key is added", async () => {
    const { loop, run, time, keys } = setUp();
    loop.start();
    loop.add("a");
    await run(0).end({ type: "terminal", error: new BerthError("bad-object", "no") });
    await time.advance(3_600_000);
    expect([keys(), time.pending]).toEqual([["a"], 0]);
    loop.add("a");
    expect(keys()).toEqual(["a", "a"]);
  });

  test("a delay that ends while all workers are busy is served when one is free", async () => {
    const { loop, run, time, keys } = setUp(1);
    loop.start();
    loop.add("busy");
    loop.addAfter("late", 10);
    await time.advance(50);
    expect(keys()).toEqual(["busy"]);
    await run(0).end(done);
    expect(keys()).toEqual(["busy", "late"]);
  });

  test("stop begins nothing more and waits for what is under way", async () => {
    const { loop, run, time, keys } = setUp(1);
    loop.start();
    loop.add("a");
    loop.add("b");
    loop.addAfter("c", 10);
    let stopped = false;
    const stopping = loop.stop().then(() => {
      stopped = true;
    });
    await settle();
    expect(stopped).toBe(false);
    await run(0).end(done);
    await stopping;
    loop.add("d");
    await time.advance(1_000);
    expect(keys()).toEqual(["a"]);
  });

  test("each outcome is counted", async () => {
    const { loop, run } = setUp(4, "counted");
    loop.start();
    for (const key of ["a", "b", "c", "d"]) loop.add(key);
    await run(0).end(done);
    await run(1).end({ type: "requeue", afterMs: 1 });
    await run(2).end(retry);
    await run(3).end({ type: "terminal", error: new BerthError("bad-object", "no") });
    const lines = (await renderMetrics())
      .split("\n")
      .filter((line) => line.startsWith('berth_reconcile_total{queue="counted"'));
    expect(lines.sort()).toEqual(
      ["done", "requeue", "retry", "terminal"].map(
        (outcome) => `berth_reconcile_total{queue="counted",outcome="${outcome}"} 1`,
      ),
    );
  });
});
