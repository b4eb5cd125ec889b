/** A candidate on another segment than the holder's (E3): it cannot hear, so it leaves the address to those who can. */
import { describe, expect, test } from "@jest/globals";
import type { World } from "../../../speaker/election/types.ts";
import { holder, place, play, sketch, vip, world } from "./fixtures.ts";

/** The Lease of b, the holder, has run out; each node's segment by its letter, `-` for one that does not say. */
function lost(segments: Readonly<Record<"a" | "b" | "c", string>>): Partial<World> {
  const named = (node: "a" | "b" | "c") => (segments[node] === "-" ? {} : { segments: { eth0: segments[node] } });
  const peers = new Map([...world().peers]);
  for (const node of ["a", "b", "c"] as const) {
    const before = peers.get(node);
    if (before === undefined) throw new Error(node);
    peers.set(node, { ...before, ...named(node), lease: node === "b" ? "expired" : "fresh" });
  }
  return { peers, segments: segments.a === "-" ? {} : { eth0: segments.a } };
}

const ASKS = "silent, probe (holder-lease-expired) | probe";
const WAITS = "silent | ";

describe("the holder's Lease has run out", () => {
  test.each<[string, ReturnType<typeof lost>, string, string]>([
    ["one segment", lost({ a: "x", b: "x", c: "x" }), "ac", ASKS],
    ["c stands beside the holder, and lives: it is c's to ask", lost({ a: "y", b: "x", c: "x" }), "ac", WAITS],
    ["c stood beside the holder, and is no candidate any more", lost({ a: "y", b: "x", c: "x" }), "a", ASKS],
    ["everybody is alone: private VLAN", lost({ a: "a", b: "b", c: "c" }), "ac", ASKS],
    ["c is on this node's side", lost({ a: "y", b: "x", c: "y" }), "ac", ASKS],
    ["the holder does not say", lost({ a: "y", b: "-", c: "x" }), "ac", ASKS],
    ["this node does not know", lost({ a: "-", b: "x", c: "x" }), "ac", ASKS],
  ])("%s", (_, there, order, is) => {
    expect(sketch(play(vip(holder("b", 3)), { world: there, place: place(order) }))).toBe(is);
  });

  test("c stands beside the holder, and hears nobody: it cannot tell, and leaves it to this node (E1)", () => {
    const there = lost({ a: "y", b: "x", c: "x" });
    const { ordered, ...rest } = place("ac");
    const deaf = ordered.map((one) => (one.node === "c" ? { ...one, hears: false, isolated: true } : one));
    expect(sketch(play(vip(holder("b", 3)), { world: there, place: { ...rest, ordered: deaf } }))).toBe(ASKS);
  });

  test("a Node that is gone, or a Lease that was given up, is waited for by nobody", () => {
    const there = lost({ a: "y", b: "x", c: "x" });
    const peers = new Map(there.peers);
    const b = peers.get("b");
    if (b === undefined) throw new Error("b");
    peers.set("b", { ...b, nodeExists: false });
    const gone = play(vip(holder("b", 3)), { world: { ...there, peers }, place: place("ac") });
    expect(sketch(gone)).toBe("silent, probe (holder-node-gone) | probe");
  });
});
