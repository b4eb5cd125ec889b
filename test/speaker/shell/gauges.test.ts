/** What of a speaker's state an operator is told: once when it begins, and once when it ends. */
import { expect, test } from "@jest/globals";
import { type Logger, silentLogger } from "../../../lib/runtime/log.ts";
import { renderMetrics } from "../../../lib/runtime/metrics.ts";
import type { Apart } from "../../../speaker/apart.ts";
import { Gauges } from "../../../speaker/shell/gauges.ts";
import { initialSpeaker } from "../../../speaker/state.ts";

const APART: Apart = { instance: "i-n2", sinceMs: 0, untilMs: 30_000, count: 0, isBroken: false };

test("a broken path: by peer and interface, and their number", async () => {
  const lines: string[] = [];
  const say = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void lines.push(`${level} ${String(fields["peer"])} ${String(fields["interface"])}: ${message}`);
  const log: Logger = { ...silentLogger, warn: say("warn"), info: say("info") };
  const gauges = new Gauges(log);
  const show = (...apart: readonly (readonly [string, boolean])[]): void => {
    const map = new Map(apart.map(([key, isBroken]) => [key, { ...APART, isBroken }]));
    gauges.show({ ...initialSpeaker("n1", "i-n1", 0), apart: map });
  };
  show();
  show(["n2 eth0", false]);
  expect(lines).toEqual([]);
  show(["n2 eth0", true]);
  show(["n2 eth0", true], ["n3 eth1", true]);
  show(["n2 eth0", true], ["n3 eth1", true]);
  expect(await renderMetrics()).toMatch(/^berth_speaker_broken_paths 2$/m);
  show(["n3 eth1", true]);
  expect(lines).toEqual([
    "warn n2 eth0: the path to this peer is broken: it finds this node gone, and this node does not hear it",
    "warn n3 eth1: the path to this peer is broken: it finds this node gone, and this node does not hear it",
    "info n2 eth0: the path to this peer is broken no more: it is heard, or it has gone",
  ]);
});
