/** Texts that must fit into what the API server takes. */
import { describe, expect, test } from "@jest/globals";
import { type ConditionClaim, conditionJson, saysAlready, stampCondition } from "../../../lib/model/conditions.ts";
import { fields } from "../../../lib/model/decode.ts";
import { bounded, listed, MESSAGE_MAX_BYTES } from "../../../lib/model/text.ts";

const bytesOf = (text: string) => Buffer.byteLength(text);

describe("a text within so many bytes", () => {
  test.each([
    ["what fits stays as it is", "abc", "abc"],
    ["what fits to the byte too", "0123456789", "0123456789"],
    ["one more is cut", "0123456789a", "0123456…"],
    ["two bytes each", "éééééé", "ééé…"],
    ["four bytes each: no half of a pair is left", "😀😀😀", "😀…"],
  ])("%s", (_, text, expected) => {
    expect(bounded(text, 10)).toBe(expected);
    expect(bytesOf(bounded(text, 10))).toBeLessThanOrEqual(10);
  });
});

test.each([
  [["a", "b"], ", ", "a, b"],
  [["a", "b", "c", "d"], ", ", "a, b and 2 more"],
  [["a", "b", "c", "d"], "; ", "a; b; and 2 more"],
  [[], ", ", ""],
] as const)("the first two of %j", (texts, separator, expected) => {
  expect(listed(texts, 2, separator)).toBe(expected);
});

test("a condition whose message does not fit is written once: what stands says the same", () => {
  const claim: ConditionClaim = { type: "Ready", status: "False", reason: "Overlap", message: "é".repeat(40_000) };
  const at = { nowText: "2026-11-01T00:00:00Z", observedGeneration: 1 };
  const written = stampCondition([], claim, at);
  const { message } = fields(conditionJson(written));
  expect(bytesOf(String(message))).toBe(MESSAGE_MAX_BYTES - 1);
  expect(saysAlready([written], claim)).toBe(true);
  expect(saysAlready([written], { ...claim, message: "other" })).toBe(false);
});
