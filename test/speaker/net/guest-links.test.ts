/** Devices that the kernel of the tests does not have, as recorded in a guest that has them (fixtures/guest/record.sh). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { interfaceFacts } from "../../../speaker/interfaces.ts";
import { createLinks, type LinksState, linksOf } from "../../../speaker/net/links.ts";
import type { Link } from "../../../speaker/net/messages.ts";
import { arpFilter } from "../../../speaker/packet/bpf.ts";
import { isWireless } from "../../../speaker/shell/wireless.ts";
import { toHex } from "../packet/fixtures.ts";
import { messages, play } from "./recorded.ts";

const recorded = (name: string) => messages(`guest/${name}`);
const lines = (name: string) =>
  readFileSync(new URL(`./fixtures/guest/${name}.txt`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
const dump = [{ type: "resync" } as const, ...recorded("dump-links"), ...recorded("dump-addresses")];
const having = (...names: string[]) => play(createLinks(), [...dump, ...names.flatMap(recorded)]).state;
const link = (state: LinksState, name: string): Link | undefined => linksOf(state)?.find((one) => one.name === name);
const used = (state: LinksState) => interfaceFacts(linksOf(state) ?? []).map((one) => one.name);

describe("in the dump", () => {
  const state = having();
  test("VLAN sub-interfaces, bonds, bridges and macvlans are used, and so is what they stand on", () => {
    expect(used(state)).toEqual(expect.arrayContaining(["eth0", "eth0.7", "bond0", "bond0.30", "br0", "mv0", "wlan0"]));
    expect([link(state, "eth0.7")?.kind, link(state, "bond0")?.kind, link(state, "mv0")?.kind]).toEqual([
      "vlan",
      "bond",
      "macvlan",
    ]);
  });
  test("slaves of a bond and ports of a bridge are not", () => {
    expect(["eth1", "eth2", "eth3"].map((name) => link(state, name)?.master)).toEqual(["bond0", "bond0", "br0"]);
    expect(used(state).filter((name) => ["eth1", "eth2", "eth3"].includes(name))).toEqual([]);
  });
  test("nor is the monitor of a radio, which is no Ethernet", () => {
    expect([link(state, "hwsim0")?.broadcast, used(state).includes("hwsim0")]).toEqual([false, false]);
  });
  test("each has the subnets of its own addresses", () => {
    const subnets = Object.fromEntries(interfaceFacts(linksOf(state) ?? []).map((one) => [one.name, one.subnets]));
    expect(subnets).toMatchObject({
      eth0: ["192.0.2.0/24"],
      "eth0.7": ["198.51.100.0/25"],
      bond0: ["203.0.113.0/25"],
      "bond0.30": ["203.0.113.128/25"],
      wlan0: ["2001:db8:9::/64"],
    });
  });
});

describe("events", () => {
  test("the active slave of a bond loses its cable: the bond and its VLAN go on with the same MAC", () => {
    const state = having("bond-slave-lost");
    expect(link(state, "eth1")).toMatchObject({ carrier: false, master: "bond0" });
    for (const name of ["bond0", "bond0.30"])
      expect(link(state, name)).toMatchObject({ carrier: true, mac: "02:00:00:00:01:0a" });
  });
  test("and both, whose switch port is another now, have to be made known to switches again (IFLA_EVENT)", () => {
    const state = having("bond-slave-lost");
    const moved = [...state.rejoins.keys()].map((index) => linksOf(state)?.find((one) => one.index === index)?.name);
    expect(moved.sort()).toEqual(["bond0", "bond0.30"]);
  });
  test("the last slave with a cable is released: no carrier on the bond, nor on its VLAN; the slave has its own MAC again", () => {
    const state = having("bond-slave-lost", "bond-slave-released");
    expect(["bond0", "bond0.30"].map((name) => link(state, name)?.carrier)).toEqual([false, false]);
    expect(link(state, "eth2")).toMatchObject({ master: "", mac: "02:00:00:00:02:0a" });
  });
  test("what a VLAN and a macvlan stand on goes down: no carrier on them", () => {
    const state = having("vlan-parent-down");
    expect(["eth0", "eth0.7", "mv0"].map((name) => link(state, name)?.carrier)).toEqual([false, false, false]);
  });
  test("a VLAN is removed", () => {
    expect(used(having("vlan-parent-down", "vlan-removed"))).not.toContain("eth0.7");
  });
  test("news of a radio (IFLA_WIRELESS) hold nothing about the link, and change nothing", () => {
    expect(recorded("wireless-scanned")).toEqual([{ type: "other" }]);
    expect(link(having("wireless-scanned"), "wlan0")).toEqual(link(having(), "wlan0"));
    expect(link(having(), "wlan0")?.mac).toBe("02:00:00:00:00:00");
  });
});

test("an ARP request for VLAN 7 reaches the sockets of eth0 too; the filter leaves it to eth0.7, and VLAN 8 to nobody", () => {
  const sockets = lines("vlan-frames").map((line) => line.split(" "));
  expect(sockets.filter(([kind]) => kind === "filter")).toEqual([
    ["filter", "eth0", toHex(arpFilter(10, []))],
    ["filter", "eth0.7", toHex(arpFilter(20, []))],
  ]);
  expect(sockets.filter(([kind]) => kind !== "filter")).toEqual([
    ["none", "eth0-without-filter", "1"],
    ["none", "eth0-with-filter", "1"],
    ["none", "eth0.7-with-filter", "0"],
    ["7", "eth0-without-filter", "1"],
    ["7", "eth0-with-filter", "0"],
    ["7", "eth0.7-with-filter", "1"],
    ["8", "eth0-without-filter", "1"],
    ["8", "eth0-with-filter", "0"],
    ["8", "eth0.7-with-filter", "0"],
  ]);
});

describe("the frame worker ran in the guest and was asked by ARP from the other end of its cables", () => {
  const [answers, after] = ["answers", "answers-after-failover"].map((name) => lines(name));
  const ETH0 = "02:00:00:00:00:0a";
  const BOND = "02:00:00:00:01:0a";
  test("each interface answers for what it holds with its own MAC, and what comes with another tag is not answered", () => {
    expect(answers).toEqual([
      `192.0.2.100 eth0 eth0 ${ETH0}`,
      "192.0.2.100 eth0 eth0.7 none",
      `198.51.100.100 eth0.7 eth0.7 ${ETH0}`,
      "198.51.100.100 eth0.7 eth0 none",
      `203.0.113.100 bond0 eth1 ${BOND}`,
      // Behind the slave that is not active.
      "203.0.113.100 bond0 eth2 none",
      `203.0.113.200 bond0.30 eth1.30 ${BOND}`,
      "203.0.113.200 bond0.30 eth1 none",
      "198.51.100.200 br0 eth3 02:00:00:00:03:0a",
    ]);
  });
  test("when the active slave had lost its cable the bond answered through the other, with the same MAC", () => {
    expect(after).toEqual([`203.0.113.100 bond0 eth2 ${BOND}`, `203.0.113.200 bond0.30 eth2.30 ${BOND}`]);
  });
});

test("what is wireless is told by sysfs, for rtnetlink does not say it", () => {
  const marks = new Map(
    lines("sysfs")
      .map((line) => line.split(" "))
      .map(([name = "", ...rest]) => [name, rest]),
  );
  const exists = (path: string) => {
    const [, name = "", mark = ""] = /^\/sys\/class\/net\/([^/]+)\/(.+)$/.exec(path) ?? [];
    return marks.get(name)?.includes(mark) === true;
  };
  expect([...marks.keys()].filter((name) => isWireless(name, exists))).toEqual(["wlan0", "wlan1"]);
});
