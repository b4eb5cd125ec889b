import { describe, expect, test } from "@jest/globals";
import { Announcements } from "../../../speaker/net/announcements.ts";
import { Counters } from "../../../speaker/net/counters.ts";
import {
  deviceGroups,
  GROUPS_PER_SOCKET,
  groupKey,
  MEMBERSHIP_BYTES,
  planGroups,
  unusedGroups,
  writeMembership,
} from "../../../speaker/net/group-plan.ts";
import { HELD_LIMITS, HearingLimit } from "../../../speaker/net/hearing-limit.ts";
import { Inbox } from "../../../speaker/net/inbox.ts";
import { HeldTable } from "../../../speaker/net/table.ts";
import { hex, toHex } from "../packet/fixtures.ts";

const entry = (address: string) => ({ address, interface: "eth0" });
const A = "10.0.0.1";
const B = "10.0.0.2";
const lost = (address: string) => ({ address, mac: "02:00:00:00:00:0a" });
const table = (addresses: readonly string[], lossSeen?: number) => ({
  type: "table" as const,
  generation: 1,
  entries: addresses.map(entry),
  ...(lossSeen === undefined ? {} : { lossSeen }),
});

describe("the table", () => {
  const holds = (held: HeldTable) => [A, B].filter((address) => held.isHeld(address, "eth0"));
  test("a new generation replaces the whole", () => {
    const held = new HeldTable();
    held.replace(table([A]));
    expect(holds(held)).toEqual([A]);
    held.replace(table([B]));
    expect(holds(held)).toEqual([B]);
    expect(held.isHeld(B, "eth1")).toBe(false);
  });
  test("a lost address comes back only by a table that was made in the knowledge of the loss", () => {
    const held = new HeldTable();
    held.replace(table([A, B]));
    expect(held.lose([lost(A)])).toBe(1);
    expect(holds(held)).toEqual([B]);
    held.replace(table([A, B], 0));
    expect(holds(held)).toEqual([B]);
    expect(held.lose([lost(B)])).toBe(2);
    held.replace(table([A, B], 1));
    expect(holds(held)).toEqual([A]);
    held.replace(table([A, B], 2));
    expect(holds(held)).toEqual([A, B]);
  });
  test("interfaces are those of the table and those listened on", () => {
    const held = new HeldTable();
    held.listen(["eth1"], []);
    held.replace(table([A]));
    expect([...held.interfaces()].sort()).toEqual(["eth0", "eth1"]);
  });
  test("texts that are no address are told once and held by nobody", () => {
    const held = new HeldTable();
    held.replace(table(["10.0.0.256", A]));
    expect(held.takeInvalid()).toEqual(["10.0.0.256"]);
    expect(held.takeInvalid()).toEqual([]);
    expect(held.isHeld("10.0.0.256", "eth0")).toBe(false);
  });
  test("a probed address is known while the probe lasts, and not told of", () => {
    const held = new HeldTable();
    held.probe([{ id: 1, ...entry(A) }]);
    expect([...held.index.v4.values()]).toMatchObject([{ address: A, told: false, interfaces: [] }]);
    held.forgetProbe(1, 0);
    expect(held.index.v4.size).toBe(0);
  });
});

test("of many messages in one turn the last table and listen set count, and every generation is confirmed", () => {
  const inbox = new Inbox();
  inbox.add({ type: "table", generation: 1, entries: [entry(A)] });
  inbox.add({ type: "announce", address: A, interface: "eth0", reason: "first-holder" });
  inbox.add({ type: "announce", address: "2001:db8::1", interface: "eth0", reason: "first-holder" });
  inbox.add({ type: "table", generation: 2, entries: [entry(B)] });
  inbox.add({ type: "resume", fence: 3 });
  inbox.add({ type: "sign" });
  expect(inbox.table?.entries).toEqual([entry(B)]);
  expect(inbox.generations).toEqual([1, 2]);
  expect(inbox.announced.map(({ family }) => family)).toEqual([4, 6]);
  expect([inbox.resumed, inbox.stop]).toEqual([[3], false]);
});

test("a turn takes all messages that wait, up to its limit, and leaves the rest for the next", () => {
  const waiting = [1, 2, 3].map((generation) => ({ type: "table", generation, entries: [] }) as const);
  const next = () => waiting.shift();
  expect(Inbox.gather(next, 2)?.generations).toEqual([1, 2]);
  expect(Inbox.gather(next, 2)?.generations).toEqual([3]);
  expect(Inbox.gather(next, 2)).toBeUndefined();
});

