import { describe, expect, test } from "@jest/globals";
import { type CapturedFrame, PcapSplitter, viewFrame } from "./frames.ts";

/** Captured in the lab: c2 (Linux) looks for n3 (Linux) and pings it, over both families. */
const recorded = {
  arpRequest: "ffffffffffff02be000001020806000108000604000102be000001020a6300660000000000000a63000d",
  arpReply: "02be0000010202be000000130806000108000604000202be000000130a63000d02be000001020a630066",
  solicitation:
    "3333ff00001302be0000010286dd6000000000203afffd990000000000000000000000000102ff0200000000000000000001ff0000138700798300000000fd990000000000000000000000000013010102be00000102",
  advertisement:
    "02be0000010202be0000001386dd6000000000203afffd990000000000000000000000000013fd990000000000000000000000000102880098dce0000000fd990000000000000000000000000013020102be00000013",
};

function frame(hex: string): CapturedFrame {
  return { timeMs: 1, bytes: Uint8Array.from(Buffer.from(hex, "hex")) };
}

describe("what a captured frame says", () => {
  test("an ARP request", () => {
    expect(viewFrame(frame(recorded.arpRequest))).toEqual({
      timeMs: 1,
      source: "02:be:00:00:01:02",
      destination: "ff:ff:ff:ff:ff:ff",
      etherType: 0x0806,
      arp: {
        operation: "request",
        senderMac: "02:be:00:00:01:02",
        senderIp: "10.99.0.102",
        targetMac: "00:00:00:00:00:00",
        targetIp: "10.99.0.13",
      },
    });
  });

  test("an ARP reply", () => {
    expect(viewFrame(frame(recorded.arpReply)).arp).toEqual({
      operation: "reply",
      senderMac: "02:be:00:00:00:13",
      senderIp: "10.99.0.13",
      targetMac: "02:be:00:00:01:02",
      targetIp: "10.99.0.102",
    });
  });

  test("a neighbour solicitation", () => {
    expect(viewFrame(frame(recorded.solicitation)).nd).toEqual({
      kind: "solicitation",
      sourceIp: "fd99::102",
      destinationIp: "ff02::1:ff00:13",
      hopLimit: 255,
      target: "fd99::13",
      flags: { router: false, solicited: false, override: false },
      linkLayerAddress: "02:be:00:00:01:02",
    });
  });

  test("a neighbour advertisement", () => {
    expect(viewFrame(frame(recorded.advertisement)).nd).toEqual({
      kind: "advertisement",
      sourceIp: "fd99::13",
      destinationIp: "fd99::102",
      hopLimit: 255,
      target: "fd99::13",
      flags: { router: true, solicited: true, override: true },
      linkLayerAddress: "02:be:00:00:00:13",
    });
  });

  test.each([
    { name: "a truncated ARP packet", hex: recorded.arpReply.slice(0, 60) },
    { name: "a truncated advertisement", hex: recorded.advertisement.slice(0, 140) },
    { name: "an echo request", hex: recorded.solicitation.replace("8700", "8000") },
  ])("$name is neither ARP nor neighbour discovery", ({ hex }) => {
    const view = viewFrame(frame(hex));
    expect([view.arp, view.nd]).toEqual([undefined, undefined]);
  });
});

describe("a pcap stream", () => {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4);
  const record = (seconds: number, micros: number, bytes: Buffer): Buffer => {
    const head = Buffer.alloc(16);
    [seconds, micros, bytes.length, bytes.length].forEach((value, index) => {
      head.writeUInt32LE(value, 4 * index);
    });
    return Buffer.concat([head, bytes]);
  };
  const first = Buffer.from(recorded.arpRequest, "hex");
  const second = Buffer.from(recorded.advertisement, "hex");
  const stream = Buffer.concat([header, record(10, 250_000, first), record(11, 500, second)]);
  const frames = [
    { timeMs: 10_250, bytes: Uint8Array.from(first) },
    { timeMs: 11_000.5, bytes: Uint8Array.from(second) },
  ];

  test.each([1, 7, 40, 10_000])("gives the same frames in chunks of %d bytes", (size) => {
    const splitter = new PcapSplitter();
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
      stream.subarray(i * size, (i + 1) * size),
    );
    expect(chunks.flatMap((chunk) => splitter.push(chunk))).toEqual(frames);
  });

  test("refuses another byte order and a length beyond reason", () => {
    expect(() => new PcapSplitter().push(Buffer.alloc(24, 0xa1))).toThrow(/pcap/);
    const broken = Buffer.concat([header, Buffer.alloc(16, 0xff)]);
    expect(() => new PcapSplitter().push(broken)).toThrow(/broken/);
  });
});
