/**
 * No input stops a decoder: random bytes, truncations, bit flips, wrong lengths. Each is decoded in two surroundings, so that a read beyond
 * its end shows as a difference. The seed decides everything; see fuzz.ts for longer searches.
 */
import { describe, expect, test } from "@jest/globals";
import { buildIndex } from "../../../speaker/address-index.ts";
import { type ArpDrop, decodeArp, encodeArp } from "../../../speaker/packet/arp.ts";
import { decodeEthernet, encodeEthernet } from "../../../speaker/packet/ethernet.ts";
import { type Echo, encodeEchoRequest, isEchoReply } from "../../../speaker/packet/icmp-echo.ts";
import { finishChecksum, type NdDrop } from "../../../speaker/packet/ndp.ts";
import { decodeNd, encodeNd } from "../../../speaker/packet/ndp-codec.ts";
import { readRedirect } from "../../../speaker/packet/redirect.ts";
import {
  hear,
  hearAlarm,
  REPLY_BYTES_MAX,
  type ResponderDrop,
  replyBytes,
  respond,
} from "../../../speaker/responder.ts";
import { hex, toHex } from "./fixtures.ts";
import { alike, each, flip, known, type Placed, RUNS, recordedFrames, same, spoiled, spoiledFrame } from "./fuzz.ts";

const ARP_DROPS: Record<ArpDrop, true> = {
  "arp-short": true,
  "arp-hardware-type": true,
  "arp-protocol-type": true,
  "arp-lengths": true,
  "arp-operation": true,
  "arp-sender-mac": true,
};
const ND_DROPS: Record<NdDrop, true> = {
  "ip6-short": true,
  "ip6-version": true,
  "ip6-length": true,
  "ip6-next-header": true,
  "ip6-source": true,
  "nd-hop-limit": true,
  "nd-short": true,
  "nd-type": true,
  "nd-code": true,
  "nd-checksum": true,
  "nd-target": true,
  "nd-option-length": true,
  "nd-option-address": true,
  "nd-dad-destination": true,
  "nd-dad-source-option": true,
  "nd-solicited-multicast": true,
};
const DROPS: Record<ResponderDrop, true> = {
  ...ARP_DROPS,
  ...ND_DROPS,
  "ethernet-short": true,
  "ethernet-type": true,
  "ethernet-source": true,
  "not-a-request": true,
  announcement: true,
  "unknown-address": true,
  "not-held-here": true,
  "peer-kernel": true,
};
const OUTCOMES = new Set<string>([...Object.keys(DROPS), "arp-reply", "na-reply", "na-reply-bare"]);

const recorded = recordedFrames();
const frames = [...recorded.values()];
const payloads = frames.map((one) => one.slice(14));
const MAC = hex("02:00:00:00:00:0c");
const eth0 = { name: "eth0", mac: MAC };
const index = buildIndex({
  entries: ["192.0.2.20", "192.0.2.99", "2001:db8::20", "2001:db8::99"].map((address) => ({
    address,
    interface: "eth0",
  })),
  listened: ["192.0.2.10", "2001:db8::97"],
  probed: [],
  lost: new Set(),
}).index;

describe("decoders", () => {
  test("Ethernet: a header or too short, and what was decoded is encoded the same", () => {
    each(
      (dice) => spoiled(dice, frames),
      (input) => {
        const [one, other] = alike(input, ({ bytes, at, end }) => decodeEthernet(bytes, at, end));
        same(one, other);
        same(one.ok, input.length >= 14);
        if (!one.ok) return;
        const out = new Uint8Array(14);
        same(encodeEthernet(one.value, out, 0), 14);
        same(toHex(out), toHex(input.subarray(0, 14)));
      },
    );
  });

  test("ARP: a value or a known reason, and a value is encoded to the bytes that it came from", () => {
    each(
      (dice) => spoiled(dice, payloads),
      (input) => {
        const [one, other] = alike(input, ({ bytes, at, end }) => decodeArp(bytes, at, end));
        same(one, other);
        if (!one.ok) return known(ARP_DROPS, one.reason);
        const out = new Uint8Array(28);
        same(encodeArp(one.value, out, 0), 28);
        same(toHex(out), toHex(input.subarray(0, 28)));
      },
    );
  });

  test("neighbour discovery: a value or a known reason, and a value stays the same through encoding and decoding", () => {
    each(
      (dice) => spoiledFrame(dice, frames).slice(14),
      (input) => {
        const [one, other] = alike(input, ({ bytes, at, end }) => decodeNd(bytes, at, end));
        same(one, other);
        if (!one.ok) return known(ND_DROPS, one.reason);
        // Unknown options and reserved bits are not kept, so the bytes are compared from the second time on.
        const out = new Uint8Array(128);
        const end = encodeNd(one.value, out, 0);
        same(decodeNd(out, 0, end), one);
      },
    );
  });

  test("redirects: one or none, and one says where its target stands", () => {
    const redirect = recorded.get("redirect") as Uint8Array;
    let read = 0;
    each(
      (dice) => spoiled(dice, [redirect]),
      (input) => {
        const [one, other] = alike(input, ({ bytes, at, end }) => {
          const told = readRedirect(bytes, at, end);
          return told && { ...told, targetAt: told.targetAt - at };
        });
        same(one, other);
        if (one === undefined) return;
        read += 1;
        same([one.targetAt, input.length >= one.targetAt + 32], [14 + 40 + 8, true]);
      },
    );
    expect(read).toBeGreaterThan(RUNS / 10);
  });

  test("echo: an answer or none, whatever the lengths in its header say", () => {
    const echoes: readonly Echo[] = [4, 6].map((family) => ({
      family: family as 4 | 6,
      identifier: 0x1234,
      sequence: 1,
    }));
    const valid = echoes
      .map((echo) => encodeEchoRequest(echo))
      .flatMap((icmp) => [icmp, Uint8Array.of(0x45, ...new Uint8Array(19), ...icmp)]);
    each(
      (dice) => spoiled(dice, valid),
      (input) => {
        for (const echo of echoes) same(typeof isEchoReply(input, echo), "boolean");
      },
    );
  });
});

