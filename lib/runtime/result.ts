/** What a parser returns: failing is normal at the border, so it is a value and not an exception. */
export type Result<T, Reason = string> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: Reason };

export function ok<T>(value: T): Result<T, never> {
  return { ok: true, value };
}

export function fail<Reason>(reason: Reason): Result<never, Reason> {
  return { ok: false, reason };
}
