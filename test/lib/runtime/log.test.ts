import { describe, expect, test } from "@jest/globals";
import { BerthError } from "../../../lib/runtime/errors.ts";
import { createLogger, type LogLevel } from "../../../lib/runtime/log.ts";

function capture(level: LogLevel) {
  const lines: string[] = [];
  const log = createLogger({ name: "speaker", level, sink: { write: (line) => lines.push(line) } });
  return { log, parsed: () => lines.map((line) => JSON.parse(line)) };
}

describe("createLogger", () => {
  test("one JSON object per line with name, level, time, fields and message", () => {
    const { log, parsed } = capture("info");
    log.info({ address: "10.0.0.1" }, "announced");
    expect(parsed()).toEqual([
      { level: "info", time: expect.any(String), name: "speaker", address: "10.0.0.1", msg: "announced" },
    ]);
    expect(Number.isNaN(Date.parse(parsed()[0].time))).toBe(false);
  });

  test("a child adds its fields, and lower levels are dropped", () => {
    const { log, parsed } = capture("warn");
    const child = log.child({ resource: "leases" });
    child.debug({}, "no");
    child.info({}, "no");
    child.warn({}, "yes");
    child.error({}, "yes");
    expect(parsed().map((line) => [line.level, line.resource])).toEqual([
      ["warn", "leases"],
      ["error", "leases"],
    ]);
  });

  test("an error is written with its code and cause", () => {
    const { log, parsed } = capture("info");
    log.error({ error: new BerthError("os", "no socket", { cause: new Error("EPERM") }) }, "failed");
    expect(parsed()[0].error).toMatchObject({ code: "os", message: "no socket", cause: { message: "EPERM" } });
  });

  test("a time-out is a line of its message, what nobody foresaw has its stack", () => {
    const { log, parsed } = capture("info");
    const timeout = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    log.warn({ error: new BerthError("api-timeout", "PATCH /x: timeout", { cause: timeout }) }, "call failed");
    log.error({ error: new TypeError("x is not a function") }, "a bug");
    const [first, second] = parsed().map((line) => line.error);
    expect(Object.keys(first)).toEqual(["code", "message", "cause"]);
    expect(Object.keys(first.cause)).toEqual(["message"]);
    expect(second.stack).toContain("log.test.ts");
  });
});
