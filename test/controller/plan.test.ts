import { describe, expect, test } from "@jest/globals";
import type { Effect, Plan } from "../../controller/effects.ts";
import {
  createLedger,
  type Ledger,
  ownerOf,
  reserve,
  setPools,
  setService,
  setVip,
  unreserve,
} from "../../controller/ledger.ts";
import { planService } from "../../controller/plan.ts";
import { activePools, type Pools, setPool } from "../../controller/pools.ts";
import type { IPPool } from "../../lib/model/ip-pool.ts";
import { type Service, serviceKey } from "../../lib/model/service.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { assertNever } from "../../lib/runtime/errors.ts";
import { ip } from "../lib/address/text.ts";
import { assigned, CLEANUP, poolOf, serviceOf, vipOf } from "./objects.ts";

interface Scene {
  readonly service: Service | undefined;
  readonly key?: string;
  readonly pools?: readonly IPPool[];
  readonly vips?: readonly VirtualIP[];
  /** Other Services of the cluster. */
  readonly others?: readonly Service[];
  readonly classLess?: boolean;
}

const FIRST = poolOf("first", ["10.0.0.1-10.0.0.3", "fd99::1-fd99::3"]);

function plan({ service, key, pools = [FIRST], vips = [], others = [], classLess = true }: Scene): Plan {
  const ledger: Ledger = createLedger();
  const all = pools.reduce((map: Pools, pool) => setPool(map, pool.meta.name, pool), new Map());
  setPools(ledger, activePools(all));
  for (const vip of vips) setVip(ledger, vip.meta.name, vip);
  for (const one of [...others, ...(service === undefined ? [] : [service])])
    setService(ledger, serviceKey(one.meta), one);
  const at = key ?? serviceKey(service?.meta ?? { namespace: "default", name: "web" });
  return planService({
    key: at,
    service,
    world: { ledger, pools: all, namespaceLabels: () => undefined },
    classLess,
    wallMs: 0,
  });
}

/** One line per effect, so that a table shows the order of the writes. */
function lines(effects: readonly Effect[]): readonly string[] {
  return effects.map((effect) => {
    switch (effect.type) {
      case "create-vip":
        return `create ${effect.spec.address} of ${effect.spec.pool}`;
      case "update-vip":
        return `update ${effect.spec.address} of ${effect.spec.pool}`;
      case "delete-vip":
        return `delete ${effect.name} ${effect.uid}`;
      case "confirm-service":
        return "confirm";
      case "warn":
        return `warn ${effect.reason}`;
      case "write-service": {
        const ingress = effect.ingress === undefined ? "" : ` [${effect.ingress.map((one) => one.ip).join(" ")}]`;
        const finalizer = effect.finalizer === undefined ? "" : effect.finalizer ? " +finalizer" : " -finalizer";
        const condition =
          effect.condition === undefined
            ? ""
            : effect.condition === null
              ? " -condition"
              : ` ${effect.condition.status}/${effect.condition.reason}`;
        return `write${ingress}${finalizer}${condition}`;
      }
      default:
        return assertNever(effect);
    }
  });
}

const web = serviceOf("web");
const dual = serviceOf("web", { families: ["IPv4", "IPv6"] });
const other = serviceOf("other");
const done = { ingress: ["10.0.0.2"], finalizers: [CLEANUP], conditions: [assigned("10.0.0.2 from IPPool first")] };
const published = serviceOf("web", done);
const full = poolOf("first", ["10.0.0.1/32"]);

