import { expect, test } from "@jest/globals";
import { type Logger, silentLogger } from "../../../lib/runtime/log.ts";
import { renderMetrics } from "../../../lib/runtime/metrics.ts";
import { WirelessWarning } from "../../../speaker/shell/wireless.ts";

const shown = async () =>
  (await renderMetrics()).split("\n").find((line) => line.startsWith("berth_speaker_wireless_interfaces "));

test("each wireless interface is warned of once while it is there, and counted", async () => {
  const named: unknown[] = [];
  const log: Logger = { ...silentLogger, warn: ({ interface: name }) => named.push(name) };
  const warning = new WirelessWarning(log, (path) => path.startsWith("/sys/class/net/wl"));
  warning.look(["eth0"]);
  expect([named, await shown()]).toEqual([[], "berth_speaker_wireless_interfaces 0"]);
  warning.look(["eth0", "wlan0"]);
  warning.look(["eth0", "wlan0", "wlp2s0"]);
  expect([named, await shown()]).toEqual([["wlan0", "wlp2s0"], "berth_speaker_wireless_interfaces 2"]);
  warning.look(["eth0"]);
  expect(await shown()).toBe("berth_speaker_wireless_interfaces 0");
  warning.look(["wlan0"]);
  expect(named).toEqual(["wlan0", "wlp2s0", "wlan0"]);
});
