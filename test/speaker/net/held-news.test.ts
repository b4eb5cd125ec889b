import { describe, expect, test } from "@jest/globals";
import { HeldNews, MAIN_ANSWER_MS, NEW_MS } from "../../../speaker/net/held-news.ts";
import type { FromWorker } from "../../../speaker/net/messages.ts";
import { HeldTable } from "../../../speaker/net/table.ts";

const ADDRESS = "10.0.0.100";
const OTHER = "10.0.0.101";
const said = { address: ADDRESS, interface: "eth0", mac: "02:00:00:00:00:02" };

/** A table that has held two addresses for so long, and what was told since. */
function holding(forMs: number) {
  const told: FromWorker[] = [];
  const table = new HeldTable();
  const news = new HeldNews(table, (message) => told.push(message));
  const entries = [ADDRESS, OTHER].map((address) => ({ address, interface: "eth0" }));
  table.replace({ type: "table", generation: 1, entries, lossSeen: 0 });
  news.follow(entries, 0);
  return { now: forMs, news, table, told, held: () => entries.map(({ address }) => table.isHeld(address, "eth0")) };
}

describe("what had queued up in a gap", () => {
  test("what a peer has announced is taken over, each address by the last one who said so; no stranger's word counts (A4)", () => {
    const { now, news, told, held } = holding(NEW_MS);
    news.beginGap();
    news.heard({ ...said, mac: "02:00:00:00:00:03" }, "announcement", true, now);
    news.heard(said, "announcement", true, now);
    news.heard({ ...said, address: OTHER }, "announcement", false, now);
    news.heard({ ...said, address: OTHER }, "answer", true, now);
    news.heard({ ...said, address: OTHER }, "probe", true, now);
    expect(news.endGap()).toEqual([{ address: ADDRESS, mac: said.mac }]);
    expect(told.map((one) => one.type)).toEqual(["heard", "heard", "heard", "heard", "heard"]);
    // Who reads the gap gives up what was lost; nothing is left open for later.
    expect(news.wakeAt).toBe(Number.POSITIVE_INFINITY);
    expect(held()).toEqual([true, true]);
  });

  test("a flood of announcements hides none from the one who reads the gap", () => {
    const { now, news } = holding(NEW_MS);
    news.beginGap();
    for (let count = 0; count < 50; count++)
      news.heard({ ...said, mac: "02:00:00:00:00:03" }, "announcement", true, now);
    news.heard(said, "announcement", true, now);
    expect(news.endGap()).toEqual([{ address: ADDRESS, mac: said.mac }]);
  });

  test("it ends: what comes after it is not taken for what was in it", () => {
    const { now, news } = holding(NEW_MS);
    news.beginGap();
    expect(news.endGap()).toEqual([]);
    news.heard(said, "announcement", true, now);
    expect(news.wakeAt).toBe(now + MAIN_ANSWER_MS);
    news.beginGap();
    expect(news.endGap()).toEqual([]);
  });
});

describe("a known peer announces what this node answers for", () => {
  test("the main thread does not answer: that address is given up, and no other", () => {
    const { now, news, told, held } = holding(NEW_MS);
    expect(news.heard(said, "announcement", true, now)).toBe(true);
    expect(news.wakeAt).toBe(now + MAIN_ANSWER_MS);
    expect(news.tick(now + MAIN_ANSWER_MS - 1)).toBe(false);
    expect(held()).toEqual([true, true]);
    expect(news.tick(now + MAIN_ANSWER_MS)).toBe(true);
    expect(held()).toEqual([false, true]);
    expect(told).toMatchObject([
      { type: "heard", how: "announcement" },
      { type: "lost", loss: 1, addresses: [{ address: ADDRESS, mac: said.mac }] },
    ]);
    expect(news.wakeAt).toBe(Number.POSITIVE_INFINITY);
  });

  test("the first of several announcements sets the time", () => {
    const { now, news } = holding(NEW_MS);
    news.heard(said, "announcement", true, now);
    news.heard(said, "announcement", true, now + 40);
    expect(news.wakeAt).toBe(now + MAIN_ANSWER_MS);
  });

  test("it answers in time: it decides", () => {
    const { now, news, held } = holding(NEW_MS);
    news.heard(said, "announcement", true, now);
    news.answered();
    expect(news.tick(now + 1_000)).toBe(false);
    expect(held()).toEqual([true, true]);
  });

  test.each([
    ["a stranger (A4)", NEW_MS, "announcement", false],
    ["a peer that asks", NEW_MS, "probe", true],
    ["a peer that answers", NEW_MS, "answer", true],
    ["the predecessor, a moment after", NEW_MS - 1, "announcement", true],
  ] as const)("nothing is given up for %s", (_, forMs, how, isPeer) => {
    const { now, news, held } = holding(forMs);
    expect(news.heard(said, how, isPeer, now)).toBe(true);
    expect(news.tick(now + 1_000)).toBe(false);
    expect(held()).toEqual([true, true]);
  });

  test("an address keeps its age over tables, and a new one has none", () => {
    const { now, news } = holding(NEW_MS);
    news.follow([{ address: ADDRESS, interface: "eth0" }], now);
    news.follow(
      [ADDRESS, OTHER].map((address) => ({ address, interface: "eth0" })),
      now + 1,
    );
    news.heard({ ...said, address: OTHER }, "announcement", true, now + 2);
    expect(news.wakeAt).toBe(Number.POSITIVE_INFINITY);
    news.heard(said, "announcement", true, now + 2);
    expect(news.wakeAt).toBe(now + 2 + MAIN_ANSWER_MS);
  });
});
