import { describe, expect, test } from "@jest/globals";
import { gatewaysOf } from "../../../speaker/shell/gateways.ts";

const HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
const route4 = (name: string, destination: string, gateway: string, flags: string): string =>
  `${name}\t${destination}\t${gateway}\t${flags}\t0\t0\t0\t00000000\t0\t0\t0`;
const ZERO = "0".repeat(32);
const route6 = (destination: string, length: string, gateway: string, flags: string, name: string): string =>
  `${destination} ${length} ${ZERO} 00 ${gateway} 00000400 00000001 00000000 ${flags}     ${name}`;
const ROUTER = "fe800000000000000000000000000001";

describe("default gateways out of /proc/net", () => {
  test.each([
    ["nothing", [HEAD], [], {}],
    [
      "one of each family",
      [HEAD, route4("eth0", "00000000", "FE01630A", "0003")],
      [route6(ZERO, "00", ROUTER, "00450003", "eth0")],
      { eth0: { address4: "10.99.1.254", linkLocal: "fe80::1" } },
    ],
    [
      "IPv6 alone",
      [HEAD],
      [route6(ZERO, "00", ROUTER, "00000003", "eth1")],
      { eth1: { address4: "", linkLocal: "fe80::1" } },
    ],
    [
      "a network is no default route",
      [HEAD, route4("eth0", "0000630A", "00000000", "0001")],
      [route6("fd99".padEnd(32, "0"), "40", ROUTER, "00000003", "eth0")],
      {},
    ],
    [
      "a default route without a gateway",
      [HEAD, route4("ppp0", "00000000", "00000000", "0001")],
      [route6(ZERO, "00", ZERO, "00200200", "lo")],
      {},
    ],
    ["one that is down", [HEAD, route4("eth0", "00000000", "FE01630A", "0002")], [], {}],
    [
      "a global IPv6 gateway cannot be asked",
      [HEAD],
      [route6(ZERO, "00", "20010db8".padEnd(32, "0"), "00000003", "eth0")],
      {},
    ],
    [
      "the first of two counts",
      [HEAD, route4("eth0", "00000000", "FE01630A", "0003"), route4("eth0", "00000000", "FD01630A", "0003")],
      [],
      { eth0: { address4: "10.99.1.254", linkLocal: "" } },
    ],
    ["what cannot be read says nothing", ["", "eth0 00000000 xyz 0003", "x"], ["", "a b c"], {}],
  ])("%s", (_, four, six, expected) => {
    expect(Object.fromEntries(gatewaysOf(four.join("\n"), six.join("\n")))).toEqual(expected);
  });
});
