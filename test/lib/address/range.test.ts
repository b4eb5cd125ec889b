import { describe, expect, test } from "@jest/globals";
import {
  formatRange,
  isUsableRange,
  parseCidr,
  parseRange,
  rangeContains,
  rangeSize,
  rangesOverlap,
  subnetContains,
} from "../../../lib/address/range.ts";
import { ip, range } from "./text.ts";

const RANGES = [
  { text: "10.0.0.0/24", is: "10.0.0.0-10.0.0.255", size: 256n },
  { text: "10.0.0.7/32", is: "10.0.0.7-10.0.0.7", size: 1n },
  { text: "0.0.0.0/0", is: "0.0.0.0-255.255.255.255", size: 1n << 32n },
  { text: "10.0.0.5-10.0.1.4", is: "10.0.0.5-10.0.1.4", size: 256n },
  { text: "10.0.0.5 - 10.0.0.5", is: "10.0.0.5-10.0.0.5", size: 1n },
  { text: "fd99::/64", is: "fd99::-fd99::ffff:ffff:ffff:ffff", size: 1n << 64n },
  { text: "::/0", is: "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", size: 1n << 128n },
  { text: "fd99::200-fd99::220", is: "fd99::200-fd99::220", size: 0x21n },
];

test.each(RANGES)("$text", ({ text, is, size }) => {
  expect(formatRange(range(text))).toBe(is);
  expect(rangeSize(range(text))).toBe(size);
});

const REFUSED = [
  ["10.0.0.200/24", "write 10.0.0.0/24 for the whole network or 10.0.0.200/32"],
  ["fd99::1/64", "write fd99::/64 for the whole network or fd99::1/128"],
  ["10.0.0.5", "write 10.0.0.5/32"],
  ["10.0.0.0/33", "0 to 32"],
  ["10.0.0.0/", "0 to 32"],
  ["10.0.0.0/08", "0 to 32"],
  ["10.0.0.0/8/8", "0 to 32"],
  ["fd99::/129", "0 to 128"],
  ["10.0.0.9-10.0.0.1", "swap"],
  ["fd99::9-fd99::1", "swap"],
  ["10.0.0.1-fd99::1", "mixes"],
  ["10.0.0.1-2-3", "neither"],
  ["10.0.0.1-", "not an IP"],
  ["", "not an IP"],
  ["lan", "not an IP"],
] as const;

test.each(REFUSED)("%j is refused: %s", (text, reason) => {
  expect(parseRange(text)).toEqual({ ok: false, reason: expect.stringContaining(reason) });
});

test("an interface's CIDR keeps its host bits", () => {
  expect(parseCidr("10.0.0.200/24")).toEqual({ ok: true, value: { address: ip("10.0.0.200"), prefixLength: 24 } });
});

describe("membership", () => {
  test.each([
    ["10.0.0.5-10.0.0.7", "10.0.0.4", false],
    ["10.0.0.5-10.0.0.7", "10.0.0.5", true],
    ["10.0.0.5-10.0.0.7", "10.0.0.7", true],
    ["10.0.0.5-10.0.0.7", "10.0.0.8", false],
    ["::/0", "10.0.0.5", false],
  ])("%s contains %s: %s", (text, address, expected) => {
    expect(rangeContains(range(text), ip(address))).toBe(expected);
  });

  test.each([
    ["10.0.0.200", 24, "10.0.0.1", true],
    ["10.0.0.200", 24, "10.0.1.1", false],
    ["10.0.0.200", 0, "192.0.2.1", true],
    ["10.0.0.200", 32, "10.0.0.200", true],
    ["10.0.0.200", 32, "10.0.0.201", false],
    ["fd99::1", 64, "fd99::ffff:0:0:1", true],
    ["fd99::1", 64, "fd99:0:0:1::1", false],
    ["::", 0, "10.0.0.1", false],
  ])("%s/%d contains %s: %s", (network, length, address, expected) => {
    expect(subnetContains(ip(network), length, ip(address))).toBe(expected);
  });

  test.each([
    ["10.0.0.0/24", "10.0.0.255/32", true],
    ["10.0.0.0/24", "10.0.1.0/24", false],
    ["10.0.0.0-10.0.0.9", "10.0.0.9-10.0.0.20", true],
    ["0.0.0.0/0", "::/0", false],
  ])("%s overlaps %s: %s", (left, right, expected) => {
    expect(rangesOverlap(range(left), range(right))).toBe(expected);
    expect(rangesOverlap(range(right), range(left))).toBe(expected);
  });
});

test.each([
  ["169.253.0.0-169.254.0.0", "link-local"],
  ["0.0.0.0/0", "unspecified"],
  ["::ffff:10.0.0.0/120", "v4-mapped"],
  ["fe00::/8", "link-local"],
  ["ff00::/8", "multicast"],
])("%s is refused: %s", (text, name) => {
  expect(isUsableRange(range(text))).toEqual({ ok: false, reason: expect.stringContaining(name) });
});

test("an ordinary range is usable", () => {
  for (const text of ["10.99.0.200-10.99.0.220", "fd99::/64"]) expect(isUsableRange(range(text)).ok).toBe(true);
});
