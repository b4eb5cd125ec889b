import { describe, expect, test } from "@jest/globals";
import {
  buildAllocator,
  choose,
  type DrawOrder,
  poolOf as homeOf,
  isFree,
  occupy,
  spaceOf,
  vacate,
} from "../../controller/allocator.ts";
import { bitSet } from "../../controller/bit-set.ts";
import { size } from "../../controller/interval-set.ts";
import { offLimits } from "../../controller/off-limits.ts";
import { compilePool } from "../../controller/pool-config.ts";
import { activePools, isInvalid, type Pools, setPool } from "../../controller/pools.ts";
import { type Family, formatIp, type Ip } from "../../lib/address/ip.ts";
import type { IPPool } from "../../lib/model/ip-pool.ts";
import { seededRandom } from "../../lib/runtime/random.ts";
import { ip } from "../lib/address/text.ts";
import { poolOf } from "./objects.ts";

function poolsOf(...all: readonly IPPool[]): Pools {
  return all.reduce((pools: Pools, pool) => setPool(pools, pool.meta.name, pool), new Map());
}

function allocatorOf(...all: readonly IPPool[]) {
  return buildAllocator(activePools(poolsOf(...all)), []);
}

/** The places of the pools that give without being asked, or of the one that is named. */
function orderOf(allocator: ReturnType<typeof allocatorOf>, pool?: string): DrawOrder {
  const places = allocator.pools.flatMap((one, at) =>
    (pool === undefined ? one.autoAssign : one.name === pool) ? [at] : [],
  );
  const among = pool === undefined ? bitSet(places, allocator.pools.length) : undefined;
  return { places, among, isWished: pool !== undefined };
}

const endless = () => Number.POSITIVE_INFINITY;

/** Takes `count` addresses one after the other. */
function drain(
  allocator: ReturnType<typeof allocatorOf>,
  family: Family,
  count: number,
  pool?: string,
): readonly string[] {
  const given: string[] = [];
  for (let at = 0; at < count; at++) {
    const choice = choose(allocator, orderOf(allocator, pool), [family], endless).get(family);
    given.push(choice === undefined ? "none" : formatIp(choice.ip));
    if (choice !== undefined) allocator = occupy(allocator, choice.ip);
  }
  return given;
}

describe("what a spec gives out", () => {
  test.each([
    { name: "a range", pool: poolOf("a", ["10.0.0.5-10.0.0.7"]), given: ["10.0.0.5", "10.0.0.6", "10.0.0.7", "none"] },
    {
      name: "ranges, lowest first whatever their order",
      pool: poolOf("a", ["10.0.0.9/32", "10.0.0.4/31"]),
      given: ["10.0.0.4", "10.0.0.5", "10.0.0.9", "none"],
    },
    {
      name: "without the excluded ones",
      pool: poolOf("a", ["10.0.0.4/30"], { excluded: ["10.0.0.4-10.0.0.5"] }),
      given: ["10.0.0.6", "10.0.0.7", "none"],
    },
    {
      name: "without .0 and .255",
      pool: poolOf("a", ["10.0.0.254-10.0.2.1"], { avoidBuggyIPs: true, excluded: ["10.0.1.2-10.0.1.253"] }),
      given: ["10.0.0.254", "10.0.1.1", "10.0.1.254", "10.0.2.1", "none"],
    },
    {
      name: "avoidBuggyIPs at both ends",
      pool: poolOf("a", ["10.0.0.0-10.0.0.2", "10.0.0.254/31"], { avoidBuggyIPs: true }),
      given: ["10.0.0.1", "10.0.0.2", "10.0.0.254", "none"],
    },
  ])("$name", ({ pool, given }) => {
    expect(drain(allocatorOf(pool), 4, given.length)).toEqual(given);
  });

  test("a /64 counts and gives at once", () => {
    const allocator = allocatorOf(poolOf("a", ["fd99::/64"], { excluded: ["fd99::/120"] }));
    expect(drain(allocatorOf(poolOf("a", ["fd99::/64"])), 6, 1)).toEqual(["fd99::1"]);
    expect(drain(allocatorOf(poolOf("a", ["fd98:0:0:1::-fd98:0:0:1::2"])), 6, 3)).toEqual([
      "fd98:0:0:1::1",
      "fd98:0:0:1::2",
      "none",
    ]);
    expect(drain(allocator, 6, 2)).toEqual(["fd99::100", "fd99::101"]);
    expect(size(spaceOf(allocator, "a")?.free[6])).toBe((1n << 64n) - 256n);
  });

  test.each([
    {
      name: "text",
      pool: poolOf("a", ["10.0.0.0/24", "lan"]),
      problems: [["InvalidRange", 'spec.addresses[1]: "lan" is not an IP address']],
    },
    {
      name: "IPv6 order",
      pool: poolOf("a", ["fd99::9-fd99::1"]),
      problems: [["InvalidRange", "swap the two addresses"]],
    },
    {
      name: "unusable",
      pool: poolOf("a", ["200.0.0.0-240.0.0.0"]),
      problems: [["UnusableAddresses", "contains multicast addresses"]],
    },
    {
      name: "a bad exclusion",
      pool: poolOf("a", ["10.0.0.0/24"], { excluded: ["10.0.0.1"] }),
      problems: [["InvalidRange", "spec.excluded[0]"]],
    },
    {
      name: "every problem, not only the first",
      pool: poolOf("a", ["x", "y"]),
      problems: [
        ["InvalidRange", "[0]"],
        ["InvalidRange", "[1]"],
      ],
    },
    {
      name: "too large to cut into pieces",
      pool: poolOf("a", ["64.0.0.0/7"], { avoidBuggyIPs: true }),
      problems: [["TooLarge", "more IPv4 addresses than a /8"]],
    },
  ])("refused: $name", ({ pool, problems }) => {
    const compiled = compilePool("a", pool);
    expect(compiled.config).toBeUndefined();
    expect(compiled.problems).toEqual(
      problems.map(([reason, message]) => ({ reason, message: expect.stringContaining(message ?? "") })),
    );
  });

  test("what is only odd is said and still works", () => {
    const twice = compilePool("a", poolOf("a", ["10.0.0.0/24", "10.0.0.9/32"]));
    expect(twice.problems).toEqual([
      {
        reason: "Duplicate",
        message: expect.stringContaining("10.0.0.9-10.0.0.9 repeats addresses of 10.0.0.0-10.0.0.255"),
      },
    ]);
    expect(size(twice.config?.spaces[4])).toBe(256n);
    expect(compilePool("a", poolOf("a", ["10.0.0.0/24"], { excluded: ["10.0.0.0/16"] })).problems[0]?.reason).toBe(
      "Empty",
    );
  });
});

