/**
 * Sends hostile frames to the node as fast as it can: spoiled and forged ones from a seed, some of them valid. Arguments: interface index,
 * MAC of the node, seed, milliseconds. Prints how many it has sent: 0 when it begins, and all of them in the end.
 */
import { BATCH_FRAMES, FrameBatch } from "../../../speaker/net/batch.ts";
import { AF_PACKET, check, libc, SOCK_RAW } from "../../../speaker/net/libc.ts";
import { writeAnnouncement } from "../../../speaker/packet/frames.ts";
import { hex } from "../packet/fixtures.ts";
import { Dice, recordedFrames, spoiledFrame } from "../packet/fuzz.ts";
import { CLIENT_MAC } from "./namespaces.ts";
import { arpRequest, FREE4, solicitation, VIP4, VIP6 } from "./questions.ts";

const SLOT_BYTES = 1536;
const CORPUS = 4096;
/** Few, so that the switch under test does not learn a hundred thousand stations. */
const MACS = 200;

const [index, node = "", seed, durationMs] = process.argv.slice(2);
const dice = new Dice(Number(seed));
const mac = () => `02:66:00:00:00:${dice.below(MACS).toString(16).padStart(2, "0")}`;
const plain = (text: string) => text.replaceAll(":", "");
const valid = [
  ...recordedFrames().values(),
  ...[VIP4, FREE4, "203.0.113.7"].map((address) =>
    hex(arpRequest(address, node).replaceAll(plain(CLIENT_MAC), plain(mac()))),
  ),
  hex(solicitation(node, { source: "2001:db8::9", target: VIP6, destination: VIP6 })),
];

function forged(): Uint8Array {
  const out = new Uint8Array(128);
  const kind = dice.below(10);
  if (kind < 6) return spoiledFrame(dice, valid);
  if (kind === 6) return dice.of(valid).slice();
  // Who announces what others hold, and what nobody holds here but is listened for.
  const address = dice.of([VIP4, VIP6, "203.0.113.7", `203.0.113.${dice.below(250)}`]);
  const form = address.includes(":") ? "advertisement" : dice.of(["request", "reply"] as const);
  if (kind < 9) return out.slice(0, writeAnnouncement(form, address, mac(), out, 0));
  return Uint8Array.of(...hex("ffffffffffff0200000000660806"), ...dice.bytes(1400));
}

/** All for the node alone but one in sixteen, or the flood would mostly hit everybody else's sockets. */
function addressed(frame: Uint8Array): Uint8Array {
  if (frame.length < 14) return Uint8Array.of(...frame, ...dice.bytes(14 - frame.length));
  frame.set(hex(dice.below(16) === 0 ? "ffffffffffff" : node), 0);
  if (dice.below(8) > 0) frame.set(hex(mac()), 6);
  return frame;
}

const corpus = Array.from({ length: CORPUS }, () => addressed(forged()));
const fd = check("socket", libc.socket(AF_PACKET, SOCK_RAW, 0));
const address = new Uint8Array(20);
new DataView(address.buffer).setUint16(0, AF_PACKET, true);
new DataView(address.buffer).setInt32(4, Number(index), true);
check("bind", libc.bind(fd, address, address.length));

const batch = new FrameBatch(SLOT_BYTES);
process.stdout.write(`${JSON.stringify({ sent: 0 })}\n`);
const until = Date.now() + Number(durationMs);
let sent = 0;
for (let next = 0; Date.now() < until; ) {
  for (let slot = 0; slot < BATCH_FRAMES; slot++, next++) {
    const frame = corpus[next % CORPUS] as Uint8Array;
    batch.frames.set(frame, slot * SLOT_BYTES);
    batch.setLength(slot, frame.length);
  }
  sent += Math.max(0, libc.sendmmsg(fd, batch.headers, BATCH_FRAMES, 0));
}
process.stdout.write(`${JSON.stringify({ sent })}\n`);
