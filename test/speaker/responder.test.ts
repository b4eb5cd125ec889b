import { describe, expect, test } from "@jest/globals";
import { buildIndex } from "../../speaker/address-index.ts";
import { macSet } from "../../speaker/mac-set.ts";
import { decodeArp } from "../../speaker/packet/arp.ts";
import { writeAnnouncement, writeLivenessProbe, writeProbe } from "../../speaker/packet/frames.ts";
import { finishChecksum } from "../../speaker/packet/ndp.ts";
import { decodeNd } from "../../speaker/packet/ndp-codec.ts";
import { hear, REPLY_BYTES_MAX, replyBytes, respond } from "../../speaker/responder.ts";
import { frame, hex, toHex } from "./packet/fixtures.ts";

const ME = "02:00:00:00:00:0c";
const A = "02:00:00:00:00:0a";
const eth0 = { name: "eth0", mac: hex(ME) };
const eth1 = { name: "eth1", mac: hex("02:00:00:00:00:0d") };
const on = (name: string, ...addresses: string[]) => addresses.map((address) => ({ address, interface: name }));
const NONE: ReadonlySet<string> = new Set();

const HELD = buildIndex({
  entries: on("eth0", "192.0.2.20", "192.0.2.99", "2001:db8::20", "2001:db8::99"),
  listened: ["192.0.2.10", "2001:db8::97"],
  probed: [],
  lost: NONE,
}).index;
const LISTENED = buildIndex({
  entries: [],
  listened: ["192.0.2.10", "192.0.2.20", "192.0.2.99", "2001:db8::20", "2001:db8::97", "2001:db8::99"],
  probed: [],
  lost: NONE,
}).index;
const NOTHING = buildIndex({ entries: [], listened: [], probed: [], lost: NONE }).index;

const answer = (index: typeof HELD, receiver: typeof eth0, bytes: Uint8Array) => {
  const out = new Uint8Array(REPLY_BYTES_MAX + 4).fill(0xee);
  const outcome = respond(index, receiver, bytes, 0, bytes.length, out, 2);
  const length = replyBytes(outcome);
  expect(toHex(out.subarray(0, 2)) + toHex(out.subarray(2 + length))).toMatch(/^(ee)+$/);
  return { outcome, reply: out.subarray(2, 2 + length) };
};

type Row = readonly [string, typeof HELD, typeof eth0, string];
const OUTCOMES: readonly Row[] = [
  ["arp-request", HELD, eth0, "arp-reply"],
  ["arp-request-arping", HELD, eth0, "arp-reply"],
  ["arp-probe", HELD, eth0, "arp-reply"],
  ["ns-multicast", HELD, eth0, "na-reply"],
  ["ns-ndisc6", HELD, eth0, "na-reply"],
  ["ns-unicast-nud", HELD, eth0, "na-reply"],
  ["ns-dad", HELD, eth0, "na-reply"],
  ["arp-reply", HELD, eth0, "not-a-request"],
  ["arp-gratuitous-reply", HELD, eth0, "not-a-request"],
  ["na-solicited", HELD, eth0, "not-a-request"],
  ["na-unsolicited", HELD, eth0, "not-a-request"],
  ["arp-gratuitous-request", HELD, eth0, "announcement"],
  ["arp-announcement-kernel", HELD, eth0, "announcement"],
  ["ns-dad-nonce", HELD, eth0, "unknown-address"],
  ["arp-request", NOTHING, eth0, "unknown-address"],
  ["ns-multicast", NOTHING, eth0, "unknown-address"],
  ["arp-request", HELD, eth1, "not-held-here"],
  ["ns-multicast", HELD, eth1, "not-held-here"],
  ["arp-request", LISTENED, eth0, "not-held-here"],
  ["ns-dad", LISTENED, eth0, "not-held-here"],
];

