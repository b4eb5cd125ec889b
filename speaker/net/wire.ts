/**
 * The packet sockets of all interfaces: opens and closes them as the links say, reads and answers in batches, sends
 * what the machines have decided. What to answer is in responder.ts; this is the shell around it.
 */

import { parseMac } from "../../lib/address/mac.ts";
import { BerthError } from "../../lib/runtime/errors.ts";
import type { AddressIndex } from "../address-index.ts";
import { isMalformed } from "../drops.ts";
import { arpFilter, ndFilter } from "../packet/bpf.ts";
import { ETHER_TYPE_ARP, ETHER_TYPE_IPV6, ETHERNET_HEADER_BYTES } from "../packet/ethernet.ts";
import { IPV6_NEXT_HEADER_AT, NEXT_HEADER_HOP_BY_HOP } from "../packet/ipv6.ts";
import {
  type Asked,
  type Heard,
  hear,
  hearAlarm,
  type Outcome,
  type Receiver,
  replyBytes,
  respond,
} from "../responder.ts";
import { BATCH_FRAMES, FrameBatch } from "./batch.ts";
import type { Counters } from "./counters.ts";
import type { Link } from "./messages.ts";
import { Offenders } from "./offenders.ts";
import { PacketSocket } from "./packet-socket.ts";
import { type Sibling, siblingAt, siblingsOf } from "./siblings.ts";

/** An Ethernet frame of the usual size; neighbour messages are far shorter. */
const RECEIVE_SLOT_BYTES = 1536;
const SEND_SLOT_BYTES = 128;
/** Batches of one socket in one turn, so that a flood on one interface starves neither the others nor the timers. */
const BATCHES_PER_TURN = 8;
/** Batches read after a gap; the default receive buffer holds four. */
const EVIDENCE_BATCHES_MAX = 256;

export interface Station extends Receiver {
  readonly index: number;
  readonly macText: string;
  readonly arp: PacketSocket;
  readonly nd: PacketSocket;
  readonly siblings: readonly Sibling[];
}

/** What the loop knows while frames are read. */
export interface Reading {
  /** Asked once for each batch: nothing of one batch is answered under two of them. */
  index(): AddressIndex;
  isAnswering(): boolean;
  /** Whether a batch read in this turn may still leave. */
  isInTime(): boolean;
  heard(station: Station, heard: Heard): void;
  alarmed(station: Station, asked: Asked): void;
  /** A frame at `at` that the filter takes for a query of multicast listener discovery. */
  queried(station: Station, bytes: Uint8Array, at: number, end: number): void;
  /** A frame of this node's own other interface: both are on one segment. */
  sibling(station: Station, from: string): void;
}

export interface Reconciled {
  /** What has no sockets, and why; the caller tries again. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
  /** Stations whose interface was made anew under its old name and index. */
  readonly renewed: readonly Station[];
}

/** What a frame that leaves unasked is counted as. */
export type SentCounter = "announcements-sent" | "corrections-sent" | "probes-sent" | "liveness-sent";

/** Writes one frame at `at` and returns where it ends. */
export type WriteFrame = (mac: string, out: Uint8Array, at: number) => number;
export interface OutFrame {
  readonly interface: string;
  readonly family: 4 | 6;
  readonly write: WriteFrame;
}

export class Wire {
  readonly offenders = new Offenders();
  readonly #counters: Counters;
  readonly #received = new FrameBatch(RECEIVE_SLOT_BYTES);
  readonly #replies = new FrameBatch(SEND_SLOT_BYTES);
  #stations: ReadonlyMap<string, Station> = new Map();
  /** The same ones, to be gone through for every frame without an iterator. */
  #stationList: readonly Station[] = [];
  #ownMacs: ReadonlySet<string> = new Set();
  #filterMacs = "";

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  station(name: string): Station | undefined {
    return this.#stations.get(name);
  }

  stations(): readonly Station[] {
    return this.#stationList;
  }

  isOwn(mac: string): boolean {
    return this.#ownMacs.has(mac);
  }

