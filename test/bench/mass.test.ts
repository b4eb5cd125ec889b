import { expect, test } from "@jest/globals";
import { missedMass } from "./mass.ts";

const whole = { outageMs: 480, lost: 30, cut: 1, udpMs: 0, told: "" };
const byService = (outageMs: number) => ({
  "v4-cluster": whole,
  "v4-local": whole,
  "v6-cluster": { ...whole, outageMs },
  "v6-local": whole,
});

test.each([
  ["all within two seconds", [700, 2_000], 2_000, []],
  ["one address later", [700, 2_001], 610, ["the last address claimed by another: 2001 ms, promised 2000"]],
  ["one client waited longer", [700], 2_040, ["a client without an answer: 2040 ms, promised 2000"]],
  ["a time that was not taken", [Number.NaN], 0, ["the last address claimed by another: NaN ms, promised 2000"]],
])("a node with 500 addresses dies: %s", (_, claimedMs, outageMs, missed) =>
  expect(missedMass({ claimedMs, byService: byService(outageMs) })).toEqual(missed),
);
