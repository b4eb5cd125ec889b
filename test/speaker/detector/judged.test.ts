/** What becomes of a verdict when the plan changes: an address that the records have given to the station anew was not asked for under them. */
import { expect, test } from "@jest/globals";
import { GATEWAY, planOf, station, TARGETS, world } from "./world.ts";

test("silent: an address that is out of the plan for the first second of its record is not named, and must be missed anew", () => {
  const [again = "", ...others] = TARGETS;
  const { segment, silent } = world();
  const follow = (targets: readonly string[]): void =>
    segment.input({ type: "plan", plan: planOf(station("a", { targets, watched: true }), station("b"), GATEWAY) });
  segment.run(2_000);
  for (const address of TARGETS) silent.add(address);
  segment.run(1_000);
  expect(segment.verdicts.at(-1)).toMatchObject({ kind: "silent", addresses: [...TARGETS].sort() });
  // It is recorded as the holder of that one under a new epoch, and answers for it.
  silent.delete(again);
  follow(others);
  segment.told.length = 0;
  segment.run(1_000);
  expect(segment.verdicts).not.toEqual([]);
  follow(TARGETS);
  segment.run(1_000);
  expect(segment.verdicts.filter(({ addresses }) => addresses.includes(again))).toEqual([]);
  expect(segment.verdicts.at(-1)?.addresses).toEqual([...others].sort());
});
