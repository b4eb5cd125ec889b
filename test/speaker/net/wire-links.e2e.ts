/** Links that change under held addresses, and what switches are told of groups; see wire.e2e.ts. Needs root. */
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { writeAnnouncement } from "../../../speaker/packet/frames.ts";
import { addAddresses, NODE_MAC, NODE_NS, plug, rest, run } from "./namespaces.ts";
import {
  ALL,
  agent,
  askArp,
  askNd,
  closeWire,
  FREE6,
  frameOf,
  hold,
  holdEntries,
  openWire,
  say,
  solicitation,
  station,
  VIP4,
  VIP6,
} from "./wire-world.ts";

jest.setTimeout(60_000);
beforeAll(openWire);
afterAll(closeWire);

const GROUP = "ff0200000000000000000001ff000100";
const FREE_GROUP = "ff0200000000000000000001ff000200";
/** What the device lets through, of the 32 bits of the group that are in the MAC (RFC 2464 section 7). */
const macOf = (group: string) => `3333${group.slice(24)}`;

/** A multicast listener report (RFC 3810 section 5.2: ICMPv6 type 143 behind a hop-by-hop header) by which the node joins the group. */
const isReport = (frame: string, group: string) =>
  frame.slice(12, 28) === `${NODE_MAC.replaceAll(":", "")}86dd` &&
  frame.slice(40, 42) === "00" &&
  frame.slice(124, 126) === "8f" &&
  frame.includes(`04000000${group}`);
const reported = (from: number, group = GROUP) =>
  station.heard((frame) => frame.hex !== undefined && isReport(frame.hex, group), from);
const members = () =>
  run(`ip netns exec ${NODE_NS} cat /proc/net/dev_mcast`)
    .split("\n")
    .filter((line) => line.includes(" eth0 "))
    .map((line) => line.trim().split(/\s+/).at(-1) ?? "");
const linked = (from: number, carrier: boolean) =>
  agent.heard((m) => m.type === "links" && m.links.some((one) => one.name === "eth0" && one.carrier === carrier), from);
const nd = () => askNd(solicitation(NODE_MAC, { source: "2001:db8::9", target: VIP6, destination: VIP6 }));

describe("multicast listener reports", () => {
  test("with the table", async () => {
    await hold([]);
    await rest(100);
    const from = station.messages.length;
    await hold(ALL);
    await reported(from);
  });
  test("with the first question of a probe, before the address is held, and kept until the table could come", async () => {
    const from = station.messages.length;
    say({ type: "probe", id: 1, address: FREE6, interface: "eth0" });
    await reported(from, FREE_GROUP);
    await agent.heard((m) => m.type === "probed" && m.id === 1);
    expect(members()).toContain(macOf(FREE_GROUP));
    await rest(4500);
    expect(members()).not.toContain(macOf(FREE_GROUP));
  });
  test("again after a link flap", async () => {
    const [said, from] = [agent.messages.length, station.messages.length];
    run(`ip -n ${NODE_NS} link set eth0 down`);
    await linked(said, false);
    run(`ip -n ${NODE_NS} link set eth0 up`);
    await reported(from);
    expect(await nd()).toHaveLength(1);
  });
  test("for 450 groups, more than fit on one socket as Berth counts", async () => {
    const addresses = Array.from({ length: 450 }, (_, i) => `2001:db8:1::${(i + 1).toString(16)}`);
    await holdEntries(addresses.map((address) => ({ address, interface: "eth0" })));
    const last = `3333ff${(450).toString(16).padStart(6, "0")}`;
    for (let tries = 0; !members().includes(last) && tries < 50; tries++) await rest(100);
    expect(members().filter((group) => group.startsWith("3333ff000")).length).toBeGreaterThanOrEqual(450);
    await hold(ALL);
  });
});

describe("an interface that is made anew under its old name, index and MAC, while nobody looks", () => {
  test("has sockets and groups again, and what it holds is announced", async () => {
    const index = Number(/^(\d+):/.exec(run(`ip -n ${NODE_NS} -o link show eth0`))?.[1]);
    agent.signal("SIGSTOP");
    await rest(20);
    run(`ip -n ${NODE_NS} link del eth0`);
    plug(NODE_NS, "eth0", NODE_MAC, "p0", index);
    addAddresses(NODE_NS, 1);
    const from = station.messages.length;
    agent.signal("SIGCONT");
    await reported(from);
    for (const form of ["request", "reply"] as const) {
      const announcement = frameOf((out) => writeAnnouncement(form, VIP4, NODE_MAC, out, 0));
      await station.heard((frame) => frame.hex === announcement, from);
    }
    expect(await askArp(VIP4)).toHaveLength(1);
    expect(await nd()).toHaveLength(1);
    expect(members()).toContain(macOf(GROUP));
  });
});

describe("an interface that becomes a port of a bridge", () => {
  test("is silent at once, without a word from the main thread; the bridge answers when it is told to, and back", async () => {
    run(`ip -n ${NODE_NS} link add br9 address 02:00:00:00:00:b9 type bridge mcast_snooping 0`);
    run(`ip -n ${NODE_NS} link set br9 up`);
    const said = agent.messages.length;
    run(`ip -n ${NODE_NS} link set eth0 master br9`);
    await agent.heard((m) => m.type === "links" && m.links.some((one) => one.master === "br9"), said);
    expect(await askArp(VIP4)).toEqual([]);
    say({ type: "listen", interfaces: ["br9"], addresses: [] });
    await holdEntries([{ address: VIP4, interface: "br9" }]);
    expect((await askArp(VIP4)).map((frame) => frame.hex.slice(44, 56))).toEqual(["0200000000b9"]);
    run(`ip -n ${NODE_NS} link set eth0 nomaster`);
    say({ type: "listen", interfaces: ["eth0", "eth1"], addresses: [] });
    await hold(ALL);
    expect(await askArp(VIP4)).toHaveLength(1);
    run(`ip -n ${NODE_NS} link del br9`);
  });
});

describe("a device on top of the interface", () => {
  test("a macvlan answers with its own MAC for what it holds, the interface below for nothing of it", async () => {
    const macvlan = "02:00:00:00:00:55";
    run(`ip -n ${NODE_NS} link add mv0 link eth0 address ${macvlan} type macvlan mode bridge`);
    run(`ip -n ${NODE_NS} link set mv0 up`);
    say({ type: "listen", interfaces: ["eth0", "mv0"], addresses: [] });
    await holdEntries([{ address: VIP4, interface: "mv0" }]);
    expect((await askArp(VIP4)).map((frame) => frame.hex.slice(44, 56))).toEqual([macvlan.replaceAll(":", "")]);
    run(`ip -n ${NODE_NS} link del mv0`);
    await rest(200);
    expect(await askArp(VIP4)).toEqual([]);
    await hold(ALL);
    expect(await askArp(VIP4)).toHaveLength(1);
  });
});

test("nothing went wrong in the worker", () => {
  expect(agent.messages.filter((m) => m.type === "failed")).toEqual([]);
});
