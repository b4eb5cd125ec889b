/** Warnings for the owners of Services and pools (events.k8s.io/v1). Never for success, never the same one twice in ten minutes. */
import type { Json } from "../lib/kube/api.ts";
import type { ObjectMeta } from "../lib/model/meta.ts";
import { bounded, NOTE_MAX_BYTES } from "../lib/model/text.ts";

export interface Warning {
  readonly kind: "Service" | "IPPool";
  readonly apiVersion: string;
  readonly meta: ObjectMeta;
  readonly reason: string;
  /** What Berth was doing: part of the events API. */
  readonly action: "AssignAddress" | "ReadPool";
  readonly message: string;
}

export interface EventLimit {
  /** When a warning was last sent, by object and text. BOUNDED by REMEMBERED_MAX. */
  readonly sent: ReadonlyMap<string, number>;
  /** How many may be sent at once, and when that was. */
  readonly tokens: number;
  readonly atMs: number;
}

const REPEAT_MS = 600_000;
const REMEMBERED_MAX = 1_000;
const BURST = 50;
const PER_SECOND = 5;

export const initialEventLimit: EventLimit = { sent: new Map(), tokens: BURST, atMs: 0 };

/** Whether this warning may be sent now, and the state after it. */
export function admitEvent(
  limit: EventLimit,
  warning: Warning,
  now: number,
): { readonly limit: EventLimit; readonly admitted: boolean } {
  const tokens = Math.min(BURST, limit.tokens + ((now - limit.atMs) / 1000) * PER_SECOND);
  // As it is sent: a message can be as long as the annotations of a Service.
  const key = `${warning.meta.uid} ${warning.reason} ${bounded(warning.message, NOTE_MAX_BYTES)}`;
  const last = limit.sent.get(key);
  const repeated = last !== undefined && now - last < REPEAT_MS;
  if (repeated || tokens < 1) return { limit: { ...limit, tokens, atMs: now }, admitted: false };
  const kept = [...limit.sent].filter(([other, at]) => other !== key && now - at < REPEAT_MS).slice(1 - REMEMBERED_MAX);
  return { limit: { sent: new Map([...kept, [key, now]]), tokens: tokens - 1, atMs: now }, admitted: true };
}

/** Cluster-scoped objects have their events in the namespace `default`, as in Kubernetes itself. */
export function eventNamespace(warning: Warning): string {
  return warning.meta.namespace === "" ? "default" : warning.meta.namespace;
}

export function eventJson(
  warning: Warning,
  at: { readonly name: string; readonly nowText: string; readonly instance: string },
): Json {
  const { kind, apiVersion, meta } = warning;
  return {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: at.name, namespace: eventNamespace(warning) },
    // MicroTime: six digits.
    eventTime: at.nowText.replace(/\.(\d{3})Z$/, ".$1000Z"),
    type: "Warning",
    reason: warning.reason,
    action: warning.action,
    note: bounded(warning.message, NOTE_MAX_BYTES),
    reportingController: "berth.dev/controller",
    reportingInstance: at.instance,
    regarding: {
      kind,
      apiVersion,
      name: meta.name,
      namespace: meta.namespace,
      uid: meta.uid,
      resourceVersion: meta.resourceVersion,
    },
  };
}
