import { describe, expect, test } from "@jest/globals";
import { WaitingRoom } from "../../controller/waiting-room.ts";

const second = (at: number): string => `2026-01-01T00:00:${String(at).padStart(2, "0")}Z`;

function roomOf(...kinds: readonly string[]): WaitingRoom {
  const room = new WaitingRoom();
  // Backwards, so that the order is not that of arrival.
  for (const [at, kind] of [...kinds.entries()].reverse())
    room.add({ key: `ns/${at}`, since: second(at), kind, asks: [] });
  return room;
}

describe("who is woken when an address becomes free", () => {
  test("the oldest first, sixteen at once, one more for each that has looked", () => {
    const room = roomOf(...Array.from({ length: 20 }, () => ""));
    expect(room.wake()).toEqual(Array.from({ length: 16 }, (_, at) => `ns/${at}`));
    expect(room.looked("ns/3", true)).toEqual(["ns/16"]);
    expect(room.looked("ns/3", true)).toEqual([]);
    room.remove("ns/17");
    expect(room.looked("ns/0", false)).toEqual(["ns/18"]);
  });

  test("one that looks in vain stands for those that ask for the same, until the next address is free", () => {
    const room = roomOf(...Array.from({ length: 30 }, (_, at) => (at === 25 ? "other" : "same")));
    room.wake();
    expect(room.looked("ns/0", true)).toEqual(["ns/25"]);
    expect(room.looked("ns/1", true)).toEqual([]);
    expect(room.wake()).toHaveLength(16);
  });

  test("one that gets something wakes the next of its kind", () => {
    const room = roomOf(...Array.from({ length: 30 }, () => "same"));
    room.wake();
    room.remove("ns/0");
    expect(room.looked("ns/0", false)).toEqual(["ns/16"]);
  });

  test("those that are like no other are all woken in their turn", () => {
    const room = roomOf(...Array.from({ length: 40 }, () => ""));
    const queue = [...room.wake()];
    for (let at = 0; at < queue.length; at++) queue.push(...room.looked(queue[at] ?? "", true));
    expect(queue).toEqual(Array.from({ length: 40 }, (_, at) => `ns/${at}`));
  });

  test("nobody is woken by a look that nobody asked for", () => {
    const room = roomOf("same", "same");
    expect(room.looked("ns/0", true)).toEqual([]);
    expect(room.looked("ns/9", false)).toEqual([]);
  });
});

test("who asks for an address is known by it while he waits for it", () => {
  const room = roomOf("");
  const asker = { key: "ns/9", since: second(9), kind: "" };
  room.add({ ...asker, asks: ["v4-1", "v6-1"] });
  room.add({ ...asker, asks: ["v6-1"] });
  expect([room.asking("v4-1"), room.asking("v6-1")]).toEqual([[], ["ns/9"]]);
  room.remove("ns/9");
  expect(room.asking("v6-1")).toEqual([]);
});

describe("who is in the room", () => {
  test("a change of what one waits for keeps its place; removed ones are gone", () => {
    const room = roomOf("", "", "");
    room.add({ key: "ns/1", since: second(1), kind: "new", asks: [] });
    room.remove("ns/0");
    room.remove("ns/0");
    expect(room.all()).toEqual(["ns/1", "ns/2"]);
    expect(room.size).toBe(2);
    room.clear();
    expect(room.all()).toEqual([]);
    expect(room.wake()).toEqual([]);
  });
});
