/** Which pool a VirtualIP that is there belongs to, and what it takes from it. */
import type { Service } from "../lib/model/service.ts";
import { serviceKey } from "../lib/model/service.ts";
import type { L2Rules, VirtualIP } from "../lib/model/virtual-ip.ts";
import { poolOf, spaceOf } from "./allocator.ts";
import { asksFor } from "./drawing.ts";
import type { Ledger } from "./ledger.ts";
import { hasAddress } from "./pools.ts";
import { ipOfName } from "./vip-names.ts";

/** What a VirtualIP takes from its pool. */
export interface PoolSource {
  readonly name: string;
  readonly l2: L2Rules;
}

/**
 * The pool that the VirtualIP belongs to: its own while that has the address or one of its Services names it (from another pool the
 * address would not be what that one asks for, and it would lose it by an edit of others), else the one that has it now (a
 * range that was moved, a pool that was renamed), else its own all the same, with the last rules that are known. `service` has the
 * address, or is about to join: the write for it names this pool, so the rules of this one hold for it.
 */
export function sourceOf(vip: VirtualIP, service: Service, ledger: Ledger): PoolSource {
  const { allocator } = ledger;
  const named = spaceOf(allocator, vip.pool)?.pool;
  const ip = ipOfName(vip.meta.name);
  if (ip === undefined) return { name: vip.pool, l2: vip.l2 };
  if (named !== undefined && !named.leaving && hasAddress(named, ip)) return named;
  const isAsked = asksFor(ledger, vip.pool, service, vip.services.map(serviceKey));
  const home = isAsked ? undefined : poolOf(allocator, ip);
  if (home !== undefined && !home.leaving) return home;
  return named ?? { name: vip.pool, l2: vip.l2 };
}

/** Whether a Service that has the address brings it to another pool in its next pass. */
export function isMoving(vip: VirtualIP, serviceOf: (key: string) => Service | undefined, ledger: Ledger): boolean {
  return vip.services.some((one) => {
    const service = serviceOf(serviceKey(one));
    return service?.meta.uid === one.uid && sourceOf(vip, service, ledger).name !== vip.pool;
  });
}
