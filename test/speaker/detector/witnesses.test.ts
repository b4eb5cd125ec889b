/** Who bears witness, and whose word counts (hazards E1 and E16). */
import { describe, expect, test } from "@jest/globals";
import { createDetector, stepDetector } from "../../../speaker/detector/detector.ts";
import type { Station } from "../../../speaker/detector/station.ts";
import type { StationPlan } from "../../../speaker/detector/types.ts";
import { countHeard, GATEWAY_SILENT_MS, WITNESSES_MAX, witnessesOf } from "../../../speaker/detector/witnesses.ts";
import { GATEWAY, planOf, station } from "./world.ts";

const NOW = 1_000_000;
/** The judged one was heard last, and the first question lost, at these times. */
const HEARD = NOW - 350;
const SINCE = NOW - 250;

/** The stations as a node has them, and when it heard each; undefined: never. */
function known(heard: readonly (readonly [StationPlan, number | undefined])[]): ReadonlyMap<string, Station> {
  const plan = planOf(...heard.map(([one]) => one));
  const { state } = stepDetector(createDetector(), { type: "plan", plan }, 0);
  const at = new Map(heard.map(([one, heardMs]) => [one.node, heardMs]));
  return new Map([...state.stations].map(([key, one]) => [key, { ...one, heardMs: at.get(one.plan.node) }]));
}

function count(heard: readonly (readonly [StationPlan, number | undefined])[]) {
  const stations = known([[station("a"), HEARD], ...heard]);
  const judged = [...stations.values()].find((one) => one.plan.node === "a") as Station;
  return countHeard(stations, judged, witnessesOf(stations, judged), SINCE);
}

const off = { counts: false };

describe("what is counted", () => {
  test.each([
    ["nobody else", [], { seen: 1, stations: 2, beside: 0 }],
    ["one that answers", [[station("b"), NOW]], { seen: 2, stations: 3, beside: 0 }],
    ["one that is silent as well, by its Lease", [[station("b"), HEARD]], { seen: 1, stations: 3, beside: 0 }],
    ["one that never answered (E3)", [[station("b"), undefined]], { seen: 1, stations: 2, beside: 0 }],
    ["one that is off", [[station("b", off), HEARD - 60_000]], { seen: 1, stations: 2, beside: 0 }],
    ["one without a Lease that answers", [[station("b", off), NOW]], { seen: 1, stations: 2, beside: 1 }],
    ["a gateway that answers", [[GATEWAY, NOW]], { seen: 2, stations: 3, beside: 0 }],
    ["one that fell silent with the judged one", [[GATEWAY, HEARD]], { seen: 1, stations: 3, beside: 0 }],
    ["one that was off", [[GATEWAY, HEARD - GATEWAY_SILENT_MS]], { seen: 1, stations: 2, beside: 0 }],
    ["one that was off for less", [[GATEWAY, HEARD + 1 - GATEWAY_SILENT_MS]], { seen: 1, stations: 3, beside: 0 }],
  ] as const)("%s", (_, heard, expected) => {
    expect(count(heard)).toEqual(expected);
  });

  test("a gateway that fell silent with the judged one counts on, however long both are silent", () => {
    const stations = known([
      [station("a"), HEARD - 10 * GATEWAY_SILENT_MS],
      [GATEWAY, HEARD - 10 * GATEWAY_SILENT_MS - 3_000],
    ]);
    const judged = [...stations.values()].find((one) => one.plan.node === "a") as Station;
    expect(countHeard(stations, judged, witnessesOf(stations, judged), SINCE).stations).toBe(3);
  });

  test("of many those that count are asked first, the gateway before them", () => {
    const many = Array.from({ length: 80 }, (_, index) => {
      const node = `n${String(index).padStart(2, "0")}`;
      return [station("b", { node, mac: node, address4: `10.0.1.${index}`, counts: index >= 67 }), NOW] as const;
    });
    const stations = known([[station("a"), HEARD], ...many, [GATEWAY, NOW]]);
    const judged = [...stations.values()].find((one) => one.plan.node === "a") as Station;
    const nodes = witnessesOf(stations, judged).map((key) => stations.get(key)?.plan);
    expect(nodes).toHaveLength(WITNESSES_MAX);
    expect(nodes[0]?.node).toBe("");
    expect(nodes.filter((one) => one?.counts === true)).toHaveLength(14);
  });
});

