import { describe, expect, test } from "@jest/globals";
import type { FromWorker } from "../../../speaker/net/messages.ts";
import { SiblingNews, siblingAt, siblingsOf } from "../../../speaker/net/siblings.ts";
import type { OutFrame, Wire } from "../../../speaker/net/wire.ts";

const eth0 = { name: "eth0", mac: "02:00:00:00:00:01" };
const eth1 = { name: "eth1", mac: "fe:00:00:00:00:02" };
const vlan = { name: "eth0.7", mac: "02:00:00:00:00:01" };

function frameFrom(mac: string, at = 0): Uint8Array {
  const bytes = new Uint8Array(at + 60);
  mac.split(":").forEach((part, index) => {
    bytes[at + 6 + index] = Number.parseInt(part, 16);
  });
  return bytes;
}

describe("siblings", () => {
  test("the others in use, but for one that has the same MAC", () => {
    expect(siblingsOf(eth0, [eth0, eth1, vlan]).map((one) => one.name)).toEqual(["eth1"]);
    expect(siblingsOf(eth0, [eth0])).toEqual([]);
  });

  test("two others with one MAC are none: a VLAN on eth0 and eth0 itself cannot be told apart from eth1", () => {
    expect(siblingsOf(eth1, [eth0, eth1, vlan])).toEqual([]);
  });

  test.each([
    [eth1.mac, "eth1"],
    ["fe:01:00:00:00:02", undefined],
    ["fe:00:00:00:00:03", undefined],
    [eth0.mac, undefined],
  ])("a frame from %s: %s", (mac, name) => {
    const siblings = siblingsOf(eth0, [eth0, eth1]);
    expect(siblingAt(siblings, frameFrom(mac, 64), 64)?.name).toBe(name);
  });
});

describe("two interfaces on one segment (W3)", () => {
  function listening() {
    const told: FromWorker[] = [];
    const asked: string[] = [];
    const frames: OutFrame[] = [];
    const send: Wire["send"] = (out) => {
      frames.push(...out);
      asked.push(...out.map((frame) => frame.interface));
      return new Set();
    };
    return { told, asked, frames, news: new SiblingNews({ send }, (message) => told.push(message)) };
  }

  test("are told once, when each has heard the other, and again after the links changed", () => {
    const { told, asked, news } = listening();
    news.heard("eth1", "eth0", 1_000);
    expect([told, asked]).toEqual([[], ["eth1"]]);
    news.heard("eth0", "eth1", 1_001);
    news.heard("eth1", "eth0", 1_002);
    expect(told).toEqual([{ type: "one-segment", interfaces: ["eth0", "eth1"] }]);
    expect(asked).toEqual(["eth1"]);
    news.forget();
    news.heard("eth0", "eth1", 1_003);
    expect(told).toHaveLength(1);
    news.heard("eth1", "eth0", 1_004);
    expect(told).toHaveLength(2);
  });

  test("whoever forges a frame of one on the segment of the other joins nothing, and is asked once a second", () => {
    const { told, asked, news } = listening();
    for (let now = 0; now < 3_000; now += 10) news.heard("eth1", "eth0", now);
    expect(told).toEqual([]);
    expect(asked).toEqual(["eth1", "eth1", "eth1"]);
  });

  test("two frames that are far apart say nothing about each other", () => {
    const { told, news } = listening();
    news.heard("eth1", "eth0", 0);
    news.heard("eth0", "eth1", 1_000);
    expect(told).toEqual([]);
  });

  test("the question is an ARP probe to everybody, for no address", () => {
    const out = new Uint8Array(64);
    const { frames, news } = listening();
    news.heard("eth1", "eth0", 0);
    expect(frames.map(({ family, write }) => [family, write(eth1.mac, out, 0)])).toEqual([[4, 42]]);
    expect([...out.subarray(0, 6)]).toEqual(Array(6).fill(0xff));
    // Sender and target address.
    expect([...out.subarray(28, 32), ...out.subarray(38, 42)]).toEqual(Array(8).fill(0));
  });
});
