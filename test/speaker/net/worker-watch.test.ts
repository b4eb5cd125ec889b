import { expect, test } from "@jest/globals";
import { SILENT_TURNS_MAX, WorkerWatch } from "../../../speaker/net/worker-watch.ts";

const turns = (watch: WorkerWatch, count: number): readonly boolean[] =>
  Array.from({ length: count }, () => watch.turn());
const NONE = (count: number): readonly boolean[] => Array.from({ length: count }, () => false);

test("a worker that falls silent is given up, once, after so many turns without a word", () => {
  const watch = new WorkerWatch();
  watch.heard();
  expect(turns(watch, SILENT_TURNS_MAX + 5)).toEqual([...NONE(SILENT_TURNS_MAX - 1), true, ...NONE(5)]);
});

test("any word begins the count anew", () => {
  const watch = new WorkerWatch();
  for (let round = 0; round < 5; round++) {
    watch.heard();
    expect(turns(watch, SILENT_TURNS_MAX - 1)).toEqual(NONE(SILENT_TURNS_MAX - 1));
  }
});

test("one that has not begun yet, on a machine however slow, is waited for", () => {
  expect(turns(new WorkerWatch(), 100)).toEqual(NONE(100));
});
