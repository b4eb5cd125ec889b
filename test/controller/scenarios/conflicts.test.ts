/** Addresses that hosts outside the cluster turn out to use. docs/allocation.md names these. */
import { describe, expect, test } from "@jest/globals";
import { renderMetrics } from "../../../lib/runtime/metrics.ts";
import { foreignHost, MAC, noForeignHost } from "./foreign-host.ts";
import { addressesOf, Scene } from "./scene.ts";
import type { ServiceWish } from "./wish.ts";

const MINUTE = 60_000;

async function served(addresses: readonly string[], wish: ServiceWish = {}): Promise<Scene> {
  const scene = new Scene();
  scene.pool("first", addresses);
  scene.service("web", wish);
  await scene.settle();
  return scene;
}

describe("before the first announcement", () => {
  test("the Service gets another address, the used one is put aside, and Service and pool say so", async () => {
    const scene = await served(["10.0.0.1-10.0.0.9"]);
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.2"]);
    expect(scene.table()).toEqual(["10.0.0.1 of first: ", "10.0.0.2 of first: default/web"]);
    expect(scene.warnings.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
      `AddressConflict: 10.0.0.1 was given back before it was ever announced: a host with the MAC ${MAC} uses it`,
    ]);
    expect(scene.poolSays("first", "Quarantined")).toMatch(
      new RegExp(`^True ForeignHost: 10.0.0.1 \\(used by ${MAC}, until 2026-06-01T00:10:.*: give these hosts other`),
    );
    scene.service("asks", { annotations: { "berth.dev/ips": "10.0.0.1" } });
    await scene.settle();
    expect(scene.says("asks")).toMatch(/^AddressInUse: 10.0.0.1 is put aside until 2026-06-01T00:10/);
  });

  test("ten minutes, then twenty: twice as long each time", async () => {
    const scene = await served(["10.0.0.1-10.0.0.2"]);
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    expect(scene.vips()[0]?.quarantine).toMatchObject({ times: 1, mac: MAC });
    await scene.settle(9 * MINUTE);
    expect(scene.table()).toHaveLength(2);
    await scene.settle(2 * MINUTE);
    expect(scene.table()).toEqual(["10.0.0.2 of first: default/web"]);
    expect(scene.poolSays("first", "Quarantined")).toBe("");
    scene.annotate("web", { "berth.dev/renumber": "1" });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.2"]);
    expect(scene.vips()[0]?.quarantine).toMatchObject({ times: 2 });
    await scene.settle(18 * MINUTE);
    expect(scene.table()).toHaveLength(2);
    await scene.settle(3 * MINUTE);
    expect(scene.table()).toHaveLength(1);
  });

  test("the gauge of what is put aside follows it, by pool, and goes with the pool", async () => {
    const shown = async () =>
      (await renderMetrics()).split("\n").filter((line) => line.startsWith("berth_addresses_quarantined{"));
    const scene = await served(["10.0.0.1-10.0.0.9"]);
    scene.pool("second", ["10.0.1.1/32"], { autoAssign: false });
    for (const address of ["10.0.0.1", "10.0.0.2"]) {
      foreignHost(scene, address);
      await scene.settle();
    }
    expect(await shown()).toEqual([
      'berth_addresses_quarantined{pool="first"} 2',
      'berth_addresses_quarantined{pool="second"} 0',
    ]);
    scene.deletePool("second");
    await scene.settle(11 * MINUTE);
    expect(await shown()).toEqual(['berth_addresses_quarantined{pool="first"} 0']);
    scene.resign();
    expect(await shown()).toEqual([]);
  });

  test("it lasts through a restart", async () => {
    const scene = await served(["10.0.0.1-10.0.0.2"]);
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    scene.restart();
    await scene.settle(5 * MINUTE);
    expect(scene.table()).toHaveLength(2);
    await scene.settle(6 * MINUTE);
    expect(scene.table()).toHaveLength(1);
  });

  test("who asks for just this address keeps it, and is told", async () => {
    const scene = await served(["10.0.0.1-10.0.0.9"], { annotations: { "berth.dev/ips": "10.0.0.1" } });
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    expect(scene.says("web")).toBe(
      `AddressConflict: 10.0.0.1 from IPPool first; a host with the MAC ${MAC} uses 10.0.0.1, so it is not announced: give that host or the Service another address`,
    );
  });

  test("Services that share the address go together to another one", async () => {
    const annotations = { "berth.dev/sharing-key": "edge" };
    const scene = await served(["10.0.0.1-10.0.0.9"], { annotations });
    scene.service("more", { annotations, ports: [81] });
    await scene.settle();
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    expect(addressesOf(scene, "web", "more")).toEqual({ web: ["10.0.0.2"], more: ["10.0.0.2"] });
    expect(scene.vips()[0]?.quarantine).toMatchObject({ times: 1 });
  });

  test("a pool without another address: the Service stays, is told, and moves when there is one", async () => {
    const scene = await served(["10.0.0.1/32"]);
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
    expect(scene.says("web")).toMatch(/^AddressConflict: 10.0.0.1 from IPPool first; a host with the MAC/);
    scene.editPool("first", { addresses: ["10.0.0.1-10.0.0.2"] });
    await scene.settle();
    expect(scene.addresses("web")).toEqual(["10.0.0.2"]);
  });
});

