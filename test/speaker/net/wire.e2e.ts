/**
 * The frame worker on a real wire: it runs in a network namespace as nobody with NET_RAW alone, and everything is seen
 * from another station. Needs root; see `make test` for how it is run.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { FromWorker, ToWorker } from "../../../speaker/net/messages.ts";
import { encodeArp } from "../../../speaker/packet/arp.ts";
import { encodeEthernet } from "../../../speaker/packet/ethernet.ts";
import { writeAnnouncement } from "../../../speaker/packet/frames.ts";
import { decodeNd, encodeNd, type NdMessage } from "../../../speaker/packet/ndp-codec.ts";
import { hex, toHex } from "../packet/fixtures.ts";
import {
  addAddresses,
  attempt,
  buildNamespaces,
  CLIENT_MAC,
  CLIENT_NS,
  interfaceIndex,
  NODE_MAC,
  NODE_MAC_2,
  NODE_NS,
  plug,
  removeNamespaces,
  rest,
  run,
  Speaking,
} from "./namespaces.ts";

jest.setTimeout(30_000);

interface Frame {
  readonly ready?: true;
  readonly at: number;
  readonly hex: string;
}
type Of<Type extends FromWorker["type"]> = Extract<FromWorker, { type: Type }>;

const VIP4 = "192.0.2.100";
const VIP4_B = "192.0.2.101";
const VIP6 = "2001:db8::100";
const FREE4 = "192.0.2.200";
const FREE6 = "2001:db8::200";
const ALL = [VIP4, VIP4_B, VIP6];

let agent: Speaking<FromWorker>;
let station: Speaking<Frame>;
let generation = 0;

const say = (message: ToWorker | { readonly block: number }) => agent.tell(JSON.stringify(message));

async function hold(addresses: readonly string[]): Promise<void> {
  generation++;
  const wanted = generation;
  say({ type: "table", generation, entries: addresses.map((address) => ({ address, interface: "eth0" })) });
  await agent.heard((m) => m.type === "applied" && m.generation === wanted);
}

const frameOf = (write: (out: Uint8Array) => number) => {
  const out = new Uint8Array(128);
  return toHex(out.subarray(0, write(out)));
};
const arpRequest = (targetIp: string, destination = "ff:ff:ff:ff:ff:ff", senderIp = "192.0.2.9") =>
  frameOf((out) => {
    const at = encodeEthernet({ destination, source: CLIENT_MAC, etherType: 0x0806 }, out, 0);
    const packet = {
      operation: "request",
      senderMac: CLIENT_MAC,
      senderIp,
      targetMac: "00:00:00:00:00:00",
      targetIp,
    } as const;
    return encodeArp(packet, out, at);
  });
const solicitation = (destination: string, message: Omit<NdMessage & { type: "solicitation" }, "type">) =>
  frameOf((out) => {
    const at = encodeEthernet({ destination, source: CLIENT_MAC, etherType: 0x86dd }, out, 0);
    return encodeNd({ type: "solicitation", ...message }, out, at);
  });

const isReplyFor = (frame: string, ip: string) =>
  frame.slice(24, 44) === "08060001080006040002" && frame.slice(56, 64) === ip;
/** ARP replies that tell this address, among the frames seen from place `from` on. */
const repliesFor = (address: string, from: number, since = 0) => {
  const ip = Buffer.from(address.split(".").map(Number)).toString("hex");
  return station.messages.slice(from).filter((f) => f.at >= since && isReplyFor(f.hex, ip));
};
/** Sends the frame and returns what came back about the address within a time in which an answer surely comes. */
async function askArp(address: string, frame = arpRequest(address)) {
  // Commands block this process, and what the station saw meanwhile arrives late: its clock tells what is new.
  const since = Date.now();
  const from = station.messages.length;
  station.tell(frame);
  await rest(250);
  return repliesFor(address, from, since);
}
async function askNd(frame: string): Promise<{ readonly to: string; readonly message: NdMessage }[]> {
  const since = Date.now();
  const from = station.messages.length;
  station.tell(frame);
  await rest(250);
  return station.messages.slice(from).flatMap((f) => {
    if (!(f.at >= since)) return [];
    const bytes = hex(f.hex ?? "");
    const nd = decodeNd(bytes, 14, bytes.length);
    return nd.ok && nd.value.type === "advertisement" ? [{ to: f.hex.slice(0, 12), message: nd.value }] : [];
  });
}

beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error("this test needs root, for network namespaces");
  buildNamespaces();
  agent = new Speaking(NODE_NS, "test/speaker/net/agent.ts", [], true);
  station = new Speaking(CLIENT_NS, "test/speaker/net/station.ts", [String(interfaceIndex(CLIENT_NS, "eth0"))]);
  await Promise.all([agent.heard((m) => m.type === "links"), station.heard((m) => m.ready === true)]);
  say({ type: "listen", interfaces: ["eth0", "eth1"], addresses: [] });
  await hold(ALL);
});

afterAll(async () => {
  await agent?.end();
  await station?.end();
  removeNamespaces();
});

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
  const probe = async (id: number, address: string) => {
    say({ type: "probe", id, address, interface: "eth0" });
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
    const joined = () =>
      run(`ip netns exec ${NODE_NS} cat /proc/net/igmp6`).includes("eth0            ff0200000000000000000001ff000100");
    expect(joined()).toBe(true);
    await hold([VIP4]);
    await rest(100);
    expect(joined()).toBe(false);
    await hold(ALL);
  });
});

describe("fencing", () => {
  const frozen = async (ms: number, meanwhile: () => void) => {
    agent.signal("SIGSTOP");
    await rest(50);
    meanwhile();
    await rest(ms - 50);
    const from = station.messages.length;
    agent.signal("SIGCONT");
    await rest(400);
    return from;
  };
  const fenced = (from: number) => agent.heard((m) => m.type === "fenced", from) as Promise<Of<"fenced">>;

  test("frozen for 1 s: what was asked meanwhile is never answered, what comes after is", async () => {
    const said = agent.messages.length;
    const from = await frozen(1000, () => {
      for (let i = 0; i < 50; i++) station.tell(arpRequest(VIP4));
      station.tell(solicitation(NODE_MAC, { source: "2001:db8::9", target: VIP6, destination: VIP6 }));
    });
    expect(repliesFor(VIP4, from)).toEqual([]);
    expect(
      station.messages.slice(from).filter((f) => f.hex?.slice(24, 28) === "86dd" && f.hex.slice(108, 110) === "88"),
    ).toEqual([]);
    expect(await askArp(VIP4)).toHaveLength(1);
    expect(agent.messages.slice(said).filter((m) => m.type === "fenced" || m.type === "lost")).toEqual([]);
  });

  test("frozen in the middle of its announcements: the rounds die", async () => {
    const form = frameOf((out) => writeAnnouncement("request", VIP4, NODE_MAC, out, 0));
    say({ type: "announce", address: VIP4, interface: "eth0", reason: "first-holder" });
    await rest(100);
    const from = await frozen(700, () => {});
    await rest(1500);
    expect(station.messages.slice(from).filter((f) => f.hex === form)).toEqual([]);
  });

  test("frozen while another announced one address: that one is lost until a new table, the rest goes on", async () => {
    const said = agent.messages.length;
    await frozen(1000, () =>
      station.tell(frameOf((out) => writeAnnouncement("reply", VIP4, "02:00:00:00:00:dd", out, 0))),
    );
    const lost = await agent.heard((m) => m.type === "lost", said);
    expect(lost).toMatchObject({ addresses: [{ address: VIP4, mac: "02:00:00:00:00:dd" }] });
    expect(await askArp(VIP4)).toEqual([]);
    expect(await askArp(VIP4_B)).toHaveLength(1);
    await hold(ALL);
    expect(await askArp(VIP4)).toHaveLength(1);
  });

  test("frozen with more frames than the queue holds: fenced, until resumed", async () => {
    const said = agent.messages.length;
    await frozen(1000, () => {
      for (let i = 0; i < 2000; i++) station.tell(arpRequest(VIP4));
    });
    const fence = await fenced(said);
    expect(fence.reason).toBe("drops");
    expect(await askArp(VIP4)).toEqual([]);
    say({ type: "resume", fence: fence.fence });
    await rest(100);
    expect(await askArp(VIP4)).toHaveLength(1);
  });

  test("frozen for 6 s: fenced, until resumed", async () => {
    const said = agent.messages.length;
    const from = await frozen(6000, () => station.tell(arpRequest(VIP4)));
    const fence = await fenced(said);
    expect(fence).toMatchObject({ reason: "loop-gap" });
    expect(fence.gapMs).toBeGreaterThan(5000);
    expect(repliesFor(VIP4, from)).toEqual([]);
    expect(await askArp(VIP4)).toEqual([]);
    say({ type: "resume", fence: fence.fence - 1 });
    await rest(100);
    expect(await askArp(VIP4)).toEqual([]);
    say({ type: "resume", fence: fence.fence });
    await rest(100);
    expect(await askArp(VIP4)).toHaveLength(1);
  });

  test("main thread blocked for 7 s: answers go on for 3 s, then stop, until resumed", async () => {
    const said = agent.messages.length;
    say({ block: 7000 });
    await rest(1500);
    expect(await askArp(VIP4)).toHaveLength(1);
    await rest(2500);
    expect(await askArp(VIP4)).toEqual([]);
    const fence = await fenced(said);
    expect(fence.reason).toBe("main-silent");
    expect(await askArp(VIP4)).toEqual([]);
    say({ type: "resume", fence: fence.fence });
    await rest(100);
    expect(await askArp(VIP4)).toHaveLength(1);
  });
});

