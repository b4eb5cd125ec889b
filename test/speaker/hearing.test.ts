/** On which interfaces this node hears anybody: what it tells in its Lease, and what it holds of itself (election.md section 4, E1). */
import { describe, expect, test } from "@jest/globals";
import { hearingTold, ownHearing } from "../../speaker/hearing.ts";
import type { FromWorker } from "../../speaker/net/messages.ts";
import { stepSpeaker } from "../../speaker/speaker.ts";
import { initialSpeaker, type SpeakerInput, type SpeakerState } from "../../speaker/state.ts";
import { isolatedOn } from "../../speaker/wire-view.ts";
import { endpointsOn, link, nodeObject, SERVICE, speakerLease, virtualIP } from "../sim/objects.ts";

const ADDRESS = "10.0.0.100";
const worker = (message: FromWorker): SpeakerInput => ({ type: "worker", message });
const linked = (carrier: boolean): SpeakerInput => worker({ type: "links", links: [link("n1", carrier)] });
const hears = (hearing: boolean, quietMs = 0): SpeakerInput =>
  worker({ type: "hearing", interface: "eth0", hears: hearing, quietMs });

let revision = 10;
/** The Lease of this node as the watch shows it. */
function ownLease(hearing: Readonly<Record<string, boolean>>): SpeakerInput {
  revision += 1;
  const lease = speakerLease("n1", "i-n1", revision);
  return { type: "lease", input: { type: "lease", lease: { ...lease, facts: { ...lease.facts, hearing } } } };
}

const KNOWN: readonly SpeakerInput[] = [
  linked(true),
  { type: "node", name: "n1", node: nodeObject() },
  { type: "endpoints", service: SERVICE, endpoints: endpointsOn(["n1"]) },
  { type: "virtual-ip", name: ADDRESS, vip: virtualIP(ADDRESS, 1) },
  { type: "synced" },
];

/** Each input 100 ms after the one before; what the Lease is to say after each, where that is another than before. */
function once(...inputs: readonly SpeakerInput[]): {
  readonly state: SpeakerState;
  readonly told: readonly unknown[];
} {
  let now = 1_000;
  const told: unknown[] = [];
  let { state } = stepSpeaker(initialSpeaker("n1", "i-n1", now), KNOWN, now);
  for (const input of inputs) {
    now += 100;
    const step = stepSpeaker(state, [input], now);
    state = step.state;
    for (const effect of step.effects) if (effect.type === "facts") told.push(effect.facts.hearing);
  }
  return { state, told };
}

describe("the Lease says", () => {
  test("nothing before anybody has answered, then whether anybody does, on each change", () => {
    expect(hearingTold(once().state)).toEqual({});
    const { told } = once(hears(true), hears(true), hears(false, 3_000), hears(true));
    expect(told).toEqual([{ eth0: true }, { eth0: false }, { eth0: true }]);
  });

  test("with the cable nothing more: it may go into another switch", () => {
    const { told } = once(hears(true), linked(false), linked(true));
    expect(told.at(-1)).toEqual({});
  });

  test("that nobody is heard also after a restart, until somebody is: no restart mends a port", () => {
    const { state } = once(ownLease({ eth0: false }));
    expect(hearingTold(state)).toEqual({ eth0: false });
    const later = once(ownLease({ eth0: false }), hears(true));
    expect(hearingTold(later.state)).toEqual({ eth0: true });
  });

  test("and never that somebody is heard because a former process did", () => {
    expect(hearingTold(once(ownLease({ eth0: true })).state)).toEqual({});
  });
});

describe("of itself the node holds", () => {
  test("that it is isolated as soon as it knows it", () => {
    expect(ownHearing(once(ownLease({ eth0: true }), hears(true), hears(false, 3_000)).state)).toEqual({
      eth0: false,
    });
  });

  test("and until the others can know that it is no longer: else it would come first for itself, and last for them", () => {
    const recovered = [hears(true), ownLease({ eth0: true }), hears(false), ownLease({ eth0: false }), hears(true)];
    expect(ownHearing(once(...recovered).state)).toEqual({ eth0: false });
    expect(ownHearing(once(...recovered, ownLease({ eth0: true })).state)).toEqual({ eth0: true });
  });

  test("and its candidates are put in order anew when its Lease says it, though nothing else has changed", () => {
    const ownOf = (state: SpeakerState) => state.places.get(ADDRESS)?.ordered.map((one) => one.hears);
    const back = [hears(true), hears(false), ownLease({ eth0: false }), hears(true)];
    expect(ownOf(once(...back).state)).toEqual([false]);
    expect(ownOf(once(...back, ownLease({ eth0: true })).state)).toEqual([true]);
  });

  test("when anybody was last heard, by the clock of the main thread", () => {
    const { state } = once(hears(true), hears(false, 150));
    expect(state.world.hearing.get("eth0")).toEqual({ hears: false, sinceMs: 1_000, heardMs: 1_050 });
  });

  test("the metric counts the interface, verdict or not", () => {
    expect(isolatedOn(once(hears(true)).state)).toEqual([]);
    expect(isolatedOn(once(hears(true), hears(false)).state)).toEqual(["eth0"]);
  });

  test("what is told of an interface that nothing is asked on any more is late", () => {
    expect(hearingTold(once(linked(false), hears(true)).state)).toEqual({});
  });
});
