/** The messages of one turn, sorted so that each kind is handled once: of tables and listen sets the last one counts. */
import { assertNever } from "../../lib/runtime/errors.ts";
import type { Announced } from "../announcer.ts";
import type { ProbeRequest } from "../prober.ts";
import type { ToWorker } from "./messages.ts";

type Message<Type extends ToWorker["type"]> = Extract<ToWorker, { type: Type }>;

export class Inbox {
  table: Message<"table"> | undefined;
  listen: Message<"listen"> | undefined;
  watch: Message<"watch"> | undefined;
  stop = false;
  readonly generations: number[] = [];
  readonly announced: Announced[] = [];
  readonly probes: ProbeRequest[] = [];
  readonly resumed: number[] = [];

  /** All that wait, at most `limit` of them; undefined when there is none, which costs nothing. */
  static gather(next: () => ToWorker | undefined, limit: number): Inbox | undefined {
    let message = next();
    if (message === undefined) return undefined;
    const inbox = new Inbox();
    for (let count = 1; message !== undefined; count++) {
      inbox.add(message);
      message = count < limit ? next() : undefined;
    }
    return inbox;
  }

  add(message: ToWorker): void {
    switch (message.type) {
      case "table":
        this.table = message;
        this.generations.push(message.generation);
        return;
      case "listen":
        this.listen = message;
        return;
      case "watch":
        this.watch = message;
        return;
      case "announce": {
        const family = message.address.includes(":") ? 6 : 4;
        const { address, interface: on, once } = message;
        this.announced.push({ address, family, interface: on, ...(once === true ? { once } : {}) });
        return;
      }
      case "probe":
        this.probes.push(message);
        return;
      case "resume":
        this.resumed.push(message.fence);
        return;
      case "sign":
        return;
      case "stop":
        this.stop = true;
        return;
      default:
        assertNever(message);
    }
  }
}
