/** Pairs of nodes whose path is broken (election.md section 5, E18, ADR 33): how it is found, and when it ends. */
import { describe, expect, test } from "@jest/globals";
import { initialPeers, type PeersState, stepPeers } from "../../lib/lease/peers.ts";
import { type Apart, type ApartMap, notApart, onMissed, stillApart } from "../../speaker/apart.ts";
import { TIMES } from "../../speaker/election/types.ts";
import { type InterfaceFacts, interfaceFacts, withNetworks } from "../../speaker/interfaces.ts";
import { initialSpeaker, type SpeakerState, type SpeakerView } from "../../speaker/state.ts";
import { brokenPaths } from "../../speaker/wire-view.ts";
import { link, speakerLease } from "../sim/objects.ts";

const NOW = 100_000;
const KEY = "n2 eth0";

/** The own Lease has come through the watch all the time; n2's was last seen to be renewed so long after NOW. */
function peersAt(now: number, renewedMs: number): PeersState {
  let state = initialPeers("n1", NOW - 30_000);
  const see = (node: string, at: number): void => {
    state = stepPeers(state, { type: "lease", lease: speakerLease(node, `i-${node}`, 1_000 + at) }, at).state;
  };
  see("n2", NOW + renewedMs);
  for (let at = NOW - 30_000; at <= now; at += 3_000) see("n1", at);
  return state;
}

interface Changes {
  readonly lease?: SpeakerView["lease"];
  readonly instance?: string;
  readonly peerInterface?: Partial<InterfaceFacts>;
  readonly carrier?: boolean;
  readonly listening?: readonly string[];
  readonly renewedMs?: number;
}

function stateOf(apart: ApartMap, changes: Changes = {}, now = NOW): SpeakerState {
  const { lease = "fresh", instance = "i-n2", peerInterface = {}, carrier = true, listening = ["eth0"] } = changes;
  const seen = speakerLease("n2", instance, 2);
  const facts = {
    instance,
    expired: false,
    leaving: false,
    interfaces: withNetworks(interfaceFacts([link("n2", true)]).map((one) => ({ ...one, ...peerInterface }))),
    proxyReady: true,
    kernelAnswers: new Set<string>(),
    uplinkLost: new Set<string>(),
  };
  return {
    ...initialSpeaker("n1", "i-n1", NOW),
    apart,
    interfaces: withNetworks(interfaceFacts([link("n1", carrier)])),
    listening: { interfaces: listening, isStale: false, toldMs: NOW },
    peers: peersAt(now, changes.renewedMs ?? now - NOW),
    speakers: new Map([["n2", { facts, lease, counts: true, segments: {}, seen, key: "" }]]),
  };
}

const missed = (apart: ApartMap, changes: Changes = {}, now = NOW): ApartMap =>
  onMissed(stateOf(apart, changes, now), new Set([KEY]), now);
const MISSED = missed(new Map());
const later = (ms: number, apart: ApartMap = MISSED, changes: Changes = {}): ApartMap =>
  stillApart(stateOf(apart, changes, NOW + ms), NOW + ms);
const one = (apart: ApartMap): Apart | undefined => apart.get(KEY);

/** Where no answer can come, none that is missing says anything. */
const UNASKED: readonly (readonly [string, Changes])[] = [
  ["the own cable is out", { carrier: false }],
  ["its cable is out", { peerInterface: { carrier: false } }],
  ["it is on no network of this node", { peerInterface: { subnets: ["10.9.0.0/24"] } }],
  ["it has no address there that could be asked for", { peerInterface: { address4: "", linkLocal: "" } }],
  ["nothing is answered on this interface", { listening: [] }],
  ["its Lease has run out", { lease: "expired" }],
  ["its Lease is given up", { lease: "released" }],
];

describe("a peer that has taken from this node", () => {
  test("is apart from it until it is heard, on this interface", () => {
    expect(later(TIMES.apartMaxMs, later(TIMES.brokenMs)).size).toBe(1);
    expect(notApart(MISSED, KEY).size).toBe(0);
    expect(notApart(MISSED, "n2 eth1")).toBe(MISSED);
  });

  test.each(UNASKED)("is not where %s", (_, changes) => {
    expect(missed(new Map(), changes).size).toBe(0);
    expect(later(1_000, MISSED, changes).size).toBe(0);
  });

  test("is not once another process acts for it", () => {
    expect(later(1_000, MISSED, { instance: "i-n2-next" }).size).toBe(0);
  });
});

describe("an operator is told", () => {
  test("of a peer that has not answered for five seconds while its Lease is renewed", () => {
    const told = (apart: ApartMap): readonly string[] => brokenPaths(stateOf(apart));
    expect(told(later(TIMES.brokenMs - 1))).toEqual([]);
    expect(told(later(TIMES.brokenMs, MISSED, { renewedMs: 0 }))).toEqual([]);
    expect(told(later(TIMES.brokenMs))).toEqual([KEY]);
    expect(told(later(TIMES.brokenMs + 1_000, later(TIMES.brokenMs), { renewedMs: 0 }))).toEqual([KEY]);
  });

  test("not where this node hears nobody: its own port may be dead", () => {
    const verdict = {
      node: "n2",
      interface: "eth0",
      kind: "gone",
      addresses: [],
      seen: 1,
      stations: 4,
      beside: 0,
    } as const;
    const verdicts = new Map([[KEY, { verdict, instance: "i-n2", sinceMs: NOW, toldMs: NOW }]]);
    expect(brokenPaths({ ...stateOf(later(TIMES.brokenMs)), verdicts })).toEqual([]);
  });
});

describe("how long it is left alone where nobody else could take", () => {
  test("many addresses are one loss; it goes on from where it was", () => {
    expect(missed(MISSED, {}, NOW + 20_000)).toEqual(MISSED);
  });

  test("twice as long each time that it takes again after that, up to an hour", () => {
    const pauses: number[] = [];
    let [apart, at] = [MISSED, 0];
    for (let times = 0; times < 9; times++) {
      const pauseMs = (one(apart)?.untilMs ?? 0) - NOW - at;
      pauses.push(pauseMs / 1_000);
      at += pauseMs;
      apart = missed(apart, {}, NOW + at);
    }
    expect(pauses).toEqual([30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    expect(one(apart)?.sinceMs).toBe(NOW);
  });
});