describe("the responder", () => {
  test.each(OUTCOMES)("%s", (name, index, receiver, outcome) => {
    expect(answer(index, receiver, frame(name)).outcome).toBe(outcome);
  });

  test("answers ARP to the asker alone, from the MAC of the receiving interface", () => {
    const { reply } = answer(HELD, eth0, frame("arp-request"));
    expect(toHex(reply.subarray(0, 14))).toBe("02000000000a02000000000c0806");
    const packet = { operation: "reply", senderMac: ME, senderIp: "192.0.2.20", targetMac: A, targetIp: "192.0.2.10" };
    expect(decodeArp(reply, 14, 42)).toEqual({ ok: true, value: packet });
  });

  const NA: readonly (readonly [string, string, string, boolean])[] = [
    ["ns-multicast", "02000000000a", "2001:db8::10", true],
    ["ns-unicast-nud", "02000000000a", "fe80::ff:fe00:a", true],
    ["ns-dad", "333300000001", "ff02::1", false],
  ];
  test.each(NA)("answers %s with R = 0 and O = 1 to %s", (name, mac, destination, solicited) => {
    const { reply } = answer(HELD, eth0, frame(name));
    expect(toHex(reply.subarray(0, 6))).toBe(mac);
    expect(decodeNd(reply, 14, 86)).toMatchObject({
      value: { destination, solicited, router: false, override: true, linkLayer: ME },
    });
  });

  const MANGLED: readonly (readonly [string, string, string, number, number])[] = [
    ["ARP of another hardware", "arp-request", "arp-hardware-type", 15, 6],
    ["a group address as Ethernet source", "arp-request", "ethernet-source", 6, 0x33],
    ["a group address as ARP sender", "arp-request", "arp-sender-mac", 22, 1],
    ["an unknown EtherType", "arp-request", "ethernet-type", 13, 0],
    ["a forwarded solicitation", "ns-multicast", "nd-hop-limit", 21, 64],
    ["a wrong checksum", "ns-multicast", "nd-checksum", 56, 0],
  ];
  test.each(MANGLED)("drops %s", (_what, name, reason, at, value) => {
    const bytes = frame(name);
    bytes[at] = value;
    expect(answer(HELD, eth0, bytes).outcome).toBe(reason);
  });

  test("does not tell another node's kernel who holds an IPv6 address; its speaker, its probes and hosts are answered (W7)", () => {
    const entries = on("eth0", "192.0.2.20", "2001:db8::20", "2001:db8::99");
    const of = (mac: string) =>
      buildIndex({ entries, listened: [], probed: [], lost: NONE, peers: macSet([mac]) }).index;
    const kernels = ["ns-multicast", "ns-ndisc6", "ns-unicast-nud"];
    for (const name of kernels) expect(answer(of(A), eth0, frame(name)).outcome).toBe("peer-kernel");
    for (const name of kernels) expect(answer(of("0a:00:00:00:00:0a"), eth0, frame(name)).outcome).toBe("na-reply");
    for (const name of ["ns-dad", "arp-request"]) expect(answer(of(A), eth0, frame(name)).outcome).toMatch(/-reply$/);
    for (const destination of ["fe80::ff:fe00:c", "ff02::1"]) {
      const asked = { interface: "eth0", address: "2001:db8::20", mac: ME, source: "fe80::ff:fe00:a", destination };
      const question = new Uint8Array(100);
      const bytes = question.subarray(0, writeLivenessProbe(asked, A, question, 0));
      const { outcome, reply } = answer(of(A), eth0, bytes);
      expect(outcome).toBe("na-reply-bare");
      expect(decodeNd(reply, 14, reply.length)).toMatchObject({ value: { solicited: true, override: true } });
      expect(decodeNd(reply, 14, reply.length)).not.toHaveProperty("value.linkLayer", ME);
      expect(
        hear(
          buildIndex({ entries: [], listened: ["2001:db8::20"], probed: [], lost: NONE }).index,
          reply,
          0,
          reply.length,
        ),
      ).toMatchObject({
        mac: ME,
        how: "answer",
      });
    }
  });

  test("drops a frame without a whole header", () => {
    expect(answer(HELD, eth0, new Uint8Array(13)).outcome).toBe("ethernet-short");
  });

  test("never throws and answers only what is whole, whatever bytes come", () => {
    const random = mulberry(7);
    const names = ["arp-request", "ns-multicast", "ns-dad-nonce", "na-unsolicited"];
    for (let run = 0; run < 4000; run++) {
      const bytes = frame(names[run % names.length] ?? "");
      for (let flips = 0; flips < 3; flips++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const cut = bytes.subarray(0, Math.floor(random() * (bytes.length + 1)));
      const { outcome } = answer(HELD, eth0, cut);
      expect(typeof outcome).toBe("string");
      hear(HELD, cut, 0, cut.length);
    }
  });
});

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
}

