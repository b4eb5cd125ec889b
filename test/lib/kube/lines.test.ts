import { describe, expect, test } from "@jest/globals";
import { LINE_MAX_BYTES, LineSplitter } from "../../../lib/kube/lines.ts";

const split = (splitter: LineSplitter, text: string) => splitter.push(Buffer.from(text));

describe("LineSplitter", () => {
  test("gives lines when their end has come, and nothing for empty ones", () => {
    const splitter = new LineSplitter();
    expect(split(splitter, "one\ntw")).toEqual({ ok: true, value: ["one"] });
    expect(split(splitter, "")).toEqual({ ok: true, value: [] });
    expect(split(splitter, "o")).toEqual({ ok: true, value: [] });
    expect(split(splitter, "\n\n \nthree\nfour\n")).toEqual({ ok: true, value: ["two", "three", "four"] });
    expect(split(splitter, "five\r\n")).toEqual({ ok: true, value: ["five\r"] });
  });

  test("a character cut in two is whole again", () => {
    const splitter = new LineSplitter();
    const bytes = Buffer.from("世\n");
    expect(splitter.push(bytes.subarray(0, 2))).toEqual({ ok: true, value: [] });
    expect(splitter.push(bytes.subarray(2))).toEqual({ ok: true, value: ["世"] });
  });

  test("keeps no more than its bound, and a line of just that length", () => {
    const most = new LineSplitter();
    expect(split(most, "x".repeat(LINE_MAX_BYTES))).toEqual({ ok: true, value: [] });
    const whole = split(most, "\n");
    expect(whole.ok && whole.value[0]?.length).toBe(LINE_MAX_BYTES);
    const over = new LineSplitter();
    split(over, "x".repeat(LINE_MAX_BYTES));
    expect(split(over, "x")).toEqual({ ok: false, reason: "line-too-long" });
  });
});