const GIVING: readonly (Scene & { name: string; effects: readonly string[]; waiting?: boolean })[] = [
  {
    name: "the lowest free address: VirtualIP, then one write of the Service",
    service: web,
    effects: ["create 10.0.0.1 of first", "write [10.0.0.1] +finalizer True/Assigned"],
  },
  {
    name: "the next one, when another has the first",
    service: web,
    vips: [vipOf("10.0.0.1", other)],
    effects: ["create 10.0.0.2 of first", "write [10.0.0.2] +finalizer True/Assigned"],
  },
  {
    name: "not one that stands in another Service's status",
    service: web,
    others: [serviceOf("old", { ingress: ["10.0.0.1"] })],
    effects: ["create 10.0.0.2 of first", "write [10.0.0.2] +finalizer True/Assigned"],
  },
  {
    name: "not one that is still being released",
    service: web,
    vips: [vipOf("10.0.0.1", other, { deleting: true })],
    effects: ["create 10.0.0.2 of first", "write [10.0.0.2] +finalizer True/Assigned"],
  },
  {
    name: "both families, in the Service's order",
    service: serviceOf("web", { families: ["IPv6", "IPv4"] }),
    effects: [
      "create fd99::1 of first",
      "create 10.0.0.1 of first",
      "write [fd99::1 10.0.0.1] +finalizer True/Assigned",
    ],
  },
  { name: "nothing to do", service: published, vips: [vipOf("10.0.0.2", published)], effects: [] },
  {
    name: "a pass cut off after the creation is finished",
    service: web,
    vips: [vipOf("10.0.0.2", web)],
    effects: ["write [10.0.0.2] +finalizer True/Assigned"],
  },
  {
    name: "PreferDualStack takes what there is",
    service: dual,
    pools: [full],
    effects: ["create 10.0.0.1 of first", "write [10.0.0.1] +finalizer True/PartlyAssigned", "warn PartlyAssigned"],
    waiting: true,
  },
  {
    name: "and the second later",
    service: serviceOf("web", { families: ["IPv4", "IPv6"], ingress: ["10.0.0.1"], finalizers: [CLEANUP] }),
    vips: [vipOf("10.0.0.1", dual)],
    effects: ["create fd99::1 of first", "write [10.0.0.1 fd99::1] True/Assigned"],
  },
  {
    name: "RequireDualStack gives nothing while one is missing",
    service: serviceOf("web", { families: ["IPv4", "IPv6"], policy: "RequireDualStack" }),
    pools: [full],
    effects: ["write False/NoPool", "warn NoPool"],
    waiting: true,
  },
  {
    name: "RequireDualStack takes back half of a pass that was cut off",
    service: serviceOf("web", { families: ["IPv4", "IPv6"], policy: "RequireDualStack" }),
    pools: [full],
    vips: [vipOf("10.0.0.1", web)],
    effects: ["write False/NoPool", "delete 10.0.0.1 vip-10.0.0.1", "warn NoPool"],
    waiting: true,
  },
  {
    name: "a Service that is turned into RequireDualStack gives back the one address that it has",
    service: serviceOf("web", { ...done, families: ["IPv4", "IPv6"], policy: "RequireDualStack" }),
    pools: [full],
    vips: [vipOf("10.0.0.2", web)],
    effects: ["write [] -finalizer False/NoPool", "delete 10.0.0.2 vip-10.0.0.2", "warn NoPool"],
    waiting: true,
  },
  {
    name: "but RequireDualStack that had both keeps what is left",
    service: serviceOf("web", {
      ingress: ["10.0.0.2", "fd99::1"],
      finalizers: [CLEANUP],
      conditions: [assigned("10.0.0.2 from IPPool first, fd99::1 from IPPool first")],
      families: ["IPv4", "IPv6"],
      policy: "RequireDualStack",
    }),
    pools: [full],
    vips: [vipOf("10.0.0.2", web), vipOf("fd99::1", other)],
    others: [serviceOf("other", { ingress: ["fd99::1"] })],
    effects: ["write [10.0.0.2] True/PartlyAssigned", "warn PartlyAssigned", "warn AddressLost"],
    waiting: true,
  },
  {
    name: "Berth's class",
    service: serviceOf("web", { loadBalancerClass: "berth.dev/l2" }),
    classLess: false,
    effects: ["create 10.0.0.1 of first", "write [10.0.0.1] +finalizer True/Assigned"],
  },
];

