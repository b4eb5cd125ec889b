/** Every reason names the field, the value and the way out, and is the true one. docs/troubleshooting.md has the list. */
import { describe, expect, test } from "@jest/globals";
import { Scene } from "./scene.ts";
import type { ServiceWish } from "./wish.ts";

const BOTH = ["IPv4", "IPv6"] as const;

interface Case {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly spec?: Parameters<Scene["pool"]>[2];
  readonly wish?: ServiceWish;
  readonly says: string;
}

describe("a Service without an address", () => {
  test.each<Case>([
    {
      name: "a quota of one address and two families, both or none",
      addresses: ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"],
      spec: { quota: 1 },
      wish: { families: BOTH, policy: "RequireDualStack" },
      says: "QuotaExceeded: its IPv4 address is withheld until the other family has one too (ipFamilyPolicy RequireDualStack); the namespace default has its quota of 1 addresses of the IPPool first: delete a Service, or raise the quota",
    },
    {
      name: "the same, the pool being named",
      addresses: ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"],
      spec: { quota: 1 },
      wish: { families: BOTH, policy: "RequireDualStack", annotations: { "berth.dev/pool": "first" } },
      says: "QuotaExceeded: its IPv4 address is withheld until the other family has one too (ipFamilyPolicy RequireDualStack); the namespace default has its quota of 1 addresses of the IPPool first: delete a Service, or raise the quota",
    },
    {
      name: "a quota of one address and two of them asked for by name",
      addresses: ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"],
      spec: { quota: 1 },
      wish: { families: BOTH, policy: "RequireDualStack", annotations: { "berth.dev/ips": "10.0.0.1,fd99::1" } },
      says: "QuotaExceeded: its IPv4 address is withheld until the other family has one too (ipFamilyPolicy RequireDualStack); the namespace default has its quota of 1 addresses of the IPPool first: delete a Service, or raise the quota",
    },
    {
      name: "the first address of an IPv6 subnet, asked for by name",
      addresses: ["fd99::/60"],
      wish: { families: ["IPv6"], annotations: { "berth.dev/ips": "fd99:0:0:3::" } },
      says: "AddressReserved: fd99:0:0:3:: is the routers' address of the subnet fd99:0:0:3::/64, which no Service can have: ask for another address",
    },
    {
      name: "the same, of the pool's first subnet",
      addresses: ["fd99::/60"],
      wish: { families: ["IPv6"], annotations: { "berth.dev/ips": "fd99::" } },
      says: "AddressReserved: fd99:: is the routers' address of the subnet fd99::/64, which no Service can have: ask for another address",
    },
    {
      name: "an address that avoidBuggyIPs leaves out, asked for by name",
      addresses: ["10.0.0.0/24"],
      spec: { avoidBuggyIPs: true },
      wish: { annotations: { "berth.dev/ips": "10.0.0.255" } },
      says: "AddressNotInPool: no IPPool gives out 10.0.0.255: add it to one (and see that neither spec.excluded nor spec.avoidBuggyIPs leaves it out), or ask for another address",
    },
    {
      name: "no pool at all",
      addresses: [],
      says: "NoPool: there is no IPPool: create one with addresses of your network",
    },
  ])("$name", async ({ addresses, spec = {}, wish = {}, says }) => {
    const scene = new Scene();
    if (addresses.length > 0) scene.pool("first", addresses, spec);
    scene.service("web", wish);
    await scene.settle();
    expect(scene.says("web")).toBe(says);
    expect(scene.addresses("web")).toEqual([]);
    expect(scene.table()).toEqual([]);
    expect(scene.warnings.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([says]);
  });

  test("a quota of one address and two families, one of them enough: told once, and truly", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1-10.0.0.9", "fd99::1-fd99::9"], { quota: 1 });
    scene.service("web", { families: BOTH, policy: "PreferDualStack" });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    const says =
      "10.0.0.1 from IPPool first; the namespace default has its quota of 1 addresses of the IPPool first: delete a Service, or raise the quota";
    expect(scene.says("web")).toBe(`PartlyAssigned: ${says}`);
    expect(scene.warnings.map(({ message }) => message)).toEqual([says]);
    scene.editPool("first", { quota: 2 });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1", "fd99::1"]);
  });
});

