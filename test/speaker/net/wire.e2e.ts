/**
 * The frame worker on a real wire: it runs in a network namespace as nobody with NET_RAW alone, and everything is seen
 * from another station. Needs root.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { writeAnnouncement } from "../../../speaker/packet/frames.ts";
import { attempt, CLIENT_MAC, CLIENT_NS, linkLocalOf, NODE_MAC, NODE_NS, rest, run } from "./namespaces.ts";
import {
  ALL,
  agent,
  arpRequest,
  askArp,
  askNd,
  closeWire,
  FREE4,
  FREE6,
  frameOf,
  hold,
  type Of,
  openWire,
  repliesFor,
  say,
  solicitation,
  station,
  VIP4,
  VIP4_B,
  VIP6,
} from "./wire-world.ts";

jest.setTimeout(30_000);
beforeAll(openWire);
afterAll(closeWire);

describe("who is answered", () => {
  const CLIENT = `ip netns exec ${CLIENT_NS}`;
  test("arping: addresses of the table, with the MAC of the interface; no others", () => {
    const held = attempt(`${CLIENT} arping -c 2 -w 3 -i eth0 ${VIP4}`);
    expect(held).toContain(`from ${NODE_MAC}`);
    expect(held).toContain("2 packets received");
    expect(attempt(`${CLIENT} arping -c 1 -w 1 -i eth0 ${FREE4}`)).toContain("0 packets received");
  });
  test("ndisc6: the same", () => {
    expect(attempt(`${CLIENT} ndisc6 -1 -r 2 -w 500 ${VIP6} eth0`).toLowerCase()).toContain(NODE_MAC);
    expect(attempt(`${CLIENT} ndisc6 -1 -r 1 -w 500 ${FREE6} eth0`)).not.toContain("link-layer");
  });
  test.each([VIP4, VIP6])("the kernel of a client resolves %s", (address) => {
    attempt(`${CLIENT} ping -c 1 -W 1 ${address}`);
    expect(run(`ip -n ${CLIENT_NS} neigh show ${address}`)).toContain(`lladdr ${NODE_MAC}`);
  });
  test("an ARP probe (sender 0.0.0.0) is answered", async () => {
    expect(await askArp(VIP4, arpRequest(VIP4, undefined, "0.0.0.0"))).toHaveLength(1);
  });
  test("a unicast request is answered", async () => {
    expect(await askArp(VIP4, arpRequest(VIP4, NODE_MAC))).toHaveLength(1);
  });
  test("a flooded unicast request for another station is not", async () => {
    expect(await askArp(VIP4, arpRequest(VIP4, "02:00:00:00:00:ee"))).toHaveLength(0);
  });
  test("a request tagged for another VLAN is not", async () => {
    const plain = arpRequest(VIP4);
    expect(await askArp(VIP4, `${plain.slice(0, 24)}81000007${plain.slice(24)}`)).toHaveLength(0);
  });
  test("a unicast request to the macvlan on top of the interface is not, though the interface's sockets are shown it", async () => {
    const macvlan = "02:00:00:00:00:55";
    run(`ip -n ${NODE_NS} link add mv0 link eth0 address ${macvlan} type macvlan mode bridge`);
    run(`ip -n ${NODE_NS} link set mv0 up`);
    await rest(200);
    expect(await askArp(VIP4, arpRequest(VIP4, macvlan))).toHaveLength(0);
    expect(await askArp(VIP4)).toHaveLength(1);
    run(`ip -n ${NODE_NS} link del mv0`);
  });
  test("one broadcast has one answer, though two interfaces hear it", async () => {
    const replies = await askArp(VIP4);
    expect(replies.map((f) => f.hex.slice(0, 24))).toEqual([`${CLIENT_MAC}${NODE_MAC}`.replaceAll(":", "")]);
  });
});

describe("neighbour solicitations", () => {
  const advertised = { router: false, override: true, target: VIP6, source: VIP6, linkLayer: NODE_MAC };
  const client = CLIENT_MAC.replaceAll(":", "");
  const peers = { source: "2001:db8::9", target: VIP6 };
  const CASES: readonly (readonly [string, string, string, object])[] = [
    [
      "NUD, unicast with a link-layer option",
      solicitation(NODE_MAC, { ...peers, destination: VIP6, linkLayer: CLIENT_MAC }),
      client,
      { solicited: true, destination: "2001:db8::9" },
    ],
    [
      "NUD, unicast without one",
      solicitation(NODE_MAC, { ...peers, destination: VIP6 }),
      client,
      { solicited: true, destination: "2001:db8::9" },
    ],
    [
      "multicast without one",
      solicitation("33:33:ff:00:01:00", { ...peers, destination: "ff02::1:ff00:100" }),
      client,
      { solicited: true, destination: "2001:db8::9" },
    ],
    [
      "DAD",
      solicitation("33:33:ff:00:01:00", { source: "::", target: VIP6, destination: "ff02::1:ff00:100" }),
      "333300000001",
      { solicited: false, destination: "ff02::1" },
    ],
  ];
  test.each(CASES)("%s", async (_what, frame, to, expected) => {
    const answers = (await askNd(frame)).filter(({ message }) => message.target === VIP6);
    expect(answers).toEqual([{ to, message: { type: "advertisement", ...advertised, ...expected } }]);
  });
  test("for another address: silence", async () => {
    const frame = solicitation("33:33:ff:00:02:00", {
      source: "2001:db8::9",
      target: FREE6,
      destination: "ff02::1:ff00:200",
      linkLayer: CLIENT_MAC,
    });
    expect(await askNd(frame)).toEqual([]);
  });
});

describe("announcements", () => {
  const expected = [
    frameOf((out) => writeAnnouncement("request", VIP4, NODE_MAC, out, 0)),
    frameOf((out) => writeAnnouncement("reply", VIP4, NODE_MAC, out, 0)),
    frameOf((out) => writeAnnouncement("advertisement", VIP6, NODE_MAC, out, 0)),
  ];
  test("are the right bytes, five rounds of them, and not heard as foreign on the second interface", async () => {
    const heardFrom = agent.messages.length;
    const from = station.messages.length;
    for (const address of [VIP4, VIP6]) say({ type: "announce", address, interface: "eth0", reason: "first-holder" });
    await rest(5500);
    const seen = station.messages.slice(from);
    for (const frame of expected) {
      const times = seen.filter((f) => f.hex === frame).map((f) => f.at);
      expect(times).toHaveLength(5);
      // Rounds are at least 1.1 s apart on the sender's clock; the observer looks every 2 ms.
      expect(times.every((at, i) => i === 0 || at - (times[i - 1] ?? 0) >= 1050)).toBe(true);
    }
    expect(expected[1]).toBe(
      "ffffffffffff020000000001080600010800060400020200000000 01c0000264020000000001c0000264".replace(" ", ""),
    );
    expect(agent.messages.slice(heardFrom).filter((m) => m.type === "heard")).toEqual([]);
  });
  test("of a client that has the old MAC are believed at once", () => {
    for (const address of [VIP4, VIP6])
      run(`ip -n ${CLIENT_NS} neigh replace ${address} lladdr 02:00:00:00:00:dd dev eth0 nud reachable`);
    for (const address of [VIP4, VIP6]) say({ type: "announce", address, interface: "eth0", reason: "taken-back" });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    for (const address of [VIP4, VIP6])
      expect(run(`ip -n ${CLIENT_NS} neigh show ${address}`)).toContain(`lladdr ${NODE_MAC}`);
  });
  test("of an address that is not held are not sent", async () => {
    const from = station.messages.length;
    say({ type: "announce", address: FREE4, interface: "eth0", reason: "first-holder" });
    await rest(300);
    expect(station.messages.slice(from).filter((f) => f.hex?.includes("c00002c8"))).toEqual([]);
  });
  test("by another station are heard, with its MAC", async () => {
    const from = agent.messages.length;
    station.tell(frameOf((out) => writeAnnouncement("request", VIP4, CLIENT_MAC, out, 0)));
    station.tell(frameOf((out) => writeAnnouncement("advertisement", VIP6, CLIENT_MAC, out, 0)));
    for (const address of [VIP4, VIP6]) {
      const heard = await agent.heard((m) => m.type === "heard" && m.address === address, from);
      expect(heard).toMatchObject({ how: "announcement", mac: CLIENT_MAC });
    }
  });
});

describe("probes", () => {
  const probe = async (id: number, address: string, to?: string) => {
    say({ type: "probe", id, address, interface: "eth0", to });
    return agent.heard((m) => m.type === "probed" && m.id === id);
  };
  test.each([
    [1, "192.0.2.9"],
    [2, "2001:db8::9"],
  ])("%i: the owner of %s answers", async (id, address) => {
    expect(await probe(id, address)).toMatchObject({ answers: [CLIENT_MAC], sent: true });
  });
  test.each([
    [3, FREE4],
    [4, FREE6],
  ])("%i: nobody has %s", async (id, address) => {
    expect(await probe(id, address)).toMatchObject({ answers: [], sent: true });
  });
  test.each([
    [7, "192.0.2.9", CLIENT_MAC, [CLIENT_MAC]],
    [8, "2001:db8::9", CLIENT_MAC, [CLIENT_MAC]],
    [9, "192.0.2.9", "02:00:00:00:00:99", []],
    [10, "2001:db8::9", "02:00:00:00:00:99", []],
  ])("%i: whether %s is answered is asked of %s alone", async (id, address, to, answers) => {
    expect(await probe(id, address, to)).toMatchObject({ answers, sent: true });
  });
  test("somebody else who asks at the same time is no answer", async () => {
    const probed = probe(5, FREE4);
    for (let i = 0; i < 3; i++) {
      station.tell(arpRequest(FREE4, undefined, "0.0.0.0"));
      await rest(60);
    }
    expect(await probed).toMatchObject({ answers: [], sent: true });
  });
  test("on an interface that does not exist: not made", async () => {
    say({ type: "probe", id: 6, address: FREE4, interface: "nowhere" });
    expect(await agent.heard((m) => m.type === "probed" && m.id === 6)).toMatchObject({ answers: [], sent: false });
  });
});

describe("yielding", () => {
  test("after `applied` no answer leaves for what is no longer held, though it is asked all the time", async () => {
    const asking = setInterval(() => station.tell(arpRequest(VIP4)), 1);
    await rest(200);
    expect(repliesFor(VIP4, 0).length).toBeGreaterThan(0);
    await hold([VIP4_B, VIP6]);
    // What left before `applied` is read by the station within its 2 ms.
    await rest(30);
    const from = station.messages.length;
    await rest(500);
    clearInterval(asking);
    expect(repliesFor(VIP4, from)).toEqual([]);
    expect(await askArp(VIP4_B)).toHaveLength(1);
    await hold(ALL);
  });
  test("solicited-node groups are joined with the table and left after it", async () => {
    const joined = () => run(`ip netns exec ${NODE_NS} cat /proc/net/dev_mcast`).includes("3333ff000100");
    expect(joined()).toBe(true);
    await hold([VIP4]);
    await rest(100);
    expect(joined()).toBe(false);
    await hold(ALL);
  });
});

describe("two interfaces on one segment (W3)", () => {
  test("an announcement on one is heard on the other, and told once", async () => {
    const from = agent.messages.length;
    say({ type: "announce", address: VIP4, interface: "eth0", reason: "first-holder" });
    await rest(500);
    const told = agent.messages.filter((m) => m.type === "one-segment");
    expect(told[0]).toEqual({ type: "one-segment", interfaces: ["eth0", "eth1"] });
    expect(agent.messages.slice(from).filter((m) => m.type === "heard" || m.type === "announced")).toEqual([]);
  });
  test("what this node asks through one is not answered through the other", () => {
    const asked = attempt(`ip netns exec ${NODE_NS} arping -0 -c 2 -w 3 -i eth1 ${VIP4}`);
    expect(asked).toContain("0 packets received");
  });
});

test("raw-socket pings the client over both families, and says when nobody answers", () => {
  const output = run(
    `ip netns exec ${NODE_NS} ${process.execPath} test/speaker/net/ping-once.ts 192.0.2.9 2001:db8::9 ${FREE4}`,
  );
  const [v4, v6, free] = JSON.parse(output) as { ok: boolean; reason?: string }[];
  expect([v4?.ok, v6?.ok, free?.ok, free?.reason]).toEqual([true, true, false, "timeout"]);
});

test("through an interface: a link-local address is found there, and what is not behind it is not", () => {
  const address = linkLocalOf(CLIENT_NS, "eth0");
  run(`ip -n ${NODE_NS} link set lo up`);
  const output = run(
    `ip netns exec ${NODE_NS} ${process.execPath} test/speaker/net/ping-once.ts 192.0.2.9%eth0 ${address}%eth0 ${address}%lo 192.0.2.9%none`,
  );
  const answered = { ok: true, value: { roundTripMs: expect.any(Number) } };
  const [v4, v6, loopback, none] = JSON.parse(output) as { ok: boolean }[];
  expect([v4, v6]).toEqual([answered, answered]);
  expect([loopback?.ok, none]).toEqual([false, { ok: false, reason: "send-failed" }]);
});

test("nothing went wrong in the worker, and it counted what it did", () => {
  expect(agent.messages.filter((m) => m.type === "failed")).toEqual([]);
  const counters = agent.messages.filter((m) => m.type === "counters").at(-1) as Of<"counters">;
  for (const name of ["arp-reply", "na-reply", "unknown-address"]) {
    expect([name, counters.counters[name]]).toEqual([name, expect.any(Number)]);
  }
});