const KEEPING: typeof GIVING = [
  {
    name: "a pool edit moves nothing",
    service: published,
    pools: [poolOf("first", ["10.9.0.0/24"])],
    vips: [vipOf("10.0.0.2", published)],
    effects: [],
  },
  {
    name: "a pool that is gone moves nothing",
    service: published,
    pools: [],
    vips: [vipOf("10.0.0.2", published)],
    effects: [],
  },
  {
    name: "a renamed pool takes the addresses along",
    service: published,
    pools: [poolOf("new", ["10.0.0.0/24"])],
    vips: [vipOf("10.0.0.2", published)],
    effects: ["update 10.0.0.2 of new", "write True/Assigned"],
  },
  {
    name: "a lost VirtualIP comes again with the same address",
    service: published,
    effects: ["create 10.0.0.2 of first"],
  },
  {
    name: "one deleted by hand: its end is awaited",
    service: published,
    vips: [vipOf("10.0.0.2", published, { deleting: true })],
    effects: [],
    waiting: true,
  },
  {
    name: "of two claims without VirtualIP the older Service wins",
    service: serviceOf("web", { ingress: ["10.0.0.2"], created: "2026-01-02T00:00:00Z" }),
    others: [serviceOf("old", { ingress: ["10.0.0.2"] })],
    effects: ["create 10.0.0.1 of first", "write [10.0.0.1] +finalizer True/Assigned"],
  },
  {
    name: "and the older one gets its VirtualIP",
    service: serviceOf("web", { ingress: ["10.0.0.2"] }),
    others: [serviceOf("young", { ingress: ["10.0.0.2"], created: "2026-01-02T00:00:00Z" })],
    effects: ["create 10.0.0.2 of first", "write +finalizer True/Assigned"],
  },
  ...["10.0.0.2 from IPPool first (shared)", "10.0.0.2 from IPPool first"].map((message) => ({
    name: `of two that Berth had given it, the younger before the older has it back: ${message}`,
    service: serviceOf("web", { ...done, conditions: [assigned(message)], created: "2026-01-02T00:00:00Z" }),
    others: [serviceOf("old", { ...done, conditions: [assigned("10.0.0.2 from IPPool first (shared)")] })],
    effects: message.endsWith("(shared)")
      ? ["create 10.0.0.2 of first"]
      : ["create 10.0.0.1 of first", "write [10.0.0.1] True/Assigned", "warn AddressLost"],
  })),
  {
    name: "one whose sharing key cannot be read shares with nobody who has none",
    service: serviceOf("web", {
      ...done,
      annotations: { "berth.dev/sharing-key": "one", "metallb.io/allow-shared-ip": "two" },
      created: "2026-01-02T00:00:00Z",
    }),
    others: [serviceOf("old", done)],
    effects: ["write [] -finalizer False/BadRequest", "warn BadRequest", "warn AddressLost"],
    waiting: true,
  },
  {
    name: "a foreign write to the status is undone",
    service: serviceOf("web", { ...done, ingress: ["10.0.0.3"] }),
    vips: [vipOf("10.0.0.2", web)],
    effects: ["write [10.0.0.2]"],
  },
  {
    name: "a second VirtualIP of one family goes, the published one stays",
    service: published,
    vips: [vipOf("10.0.0.1", published), vipOf("10.0.0.2", published)],
    effects: ["confirm", "delete 10.0.0.1 vip-10.0.0.1"],
  },
  {
    name: "ports and policy are kept up to date",
    service: serviceOf("web", { ...done, port: 81, local: true }),
    vips: [vipOf("10.0.0.2", web)],
    effects: ["update 10.0.0.2 of first"],
  },
  {
    name: "so are the pool's rules",
    service: published,
    pools: [poolOf("first", ["10.0.0.0/24"], { interfaces: ["eth1"] })],
    vips: [vipOf("10.0.0.2", published)],
    effects: ["update 10.0.0.2 of first"],
  },
  {
    name: "and whom it prefers",
    service: published,
    pools: [poolOf("first", ["10.0.0.0/24"], { preferred: { edge: "yes" } })],
    vips: [vipOf("10.0.0.2", published)],
    effects: ["update 10.0.0.2 of first"],
  },
  {
    name: "a family that is no longer wanted goes",
    service: serviceOf("web", { ...done, ingress: ["10.0.0.2", "fd99::1"] }),
    vips: [vipOf("10.0.0.2", web), vipOf("fd99::1", web)],
    effects: ["write [10.0.0.2]", "delete fd99-0000-0000-0000-0000-0000-0000-0001 vip-fd99::1"],
  },
  {
    name: "the VirtualIP of a predecessor of the same name goes",
    service: published,
    vips: [vipOf("10.0.0.1", serviceOf("web", { uid: "before" })), vipOf("10.0.0.2", published)],
    effects: ["confirm", "delete 10.0.0.1 vip-10.0.0.1"],
  },
];

