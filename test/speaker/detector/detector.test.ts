import { describe, expect, test } from "@jest/globals";
import { GATEWAY, macOf, planOf, station, TARGETS, world } from "./world.ts";

/** Everything of A goes silent; returns the milliseconds until the first verdict. */
function dieAfter(seed: number): number {
  const { segment, silent } = world({ seed });
  segment.run(2_000 + seed * 7);
  silent.add("a");
  const from = segment.now;
  segment.run(1_000);
  return (segment.told[0]?.at ?? Number.NaN) - from;
}

describe("at rest", () => {
  test("one question every 100 ms, unicast, through all addresses by turns (E2, E6)", () => {
    const { segment } = world();
    segment.run(60_000);
    const targets = segment.asked.filter(({ probe }) => TARGETS.includes(probe.address));
    expect(targets.length).toBeGreaterThanOrEqual(595);
    expect(targets.length).toBeLessThanOrEqual(601);
    for (const address of TARGETS) {
      expect(targets.filter(({ probe }) => probe.address === address).length).toBeGreaterThanOrEqual(148);
    }
    expect(targets.every(({ probe }) => probe.mac === macOf("a"))).toBe(true);
    expect(segment.told).toEqual([]);
  });

  test("a solicitation goes to the link-local address of the station, from the own one (W2)", () => {
    const { segment } = world();
    segment.run(1_000);
    const probe = segment.asked.find((one) => one.probe.address === "fd00::1")?.probe;
    expect(probe).toMatchObject({ source: "fe80::9", destination: "fe80::97", mac: macOf("a") });
  });

  test("stations that it does not watch are asked for a target once, then for their own address, every three seconds", () => {
    const { segment } = world({ stations: [station("a", { targets: TARGETS }), station("b")] });
    segment.run(60_000);
    expect(segment.asked.length).toBeLessThanOrEqual(44);
    // The one answer proves that the network lets such answers through (E3).
    expect(segment.asked.filter(({ probe }) => TARGETS.includes(probe.address))).toHaveLength(1);
  });

  test("who answers for the first time is told once, the gateway and who is silent never (E3)", () => {
    const gateway = station("b", { node: "", mac: "", address4: "10.0.0.254" });
    const { segment, silent } = world({ stations: [station("a", { targets: TARGETS }), station("b"), gateway] });
    silent.add("b");
    segment.run(20_000);
    expect(segment.met).toEqual(["a on eth0"]);
    silent.delete("b");
    segment.run(20_000);
    expect(segment.met).toEqual(["a on eth0", "b on eth0"]);
  });

  test("300 stations cost no more than ten such questions a second", () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      station("b", {
        node: `n${index}`,
        address4: `10.0.${1 + (index >> 8)}.${index & 255}`,
        mac: `02:00:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}`,
      }),
    );
    const { segment } = world({ stations: many });
    segment.run(10_000);
    segment.asked.length = 0;
    segment.run(60_000);
    expect(segment.asked.length).toBeLessThanOrEqual(660);
    expect(segment.asked.length).toBeGreaterThan(300);
  });
});