describe("hearing", () => {
  const rows: readonly (readonly [string, typeof HELD, string, string, string])[] = [
    ["arp-gratuitous-request", HELD, "192.0.2.99", "announcement", A],
    ["arp-gratuitous-reply", HELD, "192.0.2.99", "announcement", A],
    ["arp-announcement-kernel", HELD, "192.0.2.10", "announcement", A],
    ["arp-reply", HELD, "192.0.2.20", "answer", "02:00:00:00:00:0b"],
    ["arp-probe", LISTENED, "192.0.2.99", "probe", A],
    ["na-solicited", HELD, "2001:db8::20", "answer", "02:00:00:00:00:0b"],
    ["na-dad-defence", HELD, "2001:db8::20", "announcement", "02:00:00:00:00:0b"],
    ["na-unsolicited", HELD, "2001:db8::97", "announcement", A],
    ["ns-dad", LISTENED, "2001:db8::99", "probe", A],
    // Whoever asks under an address that we know claims it, even if the question is about another.
    ["arp-request", HELD, "192.0.2.10", "announcement", A],
    ["ns-multicast", HELD, "", "", ""],
    ["ns-unicast-nud", HELD, "", "", ""],
    ["arp-request", NOTHING, "", "", ""],
    ["na-unsolicited", NOTHING, "", "", ""],
  ];
  test.each(rows)("%s", (name, index, address, how, mac) => {
    const bytes = frame(name);
    const heard = hear(index, bytes, 0, bytes.length);
    expect(heard === undefined ? undefined : [heard.known.address, heard.how, heard.mac]).toEqual(
      address === "" ? undefined : [address, how, mac],
    );
  });

  test("a question of the detector from a node without an IPv4 address is answered, and tells nothing unless it goes to all", () => {
    const asked = { interface: "eth0", address: "192.0.2.20", source: "0.0.0.0", destination: "" };
    const outcomes = [ME, ""].map((mac) => {
      const out = new Uint8Array(100);
      const bytes = out.subarray(0, writeLivenessProbe({ ...asked, mac }, A, out, 0));
      return [answer(HELD, eth0, bytes).outcome, hear(HELD, bytes, 0, bytes.length)?.how];
    });
    expect(outcomes).toEqual([
      ["arp-reply", undefined],
      ["arp-reply", "probe"],
    ]);
  });

  test("E12: what answers a probe to one station is told from what answers the detector", () => {
    const heard = (address: string, write: (out: Uint8Array) => number) => {
      const out = new Uint8Array(100);
      const { outcome, reply } = answer(HELD, eth0, out.subarray(0, write(out)));
      const listened = buildIndex({ entries: [], listened: [address], probed: [], lost: NONE }).index;
      return [outcome, hear(listened, reply, 0, reply.length)?.toQuestion];
    };
    const v4 = { interface: "eth0", address: "192.0.2.20", mac: ME, source: "192.0.2.9", destination: "" };
    const v6 = { ...v4, address: "2001:db8::20", source: "fe80::9", destination: "fe80::ff:fe00:c" };
    expect(heard(v4.address, (out) => writeProbe(v4.address, A, out, 0, ME))).toEqual(["arp-reply", false]);
    expect(heard(v4.address, (out) => writeLivenessProbe(v4, A, out, 0))).toEqual(["arp-reply", true]);
    expect(heard(v6.address, (out) => writeProbe(v6.address, A, out, 0, ME))).toEqual(["na-reply", false]);
    expect(heard(v6.address, (out) => writeLivenessProbe(v6, A, out, 0))).toEqual(["na-reply", true]);
  });

  test("an advertisement without a link-layer option speaks for its Ethernet source", () => {
    const bytes = frame("na-unsolicited").slice(0, 78);
    bytes[19] = 24;
    finishChecksum(bytes, 14);
    bytes[11] = 0x77;
    expect(hear(HELD, bytes, 0, bytes.length)).toMatchObject({ how: "announcement", mac: "02:00:00:00:00:77" });
  });

  test("a malformed announcement is not heard", () => {
    const bytes = frame("na-unsolicited");
    bytes[21] = 64;
    expect(hear(HELD, bytes, 0, bytes.length)).toBeUndefined();
    expect(hear(HELD, frame("arp-gratuitous-reply"), 0, 41)).toBeUndefined();
  });
});

