/** Why a call to the API server failed, in the terms of the API server (Kubernetes API conventions, "Response Status Kind"). */
import { asInteger, asText, fields } from "../model/decode.ts";
import { BerthError, type ErrorCode } from "../runtime/errors.ts";
import type { Json } from "./api.ts";

export interface KubeErrorDetails {
  /** HTTP status, or the code of a Status that came as an event of a watch; undefined when nothing was answered. */
  readonly status?: number;
  /** Status.reason: "AlreadyExists", "Expired", "Invalid", …; "" when there was none. */
  readonly reason?: string;
  /** How long the server asks to be left alone, in milliseconds (Retry-After or details.retryAfterSeconds). */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** What every method of KubeApi rejects with. */
export class KubeError extends BerthError {
  readonly status: number | undefined;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: KubeErrorDetails = {}) {
    super(code, message, { cause: details.cause });
    this.name = "KubeError";
    this.status = details.status;
    this.reason = details.reason ?? "";
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** A server told to wait longer than this is asked again all the same. */
const RETRY_AFTER_MAX_MS = 60_000;

/**
 * The error for an answer that is no success. `body` is a Status object where the API server wrote one; a proxy in
 * front of it writes anything else. `retryAfter` is the header's text, read as seconds (RFC 9110 section 10.2.3; the
 * date form is not used by the API server and is ignored).
 */
export function errorFromStatus(httpStatus: number, body: Json | undefined, retryAfter?: string): KubeError {
  const status = fields(body);
  const code = asInteger(status["code"]) ?? httpStatus;
  const reason = asText(status["reason"]) ?? "";
  const message = asText(status["message"]) ?? `the API server answered ${httpStatus}`;
  const seconds = retryAfterSeconds(retryAfter) ?? asInteger(fields(status["details"])["retryAfterSeconds"]);
  const retryAfterMs = seconds === undefined ? undefined : Math.min(Math.max(seconds, 0) * 1000, RETRY_AFTER_MAX_MS);
  return new KubeError(codeOf(code), message, {
    status: code,
    reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The error for a call that ended without an answer. Tells the innermost cause, which is the one that says something. */
export function errorFromThrown(thrown: unknown, doing: string): KubeError {
  if (thrown instanceof KubeError) return thrown;
  const what = causes(thrown).at(-1)?.message ?? String(thrown);
  return new KubeError("api-unreachable", `${doing}: ${what}`, { cause: thrown });
}

/** True when nothing was answered: the connection may be dead, and whether a write took effect is not known. */
export function isUnanswered(error: BerthError): boolean {
  return error.code === "api-timeout" || error.code === "api-unreachable";
}

function codeOf(status: number): ErrorCode {
  if (status === 404) return "not-found";
  if (status === 409) return "conflict";
  if (status === 410) return "gone";
  return "api-refused";
}

function retryAfterSeconds(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}

/** The error and what led to it, outermost first. BOUNDED: eight deep. */
function causes(thrown: unknown): readonly Error[] {
  const chain: Error[] = [];
  let one = thrown;
  while (Error.isError(one) && chain.length < 8) {
    chain.push(one);
    one = one.cause;
  }
  return chain;
}
