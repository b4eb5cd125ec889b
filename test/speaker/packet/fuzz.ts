/** Hostile input from a seed: what a decoder may be given by anybody on the segment. */
import { readdirSync } from "node:fs";
import { drawRandom } from "../../../lib/runtime/random.ts";
import { ETHERNET_HEADER_BYTES } from "../../../speaker/packet/ethernet.ts";
import { ipv6Problem } from "../../../speaker/packet/ipv6.ts";
import { finishChecksum } from "../../../speaker/packet/ndp.ts";
import { frame, toHex } from "./fixtures.ts";

/** `BERTH_FUZZ_SEED=7 BERTH_FUZZ_RUNS=1000000` for another and longer search; a failure names the input as hex. */
export const SEED = Number(process.env["BERTH_FUZZ_SEED"] ?? 1);
export const RUNS = Number(process.env["BERTH_FUZZ_RUNS"] ?? 10_000);

export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    const { value, next } = drawRandom(this.#state);
    this.#state = next;
    return Math.floor(value * limit);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** Every frame that was recorded, by name. */
export function recordedFrames(): ReadonlyMap<string, Uint8Array> {
  const names = readdirSync(new URL("./fixtures", import.meta.url)).filter((name) => name.endsWith(".hex"));
  return new Map(names.sort().map((name) => [name.slice(0, -4), frame(name.slice(0, -4))]));
}

/** The values that lengths, types and counts are set to: the edges of their fields. */
const EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 23, 24, 32, 40, 127, 128, 135, 136, 254, 255];

/** One hostile variant of a valid input: cut, grown, bits flipped, fields at their edges, two inputs in one, or noise alone. */
export function spoiled(dice: Dice, valid: readonly Uint8Array[]): Uint8Array {
  const one = dice.of(valid);
  switch (dice.below(7)) {
    case 0:
      return dice.bytes(dice.below(160));
    case 1:
      return one.slice(0, dice.below(one.length + 1));
    case 2:
      return Uint8Array.of(...one, ...dice.bytes(dice.below(64)));
    case 3: {
      const other = dice.of(valid);
      const cut = dice.below(one.length);
      return Uint8Array.of(...one.subarray(0, cut), ...other.subarray(Math.min(cut, other.length)));
    }
    case 4: {
      const bytes = one.slice();
      for (let flips = 1 + dice.below(4); flips > 0; flips--) flip(bytes, dice.below(bytes.length * 8));
      return bytes;
    }
    default: {
      const bytes = one.slice();
      for (let fields = 1 + dice.below(3); fields > 0; fields--) bytes[dice.below(bytes.length)] = dice.of(EDGES);
      return bytes;
    }
  }
}

/** As `spoiled`; half of the IPv6 ones get a right checksum, or nothing behind the checksum would ever be tried. */
export function spoiledFrame(dice: Dice, valid: readonly Uint8Array[]): Uint8Array {
  const bytes = spoiled(dice, valid);
  const isIpv6 = ipv6Problem(bytes, ETHERNET_HEADER_BYTES, bytes.length) === undefined;
  if (isIpv6 && bytes.length >= ETHERNET_HEADER_BYTES + 44 && dice.below(2) === 0)
    finishChecksum(bytes, ETHERNET_HEADER_BYTES);
  return bytes;
}

export function flip(bytes: Uint8Array, bit: number): void {
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (0x80 >> (bit & 7));
}

export interface Placed {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly end: number;
}

/** In the middle of a larger memory full of one value: whoever reads beyond the input sees that value. */
export function placed(input: Uint8Array, around: number): Placed {
  const bytes = new Uint8Array(input.length + 256).fill(around);
  bytes.set(input, 128);
  return { bytes, at: 128, end: 128 + input.length };
}

/** The same in two surroundings: equal, or something was read that is not part of the input. */
export function alike<T>(input: Uint8Array, decode: (one: Placed) => T): readonly [T, T] {
  return [decode(placed(input, 0x00)), decode(placed(input, 0xff))];
}

/** Calls `check` with many inputs; what it throws is told with the input. */
export function each(make: (dice: Dice) => Uint8Array, check: (input: Uint8Array) => void, runs = RUNS): void {
  const dice = new Dice(SEED);
  for (let run = 0; run < runs; run++) {
    const input = make(dice);
    try {
      check(input);
    } catch (thrown) {
      throw new Error(`seed ${SEED}, run ${run}, input ${toHex(input)}`, { cause: thrown });
    }
  }
}

/** Cheaper than `expect` for a hundred thousand comparisons. */
export function same(left: unknown, right: unknown): void {
  const [one, other] = [JSON.stringify(left), JSON.stringify(right)];
  if (one !== other) throw new Error(`${one} is not ${other}`);
}

/** The reason is one of the closed list. */
export function known(reasons: object, reason: string): void {
  same([reason, reason in reasons], [reason, true]);
}
