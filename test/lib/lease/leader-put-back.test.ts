/** A store that is put back to just before the leader's last renewal gives the version of that a second time (hazard F7). */
import { expect, test } from "@jest/globals";
import { readLease } from "../../../lib/lease/leader-loop.ts";
import { CUT, GOOD, LeaderWorld, PATH, type Replica } from "./leader-world.ts";

interface Story {
  readonly world: LeaderWorld;
  readonly first: Replica;
  readonly second: Replica;
  /** The version of the last renewal, which both have seen; `world.server.restore` goes back to just before it. */
  readonly renewed: string;
}

const versionIn = (world: LeaderWorld): string => readLease(world.server.read(PATH)).resourceVersion;

function runUntil(world: LeaderWorld, isSo: () => boolean): void {
  for (let ran = 0; !isSo(); ran += 10) {
    if (ran > 5_000) throw new Error("it does not come");
    world.run(10);
  }
}

function renew(world: LeaderWorld): void {
  const before = versionIn(world);
  runUntil(world, () => versionIn(world) !== before);
}

/** `first` leads, and `second` has seen its last renewal soon after. */
function settled(seed: number): Story {
  const world = new LeaderWorld(seed);
  const first = world.boot("a/1");
  world.run(1_000);
  const second = world.boot("b/1");
  world.run(10_000);
  const isSeen = () => second.state.lease?.resourceVersion === versionIn(world);
  for (let renewals = 0; renewals < 100; renewals++) {
    world.server.save();
    renew(world);
    const version = versionIn(world);
    world.run(300);
    if (isSeen() && versionIn(world) === version) return { world, first, second, renewed: version };
  }
  throw new Error("it never looks so soon");
}

test("the leader finds out by its next renewal, the other one by its next look, each once", () => {
  const { world, first, second, renewed } = settled(4);
  world.server.restore();
  renew(world);
  expect(versionIn(world)).toBe(renewed);
  world.run(60_000);
  expect([first.news, second.news, world.leadersMax]).toEqual([["leading", "rollback"], ["rollback"], 1]);
});

test("the other one finds out by a Lease that was gone, and is there again as it was", () => {
  const { world, first, second } = settled(5);
  world.server.save();
  first.alive = false;
  world.server.delete(PATH);
  runUntil(world, () => second.state.lease === undefined);
  world.server.restore();
  runUntil(world, () => second.state.lease !== undefined);
  expect(second.news).toEqual(["rollback"]);
  world.run(7_900);
  expect(world.leaders()).toEqual([]);
  world.run(2_500);
  expect(world.leaders()).toEqual([second]);
});

/** The server is away for three seconds, comes back as it was, and hears `first` renew once while `second` stands still. */
function renewedAgain({ world, first, second, renewed }: Story): void {
  second.frozen = true;
  first.network = CUT;
  world.server.restore();
  world.run(3_000);
  first.network = GOOD;
  renew(world);
  first.network = CUT;
  expect(versionIn(world)).toBe(renewed);
  // It leads for up to 5 s from here, beyond the 8 s of `second`.
  world.run(20);
}

test.each([
  ["whoever looks afterwards takes it for a sign of life: its 8 s start again", 0],
  ["whoever stands still until its 8 s are over takes nothing: the version is as it was, and the Lease is not", 8_000],
])("%s", (_, thawsMs) => {
  const story = settled(6);
  const { world, first, second } = story;
  const seenMs = world.now;
  renewedAgain(story);
  world.run(Math.max(0, seenMs + thawsMs - world.now));
  second.frozen = false;
  world.run(seenMs + 8_300 - world.now);
  expect([world.leaders(), world.leadersMax]).toEqual([[first], 1]);
  world.run(12_000);
  expect([world.leaders(), world.leadersMax]).toEqual([[second], 1]);
});

test.each(Array.from({ length: 100 }, (_, seed) => seed))("never two at once, and one in the end: seed %i", (seed) => {
  const world = new LeaderWorld(seed);
  const { random } = world;
  world.boot("a/1", { rate: 1.001 });
  world.boot("b/1", { rate: 0.999 });
  world.run(1_000);
  world.server.save();
  for (let round = 0; round < 60; round++) {
    const dice = random();
    world.disturb(dice);
    if (dice > 0.8 && dice < 0.9) world.server.save();
    else if (dice > 0.95) world.putBack();
    world.run(random() * 8_000);
    expect(world.leadersMax).toBeLessThanOrEqual(1);
  }
  world.heal();
  world.run(20_000);
  expect([world.leaders().length, world.leadersMax]).toEqual([1, 1]);
});
