import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Lab } from "../lab/lab.ts";
import { type SharedLab, withLab } from "../lab/shared.ts";
import { Berth, target } from "./berth.ts";
import { pool } from "./manifests.ts";
import { named, Tenant } from "./tenant.ts";

/** docs/allocation.md on a real API server, as a user would try it. Every rule has its scenario in test/controller/scenarios besides. */

const ns = "allocation";
const KEY = { "berth.dev/sharing-key": "edge" };
const EDGE = "berth.test/edge";

describe("which address a Service gets", () => {
  let shared: SharedLab;
  let lab: Lab;
  let berth: Berth;
  let tenant: Tenant;

  beforeAll(async () => {
    shared = await withLab();
    lab = shared.lab;
    berth = new Berth(lab);
    tenant = new Tenant(berth, ns);
    await berth.install();
    await tenant.build();
  }, 600_000);

  afterAll(async () => {
    await lab.exec("c2", ["ip", "address", "delete", "10.99.0.60/32", "dev", "eth0"]);
    await tenant.clear();
    await shared.release();
  }, 240_000);

  test("one address for two Services by port; who collides is told with whom, and so are those that are edited apart", async () => {
    const address = "10.99.0.40";
    await berth.apply(
      named("shop", ["10.99.0.40-10.99.0.44", "fd99::40-fd99::44"]),
      tenant.wish("one", "shop", { annotations: KEY, ports: [88] }),
      tenant.wish("two", "shop", { annotations: KEY, ports: [8080], app: "other" }),
    );
    for (const name of ["one", "two"]) expect(await tenant.address(name)).toBe(address);
    await berth.holder(address);
    expect(await tenant.nodesBehind(address, 88)).toEqual(["n2"]);
    expect(await tenant.nodesBehind(address, 8080)).toEqual(["n3"]);

    await berth.apply(tenant.wish("three", "shop", { annotations: { ...KEY, "berth.dev/ips": address }, ports: [88] }));
    const collision = `${address} is in use by ${ns}/one, which has the port 88/TCP as well`;
    expect(await tenant.said("three", "AddressInUse")).toBe(collision);
    const told = async () => ((await berth.events("three", "AddressInUse", ns)).length > 0 ? true : undefined);
    await lab.waitFor("an event", told);
    expect(await berth.kubectl("-n", ns, "describe", "service", "three")).toContain(collision);

    // MetalLB takes the address away from one of them then.
    await tenant.patch("service", "two", { spec: { externalTrafficPolicy: "Local" } });
    expect(await tenant.said("two", "SharingConflict")).toContain(
      `${ns}/one, which has externalTrafficPolicy Cluster, this one Local`,
    );
    await tenant.said("one", "SharingConflict");
    for (const name of ["one", "two"]) expect(await tenant.address(name)).toBe(address);
    await berth.holder(address, (node) => node === "n3");
    expect(await tenant.nodesBehind(address, 88)).toEqual(["n2"]);
    expect(await tenant.nodesBehind(address, 8080)).toEqual(["n3"]);
    await tenant.patch("service", "two", { spec: { externalTrafficPolicy: "Cluster" } });
    for (const name of ["one", "two"]) expect(await tenant.said(name, "Assigned")).toBe(`${address} from IPPool shop`);
    await tenant.remove("three");
  });

  test("a request that changes: the old address serves until the new one is there, and stays when it cannot be had", async () => {
    await berth.apply(named("spare", ["10.99.0.50-10.99.0.51"]), tenant.wish("asks", "nosuch, spare"));
    expect(await tenant.address("asks")).toBe("10.99.0.50");
    await tenant.serves("10.99.0.50");
    const client = lab.connect("c1", target("10.99.0.50"), { everyMs: 50 });
    await tenant.annotate("asks", "berth.dev/ips=10.99.0.40", "berth.dev/pool-");
    expect(await tenant.said("asks", "RequestNotMet")).toContain(`10.99.0.40 is in use by ${ns}/one`);
    await client.untilOk(20);
    expect(await client.finish()).toMatchObject({ failed: 0, errors: {} });
    const states = tenant.watchAddresses("asks");
    await states.until("the watch has begun", ({ lines }) => lines.length > 0);
    await tenant.annotate("asks", "berth.dev/ips=10.99.0.51");
    const changed = async () => ((await tenant.address("asks")) === "10.99.0.51" ? true : undefined);
    await lab.waitFor("the new address", changed);
    expect(await tenant.said("asks", "Assigned")).toBe("10.99.0.51 from IPPool spare");
    await states.until("the watch to see it", ({ lines }) => lines.includes("10.99.0.51"));
    await states.stop();
    expect(states.lines.filter((line) => !/^10\.99\.0\.5[01]$/.test(line))).toEqual([]);
    await tenant.free("10.99.0.50");
    await tenant.serves("10.99.0.51");
    await tenant.remove("asks");
  });

  test("10: a pool by annotation, with and without autoAssign, each family; the Service before keeps its addresses", async () => {
    const dual = { families: "RequireDualStack" } as const;
    await berth.apply(
      pool("open", ["10.99.0.45/32", "fd99::45/128"], { priority: 1 }),
      tenant.wish("earlier", undefined, dual),
    );
    const earlier = await tenant.addresses("earlier", 2);
    expect(earlier).toEqual(["10.99.0.45", "fd99::45"]);
    await berth.apply(pool("asked", ["10.99.0.48/31", "fd99::48/127"]), tenant.wish("auto", "asked", dual));
    const auto = await tenant.addresses("auto", 2);
    expect(auto).toEqual(["10.99.0.48", "fd99::48"]);
    await berth.apply(
      pool("asked", ["10.99.0.48/31", "fd99::48/127"], { autoAssign: false }),
      tenant.wish("by-name", "asked", dual),
    );
    const byName = await tenant.addresses("by-name", 2);
    expect(byName).toEqual(["10.99.0.49", "fd99::49"]);
    expect(await tenant.said("by-name", "Assigned")).toBe("10.99.0.49 from IPPool asked, fd99::49 from IPPool asked");
    await tenant.serves(...earlier, ...auto, ...byName);
    expect(await tenant.addresses("earlier", 2)).toEqual(earlier);
    await tenant.remove("earlier", "auto", "by-name");
    await berth.kubectl("delete", "ippool", "open", "asked", "--timeout=30s");
  });

  test("a family is added beside the other one, reached, and given back alone", async () => {
    await berth.apply(tenant.wish("fam", "shop"));
    const first = await tenant.address("fam");
    await tenant.patch("service", "fam", { spec: { ipFamilyPolicy: "PreferDualStack" } });
    const both = await tenant.addresses("fam", 2);
    expect(both).toEqual([first, expect.stringMatching(/^fd99::4\d$/)]);
    await tenant.serves(...both);
    await tenant.patch("service", "fam", { spec: { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"] } });
    expect(await tenant.addresses("fam", 1)).toEqual([first]);
    await tenant.free(both[1] ?? "");
    await berth.reached("c1", target(first));
  });

  test("a quota; a pool for namespaces by their labels, and a namespace that gets the label", async () => {
    await berth.apply(
      named("few", ["10.99.0.52-10.99.0.55"], { quota: 1 }),
      tenant.wish("within", "few"),
      pool("all", ["10.99.0.58/31"], { priority: 20 }),
      pool("edge", ["10.99.0.56/31"], { priority: 10, namespaceSelector: { matchLabels: { [EDGE]: "yes" } } }),
      tenant.wish("before"),
    );
    await tenant.address("within");
    expect(await tenant.address("before")).toBe("10.99.0.58");
    await berth.apply(tenant.wish("beyond", "few"), tenant.wish("barred", "edge"));
    expect(await tenant.said("beyond", "QuotaExceeded")).toContain(
      `the namespace ${ns} has its quota of 1 addresses of the IPPool few`,
    );
    expect(await tenant.said("barred", "PoolNotAllowed")).toContain(`the IPPool edge is not for the namespace ${ns}`);
    await tenant.remove("within");
    await tenant.address("beyond");
    await berth.kubectl("label", "namespace", ns, `${EDGE}=yes`);
    await berth.apply(tenant.wish("after"));
    const drawn = [await tenant.address("barred"), await tenant.address("after")];
    expect([...drawn].sort()).toEqual(["10.99.0.56", "10.99.0.57"]);
    expect(await tenant.address("before")).toBe("10.99.0.58");
    await tenant.remove("beyond", "before", "barred", "after");
    await berth.kubectl("delete", "ippool", "few", "all", "edge", "--timeout=30s");
  });

  test("48, 51: a pool for Services by a label of several values: who loses the label keeps the address, and is reached", async () => {
    const shown = { matchExpressions: [{ key: EDGE, operator: "In", values: ["public", "partner"] }] };
    await berth.apply(
      pool("shown", ["10.99.0.64/31"], { priority: 1, serviceSelector: shown }),
      tenant.wish("labelled", undefined, { labels: { [EDGE]: "partner" } }),
    );
    expect(await tenant.address("labelled")).toBe("10.99.0.64");
    await tenant.serves("10.99.0.64");
    await berth.kubectl("-n", ns, "label", "service", "labelled", `${EDGE}-`);
    // Created after that, so when it is judged the controller has seen the label go.
    await berth.apply(tenant.wish("barred", "shown"));
    expect(await tenant.said("barred", "PoolNotAllowed")).toContain("serviceSelector");
    expect(await tenant.address("labelled")).toBe("10.99.0.64");
    await tenant.serves("10.99.0.64");
    await tenant.remove("labelled", "barred");
    await berth.kubectl("delete", "ippool", "shown", "--timeout=30s");
  });

  test("an address that a host outside uses is put aside, and the Service gets another one", async () => {
    expect(await lab.exec("c2", ["ip", "address", "add", "10.99.0.60/32", "dev", "eth0"])).toMatchObject({ code: 0 });
    await berth.apply(named("taken", ["10.99.0.60/31"]), tenant.wish("moved-on", "taken"));
    const { mac } = lab.station("c2");
    await tenant.poolSays("taken", "Quarantined", `ForeignHost: 10.99.0.60 (used by ${mac}, until `);
    const moved = async () => ((await tenant.address("moved-on")) === "10.99.0.61" ? true : undefined);
    await lab.waitFor("another address", moved);
    await tenant.serves("10.99.0.61");
    const event = async () => (await berth.events("moved-on", "AddressConflict", ns)).at(-1)?.message;
    expect(await lab.waitFor("an event", event)).toContain(mac);
    expect(await berth.answerers("10.99.0.60")).toEqual([mac]);
    await tenant.remove("moved-on");
    // The address that is put aside keeps no pool.
    await berth.kubectl("delete", "ippool", "taken", "--timeout=20s");
  });
});
