/**
 * A switch that forwards solicitations only to who has told it of the group: a real bridge with multicast snooping, the querier itself,
 * which floods nothing unknown to the node's port. Its intervals are short, so that it forgets within seconds. Needs root.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { interfaceIndex, NODE_MAC, NODE_NS, rest, run, Speaking, SWITCH_NS } from "./namespaces.ts";
import {
  agent,
  askNd,
  closeWire,
  type Frame,
  hold,
  holdEntries,
  openWire,
  say,
  solicitation,
  VIP4,
  VIP6,
} from "./wire-world.ts";

jest.setTimeout(60_000);

const GROUP = "ff02::1:ff00:100";
const GROUP_HEX = "ff0200000000000000000001ff000100";
const VIP6_B = "2001:db8::300";
/** In hundredths of a second, as the kernel takes them: forgotten after 2.5 s, asked again each second. */
const SNOOPING = [
  ...["mcast_snooping 1", "mcast_mld_version 2", "mcast_query_interval 100"],
  ...["mcast_query_response_interval 50", "mcast_membership_interval 250", "mcast_last_member_interval 30"],
  ...["mcast_startup_query_interval 100", "mcast_querier_interval 500"],
].join(" ");
const FORGOTTEN_MS = 3_500;

/** Sees what the node says, before the bridge does. */
let tap: Speaking<Frame>;
let inside: Speaking<Frame> | undefined;
let successor: Speaking<{ type: string }> | undefined;

const setBridge = (options: string, ns = SWITCH_NS, name = "br0") =>
  run(`ip -n ${ns} link set ${name} type bridge ${options}`);
const portsOf = (group: string, ns = SWITCH_NS): readonly string[] =>
  (JSON.parse(run(`bridge -n ${ns} -j mdb show`)) as { mdb?: { grp: string; port: string }[] }[])
    .flatMap((one) => one.mdb ?? [])
    .filter((entry) => entry.grp === group)
    .map((entry) => entry.port);
async function becomes(what: () => unknown, wanted: unknown): Promise<void> {
  for (let tries = 0; tries < 60 && JSON.stringify(what()) !== JSON.stringify(wanted); tries++) await rest(100);
  expect(what()).toEqual(wanted);
}
const toGroup = (target: string, group: string, mac: string) =>
  solicitation(mac, { source: "2001:db8::9", target, destination: group });
const solicit = () => askNd(toGroup(VIP6, GROUP, "33:33:ff:00:01:00"));
/** MACs that the answers tell. A worker that a busy machine did not run for a while is told to go on, as the speaker would. */
async function answered(ask: () => ReturnType<typeof askNd> = solicit): Promise<readonly (string | undefined)[]> {
  for (let tries = 0; tries < 10; tries++) {
    for (const m of agent.messages.slice(resumed)) if (m.type === "fenced") say({ type: "resume", fence: m.fence });
    resumed = agent.messages.length;
    const answers = await ask();
    if (answers.length > 0) return answers.map(({ message }) => message.linkLayer);
  }
  return [];
}
let resumed = 0;
const own = NODE_MAC.replaceAll(":", "");
/** Bytes of a listener message: type, source of the packet, and all behind its checksum. */
const said = (from: number, mac = own) =>
  tap.messages.slice(from).flatMap(({ hex = "" }) => {
    if (hex.slice(12, 28) !== `${mac}86dd` || hex.slice(40, 42) !== "00") return [];
    return [{ type: Number.parseInt(hex.slice(124, 126), 16), source: hex.slice(44, 76), message: hex.slice(132) }];
  });
const records = (from: number, type: 2 | 3 | 4, group = GROUP_HEX) =>
  said(from).filter((one) => one.type === 143 && one.message.includes(`0${type}000000${group}`));
const older = (from: number, type: 131 | 132) =>
  said(from).filter((one) => one.type === type && one.message.endsWith(GROUP_HEX));

beforeAll(async () => {
  await openWire();
  tap = new Speaking(SWITCH_NS, "test/speaker/net/station.ts", [String(interfaceIndex(SWITCH_NS, "p0"))]);
  await tap.heard((m) => m.ready === true);
  await hold([VIP4]);
  setBridge(SNOOPING);
  // Afterwards, since a querier believes its memory only when the response interval of its start is over.
  setBridge("mcast_querier 1");
  run(`ip -n ${SWITCH_NS} link set p0 type bridge_slave mcast_flood off`);
  await becomes(() => portsOf(GROUP), []);
  await rest(FORGOTTEN_MS);
});
afterAll(async () => {
  for (const process of [tap, inside, successor]) await process?.end();
  await closeWire();
});

test("it keeps solicitations from who told it nothing", async () => {
  expect(await solicit()).toEqual([]);
});

