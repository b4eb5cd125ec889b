/** One AF_PACKET socket of an interface and a protocol (packet(7)). Needs NET_RAW and nothing more. */

import { INSTRUCTION_BYTES } from "../packet/bpf.ts";
import { write16 } from "../packet/bytes.ts";
import type { FrameBatch } from "./batch.ts";
import { BATCH_FRAMES } from "./batch.ts";
import {
  AF_PACKET,
  addressOf,
  check,
  libc,
  MSG_DONTWAIT,
  PACKET_STATISTICS,
  SO_ATTACH_FILTER,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_PACKET,
  SOL_SOCKET,
} from "./libc.ts";

const SOCKADDR_LL_BYTES = 20;
/**
 * The kernel doubles it and takes no more than net.core.rmem_max: room for some 550 frames at its default, twice of what a
 * socket has that does not ask. Larger queues would outlast what is read of them after a gap (wire.ts, EVIDENCE_BATCHES_MAX).
 */
const RECEIVE_BUFFER_BYTES = 256 * 1024;

export class PacketSocket {
  readonly fd: number;

  /**
   * Opens the socket deaf (protocol 0), filters it, and only then binds it: not one unfiltered frame is ever queued.
   * Throws BerthError `os` without NET_RAW or when the interface is gone.
   */
  constructor(etherType: number, interfaceIndex: number, filter: Uint8Array) {
    this.fd = check("socket(AF_PACKET)", libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    try {
      const room = new Uint8Array(4);
      new DataView(room.buffer).setInt32(0, RECEIVE_BUFFER_BYTES, true);
      check("SO_RCVBUF", libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUF, room, room.length));
      this.setFilter(filter);
      const address = new Uint8Array(SOCKADDR_LL_BYTES);
      const view = new DataView(address.buffer);
      view.setUint16(0, AF_PACKET, true);
      write16(address, 2, etherType);
      view.setInt32(4, interfaceIndex, true);
      check("bind(AF_PACKET)", libc.bind(this.fd, address, address.length));
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  /** Whether it is bound to the interface still: one that is removed and made anew leaves its sockets behind, deaf. */
  isBoundTo(interfaceIndex: number): boolean {
    const address = new Uint8Array(SOCKADDR_LL_BYTES);
    const length = new Uint8Array([SOCKADDR_LL_BYTES, 0, 0, 0]);
    if (libc.getsockname(this.fd, address, length) < 0) return false;
    return new DataView(address.buffer).getInt32(4, true) === interfaceIndex;
  }

  /** Replaces the filter at once. */
  setFilter(program: Uint8Array): void {
    // struct sock_fprog { u16 len; struct sock_filter *filter; }; `program` is referenced until the call is over.
    const fprog = new Uint8Array(16);
    const view = new DataView(fprog.buffer);
    view.setUint16(0, program.length / INSTRUCTION_BYTES, true);
    view.setBigUint64(8, addressOf(program), true);
    check("SO_ATTACH_FILTER", libc.setsockopt(this.fd, SOL_SOCKET, SO_ATTACH_FILTER, fprog, fprog.length));
  }

  /** How many frames were received into the batch: 0 when none wait, or when the interface reported an error (it is down). */
  receive(batch: FrameBatch): number {
    return Math.max(0, libc.recvmmsg(this.fd, batch.headers, BATCH_FRAMES, MSG_DONTWAIT, null));
  }

  /**
   * Sends the first `count` frames of the batch and returns how many the kernel took. What it does not take (the
   * interface is down, its queue is full) is not kept: a late answer is worth less than none.
   */
  send(batch: FrameBatch, count: number): number {
    return Math.max(0, libc.sendmmsg(this.fd, batch.headers, count, MSG_DONTWAIT));
  }

  /** Frames dropped for lack of room since the last call (PACKET_STATISTICS starts again at each reading). */
  takeDrops(): number {
    const statistics = new Uint8Array(8);
    const length = new Uint8Array([8, 0, 0, 0]);
    if (libc.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, statistics, length) < 0) return 0;
    return new DataView(statistics.buffer).getUint32(4, true);
  }

  close(): void {
    libc.close(this.fd);
  }
}
