/** Rules about sharing and about hosts that use an address. */
import { type Broken, broken } from "./broken.ts";

type LedgerRules = typeof import("../../../controller/ledger.ts");
type Quarantine = typeof import("../../../controller/quarantine.ts");
type PoolSource = typeof import("../../../controller/pool-source.ts");
type Wakes = typeof import("../../../controller/wakes.ts");
type Sharing = typeof import("../../../controller/sharing.ts");
type VipEffects = typeof import("../../../controller/vip-effects.ts");

export const SHARING: readonly Broken[] = [
  broken<Sharing>("who does not go together is refused", "sharing", () => ({ shareRefusal: () => undefined }), {
    by: "scenarios/sharing",
  }),
  broken<Sharing>("who does not go together any more is told", "sharing", () => ({ shareConflict: () => undefined }), {
    by: "scenarios/sharing",
  }),
  broken<Sharing>(
    "the same key has one address",
    "sharing",
    () => ({ findJoinable: () => ({ vip: undefined, refusal: undefined }) }),
    { by: "scenarios/sharing" },
  ),
  broken<Sharing>(
    "the key follows when all have another",
    "sharing",
    () => ({ commonKey: (_ledger, _uid, _key, vip) => vip.sharingKey ?? "" }),
    { by: "scenarios/edits" },
  ),
  broken<Sharing>("what was shared before Berth stays shared", "sharing", () => ({ goesWith: () => false }), {
    by: "scenarios/migration",
  }),
  broken<LedgerRules>(
    "who may join an address under way waits for it",
    "ledger",
    () => ({ isBeingShared: () => false }),
    { by: "scenarios/sharing" },
  ),
  broken<VipEffects>("who gets an address alone is told why", "vip-effects", () => ({ notShared: () => [] }), {
    by: "scenarios/sharing",
  }),
];

export const CONFLICTS: readonly Broken[] = [
  broken<Wakes>("who waits is told of room without a free address", "wakes", () => ({ mayServe: () => false }), {
    by: "scenarios/waiting",
  }),
  broken<Quarantine>("the third address of one host is told to all", "quarantine", () => ({ judgedAnew: () => [] }), {
    by: "scenarios/waiting",
  }),
  broken<PoolSource>("nothing is said of an address on the move", "pool-source", () => ({ isMoving: () => false }), {
    by: "scenarios/waiting",
  }),
  broken<Quarantine>("a foreign host is believed", "quarantine", () => ({ judgeConflict: () => undefined }), {
    by: "scenarios/conflicts",
  }),
  broken<Quarantine>(
    "after the first announcement nothing is taken away, and so much is put aside and no more",
    "quarantine",
    ({ judgeConflict }) => ({ judgeConflict: (...given) => judgeConflict(...given) && "quarantine" }),
    { by: "scenarios/conflicts" },
  ),
  broken<Quarantine>(
    "twice as long each time",
    "quarantine",
    ({ quarantineOf }) => ({
      quarantineOf: (ledger, ...rest) => quarantineOf({ ...ledger, strikes: new Map() }, ...rest),
    }),
    { by: "scenarios/conflicts" },
  ),
  broken<Quarantine>("what is put aside comes back", "quarantine", () => ({ remainingMs: () => 1_000 }), {
    by: "scenarios/conflicts",
  }),
  broken<VipEffects>(
    "a used address is kept from everybody",
    "vip-effects",
    ({ dropAll }) => ({ putAside: (vip, key) => dropAll([vip], key) }),
    { by: "scenarios/conflicts" },
  ),
];
