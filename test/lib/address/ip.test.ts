import { describe, expect, test } from "@jest/globals";
import {
  compareIps,
  formatIp,
  ipFromBytes,
  ipToBytes,
  isUsable,
  parseIp,
  sameIp,
  virtualIpName,
} from "../../../lib/address/ip.ts";
import { ip } from "./text.ts";

const SPELLINGS = [
  { text: "10.99.0.200", canonical: "10.99.0.200", name: "10.99.0.200", bytes: "0a6300c8" },
  { text: "255.255.255.255", canonical: "255.255.255.255", name: "255.255.255.255", bytes: "ffffffff" },
  { text: "0.0.0.0", canonical: "0.0.0.0", name: "0.0.0.0", bytes: "00000000" },
  {
    text: "FD99::C8",
    canonical: "fd99::c8",
    name: "fd99-0000-0000-0000-0000-0000-0000-00c8",
    bytes: "fd9900000000000000000000000000c8",
  },
  {
    text: "2001:0db8:0:0:1:0:0:1",
    canonical: "2001:db8::1:0:0:1",
    name: "2001-0db8-0000-0000-0001-0000-0000-0001",
    bytes: "20010db8000000000001000000000001",
  },
  {
    text: "1:0:2:3:4:5:6:7",
    canonical: "1:0:2:3:4:5:6:7",
    name: "0001-0000-0002-0003-0004-0005-0006-0007",
    bytes: "00010000000200030004000500060007",
  },
  { text: "::", canonical: "::", name: "0000-0000-0000-0000-0000-0000-0000-0000", bytes: "0".repeat(32) },
  {
    text: "64:ff9b::192.0.2.1",
    canonical: "64:ff9b::c000:201",
    name: "0064-ff9b-0000-0000-0000-0000-c000-0201",
    bytes: "0064ff9b0000000000000000c0000201",
  },
];

describe("spelling", () => {
  test.each(SPELLINGS)("$text", ({ text, canonical, name, bytes }) => {
    const parsed = ip(text);
    expect(formatIp(parsed)).toBe(canonical);
    expect(virtualIpName(parsed)).toBe(name);
    expect(Buffer.from(ipToBytes(parsed)).toString("hex")).toBe(bytes);
    expect(ipFromBytes(ipToBytes(parsed))).toEqual(parsed);
    expect(sameIp(ip(canonical), parsed)).toBe(true);
  });
});

describe("refused texts", () => {
  const TEXTS = [
    "",
    " 10.0.0.1",
    "10.0.0.1\n",
    "10.0.0",
    "010.0.0.1",
    "256.0.0.1",
    "10.0.0.1/32",
    "0x0a.0.0.1",
    "[::1]",
    "::1/64",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "00001::",
    "g::",
    ":1::",
    "::1.2.3.400",
    `::${"0".repeat(50)}`,
  ];
  test.each(TEXTS)("%j", (text) => {
    expect(parseIp(text).ok).toBe(false);
  });

  test("a zone is refused with a way out", () => {
    expect(parseIp("fe80::1%eth0")).toEqual({ ok: false, reason: expect.stringContaining("without") });
  });

  test("only 4 or 16 bytes are an address", () => {
    for (const length of [0, 3, 5, 15, 17]) expect(() => ipFromBytes(new Uint8Array(length))).toThrow(RangeError);
  });
});

describe("isUsable", () => {
  const REFUSED = [
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["127.0.0.1", "loopback"],
    ["169.254.1.1", "link-local"],
    ["224.0.0.1", "multicast"],
    ["239.255.255.255", "multicast"],
    ["255.255.255.255", "broadcast"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["::ffff:10.0.0.1", "v4-mapped"],
    ["fe80::1", "link-local"],
    ["febf:ffff::", "link-local"],
    ["ff02::1", "multicast"],
  ] as const;
  test.each(REFUSED)("%s is %s", (text, name) => {
    expect(isUsable(ip(text))).toEqual({ ok: false, reason: expect.stringContaining(name) });
  });

  const TAKEN = [
    "1.0.0.0",
    "126.255.255.255",
    "169.253.255.255",
    "223.255.255.255",
    "255.255.255.254",
    "::2",
    "::fffe:0:0",
    "::1:0:0:0",
    "fe7f::",
    "fec0::1",
    "fd99::1",
  ];
  test.each(TAKEN)("%s is usable", (text) => {
    expect(isUsable(ip(text))).toEqual({ ok: true, value: ip(text) });
  });
});

test("IPv4 sorts before IPv6, then by value", () => {
  const sorted = ["::5", "10.0.0.10", "10.0.0.9", "fd00::"].map(ip).sort(compareIps);
  expect(sorted.map(formatIp)).toEqual(["10.0.0.9", "10.0.0.10", "::5", "fd00::"]);
  expect(compareIps(ip("::1"), ip("0::1"))).toBe(0);
});
