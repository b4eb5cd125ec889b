import { describe, expect, test } from "@jest/globals";
import { GATEWAY, macOf, planOf, station, TARGETS, world } from "./world.ts";

describe("the alarm (E6)", () => {
  const bystander = [station("a", { targets: TARGETS }), station("b"), GATEWAY];

  test("the fifth question of a burst and the last three go to everybody, for different addresses", () => {
    const { segment, silent } = world();
    segment.run(2_000);
    silent.add("a");
    segment.asked.length = 0;
    segment.run(500);
    const burst = segment.asked.filter(({ probe }) => TARGETS.includes(probe.address)).slice(0, 17);
    const toAll = burst.map(({ probe }, place) => (probe.mac === "" ? place : -1)).filter((place) => place >= 0);
    expect(toAll.length).toBe(4);
    expect(new Set(toAll.slice(1).map((place) => burst[place]?.probe.address)).size).toBe(3);
  });

  test("whoever hears it looks for itself, tells once and sleeps", () => {
    const { segment, silent } = world({ stations: bystander });
    segment.run(3_000);
    silent.add("a");
    segment.run(5_000);
    expect(segment.told).toEqual([]);
    segment.alarm({ address: "10.0.0.101", mac: macOf("b") });
    const from = segment.now;
    segment.run(5_000);
    expect(segment.verdicts).toHaveLength(1);
    expect((segment.told[0]?.at ?? 0) - from).toBeLessThanOrEqual(260);
    segment.alarm({ address: "10.0.0.101", mac: macOf("b") });
    segment.run(1_000);
    expect(segment.verdicts).toHaveLength(2);
  });

  test.each(["silent", "addresses"] as const)(
    "%s: it sleeps, and asks three times before the two seconds of the speaker are over; an answer ends the verdict",
    (kind) => {
      for (const isBack of [true, false]) {
        const { segment, silent } = world({ stations: bystander });
        segment.run(3_000);
        for (const address of kind === "silent" ? TARGETS : ["10.0.0.101"]) silent.add(address);
        segment.alarm({ address: "10.0.0.101", mac: macOf("b") });
        segment.run(500);
        expect(segment.verdicts.map((one) => one.kind)).toEqual([kind]);
        const judgedMs = segment.told[0]?.at ?? 0;
        segment.told.length = 0;
        segment.asked.length = 0;
        if (isBack) silent.clear();
        segment.run(5_000);
        const asked = segment.asked.filter(({ probe }) => TARGETS.includes(probe.address));
        const times = asked.map(({ at }) => Math.round(at - judgedMs));
        expect(times).toEqual(isBack ? [1_700] : [1_700, 1_800, 1_900]);
        expect(segment.told.map(({ effect }) => effect.type)).toEqual(isBack ? ["back"] : []);
      }
    },
  );

  test("silent, and given another address meanwhile: it asks all the same", () => {
    const { segment, silent } = world({ stations: bystander });
    const given = (targets: readonly string[]) => station("a", { targets });
    segment.input({ type: "plan", plan: planOf(given(TARGETS.slice(0, 2)), ...bystander.slice(1)) });
    segment.run(3_000);
    for (const address of TARGETS) silent.add(address);
    segment.alarm({ address: "10.0.0.101", mac: macOf("b") });
    segment.run(500);
    segment.told.length = 0;
    segment.input({ type: "plan", plan: planOf(given(TARGETS), ...bystander.slice(1)) });
    silent.clear();
    segment.run(1_500);
    expect(segment.told.map(({ effect }) => effect.type)).toEqual(["back"]);
  });

  test.each([
    ["of a stranger", "10.0.0.101", "de:ad:00:00:00:01"],
    ["of the judged station itself", "10.0.0.101", macOf("a")],
    ["for an address that nobody holds", "10.0.0.111", macOf("b")],
  ])("one %s is none", (_, address, mac) => {
    const { segment, silent } = world({ stations: bystander });
    segment.run(3_000);
    silent.add("a");
    segment.asked.length = 0;
    segment.alarm({ address, mac });
    segment.run(500);
    expect(segment.asked.filter(({ probe }) => TARGETS.includes(probe.address))).toEqual([]);
  });

  test("a holder that answers ends the burst at once, and the pair has one burst a second", () => {
    const { segment } = world({ stations: bystander });
    segment.run(3_000);
    segment.asked.length = 0;
    for (let at = 0; at < 20; at++) {
      segment.alarm({ address: "10.0.0.101", mac: macOf("b") });
      segment.run(20);
    }
    expect(segment.asked.filter(({ probe }) => TARGETS.includes(probe.address)).length).toBeLessThanOrEqual(3);
    expect(segment.told).toEqual([]);
  });

  test.each([
    ["another node answers it: that one has taken the address, and the verdict comes all the same", "b", [macOf("b")]],
    ["nobody", "", []],
    ["a stranger, who takes nothing", "s", []],
  ])("%s", (_, other, takers) => {
    const { segment, silent } = world();
    segment.run(2_000);
    const { answer } = segment;
    silent.add("a");
    // The rest of what the silent one had, nobody answers.
    segment.answer = (probe) =>
      probe.mac === "" && probe.address === "10.0.0.101" && other !== "" ? macOf(other) : answer(probe);
    segment.run(500);
    const heard = segment.told.flatMap(({ effect }) => (effect.type === "heard" ? [effect] : []));
    const expected = takers.map((mac) => ({ address: "10.0.0.101", interface: "eth0", mac, how: "instead" }));
    expect(heard.map(({ type: _type, ...one }) => one)).toEqual(expected);
    expect(segment.verdicts.map(({ kind }) => kind)).toEqual(["gone"]);
  });

  test("whoever looks for itself asks the station alone: only the three watchers ask everybody", () => {
    const { segment, silent } = world({ stations: bystander });
    segment.run(3_000);
    silent.add("a");
    segment.asked.length = 0;
    segment.alarm({ address: "10.0.0.101", mac: macOf("b") });
    segment.run(500);
    expect(segment.verdicts).toHaveLength(1);
    expect(segment.asked.filter(({ probe }) => TARGETS.includes(probe.address))).toHaveLength(16);
    expect(segment.asked.filter(({ probe }) => probe.mac === "")).toEqual([]);
  });
});

