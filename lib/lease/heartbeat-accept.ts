/** What a Lease that was seen means for the process that sees it. Pure, like all of the heartbeat. */
import { compareResourceVersions, higherResourceVersion } from "../kube/resource-version.ts";
import { isRenewed, type SpeakerLease } from "../model/speaker-lease.ts";
import { assertNever } from "../runtime/errors.ts";
import type { HeartbeatEffect, HeartbeatState } from "./heartbeat-types.ts";

export interface Accepted {
  readonly state: HeartbeatState;
  readonly effects: readonly HeartbeatEffect[];
}

/** What the success of a call means beside the Lease that it shows. */
export function finishCall(state: HeartbeatState, call: string | undefined, lease: SpeakerLease): Accepted {
  if (call === "release" || call === "unqueue")
    return { state: { ...state, role: { type: "ended" } }, effects: [{ type: "ended" }] };
  if (call === "queue")
    return { state: { ...state, queuedOnce: true }, effects: [{ type: "queued", behind: lease.instance }] };
  if (call === "renew" && lease.leaving && !state.leavingTold && lease.nextInstance === "") {
    return { state: { ...state, leavingTold: true }, effects: [{ type: "leaving" }] };
  }
  return { state, effects: [] };
}

/** Takes in a Lease that is newer than what was known, or the truth after a rollback, and what it means for the role. */
export function accept(state: HeartbeatState, lease: SpeakerLease, rolledBack: boolean, now: number): Accepted {
  const version = lease.meta.resourceVersion;
  const isOlder = !rolledBack && compareResourceVersions(version, state.lease?.meta.resourceVersion ?? "") === "lower";
  // The watch has shown a later state while this answer was under way.
  if (isOlder) return { state, effects: [] };
  const isAlive = state.lease === undefined || isRenewed(state.lease, lease);
  const floor = rolledBack ? version : higherResourceVersion(state.floor, version);
  const seen: HeartbeatState = { ...state, lease, known: true, floor, changedMs: isAlive ? now : state.changedMs };
  const placed = place(seen, lease, rolledBack, now);
  return noteFence(placed.state, placed.effects, lease);
}

function place(state: HeartbeatState, lease: SpeakerLease, rolledBack: boolean, now: number): Accepted {
  const isOwn = lease.instance === state.instance;
  switch (state.role.type) {
    case "waiting":
      if (!isOwn) return { state, effects: [] };
      // Renewed at once: the one that handed over waits to see it, and the facts may differ.
      return {
        state: { ...state, role: { type: "acting" }, dueMs: now },
        effects: [{ type: "acting", adopt: lease.previousInstance }],
      };
    case "acting":
      // An older state of the store names an older process of this node, which is dead: no take-over.
      if (isOwn || lease.instance === "" || rolledBack) return { state, effects: [] };
      // Known from the Lease itself: the watch may show the own hand-over before its answer comes, or instead of it.
      if (lease.previousInstance === state.instance) {
        const to = lease.instance;
        const role = { type: "handed", to, atRenewTime: lease.renewTime } as const;
        return { state: { ...state, role, dueMs: now }, effects: [{ type: "handed-over", to }] };
      }
      return {
        state: { ...state, role: { type: "lost", by: lease.instance } },
        effects: [{ type: "lost", by: lease.instance }],
      };
    case "handed":
      if (lease.instance === state.role.to && lease.renewTime === state.role.atRenewTime) {
        return { state, effects: [] };
      }
      return {
        state: { ...state, role: { type: "ended" } },
        effects: [{ type: "successor-acting" }, { type: "ended" }],
      };
    case "lost":
    case "ended":
      return { state, effects: [] };
    default:
      return assertNever(state.role);
  }
}

function noteFence(state: HeartbeatState, effects: readonly HeartbeatEffect[], lease: SpeakerLease): Accepted {
  const by = lease.fencedBy;
  if (by === state.fence.by) return { state, effects };
  const next: HeartbeatState = { ...state, fence: { by, answered: false } };
  if (by === "" || state.role.type !== "acting") return { state: next, effects };
  return { state: next, effects: [...effects, { type: "fenced", by }] };
}
