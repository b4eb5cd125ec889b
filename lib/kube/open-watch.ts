/** One watch of the API server, with the promises of WatchHandlers kept over what client-node's Watch does. */
import { BerthError } from "../runtime/errors.ts";
import type { Json, WatchHandle, WatchHandlers } from "./api.ts";
import { errorFromThrown } from "./errors.ts";

export type DoneHandler = (error: unknown) => void;
export type EventHandler = (type: string, object: Json) => void;

/** One end, and nothing after it, whatever order client-node calls back in. */
export class OpenWatch implements WatchHandle {
  readonly #handlers: WatchHandlers;
  readonly #onClosed: () => void;
  #ended = false;
  #abort: AbortController | undefined;

  constructor(handlers: WatchHandlers, onClosed: () => void) {
    this.#handlers = handlers;
    this.#onClosed = onClosed;
  }

  start(open: (onEvent: EventHandler, onDone: DoneHandler) => Promise<AbortController>): void {
    const onDone: DoneHandler = (thrown) =>
      this.end(thrown === null || thrown === undefined ? undefined : errorFromThrown(thrown, "watch"));
    open((type, object) => this.#event(type, object), onDone).then((abort) => {
      this.#abort = abort;
      if (this.#ended) abort.abort();
    }, onDone);
  }

  close(): void {
    this.end(undefined);
  }

  end(error: BerthError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onClosed();
    this.#abort?.abort();
    this.#handlers.onEnd(error);
  }

  /** client-node swallows what its callback throws; an event that was lost so must at least end the watch. */
  #event(type: string, object: Json): void {
    if (this.#ended) return;
    try {
      this.#handlers.onEvent(type, object);
    } catch (thrown) {
      this.end(BerthError.from(thrown));
    }
  }
}