  /**
   * Opens, re-opens and closes sockets so that each wanted link that exists has its two. A link that is down keeps its sockets:
   * the kernel revives them.
   */
  reconcile(links: readonly Link[], wanted: ReadonlySet<string>): Reconciled {
    const usable = links.filter((link) => link.mac !== "" && link.broadcast);
    // A port of a bridge or bond is given up at once; the main thread may learn of it later.
    const used = usable.filter((link) => wanted.has(link.name) && link.master === "");
    // Those in use first, because a filter has room for a limited number.
    const macs = [...new Set([...used, ...usable].map((link) => link.mac))];
    this.#ownMacs = new Set(macs);
    const filtered = `${macs.join()} ${used.map((link) => `${link.name}=${link.mac}`).join()}`;
    const sameMacs = this.#filterMacs === filtered;
    this.#filterMacs = filtered;
    const failures: { name: string; message: string }[] = [];
    const stations = new Map<string, Station>();
    for (const link of used) {
      try {
        stations.set(link.name, this.#stationOf(link, used, macs, sameMacs));
      } catch (thrown) {
        failures.push({ name: link.name, message: BerthError.from(thrown, "os").message });
      }
    }
    const renewed: Station[] = [];
    for (const old of this.#stations.values()) {
      const next = stations.get(old.name);
      if (next?.arp === old.arp) continue;
      closeStation(old);
      if (next?.index === old.index) renewed.push(next);
    }
    this.#stations = stations;
    this.#stationList = [...stations.values()];
    return { failures, renewed };
  }

  #stationOf(link: Link, used: readonly Link[], own: readonly string[], sameMacs: boolean): Station {
    const mac = parseMac(link.mac);
    if (!mac.ok) throw new BerthError("internal", mac.reason);
    const siblings = siblingsOf(link, used);
    const macs = own.filter((one) => !siblings.some((sibling) => sibling.mac === one));
    const old = this.#stations.get(link.name);
    if (old?.index === link.index && old.arp.isBoundTo(link.index)) {
      if (!sameMacs) {
        old.arp.setFilter(arpFilter(link.index, macs));
        old.nd.setFilter(ndFilter(link.index, macs));
      }
      return sameMacs ? old : { ...old, mac: mac.value, macText: link.mac, siblings };
    }
    const arp = new PacketSocket(ETHER_TYPE_ARP, link.index, arpFilter(link.index, macs));
    try {
      const nd = new PacketSocket(ETHER_TYPE_IPV6, link.index, ndFilter(link.index, macs));
      return { name: link.name, index: link.index, mac: mac.value, macText: link.mac, arp, nd, siblings };
    } catch (thrown) {
      arp.close();
      throw thrown;
    }
  }

  /** Reads and answers what waits on the socket. True when there may be more. */
  answer(station: Station, socket: PacketSocket, reading: Reading): boolean {
    for (let turn = 0; turn < BATCHES_PER_TURN; turn++) {
      const count = socket.receive(this.#received);
      if (count > 0) this.#answerBatch(station, socket, reading, count);
      if (count < BATCH_FRAMES) return false;
    }
    return true;
  }

  /** One batch is looked up and sent under one index: nothing else runs in between. */
  #answerBatch(station: Station, socket: PacketSocket, reading: Reading, count: number): void {
    const { frames, slotBytes } = this.#received;
    const replies = this.#replies;
    const index = reading.index();
    const answering = reading.isAnswering();
    let waiting = 0;
    for (let slot = 0; slot < count; slot++) {
      if (this.#received.isTruncated(slot)) {
        this.#counters.add("too-long");
        continue;
      }
      const at = slot * slotBytes;
      const end = at + this.#received.received(slot);
      if (socket === station.nd && isBehindOptions(frames, at)) {
        reading.queried(station, frames, at, end);
        continue;
      }
      const sibling = station.siblings.length === 0 ? undefined : siblingAt(station.siblings, frames, at);
      if (sibling !== undefined) {
        this.#counters.add("own-frame");
        reading.sibling(station, sibling.name);
        continue;
      }
      const outcome: Outcome | "fenced" = answering
        ? respond(index, station, frames, at, end, replies.frames, waiting * SEND_SLOT_BYTES)
        : "fenced";
      this.#counters.add(outcome);
      const bytes = outcome === "fenced" ? 0 : replyBytes(outcome);
      if (bytes === 0 && isMalformed(outcome)) this.offenders.note(outcome, frames, at, end);
      if (bytes > 0) replies.setLength(waiting++, bytes);
      const heard = hear(index, frames, at, end);
      if (heard !== undefined) reading.heard(station, heard);
      if (outcome === "not-held-here") {
        const alarm = hearAlarm(index, frames, at, end);
        if (alarm !== undefined) reading.alarmed(station, alarm);
      }
    }
    if (waiting === 0) return;
    if (reading.isInTime()) this.#send(socket, replies, waiting, "replies-sent");
    else this.#counters.add("late", waiting);
  }

