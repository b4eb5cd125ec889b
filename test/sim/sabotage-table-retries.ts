/** The rules about when somebody tries again, each broken on purpose (see sabotage-table.ts). */
import * as retries from "./sabotage-retries.ts";
import type { Broken } from "./sabotage-table.ts";

export const BROKEN_RETRIES: readonly Broken[] = [
  {
    rule: "no address flaps, with two nodes that take from each other without end (S5, ADR 33)",
    sabotage: { state: (state) => ({ ...state, apart: new Map() }) },
    story: retries.oneWayPath,
  },
];
