import { describe, expect, test } from "@jest/globals";
import { arpFilter, assemble, ndFilter, OWN_MACS_MAX } from "../../../speaker/packet/bpf.ts";
import { runBpf } from "./bpf-interpreter.ts";
import { frame, hex, toHex } from "./fixtures.ts";

const OWN = ["02:00:00:00:00:0c", "02:11:00:00:00:0a"];
const ETH0 = 7;
const SENDER = "02:00:00:00:00:0a";
const [HOST, BROADCAST, MULTICAST, OTHERHOST, OUTGOING, LOOPBACK] = [0, 1, 2, 3, 4, 5];

type Case = readonly [string, string, number, readonly string[], boolean];
const ARP: readonly Case[] = [
  ["a broadcast request", "arp-request", BROADCAST, OWN, true],
  ["a unicast request", "arp-request", HOST, OWN, true],
  ["a reply to us", "arp-reply", HOST, OWN, true],
  ["a probe", "arp-probe", BROADCAST, OWN, true],
  ["an announcement", "arp-gratuitous-reply", BROADCAST, OWN, true],
  ["a flooded unicast, or another VLAN", "arp-request", OTHERHOST, OWN, false],
  ["a frame that leaves", "arp-request", OUTGOING, OWN, false],
  ["a looped frame", "arp-request", LOOPBACK, OWN, false],
  ["a frame of our own on another interface", "arp-request", BROADCAST, [...OWN, SENDER], false],
  ["a request with no own MAC known", "arp-request", BROADCAST, [], true],
  ["a neighbour solicitation", "ns-multicast", MULTICAST, OWN, false],
];
const ND: readonly Case[] = [
  ["a multicast solicitation", "ns-multicast", MULTICAST, OWN, true],
  ["a unicast solicitation", "ns-unicast-nud", HOST, OWN, true],
  ["DAD", "ns-dad", MULTICAST, OWN, true],
  ["an advertisement", "na-solicited", HOST, OWN, true],
  ["an advertisement to all nodes", "na-unsolicited", MULTICAST, OWN, true],
  ["a flooded unicast", "ns-unicast-nud", OTHERHOST, OWN, false],
  ["a frame that leaves", "ns-multicast", OUTGOING, OWN, false],
  ["a frame of our own on another interface", "ns-multicast", MULTICAST, [SENDER, ...OWN], false],
  ["ARP", "arp-request", BROADCAST, OWN, false],
];

const MLD: readonly Case[] = [
  ["a query", "mld-v2-query", MULTICAST, OWN, true],
  ["a query about a group", "mld-v2-group-query", MULTICAST, OWN, true],
  ["a query of version 1", "mld-v1-query", MULTICAST, OWN, true],
  ["a query to this station", "mld-v2-query", HOST, OWN, true],
  ["a query of a bridge of this node", "mld-v2-query", HOST, [...OWN, "02:00:00:00:00:0b"], true],
  ["a query that leaves", "mld-v2-query", OUTGOING, OWN, false],
  ["a flooded query for another station", "mld-v2-query", OTHERHOST, OWN, false],
  ["a report", "mld-v2-joined", MULTICAST, OWN, false],
  ["a report of version 1", "mld-v1-report", MULTICAST, OWN, false],
  ["done", "mld-v1-done", MULTICAST, OWN, false],
];

test.each(MLD)("ND filter, listener discovery: %s (%s)", (_what, name, type, own, passes) => {
  expect(runBpf(ndFilter(ETH0, own), frame(name), type, ETH0) > 0).toBe(passes);
});
test.each([
  ["another next header", 20, 60],
  ["hop limit 2", 21, 2],
  ["TCP behind the options", 54, 6],
  ["longer options", 55, 1],
  ["an echo behind the options", 62, 128],
  ["a solicitation behind the options", 62, 135],
])("a query with %s is dropped", (_what, at, value) => {
  expect(runBpf(ndFilter(ETH0, OWN), frame("mld-v2-query").with(at, value), MULTICAST, ETH0)).toBe(0);
});

test.each(ARP)("ARP filter: %s (%s)", (_what, name, type, own, passes) => {
  expect(runBpf(arpFilter(ETH0, own), frame(name), type, ETH0) > 0).toBe(passes);
});
test.each(ND)("ND filter: %s (%s)", (_what, name, type, own, passes) => {
  expect(runBpf(ndFilter(ETH0, own), frame(name), type, ETH0) > 0).toBe(passes);
});