describe("version 2", () => {
  test("the group of a held address is reported at once, with the node's link-local address, and asked for by the device alone", async () => {
    const from = tap.messages.length;
    await hold([VIP4, VIP6]);
    await becomes(() => portsOf(GROUP), ["p0"]);
    expect(await answered()).toEqual([NODE_MAC]);
    expect(records(from, 4)[0]?.source).toBe("fe80000000000000000000fffe000001");
    await becomes(() => records(from, 4).length >= 2, true);
    expect(run(`ip netns exec ${NODE_NS} cat /proc/net/igmp6`)).not.toContain(GROUP_HEX);
  });
  test("queries are answered, for longer than the switch remembers", async () => {
    const from = tap.messages.length;
    await rest(2 * FORGOTTEN_MS);
    expect(portsOf(GROUP)).toEqual(["p0"]);
    expect(await answered()).toEqual([NODE_MAC]);
    expect(records(from, 2).length).toBeGreaterThanOrEqual(3);
  });
  test("a process that stands still is forgotten; when it goes on it is known again", async () => {
    agent.signal("SIGSTOP");
    await rest(FORGOTTEN_MS);
    await becomes(() => portsOf(GROUP), []);
    agent.signal("SIGCONT");
    await becomes(() => portsOf(GROUP), ["p0"]);
    expect(await answered()).toEqual([NODE_MAC]);
  });
  test("a link flap, after which the switch knows nothing", async () => {
    run(`ip -n ${NODE_NS} link set eth0 down`);
    await becomes(() => portsOf(GROUP), []);
    run(`ip -n ${NODE_NS} link set eth0 up`);
    await becomes(() => portsOf(GROUP), ["p0"]);
    expect(await answered()).toEqual([NODE_MAC]);
  });
  test("a flap that is over before the process looks", async () => {
    agent.signal("SIGSTOP");
    await rest(50);
    run(`ip -n ${NODE_NS} link set eth0 down`);
    await becomes(() => portsOf(GROUP), []);
    run(`ip -n ${NODE_NS} link set eth0 up`);
    const from = tap.messages.length;
    agent.signal("SIGCONT");
    await becomes(() => records(from, 4).length > 0, true);
    await becomes(() => portsOf(GROUP), ["p0"]);
  });
  test("without a link-local address that is more than tentative it is reported from ::, and again when there is one", async () => {
    const source = "fe80::ff:fe00:1";
    const from = tap.messages.length;
    run(`ip -n ${NODE_NS} addr del ${source}/64 dev eth0`);
    await becomes(() => records(from, 4)[0]?.source, "0".repeat(32));
    expect(await answered()).toEqual([NODE_MAC]);
    const [since, told] = [tap.messages.length, agent.messages.length];
    run(`ip netns exec ${NODE_NS} sysctl -qw net.ipv6.conf.eth0.accept_dad=1`);
    run(`ip -n ${NODE_NS} addr add ${source}/64 dev eth0`);
    await agent.heard((m) => m.type === "links" && JSON.stringify(m).includes('"tentative":true'), told);
    await becomes(() => records(since, 4).at(-1)?.source, "fe80000000000000000000fffe000001");
    expect(JSON.stringify(agent.messages.findLast((m) => m.type === "links"))).not.toContain("tentative");
    run(`ip netns exec ${NODE_NS} sysctl -qw net.ipv6.conf.eth0.accept_dad=0`);
  });
  test("what is no longer held is left", async () => {
    const from = tap.messages.length;
    await hold([VIP4]);
    await becomes(() => portsOf(GROUP), []);
    expect(records(from, 3).length).toBeGreaterThanOrEqual(1);
    await becomes(() => records(from, 3).length, 2);
    expect(await solicit()).toEqual([]);
  });
  test("not told: a leave while the successor of this process is in the group", async () => {
    await hold([VIP4, VIP6]);
    await becomes(() => portsOf(GROUP), ["p0"]);
    successor = new Speaking<{ type: string }>(NODE_NS, "test/speaker/net/agent.ts", [], true);
    await successor.heard((m) => m.type === "links");
    successor.tell(JSON.stringify({ type: "listen", interfaces: ["eth0"], addresses: [] }));
    successor.tell(JSON.stringify({ type: "table", generation: 1, entries: [{ address: VIP6, interface: "eth0" }] }));
    await successor.heard((m) => m.type === "applied");
    await rest(100);
    const from = tap.messages.length;
    await hold([VIP4]);
    await rest(FORGOTTEN_MS);
    expect([records(from, 3), portsOf(GROUP), await answered()]).toEqual([[], ["p0"], [NODE_MAC]]);
    await successor.end();
    await becomes(() => records(from, 3).length, 1);
    await becomes(() => portsOf(GROUP), []);
  });
});

