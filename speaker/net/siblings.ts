/**
 * Two interfaces of this node on one segment (election.md section 3, W3): what one of them sends is heard on the other. The filters let
 * such frames through between interfaces that are both in use; they are evidence, and never answered.
 */
import { macBytes, read16, read32 } from "../packet/bytes.ts";
import { ETHERNET_SOURCE_AT } from "../packet/ethernet.ts";
import { writeProbe } from "../packet/frames.ts";
import type { FromWorker } from "./messages.ts";
import type { OutFrame, Wire } from "./wire.ts";

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

/** To everybody there, about nothing: an ARP probe (RFC 5227 section 2.1.1) for the address that is nobody's. */
function questionOn(on: string): OutFrame {
  return { interface: on, family: 4, write: (mac, out, at) => writeProbe("0.0.0.0", mac, out, at) };
}

/** A frame that was heard so long ago bears no witness any more: the answer to it comes within milliseconds. */
const EVIDENCE_MS = 1_000;

/**
 * Tells of each pair once, and again after the links have changed: they may be on other segments then. One frame with the other's MAC may
 * be forged, and a pair that is told stays joined: what it claims is asked by a frame of the own from the interface that heard it. Only
 * when the other one hears that in turn, both are on one segment; whoever forges would have to stand on both.
 */
export class SiblingNews {
  readonly #post: (message: FromWorker) => void;
  readonly #wire: Pick<Wire, "send">;
  /** BOUNDED by the pairs of the interfaces in use. */
  readonly #told = new Set<string>();
  /** "ON FROM", and when the last frame was heard that made this node ask. BOUNDED by twice the pairs. */
  readonly #heard = new Map<string, number>();

  constructor(wire: Pick<Wire, "send">, post: (message: FromWorker) => void) {
    this.#wire = wire;
    this.#post = post;
  }

  /** `on` has heard a frame with the MAC of `from`; `now` in monotonic milliseconds. */
  heard(on: string, from: string, now: number): void {
    const interfaces = on < from ? ([on, from] as const) : ([from, on] as const);
    const pair = interfaces.join(" ");
    if (this.#told.has(pair)) return;
    if (this.#isFresh(`${from} ${on}`, now)) {
      this.#told.add(pair);
      this.#post({ type: "one-segment", interfaces });
      return;
    }
    // At most once in the time that an answer counts: a flood of forged frames must not become one of questions.
    if (this.#isFresh(`${on} ${from}`, now)) return;
    this.#heard.set(`${on} ${from}`, now);
    this.#wire.send([questionOn(on)], "probes-sent");
  }

  forget(): void {
    this.#told.clear();
    this.#heard.clear();
  }

  #isFresh(key: string, now: number): boolean {
    return now - (this.#heard.get(key) ?? Number.NEGATIVE_INFINITY) < EVIDENCE_MS;
  }
}
