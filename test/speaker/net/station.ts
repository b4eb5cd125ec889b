/**
 * A station on the wire, for tests: every frame that reaches or leaves its interface goes to stdout as a JSON line, every hex
 * line on stdin is sent as a frame. It is independent of the code under test but for the system calls.
 */
import { createInterface } from "node:readline";
import { AF_PACKET, check, libc, MSG_DONTWAIT, SOCK_NONBLOCK, SOCK_RAW } from "../../../speaker/net/libc.ts";

const ETH_P_ALL = 3;
const index = Number(process.argv[2]);
const fd = check("socket", libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0));
const address = new Uint8Array(20);
const view = new DataView(address.buffer);
view.setUint16(0, AF_PACKET, true);
view.setUint16(2, ETH_P_ALL, false);
view.setInt32(4, index, true);
check("bind", libc.bind(fd, address, address.length));

const buffer = new Uint8Array(2048);
const own = new Set<string>();
setInterval(() => {
  for (;;) {
    const length = libc.recv(fd, buffer, buffer.length, MSG_DONTWAIT);
    if (length < 0) return;
    const hex = Buffer.from(buffer.subarray(0, length)).toString("hex");
    if (!own.has(hex)) process.stdout.write(`${JSON.stringify({ at: Date.now(), hex })}\n`);
  }
}, 2);

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  own.add(line);
  const frame = Uint8Array.from(Buffer.from(line, "hex"));
  check("send", libc.send(fd, frame, frame.length, 0));
});
lines.on("close", () => process.exit(0));
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
