/**
 * Whether kube-proxy of this node translates what arrives (election.md section 3, E14): a node that is up before it gives traffic
 * back to the wire. Pure; shell/proxy-monitor.ts asks.
 */

/** Every 5 s, each answer within 1 s. */
export const PROXY_POLL_MS = 5_000;
export const PROXY_TIMEOUT_MS = 1_000;
/** kube-proxy's `healthzBindAddress`, by default on every address of the node. */
export const PROXY_PORT = 10_256;
/** Refused for so long after the start of the speaker: there is no kube-proxy here (Cilium and others do without). */
const ABSENT_AFTER_MS = 60_000;

/** The status, "refused" when nothing listens there, "failed" for no answer in time or one that cannot be read. */
export type ProxyAnswer = number | "refused" | "failed";

export interface ProxyHealth {
  readonly startedMs: number;
  /** Somebody has listened there since the start: from then on a refusal is one that is being restarted. */
  readonly present: boolean;
  readonly ready: boolean;
}

/** Not ready before the first answer. */
export function initialProxyHealth(now: number): ProxyHealth {
  return { startedMs: now, present: false, ready: false };
}

/** One round: the answers of the addresses that were asked. It may listen on one of them only. */
export function stepProxyHealth(state: ProxyHealth, answers: readonly ProxyAnswer[], now: number): ProxyHealth {
  const present = state.present || answers.some((answer) => answer !== "refused");
  const absent = !present && now - state.startedMs >= ABSENT_AFTER_MS;
  return { ...state, present, ready: absent || answers.includes(200) };
}
