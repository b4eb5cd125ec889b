import { type ChildProcess, spawn } from "node:child_process";
import { BerthError } from "../../lib/runtime/errors.ts";
import { type CapturedFrame, type FrameView, PcapSplitter, viewFrame } from "./frames.ts";
import { searchPath, waitFor } from "./run.ts";

const linesMax = 1_000_000;
/** What the wire carried before a capture was told to stop has reached it after this time, on a loaded machine too. */
const settleMs = 500;

/** How a process ended: an exit code, or the signal that ended it. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that runs beside the test, in a namespace of the lab; it is the test's child and must be ended by it. */
export class Spawned {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  readonly #stderr: string[] = [];
  #lines: string[] = [];
  #rest = "";
  #over: Ended | undefined;

  constructor(argv: readonly string[], onData?: (chunk: Buffer) => void) {
    const [file = "", ...rest] = argv;
    this.#child = spawn(file, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, PATH: searchPath } });
    this.#child.stdout?.on("data", onData ?? ((chunk: Buffer) => this.#take(chunk.toString("utf8"))));
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      if (this.#stderr.length < 1000) this.#stderr.push(chunk.toString("utf8"));
    });
    this.#ended = new Promise((resolve) => {
      const end = (ended: Ended): void => {
        this.#over = ended;
        resolve(ended);
      };
      this.#child.on("error", () => end({ code: -1, signal: null }));
      this.#child.on("close", (code, signal) => end({ code, signal }));
    });
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (this.#lines.length < linesMax) this.#lines.push(line);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Whole lines of standard output so far; at most a million are kept. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  get stderr(): string {
    return this.#stderr.join("");
  }

  /** Sends a signal; nothing happens when the process has ended. */
  signal(name: NodeJS.Signals): void {
    if (this.#over === undefined) this.#child.kill(name);
  }

  wait(): Promise<Ended> {
    return this.#ended;
  }

  /** Ends the process and waits for it: after `graceMs` with SIGKILL. */
  async stop(name: NodeJS.Signals = "SIGTERM", graceMs = 5000): Promise<Ended> {
    this.signal(name);
    const timer = setTimeout(() => this.signal("SIGKILL"), graceMs);
    return this.#ended.finally(() => clearTimeout(timer));
  }

  /** Waits until `accept` is true of the standard error or output; BerthError "os" when the process ends before. */
  async until(what: string, accept: (process: Spawned) => boolean, timeoutMs = 10_000): Promise<void> {
    const outcome = await waitFor(what, () => (accept(this) ? "yes" : this.#over === undefined ? undefined : "ended"), {
      timeoutMs,
      everyMs: 20,
    });
    if (outcome === "ended")
      throw new BerthError("os", `the process ended before ${what}: ${this.stderr.slice(-1000)}`);
  }
}

/** What `tools connect` says at its end; see test/lab/tools/gaps.go. */
export interface ConnectSummary {
  readonly attempts: number;
  readonly ok: number;
  readonly failed: number;
  readonly longestGapMs: number;
  readonly gaps: readonly { readonly startMs: number; readonly durationMs: number; readonly failed: number }[];
  readonly errors: Readonly<Record<string, number>>;
  readonly pods: Readonly<Record<string, number>>;
  readonly nodes: Readonly<Record<string, number>>;
  readonly seenClients: Readonly<Record<string, number>>;
  /** How often a stream was opened; only in mode "stream". */
  readonly connections?: number;
}

/** What became of the new connections that failed: `cut` were open and were reset or had no answer; all others, by their error, never opened. */
export function failuresOf({ errors }: Pick<ConnectSummary, "errors">) {
  const { "connection reset by peer": reset = 0, stalled = 0, ...lost } = errors;
  return { cut: reset + stalled, lost };
}

/** One attempt of `tools connect --lines`; see test/lab/tools/gaps.go. */
export interface ConnectResult {
  readonly startMs: number;
  readonly ok: boolean;
  readonly latencyMs: number;
  readonly error?: string;
  readonly pod?: string;
  readonly node?: string;
  readonly seenClient?: string;
}

/** A running `tools connect`. */
export class Connecting {
  readonly process: Spawned;

  constructor(process: Spawned) {
    this.process = process;
  }

  /** Attempts so far. */
  get results(): readonly ConnectResult[] {
    return this.process.lines
      .filter((line) => !line.startsWith('{"summary"'))
      .map((line) => JSON.parse(line) as ConnectResult);
  }

  /** Waits until at least `count` attempts from now on went well. */
  async untilOk(count: number, timeoutMs = 30_000): Promise<void> {
    const from = this.process.lines.length;
    const ok = (process: Spawned): boolean =>
      process.lines.slice(from).filter((line) => line.includes('"ok":true')).length >= count;
    await this.process.until(`${count} answered connections`, ok, timeoutMs);
  }

  /** Ends it; what it found. */
  async finish(): Promise<ConnectSummary> {
    await this.process.stop();
    const last = this.process.lines.at(-1);
    if (last === undefined || !last.startsWith('{"summary"')) {
      throw new BerthError("os", `connect ended without a summary: ${this.process.stderr.slice(-1000)}`);
    }
    return JSON.parse(last) as ConnectSummary;
  }
}

/** A running capture. */
export class Capture {
  readonly #process: Spawned;
  readonly #frames: CapturedFrame[] = [];

  constructor(argv: readonly string[]) {
    const splitter = new PcapSplitter();
    this.#process = new Spawned(argv, (chunk) => {
      for (const frame of splitter.push(chunk)) if (this.#frames.length < linesMax) this.#frames.push(frame);
    });
  }

  async ready(): Promise<void> {
    await this.#process.until("tcpdump listens", (process) => process.stderr.includes("listening on"));
  }

  /** Frames so far, as bytes. */
  get frames(): readonly CapturedFrame[] {
    return this.#frames;
  }

  /** Frames so far, read. */
  get views(): readonly FrameView[] {
    return this.#frames.map(viewFrame);
  }

  /**
   * Ends the capture and gives all frames. Waits first: tcpdump forgets what it has not read yet when it is interrupted. BerthError "os" when
   * the kernel had no room for a frame: what is not in the capture may have been on the wire.
   */
  async stop(): Promise<readonly FrameView[]> {
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    await this.#process.stop("SIGINT");
    const dropped = droppedByKernel(this.#process.stderr);
    if (dropped > 0) throw new BerthError("os", `the capture is not whole: ${dropped} frames dropped by the kernel`);
    return this.views;
  }
}

/** What tcpdump says at its end, of frames for which its ring had no place. */
export function droppedByKernel(said: string): number {
  return Number(/^(\d+) packets? dropped by kernel$/m.exec(said)?.[1] ?? 0);
}
