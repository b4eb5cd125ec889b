import { execFile } from "node:child_process";
import { BerthError } from "../../lib/runtime/errors.ts";

export interface Output {
  /** Exit code; 128 + signal number has no meaning here, a process ended by a signal (or the time-out) gives -1. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Default 30 000. The process is killed when it is over. */
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Where Debian keeps what only root runs; not on everybody's PATH. */
export const searchPath = `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;

const outputBytesMax = 64 * 1024 * 1024;

/** Runs one command to its end. Never rejects: a program that cannot be started gives code -1 and the reason in stderr. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const [file = "", ...rest] = argv;
  return new Promise((resolve) => {
    const child = execFile(
      file,
      rest,
      {
        timeout: options.timeoutMs ?? 30_000,
        killSignal: "SIGKILL",
        maxBuffer: outputBytesMax,
        env: { ...(options.env ?? process.env), PATH: searchPath },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ code: 0, stdout, stderr });
        const code = typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr: code === -1 ? `${stderr}${error.message}` : stderr });
      },
    );
    // A program that ends without reading its input must not take us down with EPIPE.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

/** Like run, but anything other than exit code 0 is a BerthError "os" that carries what the program wrote. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const output = await run(argv, options);
  if (output.code === 0) return output.stdout;
  const said = (output.stderr || output.stdout).trim().slice(-2000);
  throw new BerthError("os", `${argv.join(" ").slice(0, 300)} ended with ${output.code}: ${said}`);
}

/** The argv that runs a command inside a network namespace; `ip netns exec` would remount /sys and hide the cgroups. */
export function inNamespace(namespace: string, argv: readonly string[]): string[] {
  return ["nsenter", `--net=/var/run/netns/${namespace}`, "--", ...argv];
}

/** Polls until `probe` gives something else than undefined. BerthError "api-timeout" names what was waited for. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const { timeoutMs = 30_000, everyMs = 100 } = options;
  const startedAt = performance.now();
  let last: unknown;
  while (performance.now() - startedAt < timeoutMs) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (thrown) {
      last = thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  const because = last === undefined ? "" : `; last: ${BerthError.from(last).message}`;
  throw new BerthError("api-timeout", `waited ${timeoutMs} ms for ${what}${because}`, { cause: last });
}
