import { describe, expect, test } from "@jest/globals";
import { createLinks, type LinksInput, type LinksState, linksOf } from "../../../speaker/net/links.ts";
import type { Link } from "../../../speaker/net/messages.ts";
import { dumpRequest, parseNetlink, RTM_GETADDR, RTM_GETLINK } from "../../../speaker/net/netlink.ts";
import { datagrams, messages, play } from "./recorded.ts";

const resync: LinksInput = { type: "resync" };
/** The sequence numbers of the recording are those of the first dump of a fresh state. */
const dumped = play(createLinks(), [resync, ...messages("dump-links"), ...messages("dump-addresses")]).state;
const link = (state: LinksState, index: number): Link | undefined => linksOf(state)?.find((one) => one.index === index);
const having = (...names: string[]) => play(dumped, names.flatMap(messages)).state;

const ETH0: Link = {
  index: 2,
  name: "eth0",
  mac: "02:00:00:00:00:0a",
  carrier: true,
  master: "",
  kind: "veth",
  broadcast: true,
  addresses: [
    { address: "192.0.2.10", prefixLength: 24, metric: 100 },
    { address: "2001:db8::10", prefixLength: 64, metric: 0 },
    { address: "fe80::ff:fe00:a", prefixLength: 64, metric: 0 },
  ],
};

/** Sets the lowest bit of IFA_FLAGS, the eighth attribute of struct ifaddrmsg, in every message of the datagram. */
function withFirstFlag(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  const view = new DataView(changed.buffer);
  for (let at = 0; at + 24 <= changed.length; at += (view.getUint32(at, true) + 3) & ~3) {
    const end = at + view.getUint32(at, true);
    for (let one = at + 24; one + 4 <= end; one += (view.getUint16(one, true) + 3) & ~3) {
      if (view.getUint16(one + 2, true) === 8) view.setUint32(one + 4, view.getUint32(one + 4, true) | 1, true);
    }
  }
  return changed;
}

test.each([
  ["Ethernet", 0x1_1043, true],
  ["without ARP, as kube-ipvs0 and every dummy", 0x82, false],
  ["without ARP, up", 0x1_10c3, false],
])("a link %s: %#x may carry answers: %s", (_name, flags, broadcast) => {
  const input: LinksInput = {
    type: "link",
    index: 9,
    name: "x",
    mac: ETH0.mac,
    master: 0,
    kind: "",
    deviceType: 1,
    flags,
    isMoved: false,
  };
  const state = play(createLinks(), [{ type: "resync" }, input]).state;
  const sequence = (offset: number): LinksInput => ({
    type: "done",
    sequence: state.dump * 2 + offset,
    interrupted: false,
  });
  expect(linksOf(play(state, [sequence(0), sequence(1)]).state)?.map((one) => one.broadcast)).toEqual([broadcast]);
});

