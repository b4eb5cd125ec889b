import { describe, expect, test } from "@jest/globals";
import { add, nothing, ofJest, single, summaryLine } from "../../scripts/testing/tally.ts";

const file = (status: string, ...tests: string[]) => ({
  name: "a.test.ts",
  status,
  message: "why",
  assertionResults: tests.map((each) => ({
    fullName: each,
    status: each,
    failureMessages: each === "failed" ? ["boom"] : null,
  })),
});
const report = (...testResults: object[]) => JSON.stringify({ testResults });

describe("the numbers of a jest run", () => {
  test.each([
    ["all passed", report(file("passed", "passed", "passed")), 0, "2 passed, 0 failed, 0 skipped"],
    ["one failed", report(file("failed", "passed", "failed")), 1, "1 passed, 1 failed, 0 skipped"],
    [
      "pending and todo are skipped",
      report(file("passed", "passed", "pending", "todo")),
      0,
      "1 passed, 0 failed, 2 skipped",
    ],
    ["a file that did not load", report(file("failed"), file("passed", "passed")), 1, "1 passed, 1 failed, 0 skipped"],
    ["a bad end without a failure", report(file("passed", "passed")), 1, "1 passed, 1 failed, 0 skipped"],
    ["ended by its time limit", report(file("passed", "passed")), null, "1 passed, 1 failed, 0 skipped"],
    ["no test at all", report(), 0, "0 passed, 1 failed, 0 skipped"],
    ["no report", undefined, 0, "0 passed, 1 failed, 0 skipped"],
    ["a report cut off", '{"testResults": [', 1, "0 passed, 1 failed, 0 skipped"],
    ["something else", "null", 0, "0 passed, 1 failed, 0 skipped"],
  ])("%s", (_name, text, exitCode, line) => {
    expect(summaryLine(ofJest("unit", text, exitCode))).toBe(line);
  });

  test("a failure carries the file, the test and the message", () => {
    const [text] = ofJest("unit", report(file("failed", "failed")), 1).failures;
    expect(text).toBe("a.test.ts: failed\nboom");
  });
});

test("a stage that is one command counts as one test, and tallies add up", () => {
  const total = [single("types", 0), single("lint", 2), nothing].reduce(add, nothing);
  expect(summaryLine(total)).toBe("1 passed, 1 failed, 0 skipped");
  expect(total.failures).toEqual(["lint: it exited with 2"]);
});
