/** The uplink monitor as a process of its own, for tests in a network namespace: answers and what it concludes, as JSON lines on stdout. */
import { createInterface } from "node:readline";
import { silentLogger } from "../../../lib/runtime/log.ts";
import { ping } from "../../../speaker/net/ping.ts";
import { readGateways } from "../../../speaker/shell/gateways.ts";
import { startUplinkMonitor } from "../../../speaker/shell/uplink-monitor.ts";
import { uplinkTargets } from "../../../speaker/uplink.ts";

const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
const stop = startUplinkMonitor({
  log: silentLogger,
  former: [],
  interfaces: () => ["eth0", "eth1"],
  targets: () => uplinkTargets(["eth0", "eth1"], readGateways()),
  onLost: (lost) => say({ lost }),
  ask: async (target, timeoutMs, name) => {
    const pong = await ping(target, timeoutMs, name);
    say({ asked: name, family: target.family, answered: pong.ok });
    return pong;
  },
});
createInterface({ input: process.stdin }).on("close", stop);
