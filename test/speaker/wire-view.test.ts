/** Which verdicts of the detector this node may act on (election.md section 4, hazard E1). */
import { describe, expect, test } from "@jest/globals";
import { initialPeers, type PeersState, stepPeers } from "../../lib/lease/peers.ts";
import type { Verdict } from "../../speaker/detector/types.ts";
import { initialSpeaker, type SpeakerState } from "../../speaker/state.ts";
import { isolatedOn, VERDICT_MS, viewWire } from "../../speaker/wire-view.ts";
import { speakerLease } from "../sim/objects.ts";

const NOW = 100_000;
const KEY = "n2 eth0";

/** n2's Lease was last seen to be renewed so long ago; the own one comes through the watch. */
function peersAfter(unchangedMs: number): PeersState {
  const lease = (node: string, revision: number, at: number, state: PeersState): PeersState =>
    stepPeers(state, { type: "lease", lease: speakerLease(node, `i-${node}`, revision) }, at).state;
  const born = lease("n1", 1, NOW - 30_000, initialPeers("n1", NOW - 30_000));
  const judged = lease("n2", 2, NOW - unchangedMs, born);
  let state = judged;
  for (let at = NOW - 27_000; at <= NOW; at += 3_000) state = lease("n1", 100_000 + at, at, state);
  return state;
}

interface Case {
  readonly kind?: Verdict["kind"];
  readonly seen: number;
  readonly stations: number;
  readonly beside?: number;
  readonly lease?: "fresh" | "expired";
  readonly unchangedMs?: number;
  readonly apiUp?: boolean;
  readonly judging?: boolean;
}

function stateOf({ kind = "gone", seen, stations, lease = "fresh", ...rest }: Case): SpeakerState {
  const { beside = 0 } = rest;
  const verdict: Verdict = { node: "n2", interface: "eth0", kind, addresses: ["10.0.0.100"], seen, stations, beside };
  const facts = {
    instance: "i-n2",
    expired: lease === "expired",
    leaving: false,
    interfaces: [],
    proxyReady: true,
    kernelAnswers: new Set<string>(),
    uplinkLost: new Set<string>(),
    hearing: {},
  };
  return {
    ...initialSpeaker("n1", "i-n1", NOW),
    judging: rest.judging ?? true,
    apiUp: rest.apiUp ?? true,
    peers: peersAfter(rest.unchangedMs ?? 1_000),
    speakers: new Map([
      ["n2", { facts, lease, counts: true, segments: {}, seen: speakerLease("n2", "i-n2", 2), key: "" }],
    ]),
    verdicts: new Map([[KEY, { verdict, instance: "i-n2", sinceMs: NOW - 500, toldMs: NOW - 500 }]]),
  };
}

describe("what proves a verdict", () => {
  test.each<readonly [string, Case, boolean]>([
    ["another station answered, and more than half are seen", { seen: 3, stations: 4 }, true],
    ["half of them is not more than half: the other side of a split may see as many", { seen: 2, stations: 4 }, false],
    ["less than half while the Lease is fresh", { seen: 2, stations: 5 }, false],
    ["less than half, but the Lease has run out", { seen: 2, stations: 5, lease: "expired" }, true],
    ["less than half without the API: nobody else can be told", { seen: 2, stations: 5, apiUp: false }, true],
    ["less than half while the watch shows nothing", { seen: 2, stations: 5, judging: false }, true],
    ["nobody else heard: isolated", { seen: 1, stations: 4 }, false],
    ["nobody else heard, whatever the Lease says", { seen: 1, stations: 4, lease: "expired" }, false],
    ["two stations and nothing else, the Lease renewed a second ago", { seen: 1, stations: 2 }, false],
    ["two stations and nothing else, a renewal is missing", { seen: 1, stations: 2, unchangedMs: 4_700 }, true],
    ["whose Lease is not fresh proves the hearing, not the side", { seen: 1, stations: 4, beside: 3 }, false],
    [
      "its hearing is enough when the judged Lease has run out",
      { seen: 1, stations: 4, beside: 1, lease: "expired" },
      true,
    ],
    ["its hearing is enough without the API", { seen: 1, stations: 2, beside: 1, apiUp: false, judging: false }, true],
    ["two that count, another heard: as of two stations", { seen: 1, stations: 2, beside: 1 }, false],
    ["the same, a renewal is missing", { seen: 1, stations: 2, beside: 1, unchangedMs: 4_700 }, true],
    ["a silent speaker's node answers: that is hearing enough", { kind: "silent", seen: 1, stations: 4 }, true],
    ["one silent address, the others answered", { kind: "addresses", seen: 1, stations: 2 }, true],
  ])("%s", (_, one, proven) => {
    expect(viewWire(stateOf(one), NOW).wire.get(KEY)?.proven).toBe(proven);
  });
});

test("one that is not told again for three seconds has ended", () => {
  const state = stateOf({ seen: 3, stations: 4 });
  expect(viewWire(state, NOW - 500 + VERDICT_MS).wire.size).toBe(1);
  expect(viewWire(state, NOW - 499 + VERDICT_MS).wire.size).toBe(0);
});

test("another process of that node was not judged", () => {
  const state = stateOf({ seen: 3, stations: 4 });
  const view = state.speakers.get("n2");
  if (view === undefined) throw new Error("the peer is missing");
  const restarted = { ...view, facts: { ...view.facts, instance: "i-new" } };
  expect(viewWire({ ...state, speakers: new Map([["n2", restarted]]) }, NOW).wire.size).toBe(0);
});

test("isolated: by interface, only where somebody else could have answered", () => {
  expect(isolatedOn(stateOf({ seen: 1, stations: 4 }))).toEqual(["eth0"]);
  expect(isolatedOn(stateOf({ seen: 2, stations: 4 }))).toEqual([]);
  expect(isolatedOn(stateOf({ seen: 1, stations: 2 }))).toEqual([]);
  expect(isolatedOn(stateOf({ seen: 1, stations: 4, beside: 1 }))).toEqual([]);
});
