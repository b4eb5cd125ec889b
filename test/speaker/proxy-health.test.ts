import { describe, expect, test } from "@jest/globals";
import { silentLogger } from "../../lib/runtime/log.ts";
import type { Scheduler } from "../../lib/runtime/scheduler.ts";
import { initialProxyHealth, type ProxyAnswer, stepProxyHealth } from "../../speaker/proxy-health.ts";
import { startProxyMonitor } from "../../speaker/shell/proxy-monitor.ts";

type Round = readonly [atMs: number, ...answers: ProxyAnswer[]];

describe("whether kube-proxy translates", () => {
  test.each<[string, readonly Round[], boolean]>([
    ["nothing was asked yet", [], false],
    ["200", [[0, 200, "refused"]], true],
    ["200 on the node's address alone", [[0, "refused", "refused", 200]], true],
    ["503: it has not synced", [[0, 503, "refused"]], false],
    ["no answer in time", [[0, "failed", "refused"]], false],
    ["refused just after the start: it is still to come", [[59_000, "refused", "refused"]], false],
    [
      "refused for a minute: there is none",
      [
        [0, "refused"],
        [60_000, "refused"],
      ],
      true,
    ],
    [
      "there was none, and then it comes",
      [
        [60_000, "refused"],
        [65_000, 503],
      ],
      false,
    ],
    [
      "it comes and gets ready",
      [
        [0, 503],
        [5_000, 200],
      ],
      true,
    ],
    [
      "it is restarted, for however long",
      [
        [0, 200],
        [100_000, "refused"],
        [300_000, "refused"],
      ],
      false,
    ],
    [
      "silent for a minute is not absent",
      [
        [0, "failed"],
        [60_000, "failed"],
      ],
      false,
    ],
  ])("%s", (_name, rounds, ready) => {
    const start = initialProxyHealth(0);
    expect(rounds.reduce((state, [at, ...answers]) => stepProxyHealth(state, answers, at), start).ready).toBe(ready);
  });

  test("asked at once and then every 5 s; told at the start and on changes", async () => {
    const delays: number[] = [];
    const told: boolean[] = [];
    const asked: string[] = [];
    let again = (): void => {};
    const scheduler: Scheduler = {
      after: (delayMs, run) => {
        delays.push(delayMs);
        again = run;
        return () => {
          again = () => {};
        };
      },
    };
    let answer: ProxyAnswer = 503;
    const stop = startProxyMonitor({
      clock: { monotonicMs: () => 0, wallMs: () => 0 },
      log: silentLogger,
      addresses: () => ["10.0.0.1"],
      onReady: (ready) => told.push(ready),
      scheduler,
      ask: async (host) => {
        asked.push(host);
        return answer;
      },
    });
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    await settle();
    answer = 200;
    again();
    await settle();
    again();
    await settle();
    expect(told).toEqual([false, true]);
    expect(delays).toEqual([5_000, 5_000, 5_000]);
    expect(asked.slice(0, 3)).toEqual(["127.0.0.1", "::1", "10.0.0.1"]);
    stop();
    again();
    expect(asked).toHaveLength(9);
  });
});
