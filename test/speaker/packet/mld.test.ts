import { describe, expect, test } from "@jest/globals";
import { isMalformed } from "../../../speaker/drops.ts";
import { icmpv6Checksum } from "../../../speaker/packet/icmpv6.ts";
import {
  decodeMldQuery,
  MLD_FRAME_BYTES_MAX,
  type MldDrop,
  type MldQuery,
  RECORDS_PER_REPORT,
  writeMld1,
  writeMldReport,
} from "../../../speaker/packet/mld.ts";
import { frame, hex, toHex } from "./fixtures.ts";
import { changedMld as changed, IP, MLD } from "./mld-frames.ts";

const MAC = "02:00:00:00:00:0a";
const LINK_LOCAL = "fe80::ff:fe00:a";
const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);
/** ff02::1:3, which is no solicited-node group. */
const LLMNR = [0xff, 2, ...zeros(11), 1, 0, 3];

const written = (write: (out: Uint8Array) => number) => {
  const out = new Uint8Array(MLD_FRAME_BYTES_MAX).fill(0xee);
  return toHex(out.subarray(0, write(out)));
};
const decoded = (bytes: Uint8Array) => decodeMldQuery(bytes, IP, bytes.length);

describe("what the kernel sends of its own groups, byte for byte", () => {
  test.each([
    ["mld-v2-joined", (out: Uint8Array) => writeMldReport([{ kind: "joined", group: 0x55 }], LINK_LOCAL, MAC, out, 0)],
    ["mld-v2-left", (out: Uint8Array) => writeMldReport([{ kind: "left", group: 0x55 }], LINK_LOCAL, MAC, out, 0)],
    ["mld-v1-report", (out: Uint8Array) => writeMld1({ kind: "joined", group: 0x55 }, LINK_LOCAL, MAC, out, 0)],
    ["mld-v1-done", (out: Uint8Array) => writeMld1({ kind: "left", group: 0x55 }, LINK_LOCAL, MAC, out, 0)],
  ] as const)("%s", (name, write) => {
    expect(written(write)).toBe(toHex(frame(name)));
  });
});

describe("reports", () => {
  test("an answer has the record type MODE_IS_EXCLUDE, in version 1 it is a report", () => {
    const answer = written((out) => writeMldReport([{ kind: "listening", group: 0xabcdef }], LINK_LOCAL, MAC, out, 0));
    expect(answer.slice(-40)).toBe("02000000ff0200000000000000000001ffabcdef");
    const older = (kind: "listening" | "joined") =>
      written((out) => writeMld1({ kind, group: 0xabcdef }, LINK_LOCAL, MAC, out, 0));
    expect(older("listening")).toBe(older("joined"));
  });
  test("from :: while there is no link-local address", () => {
    const bytes = hex(written((out) => writeMldReport([{ kind: "joined", group: 1 }], "::", MAC, out, 0)));
    expect([toHex(bytes.subarray(22, 38)), icmpv6Checksum(bytes, IP, 8)]).toEqual(["0".repeat(32), 0]);
  });
  test("as many records as 1,280 bytes hold, in their order", () => {
    const records = Array.from({ length: RECORDS_PER_REPORT }, (_, i) => ({ kind: "joined", group: i }) as const);
    const bytes = hex(written((out) => writeMldReport(records, LINK_LOCAL, MAC, out, 0)));
    expect([RECORDS_PER_REPORT, bytes.length - IP, bytes.length]).toEqual([61, 1276, MLD_FRAME_BYTES_MAX]);
    expect([bytes[MLD + 7], icmpv6Checksum(bytes, IP, 8)]).toEqual([61, 0]);
    expect(records.map((_, i) => bytes[MLD + 8 + i * 20 + 19])).toEqual(records.map(({ group }) => group));
  });
});

test("what nobody who is well sends is told in the log", () => {
  const reasons = ["mld-short", "mld-router-alert", "mld-hop-limit", "mld-source", "mld-checksum", "mld-sources"];
  expect([...reasons, "mld-query", "mld-reports-sent"].filter(isMalformed)).toEqual(reasons);
});

