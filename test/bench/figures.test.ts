import { describe, expect, test } from "@jest/globals";
import { lineOf, percentile } from "./figures.ts";

describe("percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  test.each([
    ["the median of an odd number", [3, 1, 2], 0.5, 2],
    ["the lower middle of an even number", [4, 1, 3, 2], 0.5, 2],
    ["p99 of a hundred", hundred, 0.99, 99],
    ["p99 of few is the largest", [5, 7, 6], 0.99, 7],
    ["one sample", [8], 0.99, 8],
  ])("%s", (_name, samples, share, expected) => {
    expect(percentile(samples, share)).toBe(expected);
  });

  test("of nothing is not a number", () => {
    expect(percentile([], 0.5)).toBeNaN();
  });
});

test("a line is one JSON object with the median as its value", () => {
  const line = lineOf({ name: "failover/cable", unit: "ms", samples: [10.26, 30, 20.04], also: { lost: 4 } });
  expect(JSON.parse(line)).toEqual({
    name: "failover/cable",
    unit: "ms",
    n: 3,
    value: 20,
    p50: 20,
    p99: 30,
    max: 30,
    lost: 4,
  });
});
