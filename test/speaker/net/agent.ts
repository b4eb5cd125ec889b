/**
 * A frame worker as a process of its own, for tests that run it in a network namespace: messages to the worker come as
 * JSON lines on stdin, its messages go as JSON lines to stdout. {"block": ms} blocks the main thread, so that it cannot sign;
 * {"ticks": true} asks which share of the times of its own timer of 20 ms has come since it was last asked, and how late it was at most. What the speaker would log of dropped frames comes as `logged`.
 */
import { createInterface } from "node:readline";
import { silentLogger } from "../../../lib/runtime/log.ts";
import { FramePort } from "../../../speaker/net/frame-port.ts";
import type { FromWorker, ToWorker } from "../../../speaker/net/messages.ts";
import { DropLog } from "../../../speaker/shell/drop-log.ts";

export type AgentMessage =
  | FromWorker
  | { readonly type: "ticks"; readonly share: number; readonly lateMs: number }
  | { readonly type: "logged"; readonly fields: Record<string, unknown> };

const workerUrl = process.argv[2];
const port = new FramePort(workerUrl === undefined ? {} : { workerUrl: new URL(workerUrl) });
const print = (message: AgentMessage) => process.stdout.write(`${JSON.stringify(message)}\n`);
const drops = new DropLog({ ...silentLogger, warn: (fields) => print({ type: "logged", fields }) });
port.onMessage((message) => {
  print(message);
  if (message.type === "counters") drops.update(message, performance.now());
});
const TICK_MS = 20;
let [ticks, lateMs, tickedAt, askedAt] = [0, 0, performance.now(), performance.now()];
setInterval(() => {
  const now = performance.now();
  [ticks, lateMs, tickedAt] = [ticks + 1, Math.max(lateMs, now - tickedAt - TICK_MS), now];
}, TICK_MS).unref();

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const message = JSON.parse(line) as ToWorker | { readonly block: number } | { readonly ticks: true };
  if ("ticks" in message) {
    const now = performance.now();
    print({ type: "ticks", share: (ticks * TICK_MS) / (now - askedAt), lateMs });
    [ticks, lateMs, askedAt] = [0, 0, now];
    return;
  }
  if ("block" in message) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, message.block);
    return;
  }
  port.send(message);
});
lines.on("close", () => void port.close());
