import { expect, test } from "@jest/globals";
import type { Measured } from "../figures.ts";
import { missedGoals, withCompanions } from "./goals.ts";

test.each<[string, string, Measured, readonly string[] | undefined]>([
  ["fast enough", "responder/arp/64", { samples: [150_000, 1, 150_001] }, []],
  ["slower", "responder/nd/64", { samples: [149_999] }, ["149999/s, promised 150000"]],
  ["not measured", "responder/arp/64", { samples: [] }, ["NaN/s, promised 150000"]],
  ["a slow generator", "responder/generator", { samples: [199_000] }, ["199000/s, promised 200000"]],
  ["as prompt as the kernel and 40 us", "responder/arp/1", { samples: [1], also: { p50Us: 45 } }, []],
  ["later", "responder/nd/1", { samples: [1], also: { p50Us: 45.1 } }, ["45.1 us, promised 45 at most"]],
  ["nothing for a frame", "responder/heap", { samples: [0.2], also: { nd: 0.1, oneInFlight: 20 } }, []],
  [
    "an object for a solicitation",
    "responder/heap",
    { samples: [16], also: { nd: 17 } },
    ["17 bytes, promised 16 at most"],
  ],
  ["nothing is promised", "responder/arp/512", { samples: [1] }, undefined],
])("%s: %s", (_, name, measured, missed) => expect(missedGoals(name, measured, 5)).toEqual(missed));

test("without the kernel's latency a promise beside it is not kept", () => {
  expect(missedGoals("responder/arp/1", { samples: [1], also: { p50Us: 1 } })).toHaveLength(1);
});

test("the generator is always shown to be fast enough, and the kernel is asked beside what is compared with it", () => {
  const names = (...wanted: readonly string[]) => [...withCompanions(new Set(wanted))];
  expect(names("responder/arp/64/10000")).toEqual(["responder/generator", "responder/arp/64/10000"]);
  expect(names("responder/nd/1")).toEqual(["responder/generator", "responder/nd/1", "responder/kernel/1"]);
});
