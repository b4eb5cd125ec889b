/**
 * Services that lack an address or a part of their request, the oldest first. When an address becomes free they are woken in
 * this order, but not all of them: of those that ask for the very same, one that looks in vain stands for the rest. It is
 * changed in place, since thousands may wait, but it knows no clock: same calls, same answers.
 */
import { link, type NameIndex, unlink } from "./name-index.ts";

export interface Waiting {
  /** `namespace/name`. */
  readonly key: string;
  /** creationTimestamp: RFC 3339 texts of one zone sort by time. */
  readonly since: string;
  /** What it asks for; two with the same text are given an address, or not, for the same reasons. "" for one that is like no other. */
  readonly kind: string;
  /** Names of the VirtualIPs of the addresses that it asks for. */
  readonly asks: readonly string[];
}

/** Woken at once; one more for each of them that has looked. */
const WAVE = 16;

/** All its collections are BOUNDED by the Services of the cluster. */
export class WaitingRoom {
  readonly #known = new Map<string, Waiting>();
  /** Sorted by `placeOf`. */
  readonly #order: Waiting[] = [];
  /** Kinds of which one has looked in vain since an address became free. */
  readonly #hopeless = new Set<string>();
  readonly #woken = new Set<string>();
  /** Keys of those that ask for an address, by the name of its VirtualIP. */
  readonly #asking: NameIndex = new Map();
  /** The place of the last one that was woken. */
  #reached = "";

  get size(): number {
    return this.#known.size;
  }

  clear(): void {
    this.#known.clear();
    this.#order.length = 0;
    this.#hopeless.clear();
    this.#woken.clear();
    this.#asking.clear();
  }

  /** What a Service waits for from now on, undefined for nothing; names of the VirtualIPs that it begins or ceases to ask for. */
  note(key: string, waiting: Waiting | undefined): readonly string[] {
    const before = this.#known.get(key)?.asks ?? [];
    const now = waiting?.asks ?? [];
    if (waiting === undefined) this.remove(key);
    else this.add(waiting);
    return [...before, ...now].filter((name) => before.includes(name) !== now.includes(name));
  }

  /** It waits, and for an address by name. */
  isAsking(key: string): boolean {
    return (this.#known.get(key)?.asks.length ?? 0) > 0;
  }

  /** It waits from now on, or waits for something else. */
  add(waiting: Waiting): void {
    const before = this.#known.get(waiting.key);
    const isSame = before?.since === waiting.since && before.kind === waiting.kind;
    if (isSame && before.asks.join() === waiting.asks.join()) return;
    this.remove(waiting.key);
    this.#known.set(waiting.key, waiting);
    for (const name of waiting.asks) link(this.#asking, name, waiting.key);
    this.#order.splice(this.#after(placeOf(waiting)), 0, waiting);
  }

  /** It has what it wants, or is gone. */
  remove(key: string): void {
    const before = this.#known.get(key);
    if (before === undefined) return;
    this.#known.delete(key);
    for (const name of before.asks) unlink(this.#asking, name, key);
    this.#order.splice(this.#after(placeOf(before)) - 1, 1);
  }

  /** All of them, in their order: the rules have changed, and with them what each is told. */
  all(): readonly string[] {
    return this.#order.map(({ key }) => key);
  }

  /** Those that ask for the address of this VirtualIP: what they are told changes with who has it. */
  asking(name: string): readonly string[] {
    return [...(this.#asking.get(name) ?? [])];
  }

  /** An address has become free: who is to look first. Call `looked` for every pass from now on; it tells who is next. */
  wake(): readonly string[] {
    this.#hopeless.clear();
    this.#woken.clear();
    this.#reached = "";
    return this.#next(WAVE);
  }

  /** A pass over this Service has been decided; `inVain` if it waits on and nothing is to be written about it. */
  looked(key: string, inVain: boolean): readonly string[] {
    const kind = this.#known.get(key)?.kind ?? "";
    if (inVain && kind !== "") this.#hopeless.add(kind);
    return this.#woken.delete(key) ? this.#next(1) : [];
  }

  #next(count: number): readonly string[] {
    const keys: string[] = [];
    for (let at = this.#after(this.#reached); at < this.#order.length && keys.length < count; at++) {
      const waiting = this.#order[at];
      if (waiting === undefined) break;
      this.#reached = placeOf(waiting);
      if (this.#hopeless.has(waiting.kind)) continue;
      this.#woken.add(waiting.key);
      keys.push(waiting.key);
    }
    return keys;
  }

  /** Index of the first that comes after this place. */
  #after(place: string): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const waiting = this.#order[middle];
      if (waiting !== undefined && placeOf(waiting) <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function placeOf({ since, key }: Waiting): string {
  return `${since} ${key}`;
}