describe("a pool that has addresses and can give out none of them", () => {
  const BARE: readonly { name: string; arrange: (scene: Scene) => void; since: string; family?: "IPv4" | "IPv6" }[] = [
    {
      name: "another one comes first and has them",
      arrange: (scene) => {
        scene.pool("a", ["10.0.0.1-10.0.0.9"]);
        scene.pool("b", ["10.0.0.0/24"], { priority: 1, autoAssign: false });
      },
      since: "the IPPool b has them and comes first",
    },
    {
      name: "it is a Node's",
      arrange: (scene) => {
        scene.speaker("n1", ["192.0.2.0/24"], "10.0.0.1");
        scene.pool("a", ["10.0.0.1/32"]);
      },
      since: "10.0.0.1 is an address of the Node n1",
    },
    {
      name: "both, each of some of them",
      arrange: (scene) => {
        scene.node("n1", "fd99::1");
        scene.pool("a", ["fd99::1-fd99::2", "10.0.0.1/32"]);
        scene.pool("b", ["fd99::2/128", "10.0.0.0/24"], { priority: 1, autoAssign: false });
      },
      since: "the IPPool b has some of them and comes first, fd99::1 is an address of the Node n1",
      family: "IPv6",
    },
    {
      name: "they are left out",
      arrange: (scene) => scene.pool("a", ["10.0.0.1/32", "fd99::1/128"], { excluded: ["10.0.0.0/24"] }),
      since: "spec.excluded or spec.avoidBuggyIPs takes them out",
    },
  ];

  test.each(BARE)("$name: who names it is told so, and who names none", async ({ arrange, since, family = "IPv4" }) => {
    const scene = new Scene();
    arrange(scene);
    scene.service("named", { families: [family], annotations: { "berth.dev/pool": "a" } });
    scene.service("any", { families: [family] });
    await scene.settle();
    const says = `PoolExhausted: no ${family} address of the IPPool a can be given out, since ${since}: add others, or ask for another pool`;
    expect([scene.says("named"), scene.says("any")]).toEqual([says, says]);
  });

  test("one that has none of the family, or is for others, says just that", async () => {
    const scene = new Scene();
    scene.pool("none", ["fd99::1/128"]);
    scene.pool("others", ["10.0.0.1/32"], { namespaces: ["shop"] });
    scene.pool("first", ["10.0.0.1/32"], { priority: 1, autoAssign: false });
    for (const pool of ["none", "others"]) scene.service(pool, { annotations: { "berth.dev/pool": pool } });
    scene.service("any");
    await scene.settle();
    expect(scene.says("none")).toBe("NoPool: the IPPool none has no IPv4 addresses: add some, or ask for another pool");
    expect(scene.says("others")).toMatch(/^PoolNotAllowed: the IPPool others is not for the namespace default/);
    expect(scene.says("any")).toMatch(/^NoPool: no IPPool with autoAssign has IPv4 addresses: add some, /);
  });
});