describe("excluding what hosts outside use, as the condition advises", () => {
  test("ends the quarantine at once: the pool speaks of these addresses no more", async () => {
    const scene = await served(["10.0.0.1-10.0.0.9"]);
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    expect(scene.poolSays("first", "Quarantined")).toMatch(/: give these hosts other addresses, or exclude them here$/);
    scene.editPool("first", { excluded: ["10.0.0.1/32"] });
    await scene.settle();
    expect(scene.table()).toEqual(["10.0.0.2 of first: default/web"]);
    expect(["Quarantined", "Retained"].map((type) => scene.poolSays("first", type))).toEqual(["", ""]);
    expect(scene.poolStatus("first")).toMatchObject({ totalIPv4: 8, assignedIPv4: 1, availableIPv4: 7 });
  });

  test("makes room for others: the Service that could not be moved is", async () => {
    const scene = await served(["10.0.0.1-10.0.0.20"]);
    for (let at = 1; at <= 5; at++) {
      foreignHost(scene, `10.0.0.${at}`, `02:aa:00:00:00:0${at}`);
      await scene.settle();
    }
    expect(scene.says("web")).toMatch(/^AddressConflict: 10.0.0.5 .* as may be are put aside/);
    scene.editPool("first", { excluded: ["10.0.0.1-10.0.0.4"] });
    await scene.settle();
    expect(scene.says("web")).toBe("Assigned: 10.0.0.6 from IPPool first");
    expect(scene.table()).toEqual(["10.0.0.5 of first: ", "10.0.0.6 of first: default/web"]);
  });
});

describe("limits", () => {
  test("one host that answers for three addresses does proxy ARP: the third is kept, and said", async () => {
    const scene = await served(["10.0.0.1-10.0.0.9"]);
    for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) {
      foreignHost(scene, address);
      await scene.settle();
    }
    expect(scene.addresses("web")).toEqual(["10.0.0.3"]);
    expect(scene.says("web")).toMatch(
      /^ProxyARP: 10.0.0.3 from IPPool first; the host with the MAC .* seems to do proxy ARP/,
    );
  });

  test("four addresses of a small pool at most", async () => {
    const scene = await served(["10.0.0.1-10.0.0.20"]);
    for (let at = 1; at <= 5; at++) {
      foreignHost(scene, `10.0.0.${at}`, `02:aa:00:00:00:0${at}`);
      await scene.settle();
    }
    expect(scene.addresses("web")).toEqual(["10.0.0.5"]);
    expect(scene.says("web")).toMatch(
      /^AddressConflict: .* as many addresses of the IPPool first as may be are put aside/,
    );
  });

  test("a pool that is deleted does not wait for them", async () => {
    const scene = await served(["10.0.0.1-10.0.0.9"]);
    foreignHost(scene, "10.0.0.1");
    await scene.settle();
    scene.delete("web");
    scene.deletePool("first");
    await scene.settle(11 * MINUTE);
    expect(scene.poolExists("first")).toBe(false);
  });
});

test("after the first announcement nothing is taken away, only told", async () => {
  const scene = await served(["10.0.0.1-10.0.0.9"]);
  foreignHost(scene, "10.0.0.1", MAC, { node: "n1", epoch: 1 });
  await scene.settle();
  expect(scene.addresses("web")).toEqual(["10.0.0.1"]);
  expect(scene.says("web")).toMatch(/^AddressConflict: .* uses 10.0.0.1 as well/);
  noForeignHost(scene, "10.0.0.1");
  await scene.settle();
  expect(scene.says("web")).toBe("Assigned: 10.0.0.1 from IPPool first");
});