describe("the responder", () => {
  const answered = (bytes: Uint8Array, at: number, end: number) => {
    const out = new Uint8Array(REPLY_BYTES_MAX + 64).fill(0xee);
    const outcome = respond(index, eth0, bytes, at, end, out, 32);
    const length = replyBytes(outcome);
    return {
      outcome,
      length,
      reply: toHex(out.subarray(32, 32 + length)),
      rest: toHex(out.subarray(0, 32)) + toHex(out.subarray(32 + length)),
    };
  };
  const told = ({ bytes, at, end }: Placed) => ({
    ...answered(bytes, at, end),
    heard: hear(index, bytes, at, end),
    alarm: answered(bytes, at, end).outcome === "not-held-here" ? hearAlarm(index, bytes, at, end) : undefined,
  });

  test("answers a spoiled frame only with a whole, valid reply in its place, for an address of its own", () => {
    const seen = new Set<string>();
    each(
      (dice) => spoiledFrame(dice, frames),
      (input) => {
        const [one, other] = alike(input, told);
        same(one, other);
        seen.add(one.outcome);
        same([one.outcome, OUTCOMES.has(one.outcome)], [one.outcome, true]);
        same(/^(ee)+$/.test(one.rest), true);
        if (one.length > 0) checkReply(hex(one.reply));
      },
      RUNS * 2,
    );
    // The search is worth something only if it came past the first checks.
    for (const outcome of [
      "arp-reply",
      "na-reply",
      "nd-checksum",
      "nd-option-length",
      "nd-dad-source-option",
      "unknown-address",
    ])
      expect(seen).toContain(outcome);
  });

  function checkReply(reply: Uint8Array): void {
    const ether = decodeEthernet(reply, 0, reply.length);
    if (!ether.ok) throw new Error(ether.reason);
    same(ether.value.source, "02:00:00:00:00:0c");
    if (ether.value.etherType === 0x0806) {
      const arp = decodeArp(reply, 14, reply.length);
      same(
        arp.ok && [arp.value.operation, arp.value.senderMac, ["192.0.2.20", "192.0.2.99"].includes(arp.value.senderIp)],
        ["reply", "02:00:00:00:00:0c", true],
      );
      same(arp.ok && arp.value.targetMac, ether.value.destination);
      return;
    }
    const nd = decodeNd(reply, 14, reply.length);
    if (!nd.ok || nd.value.type !== "advertisement") throw new Error(`no advertisement: ${toHex(reply)}`);
    same(["2001:db8::20", "2001:db8::99"].includes(nd.value.target), true);
    same([nd.value.router, nd.value.override, nd.value.linkLayer], [false, true, "02:00:00:00:00:0c"]);
    // To all nodes exactly when it answers nobody in particular.
    same(
      [ether.value.destination === "33:33:00:00:00:01", nd.value.solicited],
      [nd.value.destination === "ff02::1", nd.value.destination !== "ff02::1"],
    );
  }

  test("every truncation of every recorded frame is dropped, or is the whole message without padding", () => {
    for (const [name, whole] of recorded) {
      const expected = told({ bytes: whole, at: 0, end: whole.length });
      const message = whole[12] === 0x08 ? 42 : 14 + 40 + ((whole[18] as number) << 8) + (whole[19] as number);
      for (let length = 0; length < whole.length; length++) {
        const [one, other] = alike(whole.slice(0, length), told);
        same(one, other);
        if (length < message)
          expect([name, length, one.length, one.heard, one.alarm]).toEqual([name, length, 0, undefined, undefined]);
        else expect([name, length, one]).toEqual([name, length, expected]);
      }
    }
  });

  test("one wrong bit in an IPv6 packet, and it says nothing: the checksum covers it, or a check does", () => {
    // Ethernet; traffic class and flow label mean nothing here.
    const unprotected = (bit: number) => bit < 14 * 8 || (bit >= 14 * 8 + 4 && bit < 18 * 8);
    for (const [name, whole] of recorded) {
      if (whole[12] !== 0x86) continue;
      for (let bit = 0; bit < whole.length * 8; bit++) {
        if (unprotected(bit)) continue;
        const bytes = whole.slice();
        flip(bytes, bit);
        const { length, heard } = told({ bytes, at: 0, end: bytes.length });
        expect([name, bit, length, heard]).toEqual([name, bit, 0, undefined]);
      }
    }
  });

  test("every value of the payload length of a solicitation but the right one is dropped", () => {
    const whole = recorded.get("ns-multicast") as Uint8Array;
    const right = ((whole[18] as number) << 8) | (whole[19] as number);
    for (let value = 0; value <= 0xffff; value++) {
      const bytes = whole.slice();
      bytes.set([value >> 8, value & 0xff], 18);
      const { outcome } = answered(bytes, 0, bytes.length);
      if ((outcome === "na-reply") !== (value === right)) throw new Error(`payload length ${value}: ${outcome}`);
    }
  });

  test("every length of an option but the right one is dropped", () => {
    const whole = recorded.get("ns-multicast") as Uint8Array;
    for (let value = 0; value <= 0xff; value++) {
      const bytes = whole.slice();
      bytes[14 + 40 + 24 + 1] = value;
      finishChecksum(bytes, 14);
      expect([value, answered(bytes, 0, bytes.length).outcome]).toEqual([
        value,
        value === 1 ? "na-reply" : "nd-option-length",
      ]);
    }
  });
});
