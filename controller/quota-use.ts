/**
 * How many addresses of a pool the Services of a namespace have. What a write under way will make of it counts already, from the decision
 * until the VirtualIP says so or the write has failed: an address that is made, others that are joined, one that another pool takes over.
 */
import type { Effect } from "./effects.ts";
import type { Ledger } from "./ledger.ts";

/** A VirtualIP as it will be. */
export interface Coming {
  readonly name: string;
  readonly pool: string;
  readonly namespaces: ReadonlySet<string>;
}

export function heldBy(ledger: Ledger, pool: string, namespace: string): number {
  const names = new Set<string>();
  for (const all of ledger.coming.values()) {
    for (const one of all) {
      const isNew = one.pool === pool && one.namespaces.has(namespace) && !isCounted(ledger, one, namespace);
      if (isNew) names.add(one.name);
    }
  }
  return (ledger.uses.get(pool)?.byNamespace.get(namespace) ?? 0) + names.size;
}

/** The pass of this Service is about to write these; call `noLongerComing` when it is over. */
export function noteComing(ledger: Ledger, key: string, effects: readonly Effect[]): void {
  const coming = effects.flatMap((effect): readonly Coming[] => {
    if (effect.type !== "create-vip" && effect.type !== "update-vip") return [];
    const { name, spec } = effect;
    return [{ name, pool: spec.pool, namespaces: new Set(spec.services.map((one) => one.namespace)) }];
  });
  if (coming.length > 0) ledger.coming.set(key, coming);
}

/** True if something of it did not come about: there is room in a quota again. */
export function noLongerComing(ledger: Ledger, key: string): boolean {
  const coming = ledger.coming.get(key) ?? [];
  ledger.coming.delete(key);
  return coming.some((one) => [...one.namespaces].some((namespace) => !isCounted(ledger, one, namespace)));
}

function isCounted({ vips }: Ledger, { name, pool }: Coming, namespace: string): boolean {
  const vip = vips.get(name);
  return vip?.pool === pool && vip.services.some((one) => one.namespace === namespace);
}