describe("several pools", () => {
  test("the first by name gives, whatever the order of arrival", () => {
    const [a, b] = [poolOf("a", ["10.0.0.1/32"]), poolOf("b", ["10.0.0.0/32"])];
    expect(drain(allocatorOf(b, a), 4, 3)).toEqual(["10.0.0.1", "10.0.0.0", "none"]);
  });

  test("autoAssign: false gives only when named", () => {
    const allocator = allocatorOf(poolOf("a", ["10.0.0.1/32"], { autoAssign: false }), poolOf("b", ["10.0.0.2/32"]));
    expect(drain(allocator, 4, 2)).toEqual(["10.0.0.2", "none"]);
    expect(drain(allocator, 4, 2, "a")).toEqual(["10.0.0.1", "none"]);
    expect(drain(allocator, 4, 1, "missing")).toEqual(["none"]);
  });

  test("one pool with both families comes before two with one each", () => {
    const allocator = allocatorOf(poolOf("a", ["10.0.0.1/32"]), poolOf("b", ["10.0.1.1/32", "fd99::1/128"]));
    const both = choose(allocator, orderOf(allocator), [4, 6], endless);
    expect([...both.values()].map((choice) => choice.pool.name)).toEqual(["b", "b"]);
    const less = occupy(allocator, ip("10.0.1.1"));
    const split = choose(less, orderOf(less), [4, 6], endless);
    expect([...split].map(([family, choice]) => `${family} ${choice.pool.name}`)).toEqual(["4 a", "6 b"]);
  });

  test("where two overlap the first by name has the addresses, and the other says so", () => {
    const [first, second] = activePools(poolsOf(poolOf("b", ["10.0.0.8/29"]), poolOf("a", ["10.0.0.10-10.0.0.11"])));
    expect(first?.problems).toEqual([
      {
        reason: "OverlapWon",
        message: "10.0.0.10-10.0.0.11 also belongs to the IPPool b; this one comes first and gives it out",
      },
    ]);
    expect(second?.problems).toEqual([
      {
        reason: "Overlap",
        message: expect.stringContaining(
          "10.0.0.10-10.0.0.11 also belongs to the IPPool a, which comes first and gives it out",
        ),
      },
    ]);
    const allocator = allocatorOf(poolOf("b", ["10.0.0.8/29"]), poolOf("a", ["10.0.0.10-10.0.0.11"]));
    expect(homeOf(allocator, ip("10.0.0.10"))?.name).toBe("a");
    expect(homeOf(allocator, ip("10.0.0.12"))?.name).toBe("b");
    expect(drain(allocator, 4, 9)).toHaveLength(new Set(drain(allocator, 4, 9)).size);
  });

  test("an edit that cannot be followed leaves the last valid one in force, a new object does not", () => {
    const good = poolOf("a", ["10.0.0.1/32"]);
    const edited = setPool(poolsOf(good), "a", poolOf("a", ["lan"], { generation: 2 }));
    expect(edited.get("a")?.inForce?.text).toBe("10.0.0.1-10.0.0.1");
    expect([...edited.values()].map(isInvalid)).toEqual([true]);
    const another = setPool(edited, "a", poolOf("a", ["lan"], { generation: 1, uid: "other" }));
    expect(another.get("a")?.inForce).toBeUndefined();
    expect(activePools(another)).toEqual([]);
  });

  test("what is in use is not given, and is again when it is free", () => {
    const used = buildAllocator(activePools(poolsOf(poolOf("a", ["10.0.0.0/30"]))), [
      ip("10.0.0.0"),
      ip("10.0.0.2"),
      ip("192.0.2.1"),
    ]);
    expect(drain(used, 4, 3)).toEqual(["10.0.0.1", "10.0.0.3", "none"]);
    expect(isFree(used, ip("10.0.0.2"))).toBe(false);
    expect(drain(vacate(used, ip("10.0.0.0")), 4, 1)).toEqual(["10.0.0.0"]);
    expect(isFree(vacate(used, ip("192.0.2.1")), ip("192.0.2.1"))).toBe(false);
  });
});

