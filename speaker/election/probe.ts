import { type Draft, due, ownCandidate, wake } from "./draft.ts";
import { type ProbeWhy, TIMES } from "./types.ts";

/**
 * Asks the wire who answers for the address, where this node would answer itself; not before the pause after a failure. With `to` only
 * that MAC.
 */
export function startProbe(d: Draft, why: ProbeWhy, to?: string): void {
  const { s } = d;
  const on = ownCandidate(d);
  if (on === undefined || s.task.kind === "probe" || !due(d, s.retryAtMs)) return;
  s.serial += 1;
  s.task = { kind: "probe", why, id: s.serial, sinceMs: d.now, to };
  wake(d, d.now + TIMES.probeLimitMs);
  d.effects.push({ type: "probe", id: s.serial, address: s.address, interface: on.interface, to });
}
