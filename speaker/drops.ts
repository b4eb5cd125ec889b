/** Which reasons to drop a frame say that something on the segment is broken or hostile, and when the log says so. */
import type { MldDrop } from "./packet/mld.ts";
import type { ResponderDrop } from "./responder.ts";

/** No well-behaved station sends such frames. The rest is everyday traffic: other people's addresses, answers, announcements. */
const MALFORMED: ReadonlySet<string> = new Set<ResponderDrop | MldDrop | "too-long">([
  "ethernet-short",
  "ethernet-source",
  "arp-short",
  "arp-hardware-type",
  "arp-protocol-type",
  "arp-lengths",
  "arp-operation",
  "arp-sender-mac",
  "ip6-short",
  "ip6-version",
  "ip6-length",
  "ip6-next-header",
  "ip6-source",
  "nd-hop-limit",
  "nd-short",
  "nd-type",
  "nd-code",
  "nd-checksum",
  "nd-target",
  "nd-option-length",
  "nd-option-address",
  "nd-dad-destination",
  "nd-dad-source-option",
  "nd-solicited-multicast",
  "mld-short",
  "mld-version",
  "mld-hop-by-hop",
  "mld-router-alert",
  "mld-hop-limit",
  "mld-source",
  "mld-type",
  "mld-checksum",
  "mld-group",
  "mld-destination",
  "mld-sources",
  "too-long",
]);

export function isMalformed(outcome: string): boolean {
  return MALFORMED.has(outcome);
}

/** Not malformed, but nobody who answers should ever see it: more frames came than could be read. */
const OVERFLOW = "receive-dropped";

/** At most one line in this time, whatever is sent. */
export const LINE_EVERY_MS = 60_000;

export interface DropLogState {
  readonly toldMs: number;
  /** The worker's running totals when the last line was written. BOUNDED by the closed list of reasons. */
  readonly told: Readonly<Record<string, number>>;
}

export const initialDropLog: DropLogState = { toldMs: Number.NEGATIVE_INFINITY, told: {} };

/** What a line says: how many frames since the last line, by reason. */
export type DropLine = Readonly<Record<string, number>>;

/** The totals of the worker have come. A line is due when a count rose and the last line is old enough. */
export function stepDropLog(
  state: DropLogState,
  totals: Readonly<Record<string, number>>,
  now: number,
): { readonly state: DropLogState; readonly line: DropLine | undefined } {
  if (now - state.toldMs < LINE_EVERY_MS) return { state, line: undefined };
  const reasons = Object.keys(totals).filter((reason) => isMalformed(reason) || reason === OVERFLOW);
  const risen = reasons
    .map((reason): [string, number] => [reason, (totals[reason] ?? 0) - (state.told[reason] ?? 0)])
    .filter(([, more]) => more > 0);
  if (risen.length === 0) return { state, line: undefined };
  const told = Object.fromEntries(reasons.map((reason) => [reason, totals[reason] ?? 0]));
  return { state: { toldMs: now, told }, line: Object.fromEntries(risen) };
}
