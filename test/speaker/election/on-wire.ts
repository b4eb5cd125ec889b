/** A verdict of the detector on the holder, as a node sees it. Node `a` is this one, `b` holds with epoch 3. */
import type { WireView } from "../../../speaker/election/seen-on-wire.ts";
import type { World } from "../../../speaker/election/types.ts";
import { wireKey } from "../../../speaker/election/types.ts";
import { ADDRESS, type Beat, holder, NOW, place, play, vip } from "./fixtures.ts";

export const OLD_MS = 5_000;

export function verdict(changes: Partial<WireView> = {}, node = "b"): Pick<World, "wire"> {
  const view: WireView = {
    kind: "gone",
    sinceMs: NOW + OLD_MS,
    toldMs: NOW + OLD_MS,
    addresses: new Set([ADDRESS]),
    proven: true,
    apart: undefined,
    ...changes,
  };
  return { wire: new Map([[wireKey(node, "eth0"), view]]) };
}

/** The record is old enough to be judged, and then the wire speaks. */
export const lost = (order: string, world: Partial<World> = {}, view: Partial<WireView> = {}): readonly Beat[] => [
  { place: place(order) },
  { afterMs: OLD_MS, place: place(order), world: { ...verdict(view), ...world } },
];

export const start = (...beats: readonly Beat[]) => play(vip(holder("b", 3)), ...beats);
