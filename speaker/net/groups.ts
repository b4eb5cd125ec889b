/**
 * Membership in the solicited-node groups of the held IPv6 addresses. The device is told what to let through, and listening.ts
 * tells the switches; the kernel's IPv6 is left out of it, because it looks through its list of groups for every multicast frame
 * (docs/adr/0020). Sockets that receive nothing hold the memberships; NET_RAW is enough. A device that is made anew forgets.
 */
import { type GroupBits, RECORDS_PER_REPORT } from "../packet/mld.ts";
import type { Counters } from "./counters.ts";
import { bitsOf, interfaceOf, MEMBERSHIP_BYTES, planGroups, writeMembership } from "./group-plan.ts";
import {
  AF_PACKET,
  check,
  libc,
  PACKET_ADD_MEMBERSHIP,
  PACKET_DROP_MEMBERSHIP,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_PACKET,
} from "./libc.ts";
import { Listening } from "./listening.ts";
import type { Link } from "./messages.ts";
import type { Station, Wire } from "./wire.ts";

/** As many as one report tells of; the rest waits for the next turn of the loop. */
const CHANGES_PER_TURN = RECORDS_PER_REPORT;
const RETRY_MS = 1000;

export class GroupMembership {
  readonly #counters: Counters;
  readonly #listening: Listening;
  /** By socket number, made as needed. BOUNDED by the addresses of the table over GROUPS_PER_SOCKET. */
  readonly #sockets = new Map<number, number>();
  readonly #joined = new Map<number, number>();
  #wanted: ReadonlySet<number> = new Set();
  #changeAt = Number.POSITIVE_INFINITY;
  /** The earlier of `#changeAt` and the listeners', kept here because it is asked for in every turn. */
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(wire: Wire, counters: Counters) {
    this.#counters = counters;
    this.#listening = new Listening(wire, counters);
  }

  /** The keys are those of `groupKey`, the most urgent first. */
  want(keys: ReadonlySet<number>, now: number): void {
    this.#wanted = keys;
    this.#changeAt = now;
    this.#plan();
  }

  /** The links have changed, or the stations of the wire. */
  follow(links: readonly Link[], rejoins: ReadonlyMap<number, number>, now: number): void {
    const joined = [...this.#joined.keys()];
    for (const index of this.#listening.follow(links, rejoins, now)) {
      const known = joined.filter((key) => interfaceOf(key) === index);
      this.#listening.change(index, known.map(bitsOf), [], now);
    }
    this.#plan();
  }

  /** What the filter let through as a query. */
  queried(station: Station, bytes: Uint8Array, at: number, end: number, now: number): void {
    this.#listening.queried(station, bytes, at, end, now);
    this.#plan();
  }

  /** Frames were lost, perhaps queries. */
  missed(now: number): void {
    this.#listening.missed(now);
    this.#plan();
  }

  /** The interface was made anew under its old index: the socket remembers groups that the kernel has forgotten. */
  renew(interfaceIndex: number, now: number): void {
    for (const [key, socket] of this.#joined) {
      if (interfaceOf(key) !== interfaceIndex) continue;
      this.#change(PACKET_DROP_MEMBERSHIP, key, socket);
      this.#joined.delete(key);
    }
    this.#changeAt = now;
    this.#plan();
  }

  /** When `step` has something to do. Asked in every turn of the loop, so it makes nothing. */
  get dueAt(): number {
    return this.#dueAt;
  }

  #plan(): void {
    this.#dueAt = Math.min(this.#changeAt, this.#listening.dueAt);
  }

  /** Joins and leaves a few groups, `urgent` of them or more, and sends the reports that are due. */
  step(now: number, urgent = 0): void {
    if (now >= this.#changeAt) this.#reconcile(now, Math.max(urgent, CHANGES_PER_TURN));
    this.#listening.tick(now);
    this.#plan();
  }

  #reconcile(now: number, limit: number): void {
    const plan = planGroups(this.#joined, this.#wanted, limit);
    const joined: number[] = [];
    for (const { key, socket } of plan.join) {
      if (this.#change(PACKET_ADD_MEMBERSHIP, key, socket) < 0) continue;
      this.#joined.set(key, socket);
      joined.push(key);
    }
    for (const { key, socket } of plan.leave) {
      // A failure means that the interface is gone, and the membership with it.
      this.#change(PACKET_DROP_MEMBERSHIP, key, socket);
      this.#joined.delete(key);
    }
    const refused = plan.join.length - joined.length;
    if (refused > 0) this.#counters.add("group-join-refused", refused);
    this.#changeAt = refused > 0 ? now + RETRY_MS : plan.more ? now : Number.POSITIVE_INFINITY;
    const left = plan.leave.map(({ key }) => key);
    for (const index of new Set([...joined, ...left].map(interfaceOf))) {
      const of = (keys: readonly number[]): GroupBits[] => keys.filter((key) => interfaceOf(key) === index).map(bitsOf);
      this.#listening.change(index, of(joined), of(left), now);
    }
  }

  #change(option: number, key: number, socket: number): number {
    const request = new Uint8Array(MEMBERSHIP_BYTES);
    writeMembership(key, request);
    return libc.setsockopt(this.#socket(socket), SOL_PACKET, option, request, request.length);
  }

  /** Of protocol 0: it is never shown a frame. */
  #socket(number: number): number {
    const known = this.#sockets.get(number);
    if (known !== undefined) return known;
    const fd = check("socket(AF_PACKET)", libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    this.#sockets.set(number, fd);
    return fd;
  }

  /** Leaves all groups; the wire must be there still, to tell of it. */
  close(now: number): void {
    for (const fd of this.#sockets.values()) libc.close(fd);
    this.#sockets.clear();
    this.#joined.clear();
    this.#listening.close(now);
  }
}
