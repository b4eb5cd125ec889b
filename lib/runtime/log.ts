/** JSON lines on standard output, one object per line (pino). */
import { pino } from "pino";

export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  /** A logger that adds these fields to each of its lines. */
  child(fields: Record<string, unknown>): Logger;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where lines go; standard output unless a test says otherwise. */
export interface LogSink {
  write(line: string): void;
}

/**
 * What a line says of an error: code, message and what led to it. The stack only of what nobody foresaw: a refused connection is told
 * by its message, and a DOMException (a time-out) has thirty fields that say nothing.
 */
function describe(thrown: unknown, isForeseen = false): unknown {
  // By its shape: a DOMException is an Error, but not of every realm.
  const { message, code, reason, cause, stack } = (thrown ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof message !== "string") return thrown;
  const isKnown = isForeseen || (typeof code === "string" && code !== "internal");
  return {
    ...(typeof code === "string" ? { code } : {}),
    message,
    ...(typeof reason === "string" && reason !== "" ? { reason } : {}),
    ...(cause === undefined ? {} : { cause: describe(cause, isKnown) }),
    ...(isKnown ? {} : { stack }),
  };
}

/**
 * A logger that writes synchronously: the last line before an exit or a crash is the one that matters, and an
 * asynchronous destination loses it. Errors under the key `error` are written with their code and cause.
 */
export function createLogger(options: {
  readonly name: string;
  readonly level: LogLevel;
  readonly sink?: LogSink;
}): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      base: { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (thrown: unknown) => describe(thrown) },
    },
    options.sink ?? pino.destination({ dest: 1, sync: true }),
  );
}

/** Drops every line; for tests and for parts whose caller does not care. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
