/** One watch of the API server: lines become events, and WatchHandlers' promises are kept whatever the connection does. */
import { asText, fields } from "../model/decode.ts";
import { BerthError } from "../runtime/errors.ts";
import type { Json, WatchHandle, WatchHandlers } from "./api.ts";
import { errorFromThrown, KubeError } from "./errors.ts";
import { LINE_MAX_BYTES, LineSplitter } from "./lines.ts";

/** One end, and nothing after it. */
export class OpenWatch implements WatchHandle {
  readonly #handlers: WatchHandlers;
  readonly #onClosed: () => void;
  readonly #lines = new LineSplitter();
  #ended = false;
  #disconnect: () => void = () => {};

  constructor(handlers: WatchHandlers, onClosed: () => void) {
    this.#handlers = handlers;
    this.#onClosed = onClosed;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** `disconnect` ends the connection that chunks come from. */
  connected(disconnect: () => void): void {
    this.#disconnect = disconnect;
    if (this.#ended) disconnect();
  }

  close(): void {
    this.end(undefined);
  }

  end(error: BerthError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onClosed();
    this.#disconnect();
    this.#handlers.onEnd(error);
  }

  chunk(chunk: Buffer): void {
    const lines = this.#lines.push(chunk);
    for (const line of lines.ok ? lines.value : []) {
      if (this.#ended) return;
      this.#line(line);
    }
    if (!lines.ok) this.end(new KubeError("api-unreachable", `watch: a line of more than ${LINE_MAX_BYTES} bytes`));
  }

  /** A line that cannot be read, or a handler that throws, ends the watch: an event that is lost must not go unnoticed. */
  #line(line: string): void {
    try {
      const { type, object } = readLine(line);
      this.#handlers.onEvent(type, object);
    } catch (thrown) {
      this.end(BerthError.from(thrown));
    }
  }
}

/** Throws a KubeError for what is no JSON. */
function readLine(line: string): { readonly type: string; readonly object: Json } {
  try {
    const { type, object } = fields(JSON.parse(line) as Json);
    return { type: asText(type) ?? "", object: object ?? null };
  } catch (thrown) {
    throw errorFromThrown(thrown, "watch: a line that is no JSON");
  }
}
