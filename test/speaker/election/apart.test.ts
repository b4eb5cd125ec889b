/** A holder that this node is apart from (election.md section 5, ADR 33). Node `a` is this one, `b` holds with epoch 3. */
import { describe, expect, test } from "@jest/globals";
import type { Holder } from "../../../lib/model/virtual-ip.ts";
import type { World } from "../../../speaker/election/types.ts";
import { holder, NOW, next, peer, play, sketch, vip } from "./fixtures.ts";
import { lost, OLD_MS, start, verdict } from "./on-wire.ts";

/** The holder has found this node gone, which runs, and does not answer it since. */
describe("a holder that this node is apart from (E18, ADR 33)", () => {
  const untilMs = NOW + OLD_MS + 20_000;
  const apart = { apart: { untilMs, renews: true } };
  const late = { apart: { untilMs, renews: false } };
  const silent = (on: string): Pick<World, "wire"> => ({
    wire: new Map([...verdict(apart).wire, ...verdict({}, on).wire]),
  });
  const sites: Partial<World> = {
    segments: { eth0: "a" },
    peers: new Map([...peer("c", { segments: { eth0: "c" } }).peers]),
  };

  test.each([
    ["is left to the one that hears it", "abc", {}, apart],
    ["is left alone where there are no others", "ab", {}, apart],
    ["is left alone where the others are gone", "abc", silent("c"), apart],
    ["is left alone where the others stand on another segment", "abc", sites, apart],
    ["is left to the others though its Lease misses a renewal", "abc", {}, late],
  ] as const)("%s", (_, order, world, view) => {
    expect(sketch(start(...lost(order, world, view)))).toBe("silent | ");
  });

  test.each([
    ["that is silent, and no more", "abc", {}, { ...apart, kind: "silent", sinceMs: NOW }],
    ["whose Lease has run out", "abc", peer("b", { lease: "expired" }), apart],
    ["whose Lease misses a renewal, where there are no others", "ab", {}, late],
    ["where the time is over, and there are no others", "ab", {}, { apart: { ...apart.apart, untilMs: NOW } }],
  ] as const)("loses to this node %s", (_, order, world, view) => {
    expect(sketch(start(...lost(order, world, view)))).toContain("answers, claim 4");
  });

  test("and this node looks again when the time is over", () => {
    expect(start(...lost("ab", {}, apart)).wakeAt).toBe(untilMs);
  });

  const takenFromHere = (reason: string, changes: Partial<Holder> = {}, world: Partial<World> = {}): string => {
    const record = holder("b", 4, { reason, ...changes });
    return sketch(next(play(vip(holder("a", 3)), {}), { input: { type: "seen", vip: vip(record) }, world }));
  };

  test("it is one when a record says that it has taken from this node as from one that is gone", () => {
    expect(takenFromHere("holder-unreachable")).toContain("missed by b");
  });

  test.each([
    ["when the Lease of this node had run out", "holder-lease-expired", {}, {}],
    ["when its speaker was silent", "holder-speaker-silent", {}, {}],
    ["by a hand-over", "hand-over-preferred", { from: "a" }, {}],
    ["when this process had been stopped", "holder-unreachable", {}, { stalledMs: NOW }],
    ["from a former process", "holder-unreachable", {}, { instance: "ia2" }],
  ])("not %s", (_, reason, changes, world) => {
    expect(takenFromHere(reason, changes, world)).not.toContain("missed by");
  });
});
