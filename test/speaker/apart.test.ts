/** Pairs of nodes whose path is broken (election.md section 5, E18, ADR 33): how it is found, and when it ends. */
import { describe, expect, test } from "@jest/globals";
import { type Apart, type ApartMap, notApart, onMissed, stillApart } from "../../speaker/apart.ts";
import type { VerdictKind } from "../../speaker/detector/types.ts";
import { TIMES } from "../../speaker/election/types.ts";
import type { SpeakerState, ToldVerdict } from "../../speaker/state.ts";

const NOW = 100_000;
const KEY = "n2 eth0";
const MISSED = onMissed(new Map(), new Set([KEY]), NOW);

function verdicts(kind: VerdictKind, key = KEY, seen = 3): ReadonlyMap<string, ToldVerdict> {
  const [node = "", name = ""] = key.split(" ");
  const verdict = { node, interface: name, kind, addresses: [], seen, stations: 4, beside: 0 };
  return new Map([[key, { verdict, instance: "", sinceMs: NOW, toldMs: NOW }]]);
}

function later(ms: number, apart: ApartMap = MISSED, told: ReadonlyMap<string, ToldVerdict> = new Map()): ApartMap {
  const speakers: SpeakerState["speakers"] = new Map([["n2", {} as never]]);
  return stillApart({ apart, speakers }, told, NOW + ms);
}

const one = (apart: ApartMap): Apart | undefined => apart.get(KEY);
const MUTUAL = later(500, MISSED, verdicts("gone"));

describe("whom a peer has taken from", () => {
  test("finds it gone within two seconds: it is so until the peer is heard", () => {
    expect(one(MUTUAL)?.isMutual).toBe(true);
    expect(later(TIMES.missedMs * 10, MUTUAL)).toBe(MUTUAL);
    expect(notApart(MUTUAL, KEY).size).toBe(0);
    expect(notApart(MUTUAL, "n2 eth1")).toBe(MUTUAL);
  });

  test.each([
    ["later: it may have died since", TIMES.mutualMs, verdicts("gone")],
    ["but another one", 500, verdicts("gone", "n3 eth0")],
    ["on another interface (E11)", 500, verdicts("gone", "n2 eth1")],
    ["and everybody else, too: its own port may be dead", 500, verdicts("gone", KEY, 1)],
    ["not gone: its node is heard", 500, verdicts("silent")],
    ["and answers for others of its addresses", 500, verdicts("addresses")],
  ])("finds it gone %s: not for both", (_, ms, told) => {
    expect(later(ms, MISSED, told)).toBe(MISSED);
  });

  test("does not watch it, or hears it: that is remembered for ten minutes", () => {
    expect(later(TIMES.missedMs - 1)).toBe(MISSED);
    expect(later(TIMES.missedMs).size).toBe(0);
  });

  test("knows nothing any more of one without a Lease", () => {
    expect(stillApart({ apart: MUTUAL, speakers: new Map() }, new Map(), NOW + 1_000).size).toBe(0);
  });
});

describe("how long it is left alone where nobody else could take", () => {
  const again = (before: ApartMap, ms: number): ApartMap => onMissed(before, new Set([KEY]), NOW + ms);

  test("many addresses are one loss; it goes on from where it was", () => {
    expect(one(again(MUTUAL, 20_000))).toEqual({ ...one(MUTUAL), sinceMs: NOW + 20_000 });
  });

  test("twice as long each time that it takes again after that, up to an hour", () => {
    const pauses: number[] = [];
    let [apart, at] = [MUTUAL, 0];
    for (let times = 0; times < 9; times++) {
      const pauseMs = (one(apart)?.untilMs ?? 0) - NOW - at;
      pauses.push(pauseMs / 1_000);
      at += pauseMs;
      apart = again(apart, at);
    }
    expect(pauses).toEqual([30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
  });
});
