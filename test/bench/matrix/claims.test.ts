import { describe, expect, test } from "@jest/globals";
import type { FrameView } from "../../lab/frames.ts";
import { type Claim, claimsOf, doubleAfterMs, longestSilenceMs, mostWithin, staleAfter } from "./claims.ts";

const A = "10.99.0.240";
const B = "10.99.0.241";
const ZERO = "00:00:00:00:00:00";
const claim = (timeMs: number, mac: string, form: Claim["form"] = "answer", address = A): Claim => ({
  address,
  mac,
  timeMs,
  form,
});

function arp(operation: "request" | "reply", senderIp: string, targetIp: string): FrameView {
  const own = { senderMac: "n3", senderIp, targetMac: ZERO, targetIp };
  return { timeMs: 7, source: "n3", destination: "c1", etherType: 0x0806, arp: { operation, ...own } };
}

function advertisement(solicited: boolean, linkLayerAddress?: string): FrameView {
  const flags = { router: false, solicited, override: true };
  const addresses = { sourceIp: "fd99::240", destinationIp: "fe80::1", hopLimit: 255, target: "fd99::240" };
  const option = linkLayerAddress === undefined ? {} : { linkLayerAddress };
  const nd = { kind: "advertisement" as const, flags, ...addresses, ...option };
  return { timeMs: 8, source: "n2", destination: "c1", etherType: 0x86dd, nd };
}

test("answers and announcements are claims, questions are none", () => {
  expect(claimsOf([arp("request", "10.99.0.101", A), arp("reply", A, "10.99.0.101")])).toEqual([claim(7, "n3")]);
  expect(claimsOf([arp("request", A, A), arp("reply", A, A)]).map(({ form }) => form)).toEqual([
    "request-form",
    "reply-form",
  ]);
  expect(claimsOf([advertisement(true, "n3"), advertisement(false)])).toEqual([
    claim(8, "n3", "answer", "fd99::240"),
    claim(8, "n2", "unsolicited", "fd99::240"),
  ]);
});

describe("stale: what a holder sends after somebody else announced the address", () => {
  const taken = [claim(10, "n3"), claim(20, "n1", "request-form")];
  test.each([
    ["it answers on", [...taken, claim(30, "n3"), claim(31, "n3", "request-form")], 2],
    ["it is silent", taken, 0],
    ["another address is its own", [...taken, claim(30, "n3", "answer", B)], 0],
    ["nobody else announced", [claim(10, "n3"), claim(30, "n3")], 0],
    ["before it was stopped", [...taken, claim(24, "n3")], 0],
  ])("%s", (_, claims, count) => expect(staleAfter(claims, "n3", 25)).toBe(count));
});

describe("two answers after the healing", () => {
  const healed = [claim(90, "n1"), claim(110, "n1"), claim(120, "n3"), claim(210, "n1"), claim(650, "n3")];
  test.each([
    ["until the loser's last frame", [...healed, claim(700, "n1")], 550],
    ["nobody answers twice", [claim(90, "n3"), claim(110, "n1"), claim(700, "n1")], 0],
    ["an announcement of the loser counts", [claim(110, "n1"), claim(130, "n3", "request-form"), claim(200, "n1")], 30],
    ["of each address by itself", [claim(110, "n1"), claim(900, "n3", "answer", B)], 0],
    ["not heard at all", [], 0],
  ])("%s", (_, claims, ms) => expect(doubleAfterMs(claims, 100)).toBe(ms));
});

describe("who resolves anew waits", () => {
  const answered = [claim(90, "n3"), claim(150, "n3"), claim(450, "n1"), claim(480, "n1")];
  test.each([
    ["for the next answer, whoever gives it", answered, [A], 300],
    ["from the fault on, if nobody answered since", [claim(90, "n3"), claim(480, "n1")], [A], 380],
    ["to the end, if nobody answers again", [claim(90, "n3"), claim(110, "n3")], [A], 390],
    ["for an answer: an announcement is none", [...answered, claim(300, "n1", "request-form")], [A], 300],
    ["longest for the address that nobody answers for", answered, [A, B], 400],
    ["for nothing, if nothing is asked for", answered, [], 0],
  ])("%s", (_, claims, addresses, ms) => expect(longestSilenceMs(claims, addresses, 100, 500)).toBe(ms));
});

describe("the most defences within a time", () => {
  const at = (timeMs: number, address = A): Claim => claim(timeMs, "n3", "request-form", address);
  test.each([
    ["one", [at(100)], 1],
    ["two that are far enough apart", [at(100), at(10_100)], 1],
    ["two that are not", [at(100), at(9_000)], 2],
    ["in the middle of more", [at(0), at(20_000), at(25_000), at(29_999), at(30_001)], 3],
    ["two addresses", [at(100), at(110, B)], 1],
    [
      "unsolicited advertisements are the announcements of IPv6",
      [claim(100, "n3", "unsolicited", "fd99::240"), claim(9_000, "n3", "unsolicited", "fd99::240")],
      2,
    ],
    ["the reply form is of the same round", [at(100), claim(101, "n3", "reply-form")], 1],
    [
      "another's, another form's, and those before do not count",
      [claim(100, "c2", "request-form"), claim(100, "n3"), at(-5)],
      0,
    ],
  ])("%s", (_, claims, most) => expect(mostWithin(claims, "n3", 0, 10_000)).toBe(most));
});
