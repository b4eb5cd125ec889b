import { describe, expect, test } from "@jest/globals";
import type { Ip } from "../../lib/address/ip.ts";
import { formatIp } from "../../lib/address/ip.ts";
import { silentLogger } from "../../lib/runtime/log.ts";
import type { Result } from "../../lib/runtime/result.ts";
import { fail, ok } from "../../lib/runtime/result.ts";
import type { Scheduler } from "../../lib/runtime/scheduler.ts";
import type { PingFailure, Pong } from "../../speaker/net/ping.ts";
import { startUplinkMonitor } from "../../speaker/shell/uplink-monitor.ts";
import { stepUplink, type Uplink, type UplinkTarget, uplinkTargets } from "../../speaker/uplink.ts";

/** `+` answered, `-` not; `!` after the outcome with which the uplink counts as lost, `.` after the others. */
function judge(outcomes: string, gateway = "10.0.0.254", before?: Uplink): readonly [string, Uplink | undefined] {
  let state = before;
  let said = "";
  for (const outcome of outcomes) {
    state = stepUplink(state, gateway, outcome === "+");
    said += state.isLost ? "!" : ".";
  }
  return [said, state];
}

describe("whether the way out works", () => {
  test.each([
    ["never answered: many routers do not", "----------", ".........."],
    ["four misses in a row", "+----", "....!"],
    ["three are none", "+---+---+", "........."],
    ["back after four answers in a row", "+-----++++", "....!!!!!."],
    ["three answers are no way back", "+----+++-+++", "....!!!!!!!!"],
  ])("%s", (_, outcomes, said) => {
    expect(judge(outcomes)[0]).toBe(said);
  });

  test("another gateway begins anew", () => {
    const [, lost] = judge("+----");
    expect(judge("----------", "10.0.0.253", lost)[0]).toBe("..........");
  });

  test("only interfaces that addresses may stand on, IPv4 first", () => {
    const gateways = new Map([
      ["eth0", { address4: "10.0.0.254", linkLocal: "fe80::1" }],
      ["eth1", { address4: "", linkLocal: "fe80::2" }],
      ["eth2", { address4: "10.2.0.254", linkLocal: "" }],
    ]);
    expect(uplinkTargets(["eth0", "eth1", "eth3"], gateways)).toEqual([
      { interface: "eth0", gateway: "10.0.0.254" },
      { interface: "eth1", gateway: "fe80::2" },
    ]);
  });
});

describe("the monitor", () => {
  /** Rounds by hand: each call of `round` lets one pass. */
  function monitor(
    targets: () => readonly UplinkTarget[],
    former: readonly string[] = [],
    interfaces: () => readonly string[] = () => ["eth0", "eth1"],
  ) {
    const told: (readonly string[])[] = [];
    const asked: string[] = [];
    const answers = new Map<string, Result<Pong, PingFailure>>();
    let next = (): void => {};
    const scheduler: Scheduler = {
      after: (_delay, run) => {
        next = run;
        return () => {
          next = () => {};
        };
      },
    };
    const ask = async (target: Ip, _timeoutMs: number, name: string) => {
      asked.push(`${formatIp(target)}%${name}`);
      return answers.get(name) ?? ok({ roundTripMs: 1 });
    };
    const onLost = (lost: readonly string[]) => void told.push(lost);
    const stop = startUplinkMonitor({ log: silentLogger, targets, interfaces, former, onLost, scheduler, ask });
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    const round = async (count = 1) => {
      for (let done = 0; done < count; done++) {
        await settle();
        next();
      }
      await settle();
    };
    return { told, asked, answers, stop, round };
  }

  const BOTH = [
    { interface: "eth0", gateway: "10.0.0.254" },
    { interface: "eth1", gateway: "fe80::2" },
  ];

  test("tells changes only, and asks each gateway through its own interface", async () => {
    const { told, asked, answers, stop, round } = monitor(() => BOTH);
    await round(2);
    expect(asked.slice(0, 2)).toEqual(["10.0.0.254%eth0", "fe80::2%eth1"]);
    expect(told).toEqual([]);
    answers.set("eth1", fail("timeout"));
    await round(10);
    expect(told).toEqual([["eth1"]]);
    answers.set("eth0", fail("send-failed"));
    await round(10);
    expect(told).toEqual([["eth1"], ["eth0", "eth1"]]);
    answers.clear();
    await round(10);
    expect(told.at(-1)).toEqual([]);
    stop();
    const count = asked.length;
    await round(3);
    expect(asked).toHaveLength(count);
  });

  test("what is lost stays lost while its gateway is not in the routes, until the interface is gone", async () => {
    let targets: readonly UplinkTarget[] = BOTH;
    let interfaces = ["eth0", "eth1"];
    const { told, answers, round } = monitor(
      () => targets,
      [],
      () => interfaces,
    );
    await round(1);
    answers.set("eth1", fail("timeout"));
    await round(5);
    targets = BOTH.slice(0, 1);
    await round(10);
    targets = BOTH;
    await round(10);
    expect(told).toEqual([["eth1"]]);
    targets = BOTH.slice(0, 1);
    interfaces = ["eth0"];
    await round(1);
    expect(told).toEqual([["eth1"], []]);
  });

  test("what the process before this one found lost is lost from the start, until the gateway answers", async () => {
    const { told, answers, round } = monitor(() => BOTH, ["eth1"]);
    expect(told).toEqual([["eth1"]]);
    answers.set("eth1", fail("timeout"));
    await round(10);
    answers.clear();
    await round(3);
    expect(told).toEqual([["eth1"]]);
    await round(2);
    expect(told).toEqual([["eth1"], []]);
  });

  test("without the right to ask nobody is judged", async () => {
    const { told, answers, round } = monitor(() => BOTH);
    await round(1);
    answers.set("eth0", fail("not-permitted"));
    await round(10);
    expect(told).toEqual([]);
  });
});