const ASKING: typeof GIVING = [
  {
    name: "a pool by name, its autoAssign does not matter",
    service: serviceOf("web", { annotations: { "berth.dev/pool": "b" } }),
    pools: [FIRST, poolOf("b", ["10.1.0.1/32"], { autoAssign: false })],
    effects: ["create 10.1.0.1 of b", "write [10.1.0.1] +finalizer True/Assigned"],
  },
  {
    name: "addresses, one per family",
    service: serviceOf("web", { families: ["IPv4", "IPv6"], annotations: { "berth.dev/ips": "fd99::3, 10.0.0.3" } }),
    effects: [
      "create 10.0.0.3 of first",
      "create fd99::3 of first",
      "write [10.0.0.3 fd99::3] +finalizer True/Assigned",
    ],
  },
  {
    name: "spec.loadBalancerIP",
    service: serviceOf("web", { loadBalancerIP: "10.0.0.3" }),
    effects: ["create 10.0.0.3 of first", "write [10.0.0.3] +finalizer True/Assigned"],
  },
  {
    name: "another address than it has: the new one first, then the old one goes",
    service: serviceOf("web", { ...done, annotations: { "berth.dev/ips": "10.0.0.3" } }),
    vips: [vipOf("10.0.0.2", web)],
    effects: ["create 10.0.0.3 of first", "write [10.0.0.3] True/Assigned", "delete 10.0.0.2 vip-10.0.0.2"],
  },
  {
    name: "another address, but it is taken: what it has stays",
    service: serviceOf("web", { ...done, annotations: { "berth.dev/ips": "10.0.0.3" } }),
    vips: [vipOf("10.0.0.2", web), vipOf("10.0.0.3", other)],
    effects: ["write True/RequestNotMet", "warn RequestNotMet"],
    waiting: true,
  },
  {
    name: "taken",
    service: serviceOf("web", { annotations: { "berth.dev/ips": "10.0.0.3" } }),
    vips: [vipOf("10.0.0.3", other)],
    effects: ["write False/AddressInUse", "warn AddressInUse"],
    waiting: true,
  },
  {
    name: "in no pool",
    service: serviceOf("web", { annotations: { "berth.dev/ips": "10.7.7.7" } }),
    effects: ["write False/AddressNotInPool", "warn AddressNotInPool"],
    waiting: true,
  },
  {
    name: "no such pool",
    service: serviceOf("web", { annotations: { "berth.dev/pool": "b" } }),
    effects: ["write False/PoolNotFound", "warn PoolNotFound"],
    waiting: true,
  },
  {
    name: "no sense",
    service: serviceOf("web", { annotations: { "berth.dev/ips": "lan" } }),
    effects: ["write False/BadRequest", "warn BadRequest"],
    waiting: true,
  },
  {
    name: "no sense, but it has an address",
    service: serviceOf("web", { ...done, annotations: { "berth.dev/ips": "lan" } }),
    vips: [vipOf("10.0.0.2", web)],
    effects: ["write True/RequestNotMet", "warn RequestNotMet"],
    waiting: true,
  },
  {
    name: "the pool it asked for was edited away under it",
    service: serviceOf("web", { ...done, annotations: { "berth.dev/pool": "first" } }),
    pools: [poolOf("first", ["10.9.0.0/24"])],
    vips: [vipOf("10.0.0.2", web)],
    effects: [],
  },
];

