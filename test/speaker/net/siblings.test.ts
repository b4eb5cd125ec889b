import { describe, expect, test } from "@jest/globals";
import type { FromWorker } from "../../../speaker/net/messages.ts";
import { SiblingNews, siblingAt, siblingsOf } from "../../../speaker/net/siblings.ts";

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

  test("each pair is told once, whichever heard the other, and again after the links changed", () => {
    const told: FromWorker[] = [];
    const news = new SiblingNews((message) => told.push(message));
    news.heard("eth1", "eth0");
    news.heard("eth0", "eth1");
    expect(told).toEqual([{ type: "one-segment", interfaces: ["eth0", "eth1"] }]);
    news.forget();
    news.heard("eth0", "eth1");
    expect(told).toHaveLength(2);
  });
});
