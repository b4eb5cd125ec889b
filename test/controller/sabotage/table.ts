/** Each rule of allocation, how it is broken on purpose, and the test that must find it. */
import type { Broken } from "./broken.ts";
import { GIVING, KEEPING } from "./giving.ts";
import { LIMITS } from "./limits.ts";
import { RECORDED } from "./recorded.ts";
import { CONFLICTS, SHARING } from "./using.ts";
import { WRITES } from "./writing.ts";

export const BROKEN: readonly Broken[] = [
  ...GIVING,
  ...KEEPING,
  ...LIMITS,
  ...RECORDED,
  ...SHARING,
  ...CONFLICTS,
  ...WRITES,
];