const LACKING: typeof GIVING = [
  { name: "no pool", service: web, pools: [], effects: ["write False/NoPool", "warn NoPool"], waiting: true },
  {
    name: "all in use",
    service: web,
    pools: [full],
    vips: [vipOf("10.0.0.1", other)],
    effects: ["write False/PoolExhausted", "warn PoolExhausted"],
    waiting: true,
  },
  {
    name: "a pool that cannot be read",
    service: web,
    pools: [poolOf("first", ["lan"])],
    effects: ["write False/PoolNotReady", "warn PoolNotReady"],
    waiting: true,
  },
  {
    name: "said once",
    service: serviceOf("web", {
      conditions: [assigned("there is no IPPool: create one with addresses of your network", "NoPool", "False")],
    }),
    pools: [],
    effects: [],
    waiting: true,
  },
  {
    name: "what another controller wrote before stays while Berth has nothing to give",
    service: serviceOf("web", { ingress: ["192.0.2.1"] }),
    pools: [],
    effects: ["write False/NoPool", "warn NoPool"],
    waiting: true,
  },
  {
    name: "but not an address of somebody else",
    service: serviceOf("web", { ingress: ["10.0.0.1"] }),
    pools: [full],
    vips: [vipOf("10.0.0.1", other)],
    effects: ["write [] False/PoolExhausted", "warn PoolExhausted"],
    waiting: true,
  },
];

const RELEASING: typeof GIVING = [
  {
    name: "deleted: status, VirtualIP, finalizer, in this order",
    service: serviceOf("web", { ...done, deleting: true }),
    vips: [vipOf("10.0.0.2", web)],
    effects: ["write []", "delete 10.0.0.2 vip-10.0.0.2", "write -finalizer -condition"],
  },
  {
    name: "deleted, the VirtualIP is on its way: only the finalizer is left",
    service: serviceOf("web", { finalizers: [CLEANUP], conditions: done.conditions, deleting: true }),
    vips: [vipOf("10.0.0.2", web, { deleting: true })],
    effects: ["write -finalizer -condition"],
  },
  {
    name: "type changed (the API server has emptied the status)",
    service: serviceOf("web", { ...done, type: "ClusterIP", ingress: [] }),
    vips: [vipOf("10.0.0.2", web)],
    effects: ["confirm", "delete 10.0.0.2 vip-10.0.0.2", "write -finalizer -condition"],
  },
  {
    name: "class-less ones became foreign by the flag",
    service: published,
    classLess: false,
    vips: [vipOf("10.0.0.2", web)],
    effects: ["write []", "delete 10.0.0.2 vip-10.0.0.2", "write -finalizer -condition"],
  },
  {
    name: "gone without a finalizer: the VirtualIP goes after a look at the API server",
    service: undefined,
    vips: [vipOf("10.0.0.2", web)],
    effects: ["confirm", "delete 10.0.0.2 vip-10.0.0.2"],
  },
  {
    name: "a foreign class is not touched",
    service: serviceOf("web", { loadBalancerClass: "other.io/lb", ingress: ["10.0.0.2"], finalizers: [CLEANUP] }),
    effects: [],
  },
  { name: "a ClusterIP Service is not touched", service: serviceOf("web", { type: "ClusterIP" }), effects: [] },
  {
    name: "a pass cut off before the Service was written, then deleted",
    service: serviceOf("web", { deleting: true }),
    vips: [vipOf("10.0.0.1", web)],
    effects: ["confirm", "delete 10.0.0.1 vip-10.0.0.1"],
  },
];

describe.each([
  ["giving", GIVING],
  ["keeping", KEEPING],
  ["asking", ASKING],
  ["lacking", LACKING],
  ["releasing", RELEASING],
])("%s", (_, scenes) => {
  test.each(scenes)("$name", ({ effects, waiting = false, ...scene }) => {
    const result = plan(scene);
    expect(lines(result.effects)).toEqual(effects);
    expect(result.waiting).toBe(waiting);
  });
});