test("a thousand addresses at once are a few dozen reports, and the switch knows them all", async () => {
  const many = Array.from({ length: 1000 }, (_, i) => `2001:db8:1::${(0x1000 + i).toString(16)}`);
  const from = tap.messages.length;
  await holdEntries(many.map((address) => ({ address, interface: "eth0" })));
  const known = () =>
    (JSON.parse(run(`bridge -n ${SWITCH_NS} -j mdb show`)) as { mdb?: { grp: string; port: string }[] }[])
      .flatMap((one) => one.mdb ?? [])
      .filter(({ grp, port }) => port === "p0" && /^ff02::1:ff00:1[0-3]..$/.test(grp)).length;
  await becomes(known, many.length);
  await rest(FORGOTTEN_MS);
  expect(known()).toBe(many.length);
  const joins = said(from).filter((one) => one.type === 143 && one.message.slice(8, 10) === "04");
  // 17 full ones, twice; with what a slow machine makes of the turns of the loop.
  expect(joins.length).toBeLessThan(80);
  const leaving = tap.messages.length;
  await hold([VIP4]);
  await becomes(known, 0);
  const leaves = said(leaving).filter((one) => one.type === 143 && one.message.slice(8, 10) === "03");
  expect(leaves.length).toBeLessThan(80);
});

test("a querier of version 1 is answered in version 1, and told when an address goes", async () => {
  setBridge("mcast_mld_version 1");
  await rest(1500);
  const from = tap.messages.length;
  await hold([VIP4, VIP6]);
  await becomes(() => portsOf(GROUP), ["p0"]);
  await rest(2 * FORGOTTEN_MS);
  expect([portsOf(GROUP), await answered(), records(from, 4)]).toEqual([["p0"], [NODE_MAC], []]);
  expect(older(from, 131).length).toBeGreaterThanOrEqual(4);
  expect(older(from, 132)).toEqual([]);
  await hold([VIP4]);
  await becomes(() => older(from, 132).length >= 1, true);
  await becomes(() => portsOf(GROUP), []);
  setBridge("mcast_mld_version 2");
});

describe("devices on top", () => {
  test("a macvlan is shown the group once its own device has joined, and answers", async () => {
    run(`ip -n ${NODE_NS} link add mv0 link eth0 address 02:00:00:00:00:56 type macvlan mode bridge`);
    run(`ip -n ${NODE_NS} link set mv0 up`);
    run(`ip -n ${SWITCH_NS} link set p0 type bridge_slave mcast_flood on`);
    inside = new Speaking<Frame>(NODE_NS, "test/speaker/net/station.ts", [String(interfaceIndex(NODE_NS, "mv0"))]);
    await inside.heard((m) => m.ready === true);
    const question = toGroup(VIP6_B, "ff02::1:ff00:300", "33:33:ff:00:03:00");
    const shown = () => inside?.messages.filter((one) => one.hex?.startsWith("3333ff000300")).length ?? 0;
    say({ type: "listen", interfaces: ["eth0", "mv0"], addresses: [] });
    await hold([VIP4]);
    expect([await askNd(question), shown()]).toEqual([[], 0]);
    await holdEntries([{ address: VIP6_B, interface: "mv0" }]);
    await rest(200);
    expect(await answered(() => askNd(question))).toEqual(["02:00:00:00:00:56"]);
    expect(shown()).toBeGreaterThan(0);
    run(`ip -n ${SWITCH_NS} link set p0 type bridge_slave mcast_flood off`);
    say({ type: "listen", interfaces: ["eth0"], addresses: [] });
    await hold([VIP4]);
    run(`ip -n ${NODE_NS} link del mv0`);
  });
  test("a bridge of the node that snoops, and asks itself, is told as well as the switch behind it", async () => {
    run(`ip -n ${NODE_NS} link add br9 address 02:00:00:00:00:b9 type bridge ${SNOOPING} mcast_querier 1`);
    run(`ip -n ${NODE_NS} link set br9 up`);
    run(`ip -n ${NODE_NS} link set eth0 master br9`);
    say({ type: "listen", interfaces: ["br9"], addresses: [] });
    await rest(1500);
    await holdEntries([{ address: VIP6, interface: "br9" }]);
    await becomes(() => portsOf(GROUP, NODE_NS), ["br9"]);
    await becomes(() => portsOf(GROUP), ["p0"]);
    await rest(2 * FORGOTTEN_MS);
    expect([portsOf(GROUP, NODE_NS), portsOf(GROUP)]).toEqual([["br9"], ["p0"]]);
    expect(await answered()).toEqual(["02:00:00:00:00:b9"]);
  });
});

test("nothing went wrong in the worker", () => {
  expect(agent.messages.filter((m) => m.type === "failed")).toEqual([]);
});
