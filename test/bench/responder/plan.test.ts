import { describe, expect, test } from "@jest/globals";
import { lineOf } from "../figures.ts";
import { questions, questionsWith, type Round, responderNames, summary } from "./plan.ts";

describe("the names", () => {
  test("are those of issue and documentation, each once", () => {
    expect(new Set(responderNames).size).toBe(responderNames.length);
    const documented = [
      "generator",
      "arp/64",
      "nd/64",
      "arp/64/10000",
      "kernel/64",
      "cpu",
      "memory",
      "heap",
      "blocked",
    ];
    expect(responderNames).toEqual(expect.arrayContaining(documented.map((name) => `responder/${name}`)));
  });

  test("a speaker with the usual number of addresses is asked beside the kernel, one with another number is not", () => {
    const wanted = new Set(responderNames);
    const names = (addresses: number) => questionsWith(addresses, wanted).map(({ name }) => name);
    expect(names(1_000).slice(0, 3)).toEqual(["responder/kernel/1", "responder/arp/1", "responder/nd/1"]);
    expect(names(1).slice(0, 2)).toEqual(["responder/arp/1/1", "responder/nd/1/1"]);
    expect([1, 1_000, 10_000].flatMap(names).sort()).toEqual(questions.map(({ name }) => name).sort());
    expect(questionsWith(1_000, new Set(["responder/nd/64"])).map(({ name }) => name)).toEqual(["responder/nd/64"]);
  });
});

describe("the rounds of one figure", () => {
  const round = (perSecond: number, more: Partial<Round> = {}): Round => ({
    ...{ perSecond, replies: perSecond, lost: 0, p50Us: 1000 / perSecond, p99Us: 10_000 / perSecond },
    ...more,
  });

  test("give the medians, and everything that was lost", () => {
    const rounds = [round(100, { cpuS: 0.5 }), round(50, { cpuS: 0.5, lost: 3 }), round(10, { cpuS: 0.5, lost: 4 })];
    expect(JSON.parse(lineOf({ name: "responder/arp/1", unit: "replies/s", ...summary(rounds) }))).toMatchObject({
      value: 50,
      p50Us: 20,
      p99Us: 200,
      lost: 7,
      perCpuSecond: 100,
    });
  });

  test("without processor time, as for the kernel, say nothing of it", () => {
    expect(summary([round(100)]).also).not.toHaveProperty("perCpuSecond");
  });
});
