/** For tests of the multicast listener: one that is given its time, and what it has sent. */
import {
  createListener,
  type ListenerEffect,
  type ListenerInput,
  type ListenerState,
  stepListener,
} from "../../speaker/listener.ts";
import type { MldQuery } from "../../speaker/packet/mld.ts";

export const SOURCE = "fe80::1";
export const UP: ListenerInput = { type: "link", up: true, source: SOURCE, rejoins: 0 };
export const QUERY: MldQuery = {
  version: 2,
  maxResponseMs: 10_000,
  group: "all",
  robustness: undefined,
  queryIntervalMs: undefined,
};
export const OLDER: MldQuery = { ...QUERY, version: 1 };
export const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

/** A listener with the time it is at; what it sends is written down with its time. */
export class World {
  state: ListenerState;
  wakeAt = Number.POSITIVE_INFINITY;
  now = 0;
  sent: { readonly at: number; readonly effect: ListenerEffect }[] = [];

  constructor(seed = 1, up: ListenerInput = UP) {
    this.state = createListener(seed, 0);
    this.give(up);
  }

  give(input: ListenerInput): void {
    const { state, effects, wakeAt } = stepListener(this.state, input, this.now);
    this.state = state;
    this.wakeAt = wakeAt;
    this.sent.push(...effects.map((effect) => ({ at: this.now, effect })));
  }
  join(...groups: number[]): void {
    this.give({ type: "change", join: groups, leave: [] });
  }
  leave(...groups: number[]): void {
    this.give({ type: "change", join: [], leave: groups });
  }
  ask(query: Partial<MldQuery> = {}, base = QUERY): void {
    this.give({ type: "query", query: { ...base, ...query } });
  }
  /** Lets it come whenever it wants to, until the time. */
  until(ms: number): void {
    for (let steps = 0; this.wakeAt <= ms; steps++) {
      if (steps > 100_000) throw new Error("it never rests");
      // The loop may be a little late, never early.
      this.now = Math.max(this.now, this.wakeAt);
      this.give({ type: "tick" });
    }
    this.now = ms;
  }
  /** "KIND GROUP" of all records, in order. */
  get records(): string[] {
    return this.sent.flatMap(({ effect }) => effect.records.map(({ kind, group }) => `${kind} ${group}`));
  }
  get times(): number[] {
    return this.sent.map(({ at }) => at);
  }
  forget(): void {
    this.sent = [];
  }
}
/** A listener of these groups that has told all it had to. */
export function settled(groups: readonly number[], seed = 1): World {
  const world = new World(seed);
  world.join(...groups);
  world.until(60_000);
  world.forget();
  return world;
}
