/** The closed list of reasons a Berth program fails for; logs and metrics carry the code, people read the message. */
export type ErrorCode =
  | "bad-flag"
  | "bad-config"
  | "bad-object"
  | "api-unreachable"
  | "api-timeout"
  | "api-refused"
  | "conflict"
  | "not-found"
  | "gone"
  | "os"
  | "internal";

/** The one error class of Berth. The message says what is wrong and what to do; `cause` keeps what led to it. */
export class BerthError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "BerthError";
    this.code = code;
  }

  /** The single catch-all: whatever was thrown becomes a BerthError, with the original as its cause. */
  static from(thrown: unknown, code: ErrorCode = "internal"): BerthError {
    if (thrown instanceof BerthError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new BerthError(code, message, { cause: thrown });
  }
}

/** Closes a switch over a discriminated union: a new member that is not handled fails the type check. */
export function assertNever(value: never): never {
  throw new BerthError("internal", `unhandled case ${JSON.stringify(value)}`);
}
