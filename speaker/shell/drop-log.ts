import type { Logger } from "../../lib/runtime/log.ts";
import { initialDropLog, stepDropLog } from "../drops.ts";
import type { FromWorker } from "../net/messages.ts";

/** One line a minute at most about frames that no well-behaved station sends, with who sent the last one of each kind. */
export class DropLog {
  readonly #log: Logger;
  #state = initialDropLog;

  constructor(log: Logger) {
    this.#log = log;
  }

  update({ counters, senders }: Extract<FromWorker, { type: "counters" }>, nowMs: number): void {
    const { state, line } = stepDropLog(this.#state, counters, nowMs);
    this.#state = state;
    if (line === undefined) return;
    const last = Object.fromEntries(Object.entries(senders).filter(([reason]) => reason in line));
    this.#log.warn({ frames: line, lastSender: last }, "frames dropped that no well-behaved station sends");
  }
}
