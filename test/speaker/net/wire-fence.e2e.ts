/** The fence of the frame worker and links that change, on a real wire; see wire.e2e.ts. Needs root. */
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { writeAnnouncement } from "../../../speaker/packet/frames.ts";
import { addAddresses, NODE_MAC, NODE_MAC_2, NODE_NS, plug, rest, run } from "./namespaces.ts";
import {
  ALL,
  agent,
  arpRequest,
  askArp,
  closeWire,
  frameOf,
  hold,
  holdEntries,
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

  const PEER = { node: "b", mac: "02:00:00:00:00:dd", address4: "192.0.2.77", linkLocal: "", targets: [] };
  /** The station is another node of the cluster from here on; without an argument nobody is. */
  const watch = (...peers: readonly (typeof PEER)[]) => {
    const stations = peers.map((one) => ({ ...one, watched: false, pursued: false, counts: true, doubted: false }));
    say({ type: "watch", plan: { segments: [{ interface: "eth0", address4: "192.0.2.1", linkLocal: "", stations }] } });
  };
  const announced = (address: string, mac: string) =>
    frameOf((out) => writeAnnouncement("reply", address, mac, out, 0));

  test("frozen while another node announced one address: that one is lost until a new table, the rest goes on", async () => {
    const said = agent.messages.length;
    watch(PEER);
    await rest(50);
    await frozen(1000, () => station.tell(announced(VIP4, PEER.mac)));
    const lost = await agent.heard((m) => m.type === "lost", said);
    expect(lost).toMatchObject({ addresses: [{ address: VIP4, mac: PEER.mac }] });
    expect(await askArp(VIP4)).toEqual([]);
    expect(await askArp(VIP4_B)).toHaveLength(1);
    await hold(ALL);
    expect(await askArp(VIP4)).toHaveLength(1);
    watch();
  });

  test("A4: frozen while a stranger announced all: nothing is lost, and the main thread is told whom to answer", async () => {
    const said = agent.messages.length;
    const stranger = "02:00:00:00:00:ee";
    watch(PEER);
    await rest(50);
    await frozen(1000, () => {
      for (const address of [VIP4, VIP4_B]) station.tell(announced(address, stranger));
    });
    expect(await askArp(VIP4)).toHaveLength(1);
    expect(await askArp(VIP4_B)).toHaveLength(1);
    const heard = { type: "heard", interface: "eth0", mac: stranger, how: "announcement" };
    expect(agent.messages.slice(said)).toEqual(
      expect.arrayContaining([
        { ...heard, address: VIP4 },
        { ...heard, address: VIP4_B },
      ]),
    );
    expect(agent.messages.slice(said).filter((m) => m.type === "lost" || m.type === "fenced")).toEqual([]);
    watch();
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

  test("a known peer announces an address: the worker gives it up alone while the main thread is blocked, and only then", async () => {
    watch(PEER);
    // So long an address is new, and its predecessor may still announce it.
    await rest(1_600);
    const announcement = announced(VIP4, PEER.mac);
    station.tell(announcement);
    await rest(200);
    expect(await askArp(VIP4)).toHaveLength(1);
    const said = agent.messages.length;
    say({ block: 2_000 });
    await rest(100);
    station.tell(announcement);
    await rest(200);
    expect(await askArp(VIP4)).toEqual([]);
    expect(await askArp(VIP4_B)).toHaveLength(1);
    const lost = await agent.heard((m) => m.type === "lost", said);
    expect(lost).toMatchObject({ addresses: [{ address: VIP4, mac: PEER.mac }] });
    await hold(ALL);
    expect(await askArp(VIP4)).toHaveLength(1);
    watch();
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
    expect(run(`ip netns exec ${NODE_NS} cat /proc/net/dev_mcast`)).toContain("3333ff000100");
  });
  test("the second interface, too, has sockets: an address moved there is answered there", async () => {
    await holdEntries([{ address: VIP4, interface: "eth1" }]);
    expect((await askArp(VIP4)).map((f) => f.hex.slice(44, 56))).toEqual([NODE_MAC_2.replaceAll(":", "")]);
    await hold(ALL);
  });
});

test("nothing went wrong in the worker, and it counted what it did", () => {
  expect(agent.messages.filter((m) => m.type === "failed")).toEqual([]);
  const counters = agent.messages.filter((m) => m.type === "counters").at(-1) as Of<"counters">;
  for (const name of ["arp-reply", "gaps", "evidence", "fenced"]) {
    expect([name, counters.counters[name]]).toEqual([name, expect.any(Number)]);
  }
});
