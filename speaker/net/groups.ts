/**
 * Membership in the solicited-node groups of the held IPv6 addresses, so that the kernel sends multicast listener
 * reports (RFC 3810, RFC 2710) and snooping switches let the solicitations through. Ordinary sockets join; no
 * capability is needed. The kernel reports again by itself when a link comes back; when one is made anew, it forgets.
 */
import { interfaceOf, planGroups, writeMembership } from "./group-plan.ts";
import {
  AF_INET6,
  check,
  IPPROTO_IPV6,
  IPV6_JOIN_GROUP,
  IPV6_LEAVE_GROUP,
  libc,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from "./libc.ts";

/** Each join costs the kernel a report; the rest waits for the next turn of the loop. */
const CHANGES_PER_TURN = 64;
const RETRY_MS = 1000;
const IPV6_MREQ_BYTES = 20;

export class GroupMembership {
  /** By socket number, made as needed. BOUNDED by the addresses of the table over GROUPS_PER_SOCKET. */
  readonly #sockets = new Map<number, number>();
  readonly #joined = new Map<number, number>();
  #wanted: ReadonlySet<number> = new Set();
  /** Called for each join that the kernel refuses; it is tried again. */
  readonly #refused: () => void;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(refused: () => void) {
    this.#refused = refused;
  }

  /** The keys are those of `groupKey`. */
  want(keys: ReadonlySet<number>, now: number): void {
    this.#wanted = keys;
    this.#dueAt = now;
  }

  /** The interface was made anew under its old index: the socket remembers groups that the kernel has forgotten. */
  renew(interfaceIndex: number, now: number): void {
    for (const [key, socket] of this.#joined) {
      if (interfaceOf(key) !== interfaceIndex) continue;
      this.#change(IPV6_LEAVE_GROUP, key, socket);
      this.#joined.delete(key);
    }
    this.#dueAt = now;
  }

  /** When `step` has something to do. Asked in every turn of the loop, so it makes nothing. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** Joins and leaves a few groups. */
  step(now: number): void {
    const plan = planGroups(this.#joined, this.#wanted, CHANGES_PER_TURN);
    for (const { key, socket } of plan.leave) {
      // A failure means that the interface is gone, and the membership with it.
      this.#change(IPV6_LEAVE_GROUP, key, socket);
      this.#joined.delete(key);
    }
    let refused = false;
    for (const { key, socket } of plan.join) {
      if (this.#change(IPV6_JOIN_GROUP, key, socket) >= 0) this.#joined.set(key, socket);
      else {
        refused = true;
        this.#refused();
      }
    }
    this.#dueAt = refused ? now + RETRY_MS : plan.more ? now : Number.POSITIVE_INFINITY;
  }

  #change(option: number, key: number, socket: number): number {
    const request = new Uint8Array(IPV6_MREQ_BYTES);
    writeMembership(key, request);
    return libc.setsockopt(this.#socket(socket), IPPROTO_IPV6, option, request, request.length);
  }

  #socket(number: number): number {
    const known = this.#sockets.get(number);
    if (known !== undefined) return known;
    const fd = check("socket(AF_INET6)", libc.socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    this.#sockets.set(number, fd);
    return fd;
  }

  close(): void {
    for (const fd of this.#sockets.values()) libc.close(fd);
    this.#sockets.clear();
    this.#joined.clear();
  }
}
