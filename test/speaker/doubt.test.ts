/** Own renewals that do not come through the watch of Leases: what is listed anew, and how often (F7). */
import { expect, test } from "@jest/globals";
import { stepSpeaker } from "../../speaker/speaker.ts";
import { initialSpeaker, type SpeakerInput } from "../../speaker/state.ts";

test("the Leases each time, everything else once a minute: a server that is late could do nothing else", () => {
  let state = initialSpeaker("n1", "i-n1", 0);
  const doubts: (readonly [number, boolean])[] = [];
  for (let now = 1_000; now <= 70_000; now += 1_000) {
    const renewed: SpeakerInput = { type: "lease", input: { type: "renewed", resourceVersion: String(now) } };
    const done = stepSpeaker(state, [renewed, { type: "tick" }], now);
    state = done.state;
    for (const effect of done.effects) if (effect.type === "doubt-watches") doubts.push([now, effect.all]);
  }
  expect(doubts.length).toBeGreaterThan(10);
  const everything = doubts.filter(([, all]) => all).map(([now]) => now);
  expect(everything).toEqual([4_000, 64_000]);
});