describe("who is asked of many (E6)", () => {
  /** So many others beside the judged one, all heard; `by` is the address of who asks. */
  function askedBy(others: number, by: string): readonly string[] {
    const many = Array.from({ length: others }, (_, index) => {
      const node = `n${index}`;
      return [station("b", { node, mac: node, address4: `10.0.${1 + (index >> 7)}.${index & 127}` }), NOW] as const;
    });
    const stations = known([[station("a"), HEARD], ...many]);
    const judged = [...stations.values()].find((one) => one.plan.node === "a") as Station;
    return witnessesOf(stations, { ...judged, segment: { ...judged.segment, address4: by } });
  }

  test("up to 45 others: all of them, so that no split has two greater parts", () => {
    expect(askedBy(45, "10.0.0.9")).toHaveLength(45);
    expect(new Set(askedBy(45, "10.0.0.9")).size).toBe(45);
  });

  test("fewer than 120: everybody asks the same 45", () => {
    const [first, ...rest] = Array.from({ length: 50 }, (_, index) => askedBy(119, `10.0.1.${index}`));
    expect(first).toHaveLength(45);
    for (const one of rest) expect(one).toEqual(first);
  });

  test("300: five parts of the nodes with 45 each, none of them asked by two parts", () => {
    const askers = new Map<string, number>();
    for (let index = 0; index < 300; index++) {
      const asked = askedBy(300, `10.0.${1 + (index >> 7)}.${index & 127}`).join("\n");
      askers.set(asked, (askers.get(asked) ?? 0) + 1);
    }
    expect(askers.size).toBe(5);
    expect(new Set([...askers.keys()].flatMap((asked) => asked.split("\n"))).size).toBe(5 * 45);
    expect(Math.max(...askers.values())).toBeLessThanOrEqual(90);
  });
});

/**
 * Every world of up to five nodes and a gateway: which of them have a fresh Lease, which stand on which side of a split, and for each side
 * whether the gateway had been silent for long. The first node of each side judges the first one of the other.
 */
test("E1: whoever is off, the two sides of a split never both see more than half", () => {
  let proven = 0;
  for (let nodes = 2; nodes <= 5; nodes++) {
    const names = Array.from({ length: nodes }, (_, index) => "abcde".charAt(index));
    for (let bits = 0; bits < 2 ** (2 * nodes + 3); bits++) {
      const bit = (at: number): boolean => ((bits >> at) & 1) === 1;
      const sideOf = (index: number): boolean => bit(index);
      const isFresh = (index: number): boolean => bit(nodes + index);
      const gatewaySide = bit(2 * nodes);
      const shares = [false, true].map((side) => {
        const self = names.findIndex((_, index) => sideOf(index) === side);
        const judged = names.findIndex((_, index) => sideOf(index) !== side);
        if (self < 0 || judged < 0 || !isFresh(self) || !isFresh(judged)) return 0;
        const wasOff = bit(2 * nodes + (side ? 2 : 1)) && gatewaySide !== side;
        const others = names.flatMap((name, index) => {
          if (index === self) return [];
          const plan = station(name, { counts: isFresh(index) });
          return [[plan, sideOf(index) === side ? NOW : HEARD] as const];
        });
        const gateway = [GATEWAY, gatewaySide === side ? NOW : wasOff ? HEARD - GATEWAY_SILENT_MS : HEARD] as const;
        const stations = known([...others, gateway]);
        const about = [...stations.values()].find((one) => one.plan.node === names[judged]) as Station;
        const heard = countHeard(stations, about, witnessesOf(stations, about), SINCE);
        return heard.seen / heard.stations;
      });
      if (shares.some((share) => share > 0.5)) proven++;
      expect([bits, shares.every((share) => share > 0.5)]).toEqual([bits, false]);
    }
  }
  expect(proven).toBeGreaterThan(1_000);
});
