import { describe, expect, test } from "@jest/globals";
import { decodeEthernet, ETHER_TYPE_IPV6 } from "../../../speaker/packet/ethernet.ts";
import { icmpv6Checksum } from "../../../speaker/packet/icmpv6.ts";
import { finishChecksum, ndProblem } from "../../../speaker/packet/ndp.ts";
import { decodeNd, encodeNd, type NdMessage, writeSolicitedAdvertisement } from "../../../speaker/packet/ndp-codec.ts";
import { frame, hex, toHex } from "./fixtures.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const OWN = { router: false, override: true };

const RECORDED: readonly (readonly [string, NdMessage])[] = [
  [
    "ns-multicast",
    {
      type: "solicitation",
      source: "2001:db8::10",
      destination: "ff02::1:ff00:20",
      target: "2001:db8::20",
      linkLayer: A,
    },
  ],
  [
    "ns-unicast-nud",
    {
      type: "solicitation",
      source: "fe80::ff:fe00:a",
      destination: "2001:db8::20",
      target: "2001:db8::20",
      linkLayer: A,
    },
  ],
  ["ns-dad", { type: "solicitation", source: "::", destination: "ff02::1:ff00:99", target: "2001:db8::99" }],
  [
    "na-solicited",
    {
      type: "advertisement",
      source: "2001:db8::20",
      destination: "2001:db8::10",
      target: "2001:db8::20",
      solicited: true,
      ...OWN,
      linkLayer: B,
    },
  ],
  [
    "na-dad-defence",
    {
      type: "advertisement",
      source: "2001:db8::20",
      destination: "ff02::1",
      target: "2001:db8::20",
      solicited: false,
      ...OWN,
      linkLayer: B,
    },
  ],
  [
    "na-unsolicited",
    {
      type: "advertisement",
      source: "2001:db8::97",
      destination: "ff02::1",
      target: "2001:db8::97",
      solicited: false,
      ...OWN,
      linkLayer: A,
    },
  ],
];

/** Recorded frames with a flow label or with options that Berth skips: read, not written. */
const READ_ONLY: readonly (readonly [string, NdMessage])[] = [
  [
    "ns-ndisc6",
    {
      type: "solicitation",
      source: "fe80::ff:fe00:a",
      destination: "ff02::1:ff00:20",
      target: "2001:db8::20",
      linkLayer: A,
    },
  ],
  ["ns-dad-nonce", { type: "solicitation", source: "::", destination: "ff02::1:ff00:98", target: "2001:db8::98" }],
];

test.each([...RECORDED, ...READ_ONLY])("the recorded frame %s is read", (name, message) => {
  const bytes = frame(name);
  expect(decodeEthernet(bytes, 0, bytes.length)).toMatchObject({ ok: true, value: { etherType: ETHER_TYPE_IPV6 } });
  expect(decodeNd(bytes, 14, bytes.length)).toEqual({ ok: true, value: message });
});

test.each(RECORDED)("the recorded frame %s is written", (name, message) => {
  const bytes = frame(name);
  const out = new Uint8Array(100).fill(0xee);
  expect(encodeNd(message, out, 5)).toBe(5 + bytes.length - 14);
  expect(toHex(out.subarray(5, 5 + bytes.length - 14))).toBe(toHex(bytes.subarray(14)));
  expect([...out.subarray(0, 5), ...out.subarray(5 + bytes.length - 14)].every((byte) => byte === 0xee)).toBe(true);
});

type Break = (bytes: Uint8Array) => void;
const set =
  (...pairs: [number, number][]): Break =>
  (bytes) => {
    for (const [at, value] of pairs) bytes[at] = value;
  };
const solicited = "ns-multicast";
const dad = "ns-dad";
/** Offsets count from the IPv6 header: 40 is the ICMPv6 type, 64 the first option. The checksum is put right, except where it is the fault. */
const BROKEN: readonly (readonly [string, string, string, Break])[] = [
  ["version 4", "ip6-version", solicited, set([0, 0x45])],
  ["a payload longer than the frame", "ip6-length", solicited, set([5, 33])],
  ["a hop-by-hop header first", "ip6-next-header", solicited, set([6, 0])],
  ["a fragment", "ip6-next-header", solicited, set([6, 44])],
  ["a multicast source", "ip6-source", solicited, set([8, 0xff])],
  ["hop limit 254", "nd-hop-limit", solicited, set([7, 254])],
  ["hop limit 0", "nd-hop-limit", solicited, set([7, 0])],
  ["an ICMPv6 message of 23 bytes", "nd-short", solicited, set([5, 23])],
  ["no ICMPv6 message", "nd-short", solicited, set([5, 0])],
  ["an echo request", "nd-type", solicited, set([40, 128])],
  ["a router advertisement", "nd-type", solicited, set([40, 134])],
  ["code 1", "nd-code", solicited, set([41, 1])],
  ["a multicast target", "nd-target", solicited, set([48, 0xff])],
  ["an option of length 0", "nd-option-length", solicited, set([65, 0])],
  ["an option longer than the message", "nd-option-length", solicited, set([65, 2])],
  ["an option cut after its type", "nd-option-length", solicited, set([5, 25])],
  ["an option cut in the middle", "nd-option-length", solicited, set([5, 28])],
  ["DAD sent to a host", "nd-dad-destination", dad, set([24, 0x20])],
  ["DAD sent to all nodes", "nd-dad-destination", dad, set([35, 0], [36, 0])],
  ["an advertisement to a group that says solicited", "nd-solicited-multicast", "na-dad-defence", set([44, 0x60])],
];

