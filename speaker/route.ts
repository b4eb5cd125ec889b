/** From the effects of single addresses to those of the node: on which interfaces, under which number, how often. */
import type { PeersState } from "../lib/lease/peers.ts";
import type { Place } from "./desired.ts";
import { type AddressState, type Effect, wireKey } from "./election/types.ts";
import { fenceMark, fenceScope } from "./fence-mark.ts";
import { PROBES_MAX, type SpeakerEffect } from "./state.ts";
import { answeringOn } from "./table-plan.ts";

/** Where the effects of the addresses go. */
export interface Outlet {
  readonly effects: SpeakerEffect[];
  readonly probing: Probing;
  /** Nodes whose Lease is marked in this step already, each with the interface that the mark is about. */
  readonly fenced: Map<string, string>;
  /** Peers that have found this node gone, by wireKey. */
  readonly missed: Set<string>;
  readonly by: string;
  readonly peers: PeersState;
}

/** What one address wants done, as the shell is told. */
export function route(effect: Effect, current: AddressState, place: Place, out: Outlet): void {
  const { effects, probing } = out;
  switch (effect.type) {
    case "announce":
    case "moved":
      // Begun and ended within one batch: it was never answered, and so there is nothing to announce.
      if (current.serving === undefined) return;
      if (effect.type === "moved") effects.push(effect);
      else
        for (const one of answeringOn(current, place))
          effects.push({ type: "worker", message: { ...effect, interface: one } });
      return;
    case "fence":
      mark(effect, out);
      return;
    case "missed":
      out.missed.add(wireKey(effect.by, effect.interface));
      return;
    case "probe":
      effects.push({ type: "worker", message: { ...effect, id: numberOf(effect.id, current.name, probing) } });
      return;
    default:
      effects.push(effect);
  }
}

/** Of a node with one interface all is gone; of one with several, what stands behind this one (E11). */
function mark(effect: Extract<Effect, { type: "fence" }>, { effects, fenced, by, peers }: Outlet): void {
  const lease = peers.peers.get(effect.node)?.lease;
  const before = fenced.get(effect.node);
  const hasOthers = (lease?.facts.interfaces.length ?? 0) > 1;
  const known = before === undefined ? (lease?.fencedBy ?? "") : fenceMark(by, before);
  const scope = hasOthers ? fenceScope(known, effect.interface) : "";
  if (before === scope || before === "") return;
  fenced.set(effect.node, scope);
  effects.push({ ...effect, by, interface: scope, resourceVersion: lease?.meta.resourceVersion ?? "" });
}

export interface Probing {
  serial: number;
  readonly probes: Map<number, { readonly name: string; readonly id: number }>;
}

/** Probes of all addresses share the worker, so they get numbers of the node. */
function numberOf(id: number, name: string, probing: Probing): number {
  probing.serial += 1;
  probing.probes.set(probing.serial, { name, id });
  const oldest = probing.probes.keys().next();
  if (probing.probes.size > PROBES_MAX && oldest.done !== true) probing.probes.delete(oldest.value);
  return probing.serial;
}