describe("solicited-node groups", () => {
  const bytes = (last: string) => hex(`20010db80000000000000000aa${last}`);
  test("a key is written as the interface and 33:33:ff:XX:XX:XX", () => {
    const out = new Uint8Array(MEMBERSHIP_BYTES);
    writeMembership(groupKey(0x1_0003, bytes("fedcba")), out);
    expect(toHex(out)).toBe("03000100000006003333fffedcba0000");
  });
  test("addresses with the same last 24 bits share a group, interfaces do not", () => {
    const other = hex("20010db8000000000000000011fedcba");
    expect(groupKey(2, bytes("fedcba"))).toBe(groupKey(2, other));
    expect(groupKey(2, bytes("fedcba"))).not.toBe(groupKey(3, bytes("fedcba")));
  });
  test("joins come before leaves, the most urgent first", () => {
    const joined = new Map([1, 2, 3].map((key) => [key, 0]));
    const plan = planGroups(joined, new Set([9, 8, 7, 2]), 4);
    expect(plan.join.map(({ key }) => key)).toEqual([9, 8, 7]);
    expect([plan.leave.map(({ key }) => key), plan.more]).toEqual([[1], true]);
  });
  test("what devices let through is read from the kernel's list, solicited-node groups only", () => {
    const text = [
      "2    eth0            1     0     01005e000001",
      "2    eth0            1     0     333300000001",
      "2    eth0            2     0     3333fffedcba",
      "13   a name          1     0     3333ff00000a",
    ].join("\n");
    expect([...deviceGroups(`${text}\n`)]).toEqual([groupKey(2, bytes("fedcba")), groupKey(13, bytes("00000a"))]);
    expect([...unusedGroups(2, [0xfedcba, 0x0a], text)]).toEqual([0x0a]);
    expect([...unusedGroups(2, [0xfedcba], "")]).toEqual([0xfedcba]);
  });
  test("at most 200 to a socket; freed places are used again", () => {
    const joined = new Map<number, number>();
    const apply = (wanted: ReadonlySet<number>) => {
      for (let turns = 0; turns < 100; turns++) {
        const plan = planGroups(joined, wanted, 64);
        expect(plan.leave.length + plan.join.length).toBeLessThanOrEqual(64);
        for (const { key } of plan.leave) joined.delete(key);
        for (const { key, socket } of plan.join) joined.set(key, socket);
        if (!plan.more) return;
      }
      throw new Error("never ends");
    };
    const keys = (from: number, to: number) => new Set(Array.from({ length: to - from }, (_, i) => from + i));
    const sizes = () => [0, 1, 2].map((socket) => [...joined.values()].filter((one) => one === socket).length);
    apply(keys(0, 450));
    expect(sizes()).toEqual([GROUPS_PER_SOCKET, GROUPS_PER_SOCKET, 50]);
    apply(keys(100, 450));
    expect(sizes()).toEqual([100, 200, 50]);
    apply(keys(100, 500));
    expect(sizes()).toEqual([150, 200, 50]);
    expect(planGroups(joined, keys(100, 500), 64)).toEqual({ leave: [], join: [], more: false });
  });
});

test("the group of a probed address is wanted with the first question, and for 3 s after the probe", () => {
  const held = new HeldTable();
  const keys = () => [...held.groupKeys({ station: (name) => (name === "eth0" ? { index: 2 } : undefined) })];
  const key = groupKey(2, hex("20010db8000000000000000000000001"));
  held.probe([
    { id: 1, address: "2001:db8::1", interface: "eth0" },
    { id: 2, address: "2001:db8::2", interface: "gone" },
    { id: 3, ...entry(A) },
  ]);
  expect(keys()).toEqual([key]);
  held.forgetProbe(1, 1000);
  expect([held.tidy(3999), keys()]).toEqual([false, [key]]);
  expect([held.tidy(4000), keys()]).toEqual([true, []]);
});

test("announcements that are told: one of a MAC in a second, and a forger's within the limits", () => {
  const counters = new Counters();
  const announcements = new Announcements(counters);
  const add = (address: string, mac: string, now: number) =>
    announcements.add({ address, interface: "eth0", mac }, mac.startsWith("02:00:"), now);
  for (const now of [0, 500, 999, 1000]) add(A, "02:00:00:00:00:0a", now);
  expect(announcements.take()).toHaveLength(2);
  for (let i = 0; i < 100_000; i++) add(`10.1.0.${i % 250}`, `02:01:00:00:00:${i}`, 5000);
  expect(announcements.take()).toHaveLength(2000);
  add("10.1.0.7", "02:00:00:00:00:0a", 5001);
  expect(announcements.take()).toEqual([{ address: "10.1.0.7", interface: "eth0", mac: "02:00:00:00:00:0a" }]);
  expect(announcements.take()).toEqual([]);
  expect(counters.take(10_000)).toEqual({ "heard-not-told": 98_000 });
});

test("who announces again after another one is told again: the last one heard is believed", () => {
  const announcements = new Announcements(new Counters());
  const [one, other] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b"];
  for (const mac of [one, other, one, one]) announcements.add({ ...entry(A), mac }, true, 0);
  announcements.add({ ...entry(B), mac: one }, true, 0);
  announcements.add({ ...entry(A), interface: "eth1", mac: other }, true, 0);
  expect(announcements.take().map(({ address, mac }) => [address, mac])).toEqual([
    [A, one],
    [A, other],
    [A, one],
    [B, one],
    [A, other],
  ]);
});

describe("what is told of what was heard", () => {
  test("ten times a second for each address, a thousand in all", () => {
    const limit = new HearingLimit(HELD_LIMITS);
    const tell = (key: string, now: number) => limit.admits(key, "announcement", false, now);
    expect(tell(A, 0)).toBe(true);
    expect(Array.from({ length: 15 }, () => tell(A, 1)).filter(Boolean)).toHaveLength(9);
    expect(tell(B, 1)).toBe(true);
    const flood = Array.from({ length: 5000 }, (_, i) => tell(`10.1.${i >> 8}.${i & 255}`, 2)).filter(Boolean);
    expect(flood).toHaveLength(1000 - 10 - 1);
    expect(tell(A, 999)).toBe(false);
    // A node of the cluster is heard all the same: it is who decides about this node's addresses.
    const peer = (how: "announcement" | "probe", key: string) => limit.admits(key, how, true, 999);
    expect([peer("announcement", A), peer("announcement", "10.9.9.9")]).toEqual([true, true]);
    // Candidates that ask at once do not hide the announcement of the one that takes over.
    expect(Array.from({ length: 15 }, () => peer("probe", B)).filter(Boolean)).toHaveLength(10);
    expect(peer("announcement", B)).toBe(true);
    expect(tell(A, 1000)).toBe(true);
  });
});
