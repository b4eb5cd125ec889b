import { describe, expect, test } from "@jest/globals";
import {
  ARP_BYTES,
  type ArpPacket,
  arpProblem,
  decodeArp,
  encodeArp,
  writeArpReply,
} from "../../../speaker/packet/arp.ts";
import { decodeEthernet, ETHER_TYPE_ARP, encodeEthernet } from "../../../speaker/packet/ethernet.ts";
import { frame, hex, toHex } from "./fixtures.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const ALL = "ff:ff:ff:ff:ff:ff";
const NONE = "00:00:00:00:00:00";

const RECORDED: readonly (readonly [string, string, ArpPacket])[] = [
  [
    "arp-request",
    ALL,
    { operation: "request", senderMac: A, senderIp: "192.0.2.10", targetMac: NONE, targetIp: "192.0.2.20" },
  ],
  [
    "arp-request-arping",
    ALL,
    { operation: "request", senderMac: A, senderIp: "192.0.2.10", targetMac: NONE, targetIp: "192.0.2.20" },
  ],
  ["arp-reply", A, { operation: "reply", senderMac: B, senderIp: "192.0.2.20", targetMac: A, targetIp: "192.0.2.10" }],
  [
    "arp-probe",
    ALL,
    { operation: "request", senderMac: A, senderIp: "0.0.0.0", targetMac: NONE, targetIp: "192.0.2.99" },
  ],
  [
    "arp-gratuitous-request",
    ALL,
    { operation: "request", senderMac: A, senderIp: "192.0.2.99", targetMac: ALL, targetIp: "192.0.2.99" },
  ],
  [
    "arp-gratuitous-reply",
    ALL,
    { operation: "reply", senderMac: A, senderIp: "192.0.2.99", targetMac: ALL, targetIp: "192.0.2.99" },
  ],
  [
    "arp-announcement-kernel",
    ALL,
    { operation: "request", senderMac: A, senderIp: "192.0.2.10", targetMac: NONE, targetIp: "192.0.2.10" },
  ],
];

describe.each(RECORDED)("the recorded frame %s", (name, destination, packet) => {
  const bytes = frame(name);
  test("is read", () => {
    const header = decodeEthernet(bytes, 0, bytes.length);
    expect(header).toEqual({ ok: true, value: { destination, source: packet.senderMac, etherType: ETHER_TYPE_ARP } });
    expect(decodeArp(bytes, 14, bytes.length)).toEqual({ ok: true, value: packet });
  });
  test("is written, up to its padding", () => {
    const out = new Uint8Array(64).fill(0xee);
    const at = encodeEthernet({ destination, source: packet.senderMac, etherType: ETHER_TYPE_ARP }, out, 3);
    expect(encodeArp(packet, out, at)).toBe(3 + 14 + ARP_BYTES);
    expect(toHex(out.subarray(3, 45))).toBe(toHex(bytes.subarray(0, 42)));
    expect([...out.subarray(0, 3), ...out.subarray(45)].every((byte) => byte === 0xee)).toBe(true);
  });
});

const GOOD = "0001 0800 06 04 0001 02000000000a c000020a 000000000000 c0000214";
const BROKEN: readonly (readonly [string, string, string])[] = [
  ["nothing", "arp-short", ""],
  ["27 bytes", "arp-short", GOOD.slice(0, -2)],
  ["hardware type 6, IEEE 802", "arp-hardware-type", GOOD.replace("0001", "0006")],
  ["protocol type IPv6", "arp-protocol-type", GOOD.replace("0800", "86dd")],
  ["hardware length 8", "arp-lengths", GOOD.replace("06 04", "08 04")],
  ["protocol length 16", "arp-lengths", GOOD.replace("06 04", "06 10")],
  ["operation 0", "arp-operation", GOOD.replace("04 0001", "04 0000")],
  ["operation 3, RARP", "arp-operation", GOOD.replace("04 0001", "04 0003")],
  ["sender MAC zero", "arp-sender-mac", GOOD.replace("02000000000a", "000000000000")],
  ["sender MAC broadcast", "arp-sender-mac", GOOD.replace("02000000000a", "ffffffffffff")],
  ["sender MAC multicast", "arp-sender-mac", GOOD.replace("02000000000a", "01005e000001")],
];

describe("broken ARP", () => {
  test("the table begins with a good packet", () => {
    expect(arpProblem(hex(GOOD), 0, 28)).toBeUndefined();
  });
  test.each(BROKEN)("%s is %s", (_what, reason, text) => {
    const bytes = hex(text);
    expect(decodeArp(bytes, 0, bytes.length)).toEqual({ ok: false, reason });
  });
  test("a frame without a whole Ethernet header", () => {
    expect(decodeEthernet(new Uint8Array(13), 0, 13)).toEqual({ ok: false, reason: "ethernet-short" });
  });
  test("every truncation of a recorded frame is a named drop", () => {
    const bytes = frame("arp-request");
    for (let end = 14; end < 42; end++) expect(arpProblem(bytes, 14, end)).toBe("arp-short");
  });
});

test("the reply to a recorded request is byte for byte what the kernel sent", () => {
  const out = new Uint8Array(50);
  expect(writeArpReply(frame("arp-request"), 14, hex(B), out, 8)).toBe(50);
  expect(toHex(out.subarray(8))).toBe(toHex(frame("arp-reply")));
});

test("the reply to a probe goes to the asker, with 0.0.0.0 as its target address", () => {
  const out = new Uint8Array(42);
  writeArpReply(frame("arp-probe"), 14, hex(B), out, 0);
  expect(toHex(out.subarray(0, 6))).toBe("02000000000a");
  expect(decodeArp(out, 14, 42)).toEqual({
    ok: true,
    value: { operation: "reply", senderMac: B, senderIp: "192.0.2.99", targetMac: A, targetIp: "0.0.0.0" },
  });
});
