/** The netlink socket behind links.ts: asks for dumps, reads events, says when the links have changed. */
import {
  AF_NETLINK,
  check,
  EAGAIN,
  EINTR,
  ENOBUFS,
  errno,
  libc,
  MSG_DONTWAIT,
  MSG_TRUNC,
  SO_RCVBUF,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from "./libc.ts";
import { createLinks, type LinksInput, type LinksState, linksOf, stepLinks } from "./links.ts";
import type { Link } from "./messages.ts";
import { dumpRequest, parseNetlink, RTM_GETADDR, RTM_GETLINK } from "./netlink.ts";

const NETLINK_ROUTE = 0;
/** RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR. */
const GROUPS = 0x1 | 0x10 | 0x100;
/** The kernel fills at most 32 KiB per datagram of a dump. */
const BUFFER_BYTES = 65_536;
const RECEIVE_BUFFER_BYTES = 1 << 20;
/** Datagrams read in one turn; the rest waits for the next. */
const DATAGRAMS_MAX = 256;

export class Rtnetlink {
  readonly fd: number;
  readonly #buffer = new Uint8Array(new ArrayBuffer(BUFFER_BYTES));
  #state: LinksState = createLinks();
  #told = "";

  /** Needs no capability. Throws BerthError `os`. */
  constructor() {
    const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.fd = check("socket(AF_NETLINK)", libc.socket(AF_NETLINK, type, NETLINK_ROUTE));
    const size = new Uint8Array(new Int32Array([RECEIVE_BUFFER_BYTES]).buffer);
    libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUF, size, size.length);
    const address = new Uint8Array(12);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, true);
    view.setUint32(8, GROUPS, true);
    check("bind(AF_NETLINK)", libc.bind(this.fd, address, address.length));
    this.#step({ type: "resync" });
  }

  /** Reads what waits; the links when they are known and have changed, or may have been made anew, since the last time. */
  drain(): readonly Link[] | undefined {
    for (let count = 0; count < DATAGRAMS_MAX; count++) {
      const length = libc.recv(this.fd, this.#buffer, BUFFER_BYTES, MSG_DONTWAIT | MSG_TRUNC);
      if (length < 0) {
        const number = errno();
        if (number === EAGAIN) break;
        // Events were lost: only a new dump tells what the links are now.
        if (number === ENOBUFS) this.#step({ type: "resync" });
        else if (number !== EINTR) check("recv(AF_NETLINK)", length);
        continue;
      }
      this.#datagram(length);
    }
    const links = linksOf(this.#state);
    if (links === undefined) return undefined;
    // After a removal, and after lost events, the same links may be others: whoever has sockets on them must look.
    const text = `${this.#state.dump} ${this.#state.removals} ${[...this.rejoins].join()} ${JSON.stringify(links)}`;
    if (text === this.#told) return undefined;
    this.#told = text;
    return links;
  }

  /** How often each link came back or moved, by index. */
  get rejoins(): ReadonlyMap<number, number> {
    return this.#state.rejoins;
  }

  #datagram(length: number): void {
    const parsed = length > BUFFER_BYTES ? undefined : parseNetlink(this.#buffer.subarray(0, length));
    // What cannot be read may have been a change: ask for the whole again.
    if (parsed === undefined || !parsed.ok) this.#step({ type: "resync" });
    else for (const message of parsed.value) this.#step(message);
  }

  #step(input: LinksInput): void {
    const { state, effects } = stepLinks(this.#state, input);
    this.#state = state;
    for (const effect of effects) {
      const request = dumpRequest(effect.type === "dump-links" ? RTM_GETLINK : RTM_GETADDR, effect.sequence);
      check("send(AF_NETLINK)", libc.send(this.fd, request, request.length, MSG_DONTWAIT));
    }
  }

  close(): void {
    libc.close(this.fd);
  }
}
