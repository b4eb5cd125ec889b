/**
 * A frame worker as a process of its own, for tests that run it in a network namespace: messages to the worker come as
 * JSON lines on stdin, its messages go as JSON lines to stdout. {"block": ms} blocks the main thread, so that it cannot sign.
 */
import { createInterface } from "node:readline";
import { FramePort } from "../../../speaker/net/frame-port.ts";
import type { ToWorker } from "../../../speaker/net/messages.ts";

const workerUrl = process.argv[2];
const port = new FramePort(workerUrl === undefined ? {} : { workerUrl: new URL(workerUrl) });
port.onMessage((message) => process.stdout.write(`${JSON.stringify(message)}\n`));

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const message = JSON.parse(line) as ToWorker | { readonly block: number };
  if ("block" in message) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, message.block);
    return;
  }
  port.send(message);
});
lines.on("close", () => void port.close());
