/** Tells users of moves and of what keeps an address from being announced: an event on the VirtualIP and on the first Service that has it (events.k8s.io/v1). */
import type { Json } from "../../lib/kube/api.ts";
import type { ConditionClaim } from "../../lib/model/conditions.ts";
import { API_VERSION } from "../../lib/model/meta.ts";
import { bounded, NOTE_MAX_BYTES } from "../../lib/model/text.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { AnnounceFailure, MoveReason } from "../reasons.ts";

export interface MoveEvent {
  readonly vip: VirtualIP;
  readonly node: string;
  readonly interface: string;
  readonly reason: MoveReason;
  readonly epoch: number;
}

/** A token bucket: a node that takes 500 addresses at once says so 50 times and then counts. */
export interface EventBudget {
  readonly tokens: number;
  readonly atMs: number;
}

const BURST = 50;
const PER_SECOND = 1;

export const initialBudget: EventBudget = { tokens: BURST, atMs: 0 };

export function spend(budget: EventBudget, now: number): { readonly budget: EventBudget; readonly admitted: boolean } {
  const tokens = Math.min(BURST, budget.tokens + ((now - budget.atMs) / 1000) * PER_SECOND);
  return tokens < 1
    ? { budget: { tokens, atMs: now }, admitted: false }
    : { budget: { tokens: tokens - 1, atMs: now }, admitted: true };
}

interface Target {
  readonly namespace: string;
  readonly regarding: Json;
}

function targets(vip: VirtualIP): readonly Target[] {
  const { name, uid } = vip.meta;
  const own = { kind: "VirtualIP", apiVersion: API_VERSION, name, uid };
  const service = vip.services[0];
  // Cluster-scoped objects have their events in `default`, as in Kubernetes itself.
  const targets: Target[] = [{ namespace: "default", regarding: own }];
  if (service !== undefined) {
    const { namespace } = service;
    const regarding = { kind: "Service", apiVersion: "v1", namespace, name: service.name, uid: service.uid };
    targets.push({ namespace, regarding });
  }
  return targets;
}

/** When and by whom; names are made unique by the serial. */
export interface Stamp {
  readonly nowText: string;
  readonly instance: string;
  readonly serial: string;
}

export interface EventToWrite {
  readonly namespace: string;
  readonly body: Json;
}

interface Said {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

export function moveEvents(event: MoveEvent, at: Stamp): readonly EventToWrite[] {
  const note = `${event.vip.address} is announced by node ${event.node} on ${event.interface} (${event.reason}, epoch ${event.epoch})`;
  return eventsOf(event.vip, { type: "Normal", reason: "Announced", action: "Announce", note }, at);
}

/** What every new Service is for a moment, and what scaling to zero means: the condition says it, no event. */
const EXPECTED: ReadonlySet<string> = new Set<AnnounceFailure>(["NoService", "NoEndpoint"]);

/** Warnings for a condition that says what keeps the address from its clients; none for all others. */
export function warningEvents(vip: VirtualIP, claim: ConditionClaim, at: Stamp): readonly EventToWrite[] {
  const isBad = claim.type === "Announced" ? claim.status === "False" : claim.status === "True";
  if (!isBad || EXPECTED.has(claim.reason)) return [];
  return eventsOf(vip, { type: "Warning", reason: claim.reason, action: "Announce", note: claim.message }, at);
}

/** One Event for each object concerned. */
function eventsOf(vip: VirtualIP, said: Said, at: Stamp): readonly EventToWrite[] {
  return targets(vip).map(({ namespace, regarding }, index) => ({
    namespace,
    body: {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: `${vip.meta.name}.${at.serial}${index}`, namespace },
      // MicroTime: six digits.
      eventTime: at.nowText.replace(/\.(\d{3})Z$/, ".$1000Z"),
      ...said,
      // A message that names many nodes can be longer than what the API server takes.
      note: bounded(said.note, NOTE_MAX_BYTES),
      reportingController: "berth.dev/speaker",
      reportingInstance: at.instance,
      regarding,
    },
  }));
}
