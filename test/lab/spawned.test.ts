import { expect, test } from "@jest/globals";
import { droppedByKernel } from "./spawned.ts";

test.each([
  ["3 packets captured\n3 packets received by filter\n0 packets dropped by kernel\n", 0],
  ["1 packet captured\n2 packets received by filter\n1 packet dropped by kernel\n", 1],
  [
    "90 packets captured\n246 packets received by filter\n156 packets dropped by kernel\n7 packets dropped by interface\n",
    156,
  ],
  ["tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 2048 bytes\n", 0],
])("frames for which the capture had no room: %j", (said, frames) => {
  expect(droppedByKernel(said)).toBe(frames);
});
