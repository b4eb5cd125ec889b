/**
 * The election of one address as a pure machine. First the input becomes knowledge (record.ts, hear.ts), then one decision is
 * taken from all that is known (decide.ts), whatever the input was: a lost or repeated input can delay a decision, never bend it.
 */

import { assertNever } from "../../lib/runtime/errors.ts";
import type { Place } from "../desired.ts";
import { wantConditions } from "./conditions.ts";
import { decide } from "./decide.ts";
import { type Draft, fallSilent, needRead } from "./draft.ts";
import { onBack, onHeard, onLost, onProbed } from "./hear.ts";
import { onRead, onSeen, onWritten } from "./record.ts";
import type { AddressState, Effect, Input, World } from "./types.ts";

export { handedTo, initialState } from "./draft.ts";

export interface Step {
  readonly state: AddressState;
  readonly effects: readonly Effect[];
  /** Monotonic milliseconds at which a tick is wanted; Infinity when nothing is due. */
  readonly wakeAt: number;
}

/** `place` is where the nodes stand with this address now; `now` is monotonic milliseconds. */
export function step(state: AddressState, input: Input, world: World, place: Place, now: number): Step {
  const d: Draft = { s: { ...state }, w: world, place, now, effects: [], wakeAt: Number.POSITIVE_INFINITY };
  know(d, input);
  decide(d);
  wantConditions(d);
  return { state: d.s, effects: d.effects, wakeAt: d.wakeAt };
}

/**
 * What a batch says of others' announcements is known before anything in it is decided: after a stop it is a backlog, in which the verdict on a
 * holder stands before the word of who has taken the address since. What this node answers for is left as it is: there it is an event.
 */
export function hearFirst(
  state: AddressState,
  inputs: readonly Input[],
  world: World,
  place: Place,
  now: number,
): AddressState {
  if (state.serving !== undefined || inputs.length < 2) return state;
  const d: Draft = { s: { ...state }, w: world, place, now, effects: [], wakeAt: Number.POSITIVE_INFINITY };
  for (const input of inputs) if (input.type === "heard") onHeard(d, input.mac, input.how);
  return d.s;
}

function know(d: Draft, input: Input): void {
  switch (input.type) {
    case "seen":
      onSeen(d, input.vip);
      return;
    case "read":
      onRead(d, input.id, input.result);
      return;
    case "written":
      onWritten(d, input.epoch, input.result);
      return;
    case "probed":
      onProbed(d, input);
      return;
    case "heard":
      onHeard(d, input.mac, input.how);
      return;
    case "lost":
      onLost(d);
      return;
    case "back":
      onBack(d, input.node);
      return;
    case "fenced":
      onFenced(d);
      return;
    case "tick":
      return;
    default:
      assertNever(input);
  }
}

/** Whoever was stopped may have lost everything meanwhile: nothing is answered before the record was read again (S3). */
function onFenced(d: Draft): void {
  if (d.s.serving !== undefined || d.s.reading !== undefined) needRead(d, "was-silent");
  fallSilent(d, "fenced");
  if (d.s.task.kind !== "write") d.s.task = { kind: "none" };
}