describe("the frames sent unasked", () => {
  const written = (write: (out: Uint8Array) => number) => {
    const out = new Uint8Array(128);
    return toHex(out.subarray(0, write(out)));
  };
  const head = `ffffffffffff02000000000a0806000108000604`;
  test("the request form has THA 0, the reply form THA = SHA", () => {
    const request = written((out) => writeAnnouncement("request", "192.0.2.10", A, out, 0));
    expect(request).toBe(`${head}000102000000000ac000020a000000000000c000020a`);
    expect(request).toBe(toHex(frame("arp-announcement-kernel")));
    const reply = written((out) => writeAnnouncement("reply", "192.0.2.10", A, out, 0));
    expect(reply).toBe(`${head}000202000000000ac000020a02000000000ac000020a`);
  });
  test("the advertisement is what the kernel sends", () => {
    const text = written((out) => writeAnnouncement("advertisement", "2001:db8::97", A, out, 0));
    expect(text).toBe(toHex(frame("na-unsolicited")));
  });
  test("the probes are what arping and the kernel send", () => {
    expect(written((out) => writeProbe("192.0.2.99", A, out, 0))).toBe(toHex(frame("arp-probe").subarray(0, 42)));
    expect(written((out) => writeProbe("2001:db8::99", A, out, 0))).toBe(toHex(frame("ns-dad")));
    const [toAll4, toAll6] = [frame("arp-probe").subarray(6, 42), frame("ns-dad").subarray(6)];
    const station = ME.replaceAll(":", "");
    expect(written((out) => writeProbe("192.0.2.99", A, out, 0, ME))).toBe(`${station}${toHex(toAll4)}`);
    expect(written((out) => writeProbe("2001:db8::99", A, out, 0, ME))).toBe(`${station}${toHex(toAll6)}`);
  });
});

describe("the index", () => {
  test("names what is no address and keeps the rest", () => {
    const { index, invalid } = buildIndex({
      entries: on("eth0", "192.0.2.20", "nonsense"),
      listened: ["::1%1"],
      probed: [],
      lost: NONE,
    });
    expect(invalid).toEqual(["::1%1", "nonsense"]);
    expect(answer(index, eth0, frame("arp-request")).outcome).toBe("arp-reply");
  });
  test("does not answer for what is lost, and hears it", () => {
    const { index } = buildIndex({
      entries: on("eth0", "192.0.2.20"),
      listened: [],
      probed: [],
      lost: new Set(["192.0.2.20"]),
    });
    expect(answer(index, eth0, frame("arp-request")).outcome).toBe("not-held-here");
    expect(hear(index, frame("arp-reply"), 0, 42)?.how).toBe("answer");
  });
  test("an address held on two segments is answered on both", () => {
    const entries = [...on("eth0", "192.0.2.20"), ...on("eth1", "192.0.2.20")];
    const { index } = buildIndex({ entries, listened: [], probed: [], lost: NONE });
    for (const receiver of [eth0, eth1])
      expect(answer(index, receiver, frame("arp-request")).outcome).toBe("arp-reply");
  });
  test("finds each of many IPv6 addresses and none beside them", () => {
    const addresses = Array.from({ length: 2000 }, (_, i) => `2001:db8::${(i * 2 + 1).toString(16)}`);
    const { index } = buildIndex({ entries: on("eth0", ...addresses), listened: [], probed: [], lost: NONE });
    const request = frame("ns-multicast");
    const outcomes = Array.from({ length: 4002 }, (_, i) => {
      request[76] = i >> 8;
      request[77] = i & 0xff;
      finishChecksum(request, 14);
      return answer(index, eth0, request).outcome;
    });
    expect(outcomes.every((outcome, i) => outcome === (i % 2 === 1 && i < 4000 ? "na-reply" : "unknown-address"))).toBe(
      true,
    );
  });
});
