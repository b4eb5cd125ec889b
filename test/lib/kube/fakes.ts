/** A scripted KubeApi, and time that the test moves. */
import type { Json, KubeApi, PatchType, RequestOptions, WatchHandlers } from "../../../lib/kube/api.ts";
import type { Clock } from "../../../lib/runtime/clock.ts";
import type { BerthError } from "../../../lib/runtime/errors.ts";
import type { Scheduler } from "../../../lib/runtime/scheduler.ts";

export interface Call {
  readonly verb: "get" | "create" | "replace" | "patch" | "delete";
  readonly path: string;
  readonly body: Json | undefined;
  readonly type: PatchType | undefined;
  readonly options: RequestOptions | undefined;
  answer(value: Json): Promise<void>;
  refuse(error: BerthError): Promise<void>;
}

export interface OpenedWatch {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly handlers: WatchHandlers;
  closed: boolean;
}

/** Remembers every call, and answers when the test says so. */
export class FakeApi implements KubeApi {
  readonly calls: Call[] = [];
  readonly watches: OpenedWatch[] = [];
  closings = 0;

  get(path: string, options?: RequestOptions): Promise<Json> {
    return this.#call("get", path, undefined, undefined, options);
  }
  create(path: string, body: Json, options?: RequestOptions): Promise<Json> {
    return this.#call("create", path, body, undefined, options);
  }
  replace(path: string, body: Json, options?: RequestOptions): Promise<Json> {
    return this.#call("replace", path, body, undefined, options);
  }
  patch(path: string, type: PatchType, body: Json, options?: RequestOptions): Promise<Json> {
    return this.#call("patch", path, body, type, options);
  }
  delete(path: string, body?: Json, options?: RequestOptions): Promise<Json> {
    return this.#call("delete", path, body, undefined, options);
  }
  watch(path: string, query: Readonly<Record<string, string>>, handlers: WatchHandlers) {
    const opened: OpenedWatch = { path, query, handlers, closed: false };
    this.watches.push(opened);
    return {
      close: () => {
        if (opened.closed) return;
        opened.closed = true;
        handlers.onEnd(undefined);
      },
    };
  }
  closeConnections(): void {
    this.closings++;
  }

  /** The last call that was made. */
  get last(): Call {
    const call = this.calls.at(-1);
    if (call === undefined) throw new Error("no call was made");
    return call;
  }

  #call(
    verb: Call["verb"],
    path: string,
    body: Json | undefined,
    type: PatchType | undefined,
    options?: RequestOptions,
  ) {
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    this.calls.push({
      verb,
      path,
      body,
      type,
      options,
      answer: (value) => {
        resolve(value);
        return settle();
      },
      refuse: (error) => {
        reject(error);
        return settle();
      },
    });
    return promise;
  }
}

/** Lets the continuations of settled promises run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Monotonic and wall time in one, moved by hand; timers fire in the order of their time. */
export class FakeTime implements Clock, Scheduler {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];

  monotonicMs(): number {
    return this.#now;
  }
  wallMs(): number {
    return Date.UTC(2026, 0, 1) + this.#now;
  }
  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }
  /** Timers that are set. */
  get pending(): number {
    return this.#timers.length;
  }
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const due = this.#timers.filter((timer) => timer.at <= end).sort((left, right) => left.at - right.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = end;
    await settle();
  }
}
