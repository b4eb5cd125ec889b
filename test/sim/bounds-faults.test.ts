/**
 * Hazard E6 while something happens: a node dies, or frames are lost everywhere. What every node asks and is asked stays within a bound that
 * knows neither the number of nodes nor that of addresses. The detectors of all nodes run, with nothing else (detectors.ts); `bounds.test.ts`
 * has the same at rest and at a start.
 */
import { describe, expect, test } from "@jest/globals";
import { IS_FULL } from "../scale.ts";
import { Detectors, type Options } from "./detectors.ts";

/** The bound: questions that a node sends, and that it is sent for itself or with everybody, in any second and in any 100 ms. */
const SECOND_MAX = 300;
const TENTH_MAX = 150;
/** Of these to everybody: three watchers with an alarm, the last three questions and the one for the node's own address; then one a second. */
const TO_ALL_MAX = 18;
/** The worst phase of watcher and alarm. */
const FOUND_MS = 350;

const small: readonly Options[] = [
  { nodes: 3, addresses: 500 },
  { nodes: 30, addresses: 300 },
  { nodes: 30, addresses: 500, onOne: true },
  // The most nodes that have the same witnesses.
  { nodes: 120, addresses: 500, onOne: true },
];
const large: readonly Options[] = [
  { nodes: 300, addresses: 600 },
  { nodes: 300, addresses: 500, onOne: true },
];

describe("E6: one node dies, the API server is away, and every other node looks for itself", () => {
  test.each(IS_FULL ? [...small, ...large] : small)("%j", (options) => {
    const world = new Detectors(options, 1);
    world.run(1_500);
    world.die("n1");
    const from = world.timeline.now;
    // Long enough for what took to pursue, and for the others to look anew.
    world.run(options.nodes > 120 ? 1_500 : 6_000);
    const most = {
      sent: world.most(["sent"], 1_000, from),
      asked: world.most(["asked", "toAll"], 1_000, from),
      sentTenth: world.most(["sent"], 100, from),
      askedTenth: world.most(["asked", "toAll"], 100, from),
      toAll: world.most(["toAll"], 1_000, from),
    };
    const limits = {
      sent: SECOND_MAX,
      asked: SECOND_MAX,
      sentTenth: TENTH_MAX,
      askedTenth: TENTH_MAX,
      toAll: TO_ALL_MAX,
    };
    const beyond = Object.entries(most).filter(([what, count]) => count > limits[what as keyof typeof most]);
    expect({ most, beyond }).toEqual({ most, beyond: [] });
    // Each of them finds it as soon as the first, and has heard enough others to take.
    const first = new Map(
      [...world.told].reverse().map(({ by, atMs, verdict }) => [by, { atMs: atMs - from, verdict }]),
    );
    expect(first.size).toBe(options.nodes - 1);
    for (const { atMs, verdict } of first.values()) {
      expect(atMs).toBeLessThanOrEqual(FOUND_MS);
      expect(verdict).toMatchObject({ node: "n1", kind: "gone" });
      expect(2 * verdict.seen).toBeGreaterThan(verdict.stations);
    }
  });
});

describe("E5, E6: a fifth of all frames lost each way between all of thirty nodes, for a minute", () => {
  /** Per node, of which thirty are the streams; the rest is bursts, half of them other nodes' alarms. */
  const MEAN_MAX = 130;

  test("no verdict, and no more than 130 questions a second and node", () => {
    const nodes = 30;
    const world = new Detectors({ nodes, addresses: 300, loss: 0.2 }, 1);
    const seconds = IS_FULL ? 60 : 15;
    world.run(seconds * 1_000);
    expect(world.told).toEqual([]);
    expect(world.count("sent", 0) / nodes / seconds).toBeLessThanOrEqual(MEAN_MAX);
    expect(world.most(["sent"], 1_000, 0)).toBeLessThanOrEqual(SECOND_MAX);
    expect(world.most(["asked", "toAll"], 1_000, 0)).toBeLessThanOrEqual(SECOND_MAX);
  });
});