describe("full pools are skipped without a look", () => {
  test("the same choice as by looking at each in turn, however full they are and whoever may draw", () => {
    const random = seededRandom(7);
    const draw = (limit: number) => Math.floor(random() * limit);
    const pools = Array.from({ length: 40 }, (_, at) => {
      const ranges = [
        [`10.0.${at}.0/31`],
        [`fd99:${at}::1-fd99:${at}::2`],
        [`10.0.${at}.0/31`, `fd99:${at}::1-fd99:${at}::2`],
      ];
      return poolOf(`p${String(at).padStart(2, "0")}`, ranges[draw(3)] ?? []);
    });
    let allocator = allocatorOf(...pools);
    const taken: Ip[] = [];
    for (let round = 0; round < 800; round++) {
      const places = allocator.pools.flatMap((_, at) => (random() < 0.6 ? [at] : []));
      const among = bitSet(places, allocator.pools.length);
      const families = [[4], [6], [4, 6], [6, 4]][draw(4)] as readonly Family[];
      const slow = choose(allocator, { places, among: undefined, isWished: false }, families, endless);
      const fast = choose(allocator, { places: [], among, isWished: false }, families, endless);
      expect([...fast]).toEqual([...slow]);
      for (const { ip: given } of fast.values()) {
        allocator = occupy(allocator, given);
        taken.push(given);
      }
      const back = random() < 0.6 ? taken.splice(draw(taken.length), 1)[0] : undefined;
      if (back !== undefined) allocator = vacate(allocator, back);
    }
    expect(taken.length).toBeGreaterThan(10);
  });
});

describe("addresses that are off limits", () => {
  test("a Node's own, and the ends of subnets but for links of two", () => {
    const found = offLimits(
      [{ name: "n1", addresses: ["10.0.0.1", "n1.example", "fd99::11"] }],
      [
        {
          node: "n2",
          subnets: ["10.0.0.0/24", "10.9.0.0/31", "10.9.0.9/32", "fd99::/64", "fd98::/127"],
          addresses: ["10.0.0.2"],
        },
        { node: "n1", subnets: ["10.0.0.0/24", "rubbish"], addresses: ["10.0.0.1"] },
      ],
    );
    expect(found.map(({ ip: address, what }) => `${formatIp(address)} ${what}`)).toEqual([
      "10.0.0.0 the network address of the subnet 10.0.0.0/24",
      "10.0.0.1 an address of the Node n1",
      "10.0.0.2 an address of the Node n2",
      "10.0.0.255 the broadcast address of the subnet 10.0.0.0/24",
      "fd99:: the routers' address of the subnet fd99::/64",
      "fd99::11 an address of the Node n1",
    ]);
    const own = found.filter((one) => one.isNodesOwn === true);
    expect(own.map(({ ip: address }) => formatIp(address))).toEqual(["10.0.0.1", "fd99::11"]);
  });
});
