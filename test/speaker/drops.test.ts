/** Every reason to drop a frame: a frame that has it, and its label in the metrics. */
import { describe, expect, test } from "@jest/globals";
import { type Logger, silentLogger } from "../../lib/runtime/log.ts";
import { renderMetrics } from "../../lib/runtime/metrics.ts";
import { buildIndex } from "../../speaker/address-index.ts";
import { isMalformed } from "../../speaker/drops.ts";
import { macSet } from "../../speaker/mac-set.ts";
import { finishChecksum } from "../../speaker/packet/ndp.ts";
import { REPLY_BYTES_MAX, type ResponderDrop, respond } from "../../speaker/responder.ts";
import { DropLog } from "../../speaker/shell/drop-log.ts";
import { FrameCounters } from "../../speaker/shell/metrics.ts";
import { frame, hex } from "./packet/fixtures.ts";

const index = buildIndex({
  entries: [
    { address: "192.0.2.20", interface: "eth0" },
    { address: "2001:db8::20", interface: "eth0" },
  ],
  listened: ["192.0.2.99", "2001:db8::97"],
  probed: [],
  lost: new Set(),
  peers: macSet(["0a:00:00:00:00:0a"]),
}).index;

type Change = readonly [at: number, ...bytes: number[]];
/** The recorded frame with some bytes changed; an IPv6 one gets a checksum that is right, unless the last is "as it is". */
function changed(name: string, ...changes: readonly (Change | "as it is")[]): Uint8Array {
  const recorded = frame(name);
  const end = Math.max(...changes.map((change) => (change === "as it is" ? 0 : change[0] + change.length - 1)));
  const bytes = new Uint8Array(Math.max(recorded.length, end));
  bytes.set(recorded);
  for (const change of changes) if (change !== "as it is") bytes.set(change.slice(1), change[0]);
  if (bytes[12] === 0x86 && !changes.includes("as it is")) finishChecksum(bytes, 14);
  return bytes;
}
/** Where the fields are: behind the Ethernet header, and behind the IPv6 header. */
const [ARP, IP, ND] = [14, 14, 54];

const FRAMES: Record<ResponderDrop, Uint8Array> = {
  "ethernet-short": frame("arp-request").subarray(0, 13),
  "ethernet-type": changed("arp-request", [12, 0x08, 0x00]),
  "ethernet-source": changed("arp-request", [6, 0x03]),
  "arp-short": frame("arp-request").subarray(0, 41),
  "arp-hardware-type": changed("arp-request", [ARP + 1, 6]),
  "arp-protocol-type": changed("arp-request", [ARP + 2, 0x86, 0xdd]),
  "arp-lengths": changed("arp-request", [ARP + 4, 8]),
  "arp-operation": changed("arp-request", [ARP + 7, 3]),
  "arp-sender-mac": changed("arp-request", [ARP + 8, 0xff]),
  "ip6-short": frame("ns-multicast").subarray(0, 53),
  "ip6-version": changed("ns-multicast", [IP, 0x40], "as it is"),
  "ip6-length": changed("ns-multicast", [IP + 5, 33], "as it is"),
  "ip6-next-header": changed("ns-multicast", [IP + 6, 44], "as it is"),
  "ip6-source": changed("ns-multicast", [IP + 8, 0xff]),
  "nd-hop-limit": changed("ns-multicast", [IP + 7, 254]),
  "nd-short": changed("ns-multicast", [IP + 5, 23], "as it is"),
  "nd-type": changed("ns-multicast", [ND, 137]),
  "nd-code": changed("ns-multicast", [ND + 1, 1]),
  "nd-checksum": changed("ns-multicast", [ND + 2, 0, 0], "as it is"),
  "nd-target": changed("ns-multicast", [ND + 8, 0xff]),
  "nd-option-length": changed("ns-multicast", [ND + 25, 0]),
  "nd-option-address": changed("ns-multicast", [IP + 5, 40], [ND + 24, 1, 2, ...new Uint8Array(14)]),
  "nd-dad-destination": changed("ns-dad", [IP + 24, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
  "nd-dad-source-option": changed("ns-multicast", [IP + 8, ...new Uint8Array(16)]),
  "nd-solicited-multicast": changed("na-unsolicited", [ND + 4, 0x60]),
  "not-a-request": frame("arp-reply"),
  announcement: frame("arp-gratuitous-request"),
  "unknown-address": changed("arp-request", [ARP + 24, 203, 0, 113, 1]),
  "not-held-here": changed("arp-request", [ARP + 24, 192, 0, 2, 99]),
  "peer-kernel": changed("ns-multicast", [6, 0x0a]),
};

test.each(Object.entries(FRAMES))("%s", (reason, bytes) => {
  const eth0 = { name: "eth0", mac: hex("02:00:00:00:00:0c") };
  const memory = new Uint8Array(bytes.length + 64);
  memory.set(bytes);
  expect(respond(index, eth0, memory, 0, bytes.length, new Uint8Array(REPLY_BYTES_MAX), 0)).toBe(reason);
});

test("malformed is what no well-behaved station sends", () => {
  const everyday = Object.keys(FRAMES).filter((reason) => !isMalformed(reason));
  expect(everyday).toEqual([
    "ethernet-type",
    "not-a-request",
    "announcement",
    "unknown-address",
    "not-held-here",
    "peer-kernel",
  ]);
  expect(isMalformed("too-long")).toBe(true);
});

describe("the log", () => {
  const lines: unknown[] = [];
  const log: Logger = { ...silentLogger, warn: (fields) => lines.push(fields) };
  const drops = new DropLog(log);
  const tell = (nowMs: number, counters: Record<string, number>) => {
    lines.length = 0;
    drops.update(
      { type: "counters", counters, senders: { "nd-checksum": "02:00:00:00:00:66", "arp-short": "02:00:00:00:00:67" } },
      nowMs,
    );
    return lines;
  };
  test("says at once what is dropped and who sent it, then once a minute what came since", () => {
    expect(tell(0, { "arp-reply": 9, "unknown-address": 1000 })).toEqual([]);
    expect(tell(10_000, { "arp-reply": 9, "nd-checksum": 3 })).toEqual([
      { frames: { "nd-checksum": 3 }, lastSender: { "nd-checksum": "02:00:00:00:00:66" } },
    ]);
    expect(tell(69_999, { "nd-checksum": 500_000, "arp-short": 1 })).toEqual([]);
    expect(tell(70_000, { "nd-checksum": 600_000, "arp-short": 1, "receive-dropped": 7 })).toEqual([
      {
        frames: { "nd-checksum": 599_997, "arp-short": 1, "receive-dropped": 7 },
        lastSender: { "nd-checksum": "02:00:00:00:00:66", "arp-short": "02:00:00:00:00:67" },
      },
    ]);
    expect(tell(1_000_000, { "nd-checksum": 600_000, "arp-short": 1, "receive-dropped": 7, "arp-reply": 10 })).toEqual(
      [],
    );
  });
});

test("each is a label of berth_speaker_frames_total", async () => {
  new FrameCounters().update(Object.fromEntries(Object.keys(FRAMES).map((reason, place) => [reason, place + 1])));
  const shown = (await renderMetrics()).split("\n").filter((line) => line.startsWith("berth_speaker_frames_total{"));
  expect(shown).toEqual(
    Object.keys(FRAMES).map((reason, place) => `berth_speaker_frames_total{what="${reason}"} ${place + 1}`),
  );
});
