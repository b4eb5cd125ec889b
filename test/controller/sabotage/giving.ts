/** Rules about what is given and what is kept. */
import { type Broken, broken } from "./broken.ts";

type Allocator = typeof import("../../../controller/allocator.ts");
type Drawing = typeof import("../../../controller/drawing.ts");
type Families = typeof import("../../../controller/families.ts");
type Holding = typeof import("../../../controller/holding.ts");
type Intervals = typeof import("../../../controller/interval-set.ts");
type IPPoolModel = typeof import("../../../lib/model/ip-pool.ts");
type LedgerRules = typeof import("../../../controller/ledger.ts");
type OffLimits = typeof import("../../../controller/off-limits.ts");
type PoolConfig = typeof import("../../../controller/pool-config.ts");
type Pools = typeof import("../../../controller/pools.ts");
type PoolStatus = typeof import("../../../controller/pool-status.ts");
type Problems = typeof import("../../../controller/problems.ts");
type Published = typeof import("../../../controller/published.ts");
type Requests = typeof import("../../../controller/requests.ts");
type Selector = typeof import("../../../lib/model/selector.ts");
type VipCondition = typeof import("../../../controller/vip-condition.ts");
type VipEffects = typeof import("../../../controller/vip-effects.ts");
type VipSpec = typeof import("../../../controller/vip-spec.ts");

export const GIVING: readonly Broken[] = [
  broken<Intervals>(
    "the lowest free address",
    "interval-set",
    ({ runs }) => ({ lowest: (set) => runs(set).at(-1)?.last }),
    { by: "scenarios/pools" },
  ),
  broken<Allocator>("what is in use is not given", "allocator", () => ({ occupy: (allocator) => allocator }), {
    by: "scenarios/drawing",
  }),
  broken<Allocator>(
    "one pool with both families comes first",
    "allocator",
    ({ choose }) => ({
      choose: (allocator, order, families, room) =>
        new Map(families.flatMap((family) => [...choose(allocator, order, [family], room)])),
    }),
    { by: "scenarios/dual-stack" },
  ),
  broken<Drawing>(
    "a list of pools is the order of each family",
    "drawing",
    ({ drawOrder }) => ({ drawOrder: (...given) => ({ ...drawOrder(...given), isWished: false }) }),
    { by: "scenarios/dual-stack" },
  ),
  broken<IPPoolModel>(
    "the last valid spec outlives the process",
    "lib/model/ip-pool",
    ({ parseIPPool }) => ({
      parseIPPool: (raw) => {
        const pool = parseIPPool(raw);
        return pool && { ...pool, lastValid: undefined };
      },
    }),
    { by: "scenarios/invalid-pools" },
  ),
  broken<Pools>(
    "pools are drawn from in their order",
    "pools",
    ({ activePools }) => ({ activePools: (...given) => [...activePools(...given)].reverse() }),
    { by: "scenarios/drawing" },
  ),
  broken<Selector>("a selector selects", "lib/model/selector", () => ({ matchesSelector: () => true }), {
    by: "scenarios/drawing",
  }),
  broken<Drawing>("the rules of a pool hold for who names it", "drawing", () => ({ ruleProblem: () => undefined }), {
    by: "scenarios/drawing",
  }),
  broken<Drawing>("a quota", "drawing", () => ({ roomIn: () => Number.POSITIVE_INFINITY }), {
    by: "scenarios/drawing",
  }),
  broken<Drawing>(
    "a quota counts what the same pass takes",
    "drawing",
    ({ roomIn, quotaProblem }) => ({
      roomIn: (world, ...rest) => roomIn({ ...world, decided: [] }, ...rest),
      quotaProblem: (world, ...rest) => quotaProblem({ ...world, decided: [] }, ...rest),
    }),
    { by: "scenarios/reasons" },
  ),
  broken<OffLimits>("addresses of Nodes and ends of subnets", "off-limits", () => ({ offLimits: () => [] }), {
    by: "scenarios/off-limits",
  }),
  broken<OffLimits>(
    "an address that moves from Node to Node is held back",
    "off-limits",
    ({ noteGone }) => ({ noteGone: (...given) => ({ ...noteGone(...given), gone: [] }) }),
    { by: "scenarios/off-limits" },
  ),
  broken<OffLimits>(
    "an address of a Node is not taken over from a status",
    "off-limits",
    ({ offLimits }) => ({ offLimits: (...given) => offLimits(...given).map(({ ip, what }) => ({ ip, what })) }),
    { by: "scenarios/migration" },
  ),
  broken<OffLimits>("what may be the end of a subnet", "off-limits", () => ({ guessedLimits: () => [] }), {
    by: "scenarios/off-limits",
  }),
  broken<OffLimits>(
    "not before every speaker has told its subnets",
    "off-limits",
    ({ blindness }) => ({
      blindness: (nodes, networks) => (networks.length === 0 ? blindness(nodes, networks) : undefined),
    }),
    { by: "scenarios/off-limits" },
  ),
  broken<PoolConfig>("the routers' address of a /64", "pool-config", () => ({ withoutRouters: (set) => set }), {
    by: "scenarios/reasons",
  }),
  broken<Intervals>("of pools that overlap the first gives", "interval-set", () => ({ overlap: () => [] }), {
    by: "scenarios/pools",
  }),
  broken<Pools>(
    "the last valid spec stays in force",
    "pools",
    ({ setPool }) => ({
      setPool: (pools, name, pool) => setPool(new Map([...pools].filter(([other]) => other !== name)), name, pool),
    }),
    { by: "scenarios/changes" },
  ),
];