describe("queries", () => {
  const v2: MldQuery = { version: 2, maxResponseMs: 10_000, group: "all", robustness: 2, queryIntervalMs: 2000 };
  const v1: MldQuery = { ...v2, version: 1, robustness: undefined, queryIntervalMs: undefined };
  test.each<[string, MldQuery]>([
    ["mld-v2-query", v2],
    ["mld-v2-group-query", { ...v2, maxResponseMs: 1000, group: 0x55 }],
    ["mld-v1-query", v1],
    ["mld-v1-group-query", { ...v1, maxResponseMs: 1000, group: 0x55 }],
  ])("recorded from a bridge: %s", (name, query) => {
    expect(decoded(frame(name))).toEqual({ ok: true, value: query });
  });
  test.each<[string, Uint8Array, Partial<MldQuery>]>([
    [
      "no robustness and no interval",
      changed("mld-v2-query", [[MLD + 24, 0, 0]]),
      { robustness: undefined, queryIntervalMs: undefined },
    ],
    ["a reserved bit and S", changed("mld-v2-query", [[MLD + 24, 0xfa]]), {}],
    ["a code that nobody reads", changed("mld-v2-query", [[MLD + 1, 7]]), {}],
    ["the largest plain response", changed("mld-v2-query", [[MLD + 4, 0x7f, 0xff]]), { maxResponseMs: 32_767 }],
    ["the least floating one", changed("mld-v2-query", [[MLD + 4, 0x80, 0]]), { maxResponseMs: 32_768 }],
    ["the largest one", changed("mld-v2-query", [[MLD + 4, 0xff, 0xff]]), { maxResponseMs: 8_387_584 }],
    ["the least floating interval", changed("mld-v2-query", [[MLD + 25, 0x80]]), { queryIntervalMs: 128_000 }],
    ["the largest one", changed("mld-v2-query", [[MLD + 25, 0xff]]), { queryIntervalMs: 31_744_000 }],
    [
      "another group",
      changed("mld-v2-group-query", [
        [38, ...LLMNR],
        [MLD + 8, ...LLMNR],
      ]),
      { maxResponseMs: 1000, group: "other" },
    ],
    [
      "about a group, to all nodes",
      changed("mld-v2-group-query", [[38, 0xff, 2, ...zeros(13), 1]]),
      { maxResponseMs: 1000, group: 0x55 },
    ],
    ["to this station alone", changed("mld-v2-query", [[38, 0xfe, 0x80, ...zeros(13), 9]]), {}],
    [
      "with a source",
      changed(
        "mld-v2-group-query",
        [
          [18, 0, 52],
          [MLD + 26, 0, 1],
        ],
        zeros(16),
      ),
      { maxResponseMs: 1000, group: 0x55 },
    ],
    ["padding before the router alert", changed("mld-v2-query", [[56, 0, 5, 2, 0, 0, 0]]), {}],
    ["with bytes behind it", changed("mld-v2-query", [[18, 0, 40]], [1, 2, 3, 4]), {}],
    ["with padding of Ethernet", Uint8Array.of(...frame("mld-v2-query"), 1, 2, 3), {}],
  ])("%s", (_what, bytes, query) => {
    expect(decoded(bytes)).toEqual({ ok: true, value: { ...v2, ...query } });
  });

  const BROKEN: Record<MldDrop, readonly (readonly [string, Uint8Array])[]> = {
    "mld-short": [
      ["cut", frame("mld-v2-query").subarray(0, 85)],
      ["longer than its frame", frame("mld-v2-query").subarray(0, 89)],
      ["between the versions", changed("mld-v2-query", [[18, 0, 35]])],
      ["shorter than version 1", changed("mld-v2-query", [[18, 0, 31]])],
    ],
    "mld-version": [["IPv4", changed("mld-v2-query", [[14, 0x45]])]],
    "mld-hop-by-hop": [
      ["none", changed("mld-v2-query", [[20, 58]])],
      ["TCP behind it", changed("mld-v2-query", [[54, 6]])],
      ["16 bytes", changed("mld-v2-query", [[55, 1]])],
      ["an option beyond its end", changed("mld-v2-query", [[56, 30, 5]])],
    ],
    "mld-router-alert": [
      ["padding alone", changed("mld-v2-query", [[56, 1, 4, 0, 0, 0, 0]])],
      ["for RSVP", changed("mld-v2-query", [[58, 0, 1]])],
      ["of no length", changed("mld-v2-query", [[56, 5, 0, 0, 0, 0, 0]])],
    ],
    "mld-hop-limit": [["2", changed("mld-v2-query", [[21, 2]])]],
    "mld-source": [
      ["global", changed("mld-v2-query", [[22, 0x20, 0x01]])],
      ["unspecified", changed("mld-v2-query", [[22, ...zeros(16)]])],
      ["fec0::", changed("mld-v2-query", [[22, 0xfe, 0xc0]])],
    ],
    "mld-type": [["a report", changed("mld-v2-query", [[MLD, 131]])]],
    "mld-checksum": [["wrong", frame("mld-v2-query").with(MLD + 2, 0)]],
    "mld-group": [["unicast", changed("mld-v2-group-query", [[MLD + 8, 0x20, 1]])]],
    "mld-destination": [
      ["all routers", changed("mld-v2-query", [[53, 2]])],
      ["another group", changed("mld-v2-group-query", [[53, 0x56]])],
    ],
    "mld-sources": [["more than there are", changed("mld-v2-group-query", [[MLD + 26, 0xff, 0xff]])]],
  };
  test.each(
    Object.entries(BROKEN).flatMap(([reason, cases]) => cases.map(([what, bytes]) => [reason, what, bytes] as const)),
  )("dropped as %s: %s", (reason, _what, bytes) => {
    expect(decoded(bytes)).toEqual({ ok: false, reason });
  });
});
