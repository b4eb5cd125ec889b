/** Tells users of moves: an event on the VirtualIP and on the first Service that has the address (events.k8s.io/v1). */
import type { Json } from "../../lib/kube/api.ts";
import { API_VERSION } from "../../lib/model/meta.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { MoveReason } from "../reasons.ts";

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

/** One Event for each object concerned; names are made unique by the caller's serial. */
export function moveEvents(
  event: MoveEvent,
  at: { readonly nowText: string; readonly instance: string; readonly serial: string },
): readonly { readonly namespace: string; readonly body: Json }[] {
  const note = `${event.vip.address} is announced by node ${event.node} on ${event.interface} (${event.reason}, epoch ${event.epoch})`;
  return targets(event.vip).map(({ namespace, regarding }, index) => ({
    namespace,
    body: {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: `${event.vip.meta.name}.${at.serial}${index}`, namespace },
      // MicroTime: six digits.
      eventTime: at.nowText.replace(/\.(\d{3})Z$/, ".$1000Z"),
      type: "Normal",
      reason: "Announced",
      action: "Announce",
      note,
      reportingController: "berth.dev/speaker",
      reportingInstance: at.instance,
      regarding,
    },
  }));
}