export const KEEPING: readonly Broken[] = [
  broken<Holding>(
    "a lost VirtualIP comes again with its address",
    "holding",
    ({ findHeld }) => ({
      findHeld: (...given) => {
        const held = findHeld(...given);
        return held?.type === "keep" ? held : undefined;
      },
    }),
    { by: "scenarios/lifecycle" },
  ),
  broken<Holding>("a request that changes is followed", "holding", () => ({ isMet: () => true }), {
    by: "scenarios/requests",
  }),
  broken<Families>(
    "a request that cannot be read takes nothing away",
    "families",
    () => ({
      keepOnly: (_, service, problem) => [{ type: "none", family: service.ipFamilies[0] === "IPv4" ? 4 : 6, problem }],
    }),
    { by: "scenarios/requests" },
  ),
  broken<Families>(
    "RequireDualStack gives both or none",
    "families",
    ({ decideFamilies }) => ({
      decideFamilies: (world, service, request) =>
        decideFamilies(world, { ...service, ipFamilyPolicy: "PreferDualStack" }, request),
    }),
    { by: "scenarios/dual-stack" },
  ),
  broken<Requests>(
    "berth.dev/renumber is a wish",
    "requests",
    ({ parseRequest }) => ({
      parseRequest: (service) => {
        const request = parseRequest(service);
        return request.ok ? { ok: true, value: { ...request.value, renumber: "" } } : request;
      },
    }),
    { by: "scenarios/pools" },
  ),
  broken<Published>("what a status lists is in use", "published", () => ({ claimedIps: () => [] }), {
    by: "scenarios/lifecycle",
  }),
  broken<LedgerRules>("a pool says what it only keeps", "ledger", () => ({ straysOf: () => [] }), {
    by: "scenarios/pools",
  }),
  broken<PoolStatus>(
    "a pool in use waits by its finalizer",
    "pool-status",
    () => ({ finalizerChange: () => undefined }),
    {
      by: "scenarios/pools",
    },
  ),
  broken<VipCondition>(
    "an address outside its pool says so",
    "vip-condition",
    () => ({ planVipCondition: () => undefined }),
    { by: "scenarios/pools" },
  ),
  broken<VipSpec>(
    "a pool that has the address now takes it over",
    "vip-spec",
    ({ specFor }) => ({ specFor: (vip, ...rest) => ({ ...specFor(vip, ...rest), pool: vip.pool }) }),
    { by: "scenarios/pools" },
  ),
  broken<Drawing>("a pool that is named keeps its addresses", "drawing", () => ({ asksFor: () => false }), {
    by: "scenarios/edits",
  }),
  broken<LedgerRules>(
    "of two with one address the older keeps it",
    "ledger",
    ({ claimantsOf, ownerOf }) => ({
      ownerOf: (ledger, ip) => {
        const owner = ownerOf(ledger, ip);
        const claim = claimantsOf(ledger, ip).at(-1);
        return owner.type === "claim" && claim !== undefined ? { type: "claim", claim } : owner;
      },
    }),
    { by: "scenarios/migration" },
  ),
  broken<Problems>(
    "what cannot be given is refused by name",
    "problems",
    () => ({ explainRequestedIp: () => undefined }),
    {
      by: "scenarios/requests",
    },
  ),
  broken<VipEffects>("a loss is told", "vip-effects", () => ({ lostAddresses: () => [] }), {
    by: "scenarios/lifecycle",
  }),
];
