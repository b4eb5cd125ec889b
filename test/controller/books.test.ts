/** Which changes make which keys be looked at. */
import { describe, expect, test } from "@jest/globals";
import { reserve } from "../../controller/ledger.ts";
import { Books } from "../../controller/shell/books.ts";
import { type Ip, parseIp } from "../../lib/address/ip.ts";
import { parseConditions } from "../../lib/model/conditions.ts";
import type { IPPool } from "../../lib/model/ip-pool.ts";
import type { Service } from "../../lib/model/service.ts";
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import { assigned, noCache, poolOf, serviceOf, vipOf } from "./objects.ts";

const ip = (text: string): Ip => {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
};

function stage() {
  const services = new Map<string, Service>();
  const vips = new Map<string, VirtualIP>();
  const pools = new Map<string, IPPool>();
  const cache = <T>(map: ReadonlyMap<string, T>) => ({
    get: (key: string) => map.get(key),
    list: () => [...map.values()],
  });
  let told: string[] = [];
  const caches = { services: cache(services), vips: cache(vips), pools: cache(pools) };
  const books = new Books(
    {
      ...caches,
      namespaces: noCache,
      nodes: noCache,
      leases: noCache,
      clock: { monotonicMs: () => 0 },
      enqueue: (key) => told.push(key),
    },
    () => [],
  );
  /** What was queued since the last call. */
  const queued = (): readonly string[] => {
    const before = told;
    told = [];
    return [...new Set(before)].sort();
  };
  return { services, vips, pools, books, queued };
}

const at = (service: Service, resourceVersion: string): Service => ({
  ...service,
  meta: { ...service.meta, resourceVersion },
});

const web = serviceOf("web");
const other = serviceOf("other");

describe("the echo of an own write", () => {
  test("of a Service is no reason to look at it; what another one writes is", () => {
    const { services, books, queued } = stage();
    services.set("default/web", web);
    books.open();
    queued();
    const written = at(web, "20");
    books.saw({ type: "service", key: "default/web", service: written }, 0);
    services.set("default/web", written);
    books.onService("default/web");
    expect(queued()).toEqual([]);
    services.set("default/web", at(web, "21"));
    books.onService("default/web");
    expect(queued()).toEqual(["service:default/web"]);
  });

  test("of a VirtualIP is looked at by itself, not by the Service that wrote it", () => {
    const { vips, books, queued } = stage();
    books.open();
    const vip = vipOf("10.0.0.1", web);
    books.saw({ type: "vip", name: "10.0.0.1", vip }, 0);
    vips.set("10.0.0.1", vip);
    queued();
    books.onVip("10.0.0.1");
    expect(queued().filter((key) => !key.startsWith("pool:"))).toEqual(["vip:10.0.0.1"]);
  });

  test("that comes before the answer finds the creation under way", () => {
    const { vips, books, queued } = stage();
    books.open();
    reserve(books.ledger, ip("10.0.0.1"), "default/web");
    vips.set("10.0.0.1", vipOf("10.0.0.1", web));
    books.onVip("10.0.0.1");
    expect(queued()).not.toContain("service:default/web");
  });

  test("an address that another one has been given meanwhile is looked at by both", () => {
    const { vips, books, queued } = stage();
    books.open();
    reserve(books.ledger, ip("10.0.0.1"), "default/web");
    vips.set("10.0.0.1", vipOf("10.0.0.1", other));
    books.onVip("10.0.0.1");
    expect(queued()).toContain("service:default/other");
  });

  test("of a Service that leaves a shared address is looked at by who stays there alone", () => {
    const { vips, books, queued } = stage();
    const shared = vipOf("10.0.0.1", web);
    vips.set("10.0.0.1", { ...shared, services: [...shared.services, ...vipOf("10.0.0.1", other).services] });
    books.open();
    queued();
    const left = { ...vipOf("10.0.0.1", other), meta: { ...shared.meta, resourceVersion: "20" } };
    books.saw({ type: "vip", name: "10.0.0.1", vip: left }, 0);
    vips.set("10.0.0.1", left);
    books.onVip("10.0.0.1");
    expect(queued()).toContain("service:default/other");
  });

  test("of a VirtualIP that a foreign host uses is looked at by its Service too", () => {
    const { vips, books, queued } = stage();
    const message = "02:aa:00:00:00:01, no node of this cluster, answers for 10.0.0.1";
    const conditions = parseConditions([{ type: "Conflict", status: "True", reason: "ForeignHost", message }]);
    const vip = { ...vipOf("10.0.0.1", web), conditions };
    books.open();
    books.saw({ type: "vip", name: "10.0.0.1", vip }, 0);
    vips.set("10.0.0.1", vip);
    queued();
    books.onVip("10.0.0.1");
    expect(queued()).toContain("service:default/web");
  });

  test("a VirtualIP that goes is looked at by its Service", () => {
    const { vips, books, queued } = stage();
    vips.set("10.0.0.1", vipOf("10.0.0.1", web));
    books.open();
    queued();
    vips.delete("10.0.0.1");
    books.onVip("10.0.0.1");
    expect(queued()).toEqual(expect.arrayContaining(["freed", "service:default/web", "vip:10.0.0.1"]));
  });
});

test("a pool is looked at when the record of a Service does not name it any more", () => {
  const { services, pools, books, queued } = stage();
  const recorded = (pool: string) =>
    serviceOf("web", { ingress: ["10.0.9.1"], conditions: [assigned(`10.0.9.1 from IPPool ${pool}`)] });
  for (const name of ["first", "second"]) pools.set(name, poolOf(name, ["10.0.0.0/24"]));
  services.set("default/web", recorded("first"));
  books.open();
  queued();
  services.set("default/web", at(recorded("second"), "6"));
  books.onService("default/web");
  expect(queued()).toEqual(["pool:first", "service:default/web"]);
});

test("who has an address is looked at when the status of another Service does not list it any more", () => {
  const { services, vips, books, queued } = stage();
  services.set("default/web", serviceOf("web", { ingress: ["10.0.0.1"] }));
  vips.set("10.0.0.1", vipOf("10.0.0.1", other));
  books.open();
  queued();
  services.set("default/web", at(web, "6"));
  books.onService("default/web");
  expect(queued()).toContain("service:default/other");
});

describe("an edited pool", () => {
  test("is looked at by its own Services and by those whose pool does not have their address", () => {
    const { vips, pools, books, queued } = stage();
    pools.set("first", poolOf("first", ["10.0.0.0/24"]));
    pools.set("second", poolOf("second", ["10.0.1.0/24"]));
    vips.set("10.0.0.1", vipOf("10.0.0.1", serviceOf("own")));
    vips.set("10.0.1.1", vipOf("10.0.1.1", serviceOf("apart"), { pool: "second" }));
    vips.set("10.0.2.1", vipOf("10.0.2.1", serviceOf("stray"), { pool: "second" }));
    vips.set("10.0.3.1", vipOf("10.0.3.1", serviceOf("homeless"), { pool: "gone" }));
    books.open();
    queued();
    pools.set("first", poolOf("first", ["10.0.0.0/23"], { generation: 2 }));
    books.onPool("first");
    const services = queued().filter((key) => key.startsWith("service:"));
    expect(services).toEqual(["service:default/homeless", "service:default/own", "service:default/stray"]);
  });
});