describe("a recorded dump", () => {
  test("gives the links with their addresses", () => {
    expect(link(dumped, 2)).toEqual(ETH0);
    expect(
      linksOf(dumped)?.map(({ index, name, kind, master, carrier, broadcast }) => [
        index,
        name,
        kind,
        master,
        carrier,
        broadcast,
      ]),
    ).toEqual([
      [1, "lo", "", "", true, false],
      [2, "eth0", "veth", "", true, true],
      [3, "eth1", "veth", "br0", true, true],
      [4, "br0", "bridge", "", true, true],
      [5, "lan1", "veth", "", false, true],
      [6, "lan0", "veth", "", false, true],
      [7, "mv0", "macvlan", "", false, true],
    ]);
  });

  test("is asked for in two parts and told when both are there", () => {
    const begun = play(createLinks(), [resync]);
    expect(begun.effects).toEqual([{ type: "dump-links", sequence: 2 }]);
    const half = play(begun.state, messages("dump-links"));
    expect(half.effects).toEqual([{ type: "dump-addresses", sequence: 3 }]);
    expect([linksOf(createLinks()), linksOf(begun.state), linksOf(half.state)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("that was interrupted begins again", () => {
    const inputs = messages("dump-links").map((m): LinksInput => (m.type === "done" ? { ...m, interrupted: true } : m));
    expect(play(createLinks(), [resync, ...inputs]).effects.at(-1)).toEqual({ type: "dump-links", sequence: 4 });
  });

  test("that the kernel refused begins again", () => {
    const refused: LinksInput = { type: "error", sequence: 2, errno: 16 };
    expect(play(createLinks(), [resync, refused]).effects.at(-1)).toEqual({ type: "dump-links", sequence: 4 });
    expect(play(dumped, [refused]).effects).toEqual([]);
  });

  test("after lost events removes what is gone and keeps what was told meanwhile", () => {
    const [first, ...rest] = messages("dump-links");
    const relabelled = (inputs: readonly LinksInput[], sequence: number) =>
      inputs.map((m): LinksInput => (m.type === "done" ? { ...m, sequence } : m));
    const again = play(having("renamed"), [
      resync,
      ...relabelled([first, ...rest].filter((m) => m?.type !== "link" || m.index !== 5) as LinksInput[], 4),
      ...messages("address-added"),
      ...relabelled(messages("dump-addresses"), 5),
    ]).state;
    expect(linksOf(again)?.map(({ index }) => index)).toEqual([1, 2, 3, 4, 6, 7]);
    expect(link(again, 4)?.addresses.map(({ address }) => address)).toContain("203.0.113.1");
  });
});

describe("recorded events", () => {
  test("carrier lost and back", () => {
    expect(link(having("carrier-lost"), 2)).toEqual({ ...ETH0, carrier: false });
    expect(link(having("carrier-lost", "carrier-back"), 2)).toEqual(ETH0);
  });
  test("MAC changed", () => {
    expect(link(having("mac-changed"), 2)?.mac).toBe("02:00:00:00:00:99");
  });
  test("address added and removed", () => {
    const added = { address: "203.0.113.1", prefixLength: 24, metric: 0 };
    expect(link(having("address-added"), 4)?.addresses).toContainEqual(added);
    expect(link(having("address-added", "address-removed"), 4)).toEqual(link(dumped, 4));
  });
  test("renamed", () => {
    expect(link(having("renamed"), 6)?.name).toBe("lan2");
  });
  test("enslaved and released; messages of the bridge itself are no links", () => {
    expect(link(having("enslaved"), 5)?.master).toBe("br0");
    expect(link(having("port-released"), 3)?.master).toBe("");
    expect(link(having("port-released"), 4)?.carrier).toBe(false);
  });
  test("a flap, and a MAC: what came back has to be made known to switches again, and only that", () => {
    expect([...having("carrier-lost").rejoins, ...having("mac-changed").rejoins, ...dumped.rejoins]).toEqual([]);
    expect([...having("carrier-lost", "carrier-back", "carrier-lost", "carrier-back").rejoins]).toEqual([[2, 2]]);
    expect([...having("carrier-lost", "carrier-back", "removed").rejoins]).toEqual([]);
  });
  test("an address under duplicate address detection, or that has failed it, says so; none other does", () => {
    const [recorded = new Uint8Array()] = datagrams("address-added");
    // IFA_FLAGS begins at 48; without it the eight bits of the fixed part count.
    for (const [at, flag, tentative] of [
      [52, 0x40, true],
      [52, 0x08, true],
      [52, 0x04, undefined],
    ] as const) {
      const withFlag = parseNetlink(recorded.with(at, 0x80 | flag));
      const short = parseNetlink(
        recorded
          .with(50 - 2, 4)
          .with(50, 7)
          .with(18, 0x80 | flag)
          .with(52, 4),
      );
      for (const parsed of [withFlag, short]) {
        if (!parsed.ok) throw new Error(parsed.reason);
        const state = play(dumped, [...parsed.value]).state;
        const address = link(state, 4)?.addresses.find((one) => one.address === "203.0.113.1");
        expect([at, flag, address?.tentative]).toEqual([at, flag, tentative]);
      }
    }
  });
  test("the flag of a temporary IPv6 address is read; of an IPv4 one it says that it is not the first of its subnet", () => {
    const flagged = datagrams("dump-addresses").map(withFirstFlag);
    const inputs = flagged.flatMap((bytes) => {
      const parsed = parseNetlink(bytes);
      if (!parsed.ok) throw new Error(parsed.reason);
      return parsed.value;
    });
    const state = play(createLinks(), [resync, ...messages("dump-links"), ...inputs]).state;
    expect(link(state, 2)?.addresses).toEqual(
      ETH0.addresses.map((one) => (one.address.includes(":") ? { ...one, temporary: true } : one)),
    );
  });
  test("removed, with its addresses", () => {
    const state = having("removed");
    expect(link(state, 2)).toBeUndefined();
    expect([...state.addresses.values()].some(({ value }) => value.index === 2)).toBe(false);
  });
  test("a master in another namespace has no name, but owns the link", () => {
    const [eth1] = messages("dump-links").filter((m) => m.type === "link" && m.index === 3);
    const state = play(dumped, [{ ...eth1, master: 77 } as LinksInput]).state;
    expect(link(state, 3)?.master).toBe("#77");
  });
});

describe("broken netlink", () => {
  const good = datagrams("address-added")[0] ?? new Uint8Array();
  const changed = (...pairs: [number, number][]) => {
    const bytes = good.slice();
    for (const [at, value] of pairs) bytes[at] = value;
    return bytes;
  };
  const BROKEN: readonly (readonly [string, Uint8Array, string])[] = [
    ["half a header", good.subarray(0, 10), "netlink-short"],
    ["a length below the header", changed([0, 15]), "netlink-length"],
    ["a length beyond the datagram", changed([1, 2]), "netlink-length"],
    ["a message cut inside its fixed part", changed([0, 20]).subarray(0, 20), "netlink-length"],
    ["an attribute of length 3", changed([24, 3]), "netlink-attribute"],
    ["an attribute beyond the message", changed([25, 1]), "netlink-attribute"],
  ];
  test.each(BROKEN)("%s", (_what, bytes, reason) => {
    expect(parseNetlink(good).ok).toBe(true);
    expect(parseNetlink(bytes)).toEqual({ ok: false, reason });
  });
  test("every truncation of a recorded dump is refused or read, never thrown", () => {
    const bytes = datagrams("dump-addresses")[0] ?? new Uint8Array();
    for (let end = 0; end < bytes.length; end++) expect(typeof parseNetlink(bytes.subarray(0, end)).ok).toBe("boolean");
  });
});

test("the requests are struct nlmsghdr and the fixed part", () => {
  expect(Buffer.from(dumpRequest(RTM_GETADDR, 7)).toString("hex")).toBe(
    "180000001600010307000000000000000000000000000000",
  );
  const links = Buffer.from(dumpRequest(RTM_GETLINK, 7)).toString("hex");
  expect(links).toBe(`280000001200010307000000${"00".repeat(20)}08001d0008000000`);
});
