/** What a program does when it is told to go. */
import { BerthError } from "./errors.ts";
import type { Logger } from "./log.ts";

export type ShutdownSignal = "SIGTERM" | "SIGINT";

/** The part of `process` that is used here; a test gives its own. */
export interface ProcessLike {
  on(signal: ShutdownSignal, listener: (signal: ShutdownSignal) => void): unknown;
  exit(code: number): void;
}

/**
 * Runs the handler on the first SIGTERM or SIGINT and exits when it is done: 0, or 1 if it failed. The handler bounds
 * its own time (the kubelet kills after terminationGracePeriodSeconds). A second signal exits at once, since whoever
 * sends it does not want to wait.
 */
export function onShutdown(
  handler: (signal: ShutdownSignal) => Promise<void>,
  log: Logger,
  target: ProcessLike = process,
): void {
  let leaving = false;
  const onSignal = (signal: ShutdownSignal): void => {
    if (leaving) {
      log.warn({ signal }, "second signal, leaving at once");
      target.exit(1);
      return;
    }
    leaving = true;
    log.info({ signal }, "shutting down");
    run(handler, signal).then(
      () => {
        log.info({ signal }, "shut down");
        target.exit(0);
      },
      (thrown) => {
        log.error({ signal, error: BerthError.from(thrown) }, "shutdown failed");
        target.exit(1);
      },
    );
  };
  target.on("SIGTERM", onSignal);
  target.on("SIGINT", onSignal);
}

/** A handler that throws before its first await must count as a failed one, not as a crash. */
async function run(handler: (signal: ShutdownSignal) => Promise<void>, signal: ShutdownSignal): Promise<void> {
  await handler(signal);
}