  /** Reads everything that was queued during a gap without answering any of it. */
  readEvidence(reading: Reading): void {
    const { frames, slotBytes } = this.#received;
    const index = reading.index();
    for (const station of this.#stations.values()) {
      for (const socket of [station.arp, station.nd]) {
        for (let batch = 0; batch < EVIDENCE_BATCHES_MAX; batch++) {
          const count = socket.receive(this.#received);
          this.#counters.add("evidence", count);
          for (let slot = 0; slot < count; slot++) {
            const at = slot * slotBytes;
            const end = at + Math.min(slotBytes, this.#received.received(slot));
            if (socket === station.nd && isBehindOptions(frames, at)) reading.queried(station, frames, at, end);
            const heard = hear(index, frames, at, end);
            if (heard !== undefined) reading.heard(station, heard);
          }
          if (count < BATCH_FRAMES) break;
        }
      }
    }
  }

  /** Frames that found a full queue since the last call. */
  takeDrops(): number {
    let drops = 0;
    for (const station of this.#stations.values()) drops += station.arp.takeDrops() + station.nd.takeDrops();
    if (drops > 0) this.#counters.add("receive-dropped", drops);
    return drops;
  }

  /** Sends the frames in their order, in batches of one socket. Returns the interfaces on which a frame was not sent. */
  send(frames: readonly OutFrame[], counter: SentCounter): ReadonlySet<string> {
    const failed = new Set<string>();
    const groups = Map.groupBy(frames, (frame) => `${frame.family} ${frame.interface}`);
    for (const group of groups.values()) {
      for (let from = 0; from < group.length; from += BATCH_FRAMES) {
        const chunk = group.slice(from, from + BATCH_FRAMES);
        const name = chunk[0]?.interface ?? "";
        if (!this.#sendChunk(this.#stations.get(name), chunk, counter)) failed.add(name);
      }
    }
    return failed;
  }

  #sendChunk(station: Station | undefined, chunk: readonly OutFrame[], counter: SentCounter): boolean {
    if (station === undefined) {
      this.#counters.add("send-failed", chunk.length);
      return false;
    }
    chunk.forEach((frame, slot) => {
      const at = slot * SEND_SLOT_BYTES;
      this.#replies.setLength(slot, frame.write(station.macText, this.#replies.frames, at) - at);
    });
    return this.#send(chunk[0]?.family === 4 ? station.arp : station.nd, this.#replies, chunk.length, counter);
  }

  #send(socket: PacketSocket, batch: FrameBatch, count: number, counter: "replies-sent" | SentCounter): boolean {
    const sent = socket.send(batch, count);
    this.#counters.add(counter, sent);
    if (sent < count) this.#counters.add("send-failed", count - sent);
    return sent === count;
  }

  close(): void {
    for (const station of this.#stations.values()) closeStation(station);
    this.#stations = new Map();
    this.#stationList = [];
  }
}

/** Of what the filter of neighbour discovery lets through, only queries have an extension header. */
function isBehindOptions(frame: Uint8Array, at: number): boolean {
  return frame[at + ETHERNET_HEADER_BYTES + IPV6_NEXT_HEADER_AT] === NEXT_HEADER_HOP_BY_HOP;
}

function closeStation(station: Station): void {
  station.arp.close();
  station.nd.close();
}
