import type { Place } from "../desired.ts";
import type { AddressState, World } from "./types.ts";

/** Whether a leaving node is done with the address: silent by the worker's word, nothing under way, or nobody to hand it to. */
export function maySettle(state: AddressState, place: Place, world: World): boolean {
  if (state.task.kind === "write" || state.handing !== undefined) return false;
  if (state.serving === undefined) return world.appliedGeneration >= state.silentGeneration;
  return !place.ordered.some((one) => one.node !== world.node);
}
