import { describe, expect, test } from "@jest/globals";
import { KubeError } from "../../../lib/kube/errors.ts";
import { IDLE_MS, initialReflector, LIST_MS, stepReflector } from "../../../lib/kube/reflector.ts";
import {
  failureOf,
  type ReflectorEffect,
  type ReflectorFailure,
  type ReflectorInput,
  type ReflectorState,
} from "../../../lib/kube/reflector-types.ts";

const a = { metadata: { name: "a" } };
const b = { metadata: { name: "b" } };
const expired: ReflectorFailure = { kind: "expired", retryAfterMs: undefined };
const unanswered: ReflectorFailure = { kind: "unanswered", retryAfterMs: undefined };
const refused: ReflectorFailure = { kind: "refused", retryAfterMs: undefined };
const throttled: ReflectorFailure = { kind: "throttled", retryAfterMs: 7_000 };

type At = readonly [now: number, input: ReflectorInput];

const start: At = [0, { type: "start" }];
const listed = (request: number, resourceVersion: string, items = [a], continueToken = ""): ReflectorInput => ({
  type: "listed",
  request,
  items,
  resourceVersion,
  continueToken,
});
/** Request 1 is answered with version 100, watch 2 stands. */
const watching: readonly At[] = [start, [0, listed(1, "100")]];
const event = (watch: number, resourceVersion: string, type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" = "ADDED") =>
  ({ type: "event", watch, event: type, object: b, resourceVersion }) as const;

/** An effect as one line, so that a row of the table reads like a log. */
function line(effect: ReflectorEffect): string {
  switch (effect.type) {
    case "list": {
      const within = effect.timeoutMs === LIST_MS ? "" : ` within ${effect.timeoutMs / 1000} s`;
      return `list ${effect.request} ${new URLSearchParams(effect.query)}`.trim() + within;
    }
    case "open-watch":
      return `watch ${effect.watch} from ${effect.query["resourceVersion"]}`;
    case "close-watch":
      return `close ${effect.watch}`;
    case "restarted":
      return `${effect.reason}${effect.delayMs > 0 ? " wait" : ""}`;
    case "deliver": {
      const { delivery } = effect;
      if (delivery.type === "replace")
        return `replace ${delivery.items.length}${delivery.rolledBack ? " rolled back" : ""}`;
      return delivery.type;
    }
  }
}

function run(inputs: readonly At[], seed = 1) {
  let state: ReflectorState = initialReflector(seed);
  let effects: readonly ReflectorEffect[] = [];
  let wakeAt: number | undefined;
  for (const [now, input] of inputs) ({ state, effects, wakeAt } = stepReflector(state, input, now));
  return { state, effects, wakeAt, lines: effects.map(line) };
}

const rows: readonly [name: string, before: readonly At[], last: At, effects: readonly string[], phase: string][] = [
  ["start lists without a resourceVersion", [], start, ["list 1 limit=500"], "listing"],
  ["start twice is once", [start], start, [], "listing"],
  [
    "the last page is delivered and watched from",
    [start],
    [0, listed(1, "100")],
    ["replace 1", "watch 2 from 100"],
    "watching",
  ],
  [
    "a page that is not the last asks for the next",
    [start],
    [0, listed(1, "100", [a], "t")],
    ["list 2 limit=500&continue=t"],
    "listing",
  ],
  [
    "all pages are delivered together",
    [start, [0, listed(1, "100", [a], "t")]],
    [0, listed(2, "100", [b])],
    ["replace 2", "watch 3 from 100"],
    "watching",
  ],
  ["an empty list is delivered too", [start], [0, listed(1, "100", [])], ["replace 0", "watch 2 from 100"], "watching"],
  ["an answer to an older request is ignored", [start, [0, { type: "relist" }]], [0, listed(1, "100")], [], "listing"],
  [
    "a token that expired between pages: everything at once",
    [start, [0, listed(1, "100", [a], "t")]],
    [0, { type: "list-failed", request: 2, failure: expired }],
    ["expired", "list 3"],
    "listing",
  ],
  [
    "a list that expires without a token backs off",
    [start],
    [0, { type: "list-failed", request: 1, failure: expired }],
    ["expired wait"],
    "waiting",
  ],
  [
    "a list that is not answered backs off",
    [start],
    [0, { type: "list-failed", request: 1, failure: unanswered }],
    ["unanswered wait"],
    "waiting",
  ],
  [
    "a list that is refused backs off",
    [start],
    [0, { type: "list-failed", request: 1, failure: refused }],
    ["refused wait"],
    "waiting",
  ],
  [
    "after the wait it lists again",
    [start, [0, { type: "list-failed", request: 1, failure: refused }]],
    [100, { type: "tick" }],
    ["list 2 limit=500"],
    "listing",
  ],
  [
    "before the wait is over it does not",
    [start, [0, { type: "list-failed", request: 1, failure: refused }]],
    [49, { type: "tick" }],
    [],
    "waiting",
  ],
  ["ADDED", watching, [5, event(2, "101")], ["upsert"], "watching"],
  ["MODIFIED", watching, [5, event(2, "101", "MODIFIED")], ["upsert"], "watching"],
  ["DELETED", watching, [5, event(2, "101", "DELETED")], ["delete"], "watching"],
  ["a bookmark moves the version and nothing else", watching, [5, event(2, "150", "BOOKMARK")], [], "watching"],
  ["a bookmark at the same version is fine", watching, [5, event(2, "100", "BOOKMARK")], [], "watching"],
  [
    "an event of an older watch is ignored",
    [...watching, [5, { type: "watch-ended", watch: 2, failure: undefined }]],
    [6, event(2, "101")],
    [],
    "waiting",
  ],
  [
    "closed by the server: resumed at once from the last event",
    [...watching, [5, event(2, "101")]],
    [300_000, { type: "watch-ended", watch: 2, failure: undefined }],
    ["closed", "watch 3 from 101"],
    "watching",
  ],
  [
    "closed by the server: resumed from the last bookmark",
    [...watching, [5, event(2, "150", "BOOKMARK")]],
    [300_000, { type: "watch-ended", watch: 2, failure: undefined }],
    ["closed", "watch 3 from 150"],
    "watching",
  ],
  [
    "closed at once without a word is no watch",
    watching,
    [999, { type: "watch-ended", watch: 2, failure: undefined }],
    ["short-watch wait"],
    "waiting",
  ],
  [
    "closed early with an event is a watch",
    [...watching, [5, event(2, "101")]],
    [6, { type: "watch-ended", watch: 2, failure: undefined }],
    ["closed", "watch 3 from 101"],
    "watching",
  ],
  [
    "410 in the watch lists at once",
    watching,
    [5, { type: "event-error", watch: 2, failure: expired }],
    ["close 2", "expired", "list 3 limit=500"],
    "listing",
  ],
  [
    "410 as the watch's answer lists at once",
    watching,
    [5, { type: "watch-ended", watch: 2, failure: expired }],
    ["expired", "list 3 limit=500"],
    "listing",
  ],
  [
    "410 after connections that failed lists at once: a restarted server has forgotten the version",
    [...watching, [5, { type: "watch-ended", watch: 2, failure: unanswered }], [10_000, { type: "tick" }]],
    [10_001, { type: "watch-ended", watch: 3, failure: expired }],
    ["expired", "list 4 limit=500"],
    "listing",
  ],
  [
    "410 again without an event between waits",
    [...watching, [5, { type: "event-error", watch: 2, failure: expired }], [6, listed(3, "100")]],
    [7, { type: "event-error", watch: 4, failure: expired }],
    ["close 4", "expired wait"],
    "waiting",
  ],
  [
    "a reset connection waits",
    watching,
    [5, { type: "watch-ended", watch: 2, failure: unanswered }],
    ["unanswered wait"],
    "waiting",
  ],
  [
    "and then watches from the last version, without a list",
    [...watching, [5, event(2, "101")], [5, { type: "watch-ended", watch: 2, failure: unanswered }]],
    [105, { type: "tick" }],
    ["watch 3 from 101"],
    "watching",
  ],
  [
    "another error event closes and waits",
    watching,
    [5, { type: "event-error", watch: 2, failure: refused }],
    ["close 2", "refused wait"],
    "waiting",
  ],
  [
    "429 waits as long as it was told",
    watching,
    [5, { type: "watch-ended", watch: 2, failure: throttled }],
    ["throttled wait"],
    "waiting",
  ],
  [
    "half-open: nothing for 90 s lists, because a watch above a rolled-back server is silent too",
    watching,
    [IDLE_MS, { type: "tick" }],
    ["close 2", "idle", "list 3 limit=500"],
    "listing",
  ],
  ["one millisecond before it does not", watching, [IDLE_MS - 1, { type: "tick" }], [], "watching"],
  [
    "a bookmark starts the 90 s again",
    [...watching, [60_000, event(2, "150", "BOOKMARK")]],
    [IDLE_MS, { type: "tick" }],
    [],
    "watching",
  ],
  [
    "rolled back: a list with a lower version is delivered as such",
    [...watching, [5, { type: "relist" }]],
    [6, listed(3, "90", [])],
    ["replace 0 rolled back", "rolled-back", "watch 4 from 90"],
    "watching",
  ],
  [
    "a version with fewer digits is lower",
    [...watching, [5, { type: "relist" }]],
    [6, listed(3, "99")],
    ["replace 1 rolled back", "rolled-back", "watch 4 from 99"],
    "watching",
  ],
  [
    "rolled back: an event with a lower version is not delivered but lists",
    watching,
    [5, event(2, "99")],
    ["close 2", "rolled-back", "list 3 limit=500"],
    "listing",
  ],
  [
    "a version that is no number is not compared",
    [start, [0, listed(1, "x9")]],
    [5, event(2, "x1")],
    ["upsert"],
    "watching",
  ],
  [
    "the relist command in a watch",
    watching,
    [5, { type: "relist" }],
    ["close 2", "commanded", "list 3 limit=500"],
    "listing",
  ],
  [
    "the relist command in a list starts it again",
    [start],
    [5, { type: "relist" }],
    ["commanded", "list 2 limit=500"],
    "listing",
  ],
  [
    "a doubt in a watch lists, and waits for that less long: its connection may be as dead as the watch's",
    watching,
    [5, { type: "doubt" }],
    ["close 2", "commanded", "list 3 limit=500 within 10 s"],
    "listing",
  ],
  [
    "for the next page as well",
    [...watching, [5, { type: "doubt" }]],
    [9, listed(3, "101", [a], "t")],
    ["list 4 limit=500&continue=t within 10 s"],
    "listing",
  ],
  [
    "but for the list after it as long as for any",
    [...watching, [5, { type: "doubt" }], [10_005, { type: "list-failed", request: 3, failure: unanswered }]],
    [10_105, { type: "tick" }],
    ["list 4 limit=500"],
    "listing",
  ],
  [
    "after which a doubt waits as long, too",
    [...watching, [5, { type: "doubt" }], [10_005, { type: "list-failed", request: 3, failure: unanswered }]],
    [10_006, { type: "doubt" }],
    ["commanded", "list 4 limit=500"],
    "listing",
  ],
  [
    "and where the last list took long: a slow server must not be asked for each of them twice",
    [start, [3_000, listed(1, "100", [a], "t")], [5_000, listed(2, "100", [b])]],
    [5_005, { type: "doubt" }],
    ["close 3", "commanded", "list 4 limit=500"],
    "listing",
  ],
  ["a doubt in a list lets it go on", [start], [5, { type: "doubt" }], [], "listing"],
  [
    "a doubt between two pages lets them come",
    [start, [0, listed(1, "100", [a], "t")], [5, { type: "doubt" }]],
    [6, listed(2, "100", [b])],
    ["replace 2", "watch 3 from 100"],
    "watching",
  ],
  [
    "a doubt in a back-off does not wait",
    [...watching, [5, { type: "watch-ended", watch: 2, failure: unanswered }]],
    [6, { type: "doubt" }],
    ["commanded", "list 3 limit=500 within 10 s"],
    "listing",
  ],
  [
    "the relist command in a back-off does not wait",
    [...watching, [5, { type: "watch-ended", watch: 2, failure: unanswered }]],
    [6, { type: "relist" }],
    ["commanded", "list 3 limit=500"],
    "listing",
  ],
  [
    "but it does when the server asked for it",
    [...watching, [5, { type: "watch-ended", watch: 2, failure: throttled }]],
    [6, { type: "relist" }],
    [],
    "waiting",
  ],
  [
    "and lists when that time is over",
    [...watching, [5, { type: "watch-ended", watch: 2, failure: throttled }], [6, { type: "relist" }]],
    [7_005, { type: "tick" }],
    ["list 3 limit=500"],
    "listing",
  ],
  [
    "retry-now ends a back-off",
    [...watching, [5, { type: "watch-ended", watch: 2, failure: unanswered }]],
    [6, { type: "retry-now" }],
    ["watch 3 from 100"],
    "watching",
  ],
  [
    "retry-now does not end what the server asked for",
    [...watching, [5, { type: "watch-ended", watch: 2, failure: throttled }]],
    [6, { type: "retry-now" }],
    [],
    "waiting",
  ],
  ["retry-now leaves a watch alone", watching, [6, { type: "retry-now" }], [], "watching"],
  ["stop closes the watch", watching, [5, { type: "stop" }], ["close 2"], "stopped"],
  ["stop in a list", [start], [5, { type: "stop" }], [], "stopped"],
  ["after stop an answer is ignored", [start, [5, { type: "stop" }]], [6, listed(1, "100")], [], "stopped"],
  ["after stop a relist is ignored", [start, [5, { type: "stop" }]], [6, { type: "relist" }], [], "stopped"],
  [
    "start after stop lists",
    [...watching, [5, { type: "stop" }]],
    [6, { type: "start" }],
    ["list 3 limit=500"],
    "listing",
  ],
];

describe("the reflector", () => {
  test.each(rows)("%s", (_, before, last, effects, phase) => {
    const result = run([...before, last]);
    expect([result.lines, result.state.phase.type]).toEqual([effects, phase]);
  });

  test("each kind of input occurs in the table", () => {
    const kinds = new Set(rows.flatMap(([, before, last]) => [...before, last].map(([, input]) => input.type)));
    const all = [
      "doubt",
      "event",
      "event-error",
      "list-failed",
      "listed",
      "relist",
      "retry-now",
      "start",
      "stop",
      "tick",
      "watch-ended",
    ];
    expect([...kinds].sort()).toEqual(all);
  });

  test("back-off doubles from 0.1 s to 30 s, of which half to all is waited", () => {
    const delays: number[] = [];
    let state = run(watching, 42).state;
    let now = 0;
    for (let attempt = 0; attempt < 12; attempt++) {
      const watch = state.sequence;
      const failed = stepReflector(state, { type: "watch-ended", watch, failure: unanswered }, now);
      delays.push((failed.wakeAt ?? 0) - now);
      now = failed.wakeAt ?? 0;
      state = stepReflector(failed.state, { type: "tick" }, now).state;
    }
    for (const [attempt, delay] of delays.entries()) {
      const full = Math.min(30_000, 100 * 2 ** attempt);
      expect(delay).toBeGreaterThanOrEqual(full / 2 - 1e-6);
      expect(delay).toBeLessThanOrEqual(full);
    }
    expect(new Set(delays.map((delay, attempt) => (delay / 2 ** attempt).toFixed(3))).size).toBeGreaterThan(5);
  });

  test("an event ends the row of failures, a list alone does not", () => {
    const failed = run([...watching, [5, { type: "watch-ended", watch: 2, failure: unanswered }]]);
    expect(failed.state.failures).toBe(1);
    const relisted = run([
      ...watching,
      [5, { type: "watch-ended", watch: 2, failure: unanswered }],
      [6, { type: "relist" }],
      [7, listed(3, "100")],
    ]);
    expect(relisted.state.failures).toBe(1);
    expect(stepReflector(relisted.state, event(4, "101"), 8).state.failures).toBe(0);
  });

  test("a watch that is refused three times in a row is followed by a list", () => {
    const fail = (watch: number): ReflectorInput => ({ type: "watch-ended", watch, failure: refused });
    const tick: ReflectorInput = { type: "tick" };
    const result = run([
      ...watching,
      [1, fail(2)],
      [1_000, tick],
      [1_001, fail(3)],
      [2_000, tick],
      [2_001, fail(4)],
      [9_000, tick],
    ]);
    expect(result.lines).toEqual(["list 5 limit=500"]);
  });

  test("Retry-After is the least that is waited, and the wake time says so", () => {
    const result = run([...watching, [5, { type: "watch-ended", watch: 2, failure: throttled }]]);
    expect(result.wakeAt).toBe(7_005);
  });

  test("watches ask for bookmarks and a random life of 240 to 480 s", () => {
    const seconds = [1, 2, 3, 4, 5].map((seed) => {
      const effect = run(watching, seed).effects[1];
      if (effect?.type !== "open-watch") throw new Error("no watch");
      expect(effect.query).toMatchObject({ allowWatchBookmarks: "true", resourceVersion: "100" });
      return Number(effect.query["timeoutSeconds"]);
    });
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(240);
    expect(Math.max(...seconds)).toBeLessThanOrEqual(480);
    expect(new Set(seconds).size).toBeGreaterThan(2);
  });

  test("the state is a plain value", () => {
    const { state } = run([...watching, [5, event(2, "101")]]);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });
});

describe("failureOf", () => {
  const table: readonly [KubeError, ReflectorFailure][] = [
    [new KubeError("gone", "", { status: 410, reason: "Expired" }), expired],
    [new KubeError("api-refused", "", { status: 400, reason: "Expired" }), expired],
    [new KubeError("api-timeout", ""), unanswered],
    [new KubeError("api-unreachable", ""), unanswered],
    [new KubeError("api-refused", "", { status: 429, retryAfterMs: 7_000 }), throttled],
    [new KubeError("api-refused", "", { status: 429 }), { kind: "throttled", retryAfterMs: undefined }],
    [new KubeError("api-refused", "", { status: 503, retryAfterMs: 7_000 }), throttled],
    [new KubeError("api-refused", "", { status: 403 }), refused],
    [new KubeError("not-found", "", { status: 404 }), refused],
  ];
  test.each(table)("%#", (error, failure) => {
    expect(failureOf(error)).toEqual(failure);
  });
});