test("what the kernel has handed on to a device on top of this interface (VLAN, macvlan, bond) is dropped", () => {
  for (const [filter, name, type] of [
    [arpFilter(ETH0, OWN), "arp-request", BROADCAST],
    [ndFilter(ETH0, OWN), "ns-multicast", MULTICAST],
  ] as const) {
    expect([runBpf(filter, frame(name), type, ETH0) > 0, runBpf(filter, frame(name), type, ETH0 + 1)]).toEqual([
      true,
      0,
    ]);
  }
});

describe("fields", () => {
  const FIELDS: readonly (readonly [string, "arp" | "nd", number, number])[] = [
    ["EtherType", "arp", 12, 0x09],
    ["hardware type", "arp", 15, 6],
    ["protocol type", "arp", 16, 0x86],
    ["hardware length", "arp", 18, 8],
    ["protocol length", "arp", 19, 16],
    ["operation 3", "arp", 21, 3],
    ["operation 257", "arp", 20, 1],
    ["EtherType", "nd", 12, 0x08],
    ["next header", "nd", 20, 44],
    ["router solicitation", "nd", 54, 133],
    ["redirect", "nd", 54, 137],
    ["echo", "nd", 54, 128],
  ];
  test.each(FIELDS)("%s is checked (%s)", (_what, kind, at, value) => {
    const bytes = frame(kind === "arp" ? "arp-request" : "ns-multicast");
    const filter = kind === "arp" ? arpFilter(ETH0, OWN) : ndFilter(ETH0, OWN);
    expect(runBpf(filter, bytes, MULTICAST, ETH0) > 0).toBe(true);
    bytes[at] = value;
    expect(runBpf(filter, bytes, MULTICAST, ETH0)).toBe(0);
  });
  test("an own MAC only inside the ARP packet is dropped too", () => {
    const bytes = frame("arp-request");
    bytes.set(hex(OWN[0] ?? ""), 22);
    expect(runBpf(arpFilter(ETH0, OWN), bytes, BROADCAST, ETH0)).toBe(0);
  });
  test("a truncated frame is dropped", () => {
    for (let length = 0; length < 22; length++) {
      expect(runBpf(arpFilter(ETH0, []), frame("arp-request").subarray(0, length), BROADCAST, ETH0)).toBe(0);
    }
  });
  test("each of as many own MACs as there may be is dropped, their neighbours are not", () => {
    const macs = Array.from({ length: OWN_MACS_MAX }, (_, i) => `02:00:00:00:01:${i.toString(16).padStart(2, "0")}`);
    const bytes = frame("arp-request");
    const passes = Array.from({ length: OWN_MACS_MAX + 1 }, (_, i) => {
      bytes.set([0x02, 0, 0, 0, 1, i], 6);
      return runBpf(arpFilter(ETH0, macs), bytes, BROADCAST, ETH0) > 0;
    });
    expect(passes).toEqual([...Array<boolean>(OWN_MACS_MAX).fill(false), true]);
  });
});

describe("the assembler", () => {
  test("lays instructions out as struct sock_filter", () => {
    const program = assemble([
      { op: "load", bytes: 2, at: 12 },
      { op: "equal", value: 0x0806, no: "drop" },
      { op: "return", bytes: 0x40000 },
      { op: "label", name: "drop" },
      { op: "return", bytes: 0 },
    ]);
    expect(toHex(program)).toBe(`28000000${"0c000000"}15000001${"06080000"}06000000${"00000400"}06000000${"00000000"}`);
  });
  const far = Array.from({ length: 300 }, () => ({ op: "return", bytes: 0 }) as const);
  test.each([
    ["unknown", [{ op: "equal", value: 1, yes: "nowhere" } as const]],
    ["backward", [{ op: "label", name: "back" } as const, { op: "equal", value: 1, yes: "back" } as const]],
    ["too distant", [{ op: "equal", value: 1, yes: "far" } as const, ...far, { op: "label", name: "far" } as const]],
  ])("refuses a label that is %s", (_what, lines) => {
    expect(() => assemble(lines)).toThrow("out of reach");
  });
  test("refuses a program that the kernel would refuse", () => {
    expect(() => assemble(Array.from({ length: 4097 }, () => ({ op: "return", bytes: 0 }) as const))).toThrow("4097");
  });
});
