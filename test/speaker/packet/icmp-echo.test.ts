import { describe, expect, test } from "@jest/globals";
import { type Echo, encodeEchoRequest, isEchoReply } from "../../../speaker/packet/icmp-echo.ts";
import { hex, toHex } from "./fixtures.ts";

const V4: Echo = { family: 4, identifier: 0x1234, sequence: 7 };
const V6: Echo = { family: 6, identifier: 0x1234, sequence: 7 };
const IP_HEADER = "4500001c000040004001b6d5c0000214c000020a";
const REPLY4 = `${IP_HEADER}0000edc412340007`;
const REPLY6 = "8100000012340007";

test("requests, ICMP with its checksum, ICMPv6 without", () => {
  expect(toHex(encodeEchoRequest(V4))).toBe("0800e5c412340007");
  expect(toHex(encodeEchoRequest(V6))).toBe("8000000012340007");
});

describe("replies", () => {
  const rows: readonly (readonly [string, string, Echo, boolean])[] = [
    ["ours", REPLY4, V4, true],
    ["ours over IPv6", REPLY6, V6, true],
    ["with IP options", `4600001c000040004001b6d5c0000214c000020a01010100${REPLY4.slice(40)}`, V4, true],
    ["of another program", REPLY4, { ...V4, identifier: 1 }, false],
    ["to another request", REPLY6, { ...V6, sequence: 8 }, false],
    ["a request", `${IP_HEADER}0800e5c412340007`, V4, false],
    ["a wrong checksum", `${IP_HEADER}0000edc512340007`, V4, false],
    ["a code", "8101000012340007", V6, false],
    ["cut short", REPLY4.slice(0, -2), V4, false],
    ["nothing", "", V6, false],
  ];
  test.each(rows)("%s", (_what, bytes, echo, is) => {
    expect(isEchoReply(hex(bytes), echo)).toBe(is);
  });
});
