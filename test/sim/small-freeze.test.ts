/** Every sequence of up to four faults that begins with a freeze or the loss of the API (small-world.ts). Three files, so that two cores have work. */
import { describe, expect, test } from "@jest/globals";
import { LENGTH_MAX, runSequence, SEQUENCES_MIN, STEPS, sequences } from "./small-world.ts";

describe("the small world", () => {
  const firsts = STEPS.filter(({ fault }) => fault === "freeze" || fault === "api-down");
  test.each(firsts)("$fault of $node first", (first) => {
    const wrong: string[] = [];
    let count = 0;
    for (let length = 1; length <= LENGTH_MAX; length++) {
      for (const steps of sequences(first, length)) {
        count++;
        wrong.push(...runSequence(steps));
      }
    }
    expect(wrong.slice(0, 5).join("\n")).toBe("");
    expect(count).toBeGreaterThan(SEQUENCES_MIN);
  });
});