describe("messages name what is wrong and the way out", () => {
  const messageOf = (scene: Scene): string =>
    plan(scene)
      .effects.flatMap((effect) => (effect.type === "warn" ? [effect.message] : []))
      .join();

  test.each([
    [{ service: web, pools: [] }, "there is no IPPool: create one"],
    [
      { service: web, pools: [full], vips: [vipOf("10.0.0.1", other)] },
      "no IPv4 address is free in any IPPool (first): widen one or delete a Service",
    ],
    [
      { service: dual, pools: [full] },
      "10.0.0.1 from IPPool first; no IPPool with autoAssign has IPv6 addresses: add some",
    ],
    [
      { service: serviceOf("web", { annotations: { "berth.dev/ips": "10.0.0.3" } }), vips: [vipOf("10.0.0.3", other)] },
      "10.0.0.3 is in use by default/other",
    ],
    [
      { service: serviceOf("web", { annotations: { "berth.dev/ips": "fd99::1" } }) },
      "spec.ipFamilies of the Service has no IPv6: add it there",
    ],
    [
      { service: serviceOf("web", { annotations: { "berth.dev/ips": "10.0.0.1,10.0.0.2" } }) },
      "asks for 10.0.0.1 and 10.0.0.2 (berth.dev/ips): one address per family",
    ],
    [
      { service: serviceOf("web", { annotations: { "berth.dev/pool": "b" } }) },
      "there is no IPPool b: create it, or correct the annotation berth.dev/pool",
    ],
    [
      { service: web, pools: [poolOf("first", ["lan"])] },
      'the IPPool first cannot be used: spec.addresses[0]: "lan" is not an IP address',
    ],
    [
      { service: serviceOf("web", { families: ["IPv4", "IPv6"], policy: "RequireDualStack" }), pools: [full] },
      "its IPv4 address is withheld until the other family has one too",
    ],
  ] as const)("%#: %s", (scene, text) => {
    expect(messageOf(scene)).toContain(text);
  });
});

describe("ledger", () => {
  test("a reservation keeps an address from the next plan until it ends", () => {
    const ledger = createLedger();
    const pools: Pools = setPool(new Map(), "first", full);
    setPools(ledger, activePools(pools));
    const planFor = (service: Service) =>
      planService({
        key: serviceKey(service.meta),
        service,
        world: { ledger, pools, namespaceLabels: () => undefined },
        classLess: true,
        wallMs: 0,
      });
    reserve(ledger, ip("10.0.0.1"), "default/web");
    expect(planFor(other).outcome).toBe("not-assigned");
    expect(unreserve(ledger, ip("10.0.0.1"))).toBe(true);
    expect(planFor(other).outcome).toBe("assigned");
  });

  test("an address is free only when neither VirtualIP nor status nor reservation names it", () => {
    const ledger = createLedger();
    setPools(ledger, activePools(setPool(new Map(), "first", full)));
    expect(setVip(ledger, "10.0.0.1", vipOf("10.0.0.1", web))).toBe(false);
    expect(setService(ledger, "default/web", serviceOf("web", { ingress: ["10.0.0.1"] }))).toBe(false);
    expect(setVip(ledger, "10.0.0.1", undefined)).toBe(false);
    expect(ownerOf(ledger, ip("10.0.0.1"))).toMatchObject({ type: "claim", claim: { key: "default/web" } });
    expect(setService(ledger, "default/web", undefined)).toBe(true);
    expect(ownerOf(ledger, ip("10.0.0.1"))).toEqual({ type: "nobody" });
    expect({ claims: ledger.claims.size, claimsOf: ledger.claimsOf.size, vipsOf: ledger.vipsOf.size }).toEqual({
      claims: 0,
      claimsOf: 0,
      vipsOf: 0,
    });
  });
});
