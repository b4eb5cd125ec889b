import { describe, expect, test } from "@jest/globals";
import { defaultOptions, planLab } from "./plan.ts";
import { identify, isAlive, signal, startTicksOf, stateOf } from "./processes.ts";
import { noted } from "./programs.ts";
import { type LabState, refuseWhenUp, standingOf } from "./state.ts";

const stat = (name: string, state: string, ticks: string): string =>
  `4242 (${name}) ${state} 1 4242 4242 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 ${ticks} 1000 10 18446744073709551615 0`;

describe("a process", () => {
  test.each([
    { name: "plain", line: stat("kubelet", "S", "123456"), ticks: 123456, state: "S" },
    { name: "brackets and spaces in its name", line: stat("a) R 7 (b", "T", "99"), ticks: 99, state: "T" },
    { name: "a line cut short", line: "4242 (x) S 1", ticks: undefined, state: "S" },
  ])("is read from its stat line: $name", ({ line, ticks, state }) => {
    expect([startTicksOf(line), stateOf(line)]).toEqual([ticks, state]);
  });

  test("is another one when its number was given out again", () => {
    const self = identify(process.pid);
    if (self === undefined) throw new Error("no /proc");
    expect(isAlive(self)).toBe(true);
    const earlier = { ...self, startTicks: self.startTicks - 1 };
    expect(isAlive(earlier)).toBe(false);
    // Were this sent, it would end the test run.
    expect(signal(earlier, "SIGKILL")).toBe(false);
  });

  test("notes itself in the lab's cgroup before it becomes the program", () => {
    expect(noted("/sys/fs/cgroup/pids", ["kubelet", "--flag"])).toEqual([
      "sh",
      "-c",
      'echo 0 >"$0" && exec "$@"',
      "/sys/fs/cgroup/pids/berth-lab/programs/cgroup.procs",
      "kubelet",
      "--flag",
    ]);
  });
});

describe("whose a lab is", () => {
  const owner = { pid: 77, startTicks: 5 };
  const kept: LabState = {
    phase: "up",
    bootId: "today",
    plan: planLab(defaultOptions),
    cgroups: { version: 2, recordRoot: "/sys/fs/cgroup", roots: ["/sys/fs/cgroup"] },
    toolchain: { cluster: "/c", tools: "/t", images: "/i" },
  };
  const owned: LabState = { ...kept, owner };

  test.each([
    { name: "no state", state: undefined, alive: true, standing: "none" },
    { name: "up without an owner", state: kept, alive: false, standing: "kept" },
    { name: "up, its owner lives", state: owned, alive: true, standing: "owned" },
    { name: "up, its owner is dead", state: owned, alive: false, standing: "left-over" },
    { name: "starting, its starter lives", state: { ...owned, phase: "starting" }, alive: true, standing: "owned" },
    {
      name: "starting, its starter is dead",
      state: { ...owned, phase: "starting" },
      alive: false,
      standing: "left-over",
    },
    { name: "half ended", state: { ...owned, phase: "ending" }, alive: true, standing: "left-over" },
    { name: "half ended, kept before", state: { ...kept, phase: "ending" }, alive: true, standing: "left-over" },
    { name: "from before a reboot", state: { ...kept, bootId: "yesterday" }, alive: true, standing: "left-over" },
  ] as const)("$name: $standing", ({ state, alive, standing }) => {
    expect(standingOf(state, { bootId: "today", alive: () => alive })).toBe(standing);
  });

  test("nobody starts over a lab that is up, and is told how to end it", () => {
    const machine = { bootId: "today", alive: () => true };
    expect(() => refuseWhenUp(kept, machine)).toThrow(/already up.*make lab-down/);
    expect(() => refuseWhenUp(owned, machine)).toThrow(/belongs to process 77/);
    expect(() => refuseWhenUp(owned, { ...machine, alive: () => false })).not.toThrow();
    expect(() => refuseWhenUp(undefined, machine)).not.toThrow();
  });
});
