/** How long the main thread goes on by what its detector told (election.md section 4). */
import { describe, expect, test } from "@jest/globals";
import type { FromWorker } from "../../speaker/net/messages.ts";
import { stepSpeaker } from "../../speaker/speaker.ts";
import { initialSpeaker, type SpeakerState } from "../../speaker/state.ts";
import { link } from "../sim/objects.ts";

const VERDICT: FromWorker = {
  type: "verdict",
  ...{ node: "n2", interface: "eth0", kind: "silent", addresses: ["10.0.0.100"] },
  ...{ seen: 3, stations: 4, beside: 0 },
};

function stateOf(...messages: readonly FromWorker[]): SpeakerState {
  let state = initialSpeaker("n1", "i-n1", 1_000);
  let now = 1_000;
  for (const message of messages) {
    now += 10;
    state = stepSpeaker(state, [{ type: "worker", message }], now).state;
  }
  return state;
}

const plugged: FromWorker = { type: "links", links: [link("n1", true)] };
const unplugged: FromWorker = { type: "links", links: [link("n1", false)] };

describe("what was found on a wire is forgotten with the own cable", () => {
  test("it is kept while the cable is in", () => {
    expect(stateOf(plugged, VERDICT, plugged).verdicts.size).toBe(1);
  });

  test("and does not come back with the cable", () => {
    expect(stateOf(plugged, VERDICT, unplugged, plugged).verdicts.size).toBe(0);
  });

  test("nor does one that was told before the detector knew of it", () => {
    expect(stateOf(plugged, unplugged, VERDICT, plugged).verdicts.size).toBe(0);
  });

  test("the end of the interface itself is one as well", () => {
    expect(stateOf(plugged, VERDICT, { type: "links", links: [] }, plugged).verdicts.size).toBe(0);
  });
});