describe("broken neighbour messages", () => {
  test.each(BROKEN)("%s is %s", (_what, reason, base, breakIt) => {
    const bytes = frame(base).slice(14);
    expect(ndProblem(bytes, 0, bytes.length)).toBeUndefined();
    breakIt(bytes);
    if (reason !== "ip6-length") finishChecksum(bytes, 0);
    expect(decodeNd(bytes, 0, bytes.length)).toEqual({ ok: false, reason });
  });

  test("an option of length 2 that should be a MAC", () => {
    const bytes = new Uint8Array(80);
    bytes.set(frame(solicited).slice(14));
    bytes[5] = 40;
    bytes[65] = 2;
    finishChecksum(bytes, 0);
    expect(decodeNd(bytes, 0, 80)).toEqual({ ok: false, reason: "nd-option-address" });
  });

  test("DAD that tells its link-layer address", () => {
    const out = new Uint8Array(80);
    const message: NdMessage = {
      type: "solicitation",
      source: "::",
      destination: "ff02::1:ff00:99",
      target: "2001:db8::99",
      linkLayer: A,
    };
    const end = encodeNd(message, out, 0);
    expect(decodeNd(out, 0, end)).toEqual({ ok: false, reason: "nd-dad-source-option" });
  });

  test("one flipped bit anywhere that the checksum covers is found", () => {
    const good = frame("na-solicited").slice(14);
    for (let at = 8; at < good.length; at++) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      expect(ndProblem(bytes, 0, bytes.length)).toBeDefined();
    }
  });

  test("every truncation of a recorded frame is a named drop", () => {
    const bytes = frame("ns-dad-nonce").slice(14);
    for (let end = 0; end < 40; end++) expect(ndProblem(bytes, 0, end)).toBe("ip6-short");
    for (let end = 40; end < bytes.length; end++) expect(ndProblem(bytes, 0, end)).toBe("ip6-length");
  });
});

test("the checksum of a message with an odd length", () => {
  // The last byte counts as the high half of a word (RFC 1071 section 1).
  const bytes = new Uint8Array(41);
  bytes[5] = 1;
  bytes[40] = 0x12;
  expect(icmpv6Checksum(bytes, 0)).toBe(~(0x1200 + 1 + 58) & 0xffff);
});

describe("the answer to a solicitation", () => {
  const answer = (request: Uint8Array) => {
    const out = new Uint8Array(86);
    expect(writeSolicitedAdvertisement(request, 14, hex(B), out, 0)).toBe(86);
    return out;
  };
  test("of the kernel is byte for byte what the kernel sent", () => {
    expect(toHex(answer(frame("ns-multicast")))).toBe(toHex(frame("na-solicited")));
  });
  test("to a recorded unicast one goes to its source, solicited", () => {
    expect(decodeNd(answer(frame("ns-unicast-nud")), 14, 86)).toEqual({
      ok: true,
      value: {
        type: "advertisement",
        source: "2001:db8::20",
        destination: "fe80::ff:fe00:a",
        target: "2001:db8::20",
        solicited: true,
        ...OWN,
        linkLayer: B,
      },
    });
  });
  test("without a link-layer option goes to the Ethernet source", () => {
    const request = new Uint8Array(78);
    request.set(frame("ns-unicast-nud").subarray(0, 14));
    encodeNd(
      { type: "solicitation", source: "fe80::1", destination: "2001:db8::20", target: "2001:db8::20" },
      request,
      14,
    );
    const out = answer(request);
    expect(toHex(out.subarray(0, 14))).toBe("02000000000a02000000000b86dd");
    expect(decodeNd(out, 14, 86)).toMatchObject({ ok: true, value: { destination: "fe80::1", solicited: true } });
  });
  test("with a group address as its link-layer option goes to the Ethernet source", () => {
    const request = frame("ns-multicast");
    request.set(hex("333300000001"), 14 + 66);
    expect(toHex(answer(request).subarray(0, 6))).toBe("02000000000a");
  });
  test("to DAD goes to all nodes, unsolicited", () => {
    const out = answer(frame("ns-dad"));
    expect(toHex(out.subarray(0, 6))).toBe("333300000001");
    expect(decodeNd(out, 14, 86)).toEqual({
      ok: true,
      value: {
        type: "advertisement",
        source: "2001:db8::99",
        destination: "ff02::1",
        target: "2001:db8::99",
        solicited: false,
        ...OWN,
        linkLayer: B,
      },
    });
  });
});