describe("verdicts", () => {
  test("gone: its addresses and its own one are silent; told again every second, and back at the first answer", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add("a");
    segment.run(3_000);
    expect(segment.verdicts[0]).toEqual({
      node: "a",
      interface: "eth0",
      kind: "gone",
      addresses: TARGETS,
      seen: 3,
      stations: 4,
      beside: 0,
    });
    expect(segment.verdicts).toHaveLength(3);
    silent.delete("a");
    segment.run(150);
    expect(segment.told.at(-1)?.effect).toEqual({ type: "back", node: "a", interface: "eth0" });
    segment.told.length = 0;
    segment.run(5_000);
    expect(segment.told).toEqual([]);
  });

  test("silent: its node answers; an answer of the node is no return, one of its speaker is", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    for (const address of TARGETS) silent.add(address);
    segment.run(3_000);
    expect(new Set(segment.verdicts.map(({ kind }) => kind))).toEqual(new Set(["silent"]));
    silent.delete("10.0.0.101");
    segment.run(500);
    expect(segment.told.some(({ effect }) => effect.type === "back")).toBe(true);
  });

  test("silent, and given another address: that one is missed before it is told", () => {
    const [first = "", second = ""] = TARGETS;
    const before = station("a", { targets: [first, second], watched: true });
    const { segment, silent } = world({ stations: [before, station("b"), GATEWAY] });
    segment.run(2_000);
    for (const address of TARGETS) silent.add(address);
    segment.run(1_000);
    const plan = { type: "plan", plan: planOf({ ...before, targets: TARGETS }, station("b"), GATEWAY) } as const;
    segment.input(plan);
    segment.told.length = 0;
    segment.run(200);
    expect(segment.told).toEqual([]);
    segment.run(500);
    expect(segment.verdicts.at(-1)).toMatchObject({ kind: "silent", addresses: [...TARGETS].sort() });
  });

  test("silent becomes gone when its node falls silent as well", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    for (const address of TARGETS) silent.add(address);
    segment.run(1_000);
    silent.add("a");
    segment.run(4_000);
    expect(segment.verdicts.at(-1)?.kind).toBe("gone");
  });

  test("one silent address is that address only (E2), and no more when it is answered again", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add("10.0.0.101");
    segment.run(3_000);
    expect(new Set(segment.verdicts.map(({ kind }) => kind))).toEqual(new Set(["addresses"]));
    expect(segment.verdicts.at(-1)?.addresses).toEqual(["10.0.0.101"]);
    silent.add("fd00::1");
    segment.run(3_000);
    expect(segment.verdicts.at(-1)?.addresses).toEqual(["10.0.0.101", "fd00::1"]);
    silent.clear();
    segment.run(3_000);
    expect(segment.told.at(-1)?.effect.type).toBe("back");
  });

  test("a station that never answered here is not judged (E3)", () => {
    const { segment, silent } = world();
    silent.add("a");
    segment.run(20_000);
    expect(segment.told).toEqual([]);
  });

  test("nor is one whose addresses were never heard: the network may let no such answer through (E3)", () => {
    const { segment, silent } = world();
    for (const address of TARGETS) silent.add(address);
    segment.run(20_000);
    silent.add("a");
    segment.run(20_000);
    expect(segment.verdicts).toEqual([]);
  });

  test("an answer with another MAC does not count (E12)", () => {
    const { segment } = world();
    segment.run(2_000);
    segment.answer = (probe) => (probe.address === GATEWAY.address4 ? macOf("g") : macOf("b"));
    segment.run(1_000);
    expect(segment.verdicts[0]?.kind).toBe("gone");
  });

  test("who hears nobody says so (E1): answers from before the first miss prove nothing", () => {
    const { segment } = world();
    segment.run(2_000);
    segment.answer = () => undefined;
    segment.run(3_000);
    expect(segment.verdicts.length).toBeGreaterThan(0);
    expect(segment.verdicts.every(({ seen, stations }) => seen === 1 && stations === 4)).toBe(true);
  });

  test("a plan without its addresses ends the verdict without a word", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add("a");
    segment.run(1_000);
    segment.input({ type: "plan", plan: planOf(station("a"), station("b"), GATEWAY) });
    segment.told.length = 0;
    segment.run(5_000);
    expect(segment.told).toEqual([]);
  });

  test("an address that it holds no more is not told any longer, and when it is given back it is not silent", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add("10.0.0.101");
    segment.run(3_000);
    expect(segment.verdicts.at(-1)?.addresses).toEqual(["10.0.0.101"]);
    const others = TARGETS.filter((address) => address !== "10.0.0.101");
    const plan = (targets: readonly string[]) =>
      planOf(station("a", { targets: [...targets] }), station("b"), station("c"), GATEWAY);
    segment.input({ type: "plan", plan: plan(others) });
    segment.told.length = 0;
    segment.run(5_000);
    silent.clear();
    segment.input({ type: "plan", plan: plan(TARGETS) });
    segment.run(5_000);
    expect(segment.told).toEqual([]);
  });

  test("pursued, it is probed for what was taken from it although this node is no watcher (F2)", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add("a");
    segment.run(1_000);
    const pursued = station("a", { targets: TARGETS, pursued: true });
    segment.input({ type: "plan", plan: planOf(pursued, station("b"), GATEWAY) });
    segment.run(60_000);
    segment.asked.length = 0;
    segment.run(1_000);
    expect(segment.asked.filter(({ probe }) => TARGETS.includes(probe.address)).length).toBeGreaterThanOrEqual(9);
    silent.clear();
    segment.run(150);
    expect(segment.told.at(-1)?.effect.type).toBe("back");
  });
});

describe("what does not count", () => {
  test("a step that comes more than 20 ms late voids what is under way (E5)", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add("a");
    segment.run(10_000, 21);
    expect(segment.told).toEqual([]);
    segment.run(1_000);
    expect(segment.verdicts[0]?.kind).toBe("gone");
  });

  test("a gap begins the count anew of what is under way", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add("a");
    for (let at = 0; at < 100; at++) {
      segment.run(45);
      segment.input({ type: "gap" });
    }
    expect(segment.told).toEqual([]);
  });

  test("a station that was away for a while is told of, judged or not (F2)", () => {
    const { segment, silent } = world();
    segment.run(10_000);
    silent.add("b");
    segment.run(20_000);
    expect(segment.told).toEqual([]);
    silent.delete("b");
    segment.run(1_500);
    expect(segment.told.map(({ effect }) => effect)).toEqual([{ type: "back", node: "b", interface: "eth0" }]);
  });

  test("an answer that this node itself left waiting does not: a dead station is found as soon as ever", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    for (let round = 0; round < 50; round++) {
      // It stops right after a question.
      for (const asked = segment.asked.length; segment.asked.length === asked; ) segment.run(0.2);
      segment.stall(120);
    }
    silent.add("a");
    const from = segment.now;
    segment.run(1_000);
    expect((segment.told[0]?.at ?? Number.NaN) - from).toBeLessThanOrEqual(350);
  });

  test("a slow station stretches its own window, and is not taken for gone", () => {
    const { segment } = world();
    segment.run(2_000);
    segment.delayMs = 200;
    segment.run(60_000);
    expect(segment.verdicts.filter(({ kind }) => kind === "gone")).toEqual([]);
    segment.told.length = 0;
    segment.run(20_000);
    expect(segment.told).toEqual([]);
  });

  test("20 % of the frames lost each way: no verdict in an hour of one stream; at 45 % there are some", () => {
    const bad = world({ seed: 7, loss: 0.2 });
    bad.segment.run(3_600_000);
    expect(bad.segment.verdicts).toEqual([]);
    const worse = world({ seed: 7, loss: 0.45 });
    worse.segment.run(3_600_000);
    expect(worse.segment.verdicts.length).toBeGreaterThan(0);
  });
});

test("a dead station is found within 350 ms, whatever the phase", () => {
  const found = Array.from({ length: 200 }, (_, seed) => dieAfter(seed)).sort((left, right) => left - right);
  expect(found.at(-1)).toBeLessThanOrEqual(350);
  expect(found[0]).toBeGreaterThanOrEqual(230);
});
