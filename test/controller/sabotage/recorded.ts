/** Rules about the two records of an address that was given (ADR 22), and about the pool that it belongs to by now. */
import type { Effect } from "../../../controller/effects.ts";
import { type Broken, broken } from "./broken.ts";

type Found = typeof import("../../../controller/found.ts");
type Holding = typeof import("../../../controller/holding.ts");
type PoolSource = typeof import("../../../controller/pool-source.ts");
type QuotaUse = typeof import("../../../controller/quota-use.ts");
type Requests = typeof import("../../../controller/requests.ts");
type Sharing = typeof import("../../../controller/sharing.ts");
type VipEffects = typeof import("../../../controller/vip-effects.ts");
type VipSpec = typeof import("../../../controller/vip-spec.ts");

const forgetful = (effect: Effect): Effect =>
  effect.type === "create-vip" ? { ...effect, spec: { ...effect.spec, inUseBefore: undefined } } : effect;

export const RECORDED: readonly Broken[] = [
  broken<Holding>(
    "what the Service's record says of a wish counts more than the VirtualIP",
    "holding",
    () => ({ fulfilledWish: (_service, _ip, entry) => entry?.renumber ?? "" }),
    { by: "scenarios/meddling" },
  ),
  broken<Holding>(
    "a change that a store cut off is finished",
    "holding",
    ({ findHeld }) => ({
      findHeld: (world, service, family, request) =>
        findHeld(world, service, family, request && { ...request, renumber: "" }),
    }),
    { by: "scenarios/rollback" },
  ),
  broken<Holding>(
    "Services that were edited apart are noted as sharing",
    "holding",
    () => ({ hasRivals: () => false }),
    {
      by: "scenarios/meddling",
    },
  ),
  broken<Holding>(
    "who shares an address whose VirtualIP is being made waits for it",
    "holding",
    () => ({ isUnderWay: () => false }),
    { by: "scenarios/meddling" },
  ),
  broken<VipEffects>(
    "a VirtualIP that comes again says that its address was in use",
    "vip-effects",
    ({ giveVip }) => ({ giveVip: (...given) => giveVip(...given).map(forgetful) }),
    { by: "scenarios/meddling" },
  ),
  broken<VipSpec>(
    "that an address was in use lasts through what else is written",
    "vip-spec",
    ({ specFor }) => ({ specFor: (...given) => ({ ...specFor(...given), inUseBefore: undefined }) }),
    { by: "scenarios/meddling" },
  ),
  broken<Found>(
    "what comes into the status of who waits is undone",
    "found",
    () => ({ foundEntries: (service) => service.ingress }),
    { by: "scenarios/found" },
  ),
  broken<QuotaUse>("a join counts in the quota while it is written", "quota-use", () => ({ noteComing: () => {} }), {
    by: "scenarios/joins",
  }),
  broken<PoolSource>(
    "who joins is judged by the pool that takes the address over",
    "pool-source",
    () => ({ sourceOf: ({ pool, l2 }) => ({ name: pool, l2 }) }),
    { by: "scenarios/joins" },
  ),
  broken<Sharing>(
    "the rules of a pool hold for who asks for a shared address by name",
    "sharing",
    () => ({ poolRefusal: () => undefined }),
    { by: "scenarios/joins" },
  ),
  broken<Requests>(
    "the sharing key counts also while the rest of the request cannot be read",
    "requests",
    ({ parseRequest }) => ({
      askedKey: (service) => {
        const request = parseRequest(service);
        return request.ok ? request.value.sharingKey : undefined;
      },
    }),
    { by: "scenarios/lost-shared" },
  ),
];
