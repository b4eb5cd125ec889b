/**
 * Two interfaces of this node on one segment (election.md section 3, W3): what one of them sends is heard on the other. The filters let
 * such frames through between interfaces that are both in use; they are evidence, and never answered.
 */
import { macBytes, read16, read32 } from "../packet/bytes.ts";
import { ETHERNET_SOURCE_AT } from "../packet/ethernet.ts";
import type { FromWorker } from "./messages.ts";

/** Another interface that addresses may stand on, by its MAC as a frame has it. */
export interface Sibling {
  readonly name: string;
  readonly mac: string;
  /** The first two and the last four bytes, compared without an allocation. */
  readonly high: number;
  readonly low: number;
}

interface NamedMac {
  readonly name: string;
  readonly mac: string;
}

/**
 * An interface with the same MAC (a VLAN of this one) cannot be told from it, so it is no sibling; nor are two others with one MAC: a
 * frame says nothing about which of them is on this segment.
 */
export function siblingsOf(own: NamedMac, used: readonly NamedMac[]): readonly Sibling[] {
  const isAlone = (mac: string): boolean => used.filter((one) => one.mac === mac).length === 1;
  return used
    .filter((one) => one.name !== own.name && one.mac !== own.mac && isAlone(one.mac))
    .map(({ name, mac }) => {
      const bytes = macBytes(mac);
      return { name, mac, high: read16(bytes, 0), low: read32(bytes, 2) };
    });
}

/** The sibling that the frame at `at` came from. Allocates nothing: it runs for every frame of a node with siblings. */
export function siblingAt(siblings: readonly Sibling[], bytes: Uint8Array, at: number): Sibling | undefined {
  for (let index = 0; index < siblings.length; index++) {
    const one = siblings[index] as Sibling;
    if (read32(bytes, at + ETHERNET_SOURCE_AT + 2) !== one.low) continue;
    if (read16(bytes, at + ETHERNET_SOURCE_AT) === one.high) return one;
  }
  return undefined;
}

/** Tells of each pair once, and again after the links have changed: they may be on other segments then. */
export class SiblingNews {
  readonly #post: (message: FromWorker) => void;
  /** BOUNDED by the pairs of the interfaces in use. */
  readonly #told = new Set<string>();

  constructor(post: (message: FromWorker) => void) {
    this.#post = post;
  }

  heard(on: string, from: string): void {
    const interfaces = on < from ? ([on, from] as const) : ([from, on] as const);
    const key = interfaces.join(" ");
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#post({ type: "one-segment", interfaces });
  }

  forget(): void {
    this.#told.clear();
  }
}
