import { describe, expect, test } from "@jest/globals";
import { WorkQueue } from "../../../lib/kube/workqueue.ts";
import { type Random, seededRandom } from "../../../lib/runtime/random.ts";

describe("the work queue", () => {
  test("keys come out in the order they came in, each once", () => {
    const queue = new WorkQueue();
    for (const key of ["b", "a", "b", "c"]) queue.add(key, 0);
    const keys = [queue.take(1)?.key, queue.take(1)?.key, queue.take(1)?.key, queue.take(1)?.key];
    expect(keys).toEqual(["b", "a", "c", undefined]);
  });

  test("a key that is worked on is not given out again, and once more when it was added meanwhile", () => {
    const queue = new WorkQueue();
    queue.add("a", 0);
    expect(queue.take(5)).toEqual({ key: "a", waitedMs: 5 });
    queue.add("a", 6);
    queue.add("a", 7);
    expect(queue.take(8)).toBeUndefined();
    queue.finish("a");
    expect(queue.take(9)).toEqual({ key: "a", waitedMs: 3 });
    queue.finish("a");
    expect(queue.take(10)).toBeUndefined();
  });

  test("add-after waits its time, the earlier of two counts, and the wait is measured from when it was due", () => {
    const queue = new WorkQueue();
    queue.addAfter("a", 100, 0);
    queue.addAfter("a", 50, 10);
    queue.addAfter("a", 500, 10);
    expect([queue.wakeAt(), queue.take(59)]).toEqual([60, undefined]);
    expect(queue.take(65)).toEqual({ key: "a", waitedMs: 5 });
    expect(queue.wakeAt()).toBeUndefined();
  });

  test("what is due comes out earliest first; no delay is now", () => {
    const queue = new WorkQueue();
    queue.addAfter("late", 20, 0);
    queue.addAfter("early", 10, 0);
    queue.addAfter("now", 0, 0);
    queue.addAfter("later", 90, 0);
    expect([queue.take(30)?.key, queue.take(30)?.key, queue.take(30)?.key, queue.take(30)]).toEqual([
      "now",
      "early",
      "late",
      undefined,
    ]);
    expect(queue.wakeAt()).toBe(90);
  });

  test("a delay that ends while the key is worked on is not lost", () => {
    const queue = new WorkQueue();
    queue.add("a", 0);
    queue.take(0);
    queue.addAfter("a", 10, 0);
    expect(queue.take(20)).toBeUndefined();
    queue.finish("a");
    expect(queue.take(20)?.key).toBe("a");
  });

  test("an add during a back-off is served at once", () => {
    const queue = new WorkQueue();
    queue.retry("a", 0, 1);
    queue.add("a", 1);
    expect(queue.take(1)?.key).toBe("a");
  });

  test("back-off doubles per key up to its cap, and starts again after forget", () => {
    const queue = new WorkQueue({ minMs: 10, maxMs: 100 });
    expect([1, 2, 3, 4, 5, 6].map(() => queue.retry("a", 0, 1))).toEqual([10, 20, 40, 80, 100, 100]);
    expect(queue.retry("b", 0, 0)).toBe(5);
    queue.forget("a");
    expect(queue.retry("a", 0, 1)).toBe(10);
    expect(queue.retry("a", 0, 1, 7_000)).toBe(7_000);
    for (let failure = 0; failure < 2_000; failure++) queue.retry("c", 0, 1);
    expect(queue.retry("c", 0, 1)).toBe(100);
  });

  test("finish of a key that is not worked on does nothing", () => {
    const queue = new WorkQueue();
    queue.add("a", 0);
    queue.finish("a");
    expect(queue.snapshot()).toEqual({ waiting: ["a"], processing: [], delayed: [], failures: [] });
    expect([queue.take(0)?.key, queue.take(0)]).toEqual(["a", undefined]);
  });

  test("thousands of keys keep their order", () => {
    const queue = new WorkQueue();
    const keys = Array.from({ length: 5_000 }, (_, index) => `key-${index}`);
    for (const key of keys) queue.add(key, 0);
    const taken = keys.map(() => queue.take(0)?.key);
    expect(taken).toEqual(keys);
    expect(queue.depth).toBe(0);
  });
});

const KEYS = ["a", "b", "c", "d", "e"];

/** What must be true of every key, kept in the simplest way. */
class Model {
  readonly running = new Set<string>();
  readonly owedSince = new Map<string, number>();
  readonly dueAt = new Map<string, number>();

  owe(key: string, at: number): void {
    if (!this.owedSince.has(key)) this.owedSince.set(key, at);
  }
  pass(now: number): void {
    for (const [key, at] of [...this.dueAt]) {
      if (at > now) continue;
      this.dueAt.delete(key);
      this.owe(key, at);
    }
  }
  /** A key is there to be taken when it is owed and nobody works on it. */
  hasWork(): boolean {
    return [...this.owedSince.keys()].some((key) => !this.running.has(key));
  }
}

function pick(random: Random): string {
  return KEYS[Math.floor(random() * KEYS.length)] ?? "a";
}

function act(queue: WorkQueue, model: Model, random: Random, now: number): void {
  const dice = random();
  if (dice < 0.3) {
    const key = pick(random);
    queue.add(key, now);
    model.owe(key, now);
  } else if (dice < 0.45) {
    const key = pick(random);
    const delay = 1 + Math.floor(random() * 20);
    queue.addAfter(key, delay, now);
    model.dueAt.set(key, Math.min(now + delay, model.dueAt.get(key) ?? now + delay));
  } else if (dice < 0.75) {
    take(queue, model, now);
  } else {
    const key = [...model.running][0];
    if (key === undefined) return;
    model.running.delete(key);
    queue.finish(key);
  }
}

function take(queue: WorkQueue, model: Model, now: number): void {
  model.pass(now);
  const hadWork = model.hasWork();
  const taken = queue.take(now);
  // Never lost: whatever is owed and free is given out; never invented: nothing else is.
  expect(taken !== undefined).toBe(hadWork);
  if (taken === undefined) return;
  // Never twice at once.
  expect(model.running.has(taken.key)).toBe(false);
  expect(model.owedSince.has(taken.key)).toBe(true);
  model.owedSince.delete(taken.key);
  model.running.add(taken.key);
}

test.each(Array.from({ length: 50 }, (_, seed) => seed))("against a model, seed %i", (seed) => {
  const random = seededRandom(seed);
  const queue = new WorkQueue();
  const model = new Model();
  let now = 0;
  for (let round = 0; round < 400; round++) {
    now += Math.floor(random() * 3);
    act(queue, model, random, now);
  }
  // Everybody finishes, all delays pass: all that is owed comes out, and then nothing is left.
  now += 1_000;
  for (const key of [...model.running]) {
    model.running.delete(key);
    queue.finish(key);
  }
  for (let left = 0; left <= KEYS.length; left++) take(queue, model, now);
  expect([model.owedSince.size, queue.depth, queue.wakeAt()]).toEqual([0, 0, undefined]);
});
