import { expect, test } from "@jest/globals";
import { seededRandom } from "../../../lib/runtime/random.ts";
import { type Process, role, World } from "./heartbeat-world.ts";

/**
 * Processes of one node are started, killed, frozen, cut off, told to go, and lose answers. Then all is well again:
 * one of them acts, it is the one that the Lease names, and every other one waits, or knows that it is over.
 */
test.each(Array.from({ length: 100 }, (_, seed) => seed))("one acts in the end: seed %i", (seed) => {
  const random = seededRandom(seed);
  const world = new World(1 + Math.floor(random() * 500));
  const links = ["up", "up", "down", "lost"] as const;
  let pods = 0;
  const boot = () => world.boot(`pod${pods++}/1`, Math.floor(random() * 2 ** 32));
  boot();
  for (let round = 0; round < 40; round++) {
    const one = world.processes[Math.floor(random() * world.processes.length)];
    if (one === undefined) throw new Error("no process");
    const dice = random();
    if (dice < 0.15 && pods < 12) boot();
    else if (dice < 0.3) one.alive = !one.alive;
    else if (dice < 0.4 && one.alive) world.input(one, { type: "shutdown" });
    else if (dice < 0.5 && one.alive) world.show(one, true);
    else one.link = links[Math.floor(random() * links.length)] ?? "up";
    world.run(random() * 6_000);
  }
  for (const one of world.processes) {
    one.link = "up";
    one.alive = one.alive && role(one) !== "ended";
  }
  const last = boot();
  world.run(5_000);
  // A node that drains is told to give up what is left; only the newest one stays.
  for (const one of world.processes) if (one !== last && one.alive) world.input(one, { type: "shutdown" });
  world.run(20_000);
  for (const one of world.processes) if (one !== last && one.alive) world.input(one, { type: "release" });
  world.run(20_000);
  const alive = world.processes.filter((one: Process) => one.alive);
  expect(alive.filter((one) => role(one) === "acting")).toEqual([last]);
  expect(world.lease().instance).toBe(last.state.instance);
  expect(alive.filter((one) => one !== last && role(one) !== "ended")).toEqual([]);
});
