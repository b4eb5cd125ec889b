/** Rules about what a pool keeps back, whose Services are Berth's, and how often something is written. */
import type { IPPoolSpec } from "../../../lib/model/ip-pool.ts";
import { type Broken, broken } from "./broken.ts";

type Events = typeof import("../../../controller/events.ts");
type Planning = typeof import("../../../controller/plan.ts");
type PoolConfig = typeof import("../../../controller/pool-config.ts");
type PoolStatus = typeof import("../../../controller/pool-status.ts");
type Together = typeof import("../../../controller/together.ts");

/** Every pool is read as if this stood in its spec. */
function read(otherwise: Partial<IPPoolSpec>): (real: PoolConfig) => Partial<PoolConfig> {
  return ({ compilePool }) => ({ compilePool: (name, spec) => compilePool(name, { ...spec, ...otherwise }) });
}

export const LIMITS: readonly Broken[] = [
  broken<PoolConfig>("what a pool excludes is not given", "pool-config", read({ excluded: [] }), { by: "pools" }),
  broken<PoolConfig>("with avoidBuggyIPs neither .0 nor .255", "pool-config", read({ avoidBuggyIPs: false }), {
    by: "pools",
  }),
  broken<PoolConfig>(
    "a pool without autoAssign gives to those who name it",
    "pool-config",
    read({ autoAssign: true }),
    { by: "scenarios/drawing" },
  ),
  broken<Together>(
    "who cannot have what he asks for by name keeps the other family too",
    "together",
    () => ({ keepTogether: (_world, _service, _request, decisions) => decisions }),
    { by: "scenarios/dual-stack" },
  ),
  broken<Planning>(
    "with --class-less=false Services without a class are left alone",
    "plan",
    ({ planService }) => ({ planService: (input) => planService({ ...input, classLess: true }) }),
    { by: "scenarios/classes" },
  ),
  broken<Planning>(
    "a Service of another class keeps no VirtualIP that somebody emptied",
    "plan",
    () => ({ isOurs: () => true }),
    { by: "scenarios/classes" },
  ),
  broken<Events>(
    "events are limited, and the same one comes once in ten minutes",
    "events",
    () => ({ admitEvent: (limit) => ({ limit, admitted: true }) }),
    { by: "small-cores" },
  ),
  broken<PoolStatus>(
    "the status of a pool is written once a second",
    "pool-status",
    // Its type is the number that it is.
    () => ({ STATUS_PERIOD_MS: 0 as number as 1_000 }),
    { by: "scenarios/pool-life" },
  ),
];
