/** The small world with two nodes more that are off for good: two of five, so that without the rule the living ones are no majority (E16). */
import { describe, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import { runSequence, STEPS, sequences } from "./small-world.ts";

/** One less than without them: each sequence costs more. */
const LENGTH_MAX = IS_FULL ? 3 : 1;

describe.each(STEPS)("two of five are off: $fault $node", (first) => {
  test(`every sequence of up to ${LENGTH_MAX} that begins with it`, () => {
    const wrong: string[] = [];
    for (let length = 1; length <= LENGTH_MAX; length++) {
      for (const steps of sequences(first, length)) wrong.push(...runSequence(steps, 2));
    }
    expect(wrong).toEqual([]);
  });
});