describe("links that change", () => {
  test("carrier lost and back", async () => {
    const said = agent.messages.length;
    run(`ip -n ${NODE_NS} link set eth0 down`);
    await agent.heard((m) => m.type === "links" && m.links.some((l) => l.name === "eth0" && !l.carrier), said);
    expect(await askArp(VIP4)).toEqual([]);
    run(`ip -n ${NODE_NS} link set eth0 up`);
    await agent.heard((m) => m.type === "links" && m.links.some((l) => l.name === "eth0" && l.carrier), said);
    expect(await askArp(VIP4)).toHaveLength(1);
  });
  test("another MAC: the answers carry it, and it is not foreign", async () => {
    run(`ip -n ${NODE_NS} link set eth0 address 02:00:00:00:00:77`);
    await rest(200);
    expect((await askArp(VIP4)).map((f) => f.hex.slice(44, 56))).toEqual(["020000000077"]);
    const said = agent.messages.length;
    say({ type: "announce", address: VIP4, interface: "eth0", reason: "first-holder" });
    await rest(300);
    expect(agent.messages.slice(said).filter((m) => m.type === "heard")).toEqual([]);
  });
  test("removed and made anew: answered again, its groups joined again", async () => {
    run(`ip -n ${NODE_NS} link del eth0`);
    await rest(200);
    expect(await askArp(VIP4)).toEqual([]);
    plug(NODE_NS, "eth0", NODE_MAC, "p0");
    addAddresses(NODE_NS, 1);
    await rest(500);
    expect(await askArp(VIP4)).toHaveLength(1);
    expect(run(`ip netns exec ${NODE_NS} cat /proc/net/igmp6`)).toContain(
      "eth0            ff0200000000000000000001ff000100",
    );
  });
  test("the second interface, too, has sockets: an address moved there is answered there", async () => {
    generation++;
    const wanted = generation;
    say({ type: "table", generation, entries: [{ address: VIP4, interface: "eth1" }] });
    await agent.heard((m) => m.type === "applied" && m.generation === wanted);
    expect((await askArp(VIP4)).map((f) => f.hex.slice(44, 56))).toEqual([NODE_MAC_2.replaceAll(":", "")]);
    await hold(ALL);
  });
});

test("raw-socket pings the client over both families, and says when nobody answers", () => {
  const output = run(
    `ip netns exec ${NODE_NS} ${process.execPath} test/speaker/net/ping-once.ts 192.0.2.9 2001:db8::9 ${FREE4}`,
  );
  const [v4, v6, free] = JSON.parse(output) as { ok: boolean; reason?: string }[];
  expect([v4?.ok, v6?.ok, free?.ok, free?.reason]).toEqual([true, true, false, "timeout"]);
});

test("nothing went wrong in the worker, and it counted what it did", async () => {
  expect(agent.messages.filter((m) => m.type === "failed")).toEqual([]);
  const counters = agent.messages.filter((m) => m.type === "counters").at(-1) as Of<"counters">;
  for (const name of ["arp-reply", "na-reply", "unknown-address", "gaps", "evidence", "fenced"]) {
    expect([name, counters.counters[name]]).toEqual([name, expect.any(Number)]);
  }
});
