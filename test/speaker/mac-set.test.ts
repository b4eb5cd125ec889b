import { expect, test } from "@jest/globals";
import { hasMac, macSet } from "../../speaker/mac-set.ts";
import { hex } from "./packet/fixtures.ts";

test("a MAC is found by all its six bytes, at any place of a frame", () => {
  const set = macSet(["02:00:00:00:00:0a", "06:00:00:00:00:0a", "02:00:00:00:00:0B", "02:00:00:00:00:0a", "nonsense"]);
  const has = (text: string) => hasMac(set, hex(`ffff${text}`), 2);
  expect(["02:00:00:00:00:0a", "06:00:00:00:00:0a", "02:00:00:00:00:0b"].map(has)).toEqual([true, true, true]);
  // The same last four bytes, or the same first ones.
  expect(["0a:00:00:00:00:0a", "02:00:00:00:00:0c"].map(has)).toEqual([false, false]);
});
