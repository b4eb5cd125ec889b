/** The main thread's end of the frame worker. */
import { closeSync, writeSync } from "node:fs";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { SILENT_TURNS_MAX, WorkerWatch } from "./worker-watch.ts";

const SIGN_EVERY_MS = 1000;
const WAKE = Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0]);

/** Beside this file: as source when this is source, else as the second output file of the bundler. */
export function defaultWorkerUrl(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./frame-worker.ts" : "./frame-worker.js", import.meta.url);
}

export class FramePort {
  readonly #port: MessagePort;
  readonly #worker: Worker;
  readonly #signing: NodeJS.Timeout;
  readonly #ended: Promise<void>;
  readonly #watch = new WorkerWatch();
  #isHung = false;
  #callback: (message: FromWorker) => void = () => {};
  #wakeFd: number | undefined;
  #lossSeen = 0;
  #closing = false;

  /** Starts the worker. What goes wrong in it arrives as `failed`; after a fatal one the worker answers nothing any more. */
  constructor(options: { readonly workerUrl?: URL } = {}) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const url = options.workerUrl ?? defaultWorkerUrl();
    this.#worker = new Worker(url, { workerData: { port: port2 }, transferList: [port2], name: "berth-frames" });
    port1.on("message", (message: FromWorker) => this.#receive(message));
    this.#worker.on("error", (error) => {
      const message = `the frame worker ended: ${BerthError.from(error).message}`;
      this.#callback({ type: "failed", message, fatal: true });
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#end();
        resolve();
      });
    });
    this.#signing = setInterval(() => this.#sign(), SIGN_EVERY_MS);
  }

  /** One callback; messages come in the order in which the worker sent them. Set it before the first `await`. */
  onMessage(callback: (message: FromWorker) => void): void {
    this.#callback = callback;
  }

  /** Hands the message over and wakes the worker. After the worker has ended nothing happens. */
  send(message: ToWorker): void {
    this.#port.postMessage(message.type === "table" ? { ...message, lossSeen: this.#lossSeen } : message);
    if (this.#wakeFd !== undefined) writeSync(this.#wakeFd, WAKE);
  }

  /** Stops the worker: nothing is answered from here on. Resolves when its sockets are closed; at once if it hangs, for then they end with the process. */
  async close(): Promise<void> {
    if (this.#isHung) return;
    if (!this.#closing) this.send({ type: "stop" });
    this.#closing = true;
    await this.#ended;
  }

  #sign(): void {
    this.send({ type: "sign" });
    if (this.#closing || !this.#watch.turn()) return;
    this.#isHung = true;
    const message = `the frame worker hangs: it has not turned for ${(SILENT_TURNS_MAX * SIGN_EVERY_MS) / 1_000} s`;
    this.#callback({ type: "failed", message, fatal: true });
  }

  #receive(message: FromWorker): void {
    this.#watch.heard();
    if (message.type === "turning") return;
    if (message.type === "ready") this.#wakeFd = message.wakeFd;
    if (message.type === "lost") this.#lossSeen = message.loss;
    // The worker acts alone where this thread does not run (held-news.ts).
    if (message.type === "heard" && message.how === "announcement") this.send({ type: "sign" });
    this.#callback(message);
  }

  /** The worker leaves the eventfd open, so that its number cannot belong to another file before this. */
  #end(): void {
    clearInterval(this.#signing);
    this.#port.close();
    if (this.#wakeFd !== undefined) closeSync(this.#wakeFd);
    this.#wakeFd = undefined;
  }
}
