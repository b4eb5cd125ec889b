/**
 * S5: no address flaps. What a client sees of it: one node alone answers, and then another one alone. Each thing that breaks, is mended or
 * is decided gives reason for a move of each address; a few more come of themselves, late or by choice, and whatever moves on and on is found.
 */
import type { VirtualIP } from "../../lib/model/virtual-ip.ts";
import type { Happened } from "./happened.ts";

const WINDOW_MS = 30_000;
/** By its Lease an address moves so late at most after a fault (section 5); a Node that is not Ready is a change of its own. */
const AFTERMATH_MS = 15_000;
/** What has no reason within that time: the second of two that yield to each other, a move by choice half a minute after what made it, a false verdict. */
const MOVES_MAX = 2;

interface Seen {
  readonly node: string;
  /** When another one alone answered than before. BOUNDED by the window and, since it is told then, by what is too much. */
  readonly movedMs: readonly number[];
}

export class Flaps {
  /** By address. BOUNDED by those. */
  readonly #seen = new Map<string, Seen>();
  readonly #happened: Happened;
  readonly #now: () => number;
  readonly #protest: (what: string) => void;

  constructor(happened: Happened, now: () => number, protest: (what: string) => void) {
    this.#happened = happened;
    this.#now = now;
    this.#protest = protest;
  }

  /** Called for each address with the nodes that answer for it. */
  look({ address }: VirtualIP, nodes: readonly string[]): void {
    const [node] = nodes;
    const seen = this.#seen.get(address);
    if (node === undefined || nodes.length > 1 || seen?.node === node) return;
    const now = this.#now();
    const movedMs = seen === undefined ? [] : [...seen.movedMs.filter((atMs) => atMs > now - WINDOW_MS), now];
    this.#seen.set(address, { node, movedMs: this.#judge(address, movedMs) ? movedMs : [] });
  }

  #judge(address: string, { length }: readonly number[]): boolean {
    const changes = this.#happened.changesSince(this.#now() - WINDOW_MS - AFTERMATH_MS);
    if (length <= MOVES_MAX + changes) return true;
    this.#protest(`S5: ${address} has moved ${length} times in ${WINDOW_MS / 1_000} s, for ${changes} reasons`);
    return false;
  }
}
