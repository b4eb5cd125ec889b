/**
 * Sets right what the node's own kernel says of the addresses that it holds. The kernel forwards a packet that belongs to no connection
 * it knows, and tells the client that the address is on the link (RFC 4861 section 8.2), with the MAC that its own neighbour table
 * has: the former holder's (docs/adr/0015). The client turns there, until the next announcement. So the redirects that leave an
 * interface are read, for a while after an announcement, and the client is told again.
 *
 * Only a socket of all protocols is shown what leaves, and it costs the kernel a copy of each such frame's head; hence the limit in time.
 */
import { type AddressIndex, findV6 } from "../address-index.ts";
import { redirectFilter } from "../packet/bpf.ts";
import { writeAdvertisementTo } from "../packet/frames.ts";
import { readRedirect } from "../packet/redirect.ts";
import { FrameBatch } from "./batch.ts";
import type { Counters } from "./counters.ts";
import type { TableEntry } from "./messages.ts";
import { PacketSocket } from "./packet-socket.ts";
import type { Poller } from "./poller.ts";
import type { OutFrame, Wire } from "./wire.ts";

/** A client's last segments are sent again for about so long after its connection was lost; then the kernel has asked in vain, and knows no MAC. */
const HOLD_MS = 120_000;
const SLOT_BYTES = 256;
const ETHER_TYPE_ALL = 3;

interface Tap {
  readonly index: number;
  readonly socket: PacketSocket;
  untilMs: number;
}

export class Redirects {
  readonly #wire: Wire;
  readonly #counters: Counters;
  readonly #received = new FrameBatch(SLOT_BYTES);
  /** By interface. BOUNDED by the interfaces of the wire. */
  readonly #taps = new Map<string, Tap>();

  constructor(wire: Wire, counters: Counters) {
    this.#wire = wire;
    this.#counters = counters;
  }

  get fds(): readonly number[] {
    return [...this.#taps.values()].map(({ socket }) => socket.fd);
  }

  /** These are announced from now on; true when there are other sockets than before. */
  watch(entries: readonly TableEntry[], now: number): boolean {
    let changed = false;
    const names = new Set(entries.flatMap((one) => (one.address.includes(":") ? [one.interface] : [])));
    for (const name of names) {
      const index = this.#wire.station(name)?.index;
      const old = this.#taps.get(name);
      if (index === undefined) continue;
      if (old?.index === index) {
        old.untilMs = now + HOLD_MS;
        continue;
      }
      old?.socket.close();
      this.#taps.delete(name);
      changed = true;
      const socket = this.#open(index);
      if (socket !== undefined) this.#taps.set(name, { index, socket, untilMs: now + HOLD_MS });
    }
    return changed;
  }

  /** Without it the next announcement sets the clients right, a second later. */
  #open(index: number): PacketSocket | undefined {
    try {
      return new PacketSocket(ETHER_TYPE_ALL, index, redirectFilter(index));
    } catch {
      this.#counters.add("redirects-unseen");
      return undefined;
    }
  }

  /**
   * Tells every client again whom the kernel has sent elsewhere. Without an index, while nothing may be said, what was sent is read all the
   * same: a socket that is left full ends each poll at once, and the loop would turn without a rest.
   */
  correct(index: AddressIndex | undefined, poller: Poller): void {
    if (this.#taps.size === 0) return;
    const frames: OutFrame[] = [];
    for (const [name, { socket }] of this.#taps) {
      if (!poller.isReady(socket.fd)) continue;
      const count = socket.receive(this.#received);
      for (let slot = 0; index !== undefined && slot < count; slot++) {
        const frame = this.#correction(index, name, slot);
        if (frame !== undefined) frames.push(frame);
      }
    }
    if (frames.length > 0) this.#wire.send(frames, "corrections-sent");
  }

  #correction(index: AddressIndex, name: string, slot: number): OutFrame | undefined {
    const { frames, slotBytes } = this.#received;
    const at = slot * slotBytes;
    const redirect = readRedirect(frames, at, at + Math.min(slotBytes, this.#received.received(slot)));
    if (redirect === undefined) return undefined;
    const { targetAt, mac, address } = redirect;
    const known = findV6(index, frames, targetAt);
    if (known?.interfaces.includes(name) !== true) return undefined;
    const write: OutFrame["write"] = (own, out, to) =>
      writeAdvertisementTo({ mac, address }, known.address, own, out, to);
    return { interface: name, family: 6, write };
  }

  /** Closes what is over; true when a socket was. */
  tidy(now: number): boolean {
    let changed = false;
    for (const [name, { socket, untilMs, index }] of this.#taps) {
      if (now < untilMs && this.#wire.station(name)?.index === index) continue;
      socket.close();
      this.#taps.delete(name);
      changed = true;
    }
    return changed;
  }

  close(): void {
    for (const { socket } of this.#taps.values()) socket.close();
    this.#taps.clear();
  }
}