describe("a pool that is not Ready", () => {
  test.each<Omit<Case, "wish">>([
    {
      name: "nothing left by avoidBuggyIPs",
      addresses: ["10.0.0.0/32", "10.0.0.255/32"],
      spec: { avoidBuggyIPs: true },
      says: "False Empty: spec.avoidBuggyIPs: every IPv4 address of the pool ends in .0 or .255; add others, or switch this off",
    },
    {
      name: "nothing but the routers' address of an IPv6 subnet",
      addresses: ["fd99::/128"],
      says: "False Empty: spec.addresses: every IPv6 address of the pool is the routers' address of a subnet (the first of its /64), which no Service can have; add others",
    },
    {
      name: "nothing left by excluded",
      addresses: ["10.0.0.1/32"],
      spec: { excluded: ["10.0.0.0/24"] },
      says: "False Empty: spec.excluded: it takes out every address of the pool",
    },
    {
      name: "everything",
      addresses: ["0.0.0.0/0", "::/0"],
      says: "False UnusableAddresses: spec.addresses[0]: 0.0.0.0-255.255.255.255 contains unspecified addresses (0.0.0.0-0.255.255.255); spec.addresses[1]: ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff contains unspecified addresses (::-::)",
    },
    {
      name: "an entry that cannot be read beside one that can",
      addresses: ["10.0.0.1-10.0.0.9", "fd99::9-fd99::1"],
      says: 'False InvalidRange: spec.addresses[1]: "fd99::9-fd99::1" ends before it begins: swap the two addresses',
    },
    {
      name: "host bits",
      addresses: ["10.0.0.200/24"],
      says: 'False InvalidRange: spec.addresses[0]: "10.0.0.200/24" has host bits set: write 10.0.0.0/24 for the whole network or 10.0.0.200/32 for one address',
    },
  ])("$name", async ({ addresses, spec = {}, says }) => {
    const scene = new Scene();
    scene.pool("first", addresses, spec);
    await scene.settle();
    expect(scene.poolSays("first")).toBe(says);
    expect(scene.warnings.map(({ kind, message }) => `${kind} ${message}`)).toEqual([
      `IPPool ${says.replace(/^False \S+: /, "")}`,
    ]);
  });

  test("nor is the routers' address given where others begin: after what is excluded, or what another pool has", async () => {
    const scene = new Scene();
    scene.pool("a", ["fd99::/64"], { autoAssign: false });
    scene.pool("b", ["fd99::/60"], { autoAssign: false });
    scene.pool("c", ["fd98::/60"], { excluded: ["fd98::/63", "fd98:0:0:2::1/128"], autoAssign: false });
    for (const pool of ["a", "b", "c"]) {
      scene.service(pool, { families: ["IPv6"], annotations: { "berth.dev/pool": pool } });
    }
    await scene.settle();
    expect(scene.table().map((line) => line.split(":").slice(0, -1).join(":"))).toEqual([
      "fd98:0:0:2::2 of c",
      "fd99::1 of a",
      "fd99:0:0:1::1 of b",
    ]);
  });

  test("one that is being deleted says how its addresses can stay", async () => {
    const scene = new Scene();
    scene.pool("first", ["10.0.0.1/32"]);
    scene.service("web");
    await scene.settle();
    scene.deletePool("first");
    await scene.settle();
    expect(scene.poolSays("first")).toBe(
      "False Deleting: the pool is being deleted: it gives nothing out and goes with the last address of it that is in use; an IPPool of another name with the same addresses takes them over as they are",
    );
  });

  test.each([
    ["10.0.0.0/8", {}, { totalIPv4: 16_777_216, availableIPv4: 16_777_215, assignedIPv4: 1 }, "10.0.0.0"],
    ["10.0.0.255-10.0.2.0", { avoidBuggyIPs: true }, { totalIPv4: 254, availableIPv4: 253 }, "10.0.1.1"],
    ["10.0.0.254-10.0.1.1", { avoidBuggyIPs: true }, { totalIPv4: 2, availableIPv4: 1 }, "10.0.0.254"],
    ["1.0.0.0-126.255.255.255", {}, { totalIPv4: 2_113_929_216 }, "1.0.0.0"],
    ["2000::/3", {}, { totalIPv6: Number.MAX_SAFE_INTEGER, assignedIPv6: 1 }, "2000::1"],
    ["fd99:0:0:1::/64", {}, { availableIPv6: Number.MAX_SAFE_INTEGER }, "fd99:0:0:1::1"],
    ["fd99::ffff:ffff:ffff:ffff-fd99:0:0:1::1", {}, { totalIPv6: 2, availableIPv6: 1 }, "fd99::ffff:ffff:ffff:ffff"],
  ] as const)("%s %j is ready: %j", async (range, spec, status, first) => {
    const scene = new Scene();
    // Said twice, a part of it three times: each address is given out once.
    scene.pool(
      "first",
      [range, range, `${first}/${range.includes(":") ? 128 : 32}`].slice(0, range.length > 20 ? 1 : 3),
      spec,
    );
    scene.service("web", { families: [range.includes(":") ? "IPv6" : "IPv4"] });
    await scene.settle();
    expect(scene.addresses("web")).toEqual([first]);
    expect(scene.poolSays("first")).toMatch(/^True Valid/);
    expect(scene.poolStatus("first")).toMatchObject(status);
  });
});
