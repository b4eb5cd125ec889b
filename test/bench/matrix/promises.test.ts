import { expect, test } from "@jest/globals";
import { brokenPromises, missedGoals, type Promised, worstOf } from "./promises.ts";
import { rows } from "./rows.ts";
import type { RunResult } from "./run.ts";
import { SERVICES } from "./stage.ts";

const whole = { outageMs: 0, lost: 0, cut: 0, udpMs: 0, told: "" };
const run: RunResult = {
  byService: {
    "v4-cluster": whole,
    "v4-local": { outageMs: 340, lost: 30, cut: 1, udpMs: 400, told: "" },
    "v6-cluster": { outageMs: 300, lost: 35, cut: 2, udpMs: 350, told: "" },
    "v6-local": whole,
  },
  verdicts: 1,
  moved: ["v4-local", "v6-local"],
  seen: { stale: 0 },
};

const withOutage = (outageMs: number): RunResult["byService"] => ({
  ...{ "v4-cluster": whole, "v4-local": whole, "v6-cluster": whole },
  "v6-local": { ...whole, outageMs },
});

test("the worst of the four, not their sum", () => {
  expect(worstOf(run)).toEqual({ outageMs: 340, lost: 35, cut: 2, udpMs: 400, told: "" });
});

test.each<[string, Promised, readonly string[]]>([
  ["kept", { moved: "local", within: { outageMs: [0, 340], stale: [0, 0] } }, []],
  ["something moved", { moved: "none", within: {} }, ["moved: v4-local, v6-local, promised: none"]],
  ["not all moved", { moved: "all", within: {} }, ["moved: v4-local, v6-local, promised: all"]],
  [
    "lost, and judged",
    { within: { lost: [0, 0], verdicts: [0, 0] } },
    ["lost is 35, promised 0 to 0", "verdicts is 1, promised 0 to 0"],
  ],
  ["a figure that was not taken", { within: { double: [0, 1_000] } }, ["double is NaN, promised 0 to 1000"]],
])("%s", (_, promised, broken) => expect(brokenPromises(promised, run)).toEqual(broken));

test("what has moved beside the Local ones is told", () => {
  const moved: RunResult = { ...run, moved: ["v4-cluster", "v4-local"] };
  expect(brokenPromises({ moved: "local", within: {} }, moved)).toHaveLength(1);
  expect(
    brokenPromises(
      { moved: "all", within: {} },
      { ...run, moved: ["v4-cluster", "v4-local", "v6-cluster", "v6-local"] },
    ),
  ).toEqual([]);
});

test.each<[string, Partial<RunResult>, readonly string[]]>([
  ["kill", { seen: { anew: 3_001, hasty: 0 } }, ["anew is 3001, promised 0 to 3000"]],
  ["kill", { seen: { anew: 0, hasty: 4 } }, ["hasty is 4, promised 0 to 0"]],
  ["api-cut", { seen: { early: 0 }, moved: ["v4-local"] }, ["moved: v4-local, promised: all"]],
  [
    "api-cut",
    { seen: { early: 0 }, moved: [...SERVICES], byService: withOutage(101) },
    ["outageMs is 101, promised 0 to 100"],
  ],
  ["foreign", { seen: { defences: 1, undefended: 2 }, moved: [] }, ["undefended is 2, promised 0 to 0"]],
])("%s: what docs/failover.md promises is held against each run", (name, result, broken) => {
  const promised = rows.find((row) => row.name === name)?.promised ?? { within: {} };
  expect(missedGoals(promised, { ...run, byService: withOutage(0), ...result })).toEqual(broken);
});

test("every row promises something, and has a name of its own", () => {
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  const silent = rows.filter(
    ({ promised }) => promised.moved === undefined && Object.keys(promised.within).length === 0,
  );
  expect(silent).toEqual([]);
});

test("whoever broke a promise tells when and how", () => {
  const byService = { ...run.byService, "v4-local": { ...whole, lost: 2, told: 'from 90 ms on, {"timeout":2}' } };
  const promised: Promised = { within: { lost: [0, 0] } };
  expect(brokenPromises(promised, { ...run, byService: { ...byService, "v6-cluster": whole } })).toEqual([
    "lost is 2, promised 0 to 0",
    'v4-local from 90 ms on, {"timeout":2}',
  ]);
});
