/** What no Service gets, from the Nodes and Leases as they are now, and from what they were a moment ago. */
import type { NodeAddressList } from "../../lib/model/node.ts";
import type { NetworksText } from "../../lib/model/speaker-lease.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import {
  allLimits,
  type Blindness,
  blindness,
  networksOf,
  noteGone,
  type OffLimit,
  offLimits,
  type Recent,
} from "../off-limits.ts";
import type { Cache } from "./books.ts";

export interface OffLimitCaches {
  readonly nodes: Cache<NodeAddressList>;
  /** The speakers' Leases, by `namespace/name`. */
  readonly leases: Cache<NetworksText>;
  readonly clock: Pick<Clock, "monotonicMs">;
}

const NOTHING: Recent = { limits: [], gone: [] };

export class OffLimitSource {
  readonly #caches: OffLimitCaches;
  #recent = NOTHING;

  constructor(caches: OffLimitCaches) {
    this.#caches = caches;
  }

  /** Looks at the caches. */
  read(): { readonly limits: readonly OffLimit[]; readonly blind: Blindness | undefined } {
    const { nodes, leases, clock } = this.#caches;
    const isThere = (node: string) => nodes.get(node) !== undefined;
    const all = nodes.list();
    // Nobody deletes the Lease of a Node that is gone: what it says of addresses and subnets ends with the Node.
    const told = leases.list().filter(({ node }) => isThere(node));
    const networks = told.map(networksOf);
    this.#recent = noteGone(this.#recent, offLimits(all, networks), isThere, clock.monotonicMs());
    return { limits: allLimits(this.#recent), blind: blindness(all, networks) };
  }

  /** Something that was held back since it has just gone is no more: it is time to read again. */
  isDue(): boolean {
    const now = this.#caches.clock.monotonicMs();
    return this.#recent.gone.some(({ untilMs }) => untilMs <= now);
  }

  forget(): void {
    this.#recent = NOTHING;
  }
}