describe("the witnesses of a burst (E6)", () => {
  const known = [station("a", { targets: TARGETS, watched: true }), station("b"), GATEWAY];
  const questionsTo = (node: string, { asked }: ReturnType<typeof world>["segment"]) =>
    asked.filter(({ probe }) => probe.address === station(node).address4).length;

  test.each([
    ["answers: once", false, 1],
    ["is silent: three times", true, 3],
  ])("one that %s", (_, isSilent, times) => {
    const { segment, silent } = world({ stations: known });
    // Right after its turn of the acquaintance.
    for (segment.run(2_000), segment.asked.length = 0; questionsTo("b", segment) === 0; ) segment.run(10);
    segment.asked.length = 0;
    silent.add("a");
    if (isSilent) silent.add("b");
    while (segment.told.length === 0) segment.run(10);
    // And once more with the verdict.
    expect(questionsTo("b", segment)).toBe(times + 1);
  });

  test("none before the fifth question: most bursts end before it", () => {
    const { segment, silent } = world({ stations: known });
    for (segment.run(2_000), segment.asked.length = 0; questionsTo("b", segment) === 0; ) segment.run(10);
    segment.asked.length = 0;
    for (let at = 0; at < 15; at++) {
      silent.add("a");
      // The steady question and two of the burst are lost.
      const count = segment.asked.length;
      while (segment.asked.length < count + 3) segment.run(1);
      silent.delete("a");
      segment.run(50);
    }
    expect(questionsTo("b", segment)).toBe(0);
  });
});
