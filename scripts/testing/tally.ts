/**
 * The numbers of a test run. Pure: a stage's outcome in, a tally out; tallies add up to the summary line.
 */

/** What one stage, or several together, came to. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed, each with its message, printed again at the end of the run. */
  readonly failures: readonly string[];
}

export const nothing: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] };

export function add(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    failures: [...a.failures, ...b.failures],
  };
}

export function failure(message: string): Tally {
  return { ...nothing, failed: 1, failures: [message] };
}

/** A stage that is one yes or no, such as the type check. */
export function single(stage: string, exitCode: number | null): Tally {
  return exitCode === 0 ? { ...nothing, passed: 1 } : failure(`${stage}: ${ending(exitCode)}`);
}

/** The line that closes a run; CI reads it, so it stands alone and last. */
export function summaryLine(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
}

/** The part of jest's `--json` report that is counted. */
interface JestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

/**
 * Counts a jest run. A file that did not load, a run that ended badly without naming a failure, a missing report and a
 * run without a single test are failures: none of them may look like success.
 * @param reportText the JSON report, undefined when jest wrote none
 */
export function ofJest(stage: string, reportText: string | undefined, exitCode: number | null): Tally {
  const report = reportText === undefined ? undefined : readReport(reportText);
  if (report === undefined) {
    return failure(`${stage}: jest left no report; ${ending(exitCode)}`);
  }
  const tally = report.testResults.map(ofFile).reduce(add, nothing);
  if (tally.failed === 0 && exitCode !== 0) {
    return add(tally, failure(`${stage}: no test failed, yet ${ending(exitCode)}`));
  }
  if (tally.passed + tally.failed + tally.skipped === 0) {
    return failure(`${stage}: ran no test`);
  }
  return tally;
}

function readReport(text: string): JestReport | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isReport = typeof value === "object" && value !== null && "testResults" in value;
    return isReport && Array.isArray(value.testResults) ? (value as JestReport) : undefined;
  } catch {
    return undefined;
  }
}

function ofFile(file: JestReport["testResults"][number]): Tally {
  const tests = file.assertionResults.map((test): Tally => {
    switch (test.status) {
      case "passed":
        return { ...nothing, passed: 1 };
      case "failed":
        return failure(`${file.name}: ${test.fullName}\n${(test.failureMessages ?? []).join("\n")}`);
      default:
        return { ...nothing, skipped: 1 };
    }
  });
  const tally = tests.reduce(add, nothing);
  if (file.status === "failed" && tally.failed === 0) {
    return add(tally, failure(`${file.name}: did not run\n${file.message}`));
  }
  return tally;
}

function ending(exitCode: number | null): string {
  return exitCode === null ? "it was ended by a signal or by its time limit" : `it exited with ${exitCode}`;
}
