/** What a plan asks the shell to do, in order. */
import type { ConditionClaim } from "../lib/model/conditions.ts";
import type { Ingress } from "../lib/model/service.ts";
import type { VirtualIPSpec } from "../lib/model/virtual-ip.ts";

export type Effect =
  /** A name that exists already is the API server's "no": the shell reads that object and plans again. */
  | { readonly type: "create-vip"; readonly name: string; readonly spec: VirtualIPSpec }
  /** Refused unless the object is still the one that the plan was made from: two Services may write to it at once. */
  | {
      readonly type: "update-vip";
      readonly name: string;
      readonly uid: string;
      readonly resourceVersion: string;
      readonly spec: VirtualIPSpec;
    }
  /** One patch of the Service's status subresource, refused unless uid and resourceVersion are those of the snapshot (or of the last write of this pass). */
  | ServiceWrite
  /** A consistent read must show the Service as the snapshot has it (gone, if the snapshot has none); else the pass ends. */
  | { readonly type: "confirm-service" }
  /** Refused as an update is. Always after a `write-service` or `confirm-service`, so that a stale cache takes nothing away. */
  | { readonly type: "delete-vip"; readonly name: string; readonly uid: string; readonly resourceVersion: string }
  | { readonly type: "warn"; readonly reason: string; readonly message: string };

export interface ServiceWrite {
  readonly type: "write-service";
  readonly ingress: readonly Ingress[] | undefined;
  /** true adds the finalizer, false removes it, undefined leaves it. */
  readonly finalizer: boolean | undefined;
  /** A claim to write, `null` to remove Berth's condition, undefined leaves it. */
  readonly condition: ConditionClaim | null | undefined;
}

export type Outcome = "not-ours" | "released" | "assigned" | "partly-assigned" | "not-assigned";

export interface Plan {
  readonly effects: readonly Effect[];
  readonly outcome: Outcome;
  /** True while something is missing that a pool or another Service could bring: plan again when an address or pool changes. */
  readonly waiting: boolean;
  /** While it waits for everything: what it asks for (`Waiting.kind` in waiting-room.ts). */
  readonly kind?: string;
  /** While it waits: names of the VirtualIPs of the addresses that it asks for. */
  readonly asks?: readonly string[];
}
