/** What the VirtualIPs make of the pool that they name. */
import type { Family } from "../lib/address/ip.ts";
import type { VirtualIP } from "../lib/model/virtual-ip.ts";
import { familyOfName } from "./vip-names.ts";

/** The VirtualIPs that name one pool. */
export interface PoolUse {
  readonly count: Record<Family, number>;
  readonly names: Set<string>;
  /** Names of those whose address the pool does not have (any more). */
  readonly strays: Set<string>;
  readonly quarantined: Set<string>;
  /** How many have a Service of this namespace. */
  readonly byNamespace: Map<string, number>;
}

/** Counts the VirtualIP in its pool, or out of it. */
export function countUse(uses: Map<string, PoolUse>, vip: VirtualIP, step: 1 | -1): void {
  const use = uses.get(vip.pool) ?? emptyUse();
  uses.set(vip.pool, use);
  use.count[familyOfName(vip.meta.name)] += step;
  if (step > 0) use.names.add(vip.meta.name);
  else use.names.delete(vip.meta.name);
  if (step < 0) use.strays.delete(vip.meta.name);
  if (step < 0) use.quarantined.delete(vip.meta.name);
  else if (vip.quarantine !== undefined) use.quarantined.add(vip.meta.name);
  for (const namespace of new Set(vip.services.map((one) => one.namespace))) {
    const count = (use.byNamespace.get(namespace) ?? 0) + step;
    if (count === 0) use.byNamespace.delete(namespace);
    else use.byNamespace.set(namespace, count);
  }
  if (use.names.size === 0) uses.delete(vip.pool);
}

function emptyUse(): PoolUse {
  return { count: { 4: 0, 6: 0 }, names: new Set(), strays: new Set(), quarantined: new Set(), byNamespace: new Map() };
}
