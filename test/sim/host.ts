/**
 * A host on the segment with a neighbour cache like Linux has it: it resolves, keeps, doubts and probes (RFC 4861 section 7.3.2),
 * and takes announcements by the rules that were measured (docs/election.md, W1 and W6). It sends a packet for every address all
 * the time, and knows how long none came back.
 */
import type { AnnouncementForm } from "../../speaker/packet/frames.ts";
import type { Timeline } from "./timeline.ts";
import type { SimWire } from "./wire.ts";

/** The kernel's defaults: base_reachable_time (the middle of its spread), delay_first_probe_time, retrans_time, locktime. */
const REACHABLE_MS = 30_000;
const DELAY_MS = 5_000;
const RETRANS_MS = 1_000;
const LOCK_MS = 1_000;
const SOLICITS = 3;
/** A packet to each address so often. */
export const PACKET_MS = 20;
const TURNS_PER_CHECK = 5;

type NeighbourState = "incomplete" | "reachable" | "stale" | "delay" | "probe" | "failed";

interface Neighbour {
  state: NeighbourState;
  /** "" until the first answer. */
  mac: string;
  /** When it was last known to be right: by a solicited answer, or by the progress of a connection. */
  confirmedMs: number;
  /** When the MAC last changed; for the lock time. */
  updatedMs: number;
  timerMs: number;
  asked: number;
  /** What the host suffers here: since when no packet comes back, and for how long at most since the reset. */
  outSinceMs: number | undefined;
  outMsMax: number;
}

export interface HostOptions {
  readonly name: string;
  /** Its connections make progress, which confirms the entry (TCP); else the kernel must probe it now and then (UDP). */
  readonly confirms: boolean;
  readonly addresses: () => Iterable<string>;
  /** The node that a MAC belongs to. */
  readonly nodeOf: (mac: string) => string | undefined;
  /** Called ten times a second. */
  readonly onTurn: (host: SimHost) => void;
}

export class SimHost {
  readonly name: string;
  readonly entries = new Map<string, Neighbour>();
  #turns = 0;
  readonly #options: HostOptions;
  readonly #timeline: Timeline;
  readonly #wire: SimWire;

  constructor(options: HostOptions, timeline: Timeline, wire: SimWire) {
    this.name = options.name;
    this.#options = options;
    this.#timeline = timeline;
    this.#wire = wire;
    wire.hosts.add(this);
    timeline.quietly(PACKET_MS, () => this.#turn());
  }

  /** The MAC that packets go to; "" while there is none. */
  cached(address: string): string {
    return macIn(this.entries.get(address));
  }

  /** The node whose MAC is in the cache. */
  nodeOf(address: string): string | undefined {
    const mac = this.cached(address);
    return mac === "" ? undefined : this.#options.nodeOf(mac);
  }

  resetOutages(): void {
    for (const entry of this.entries.values()) {
      entry.outSinceMs = undefined;
      entry.outMsMax = 0;
    }
  }

  /** The longest time without a packet that came back, at any address, since the reset. */
  get longestOutageMs(): number {
    const { now } = this.#timeline;
    const all = [...this.entries.values()].map(({ outSinceMs, outMsMax }) =>
      Math.max(outMsMax, outSinceMs === undefined ? 0 : now - outSinceMs),
    );
    return Math.max(0, ...all);
  }

  /**
   * Somebody says to everybody that the address is his. A host without an entry makes none. Linux calls the request form, and the
   * reply form whose target MAC is its sender's, gratuitous: both pass the lock time. An advertisement with O = 1 knows no lock
   * time, but does not repair an entry that has failed.
   */
  onAnnouncement(address: string, mac: string, form: AnnouncementForm): void {
    const entry = this.entries.get(address);
    if (entry === undefined) return;
    if (form === "advertisement" && (entry.state === "incomplete" || entry.state === "failed")) return;
    if (entry.mac === mac && entry.state !== "incomplete" && entry.state !== "failed") return;
    this.#set(entry, mac, "stale");
  }

  #turn(): void {
    for (const address of this.#options.addresses()) {
      const entry = this.#entry(address);
      this.#age(address, entry);
      this.#send(address, entry);
    }
    this.#turns += 1;
    if (this.#turns % TURNS_PER_CHECK === 0) this.#options.onTurn(this);
    this.#timeline.quietly(PACKET_MS, () => this.#turn());
  }

  #entry(address: string): Neighbour {
    const known = this.entries.get(address);
    if (known !== undefined) return known;
    const times = { confirmedMs: 0, updatedMs: 0, timerMs: 0, outSinceMs: undefined, outMsMax: 0 };
    const fresh: Neighbour = { state: "failed", mac: "", asked: 0, ...times };
    this.entries.set(address, fresh);
    return fresh;
  }

  /** What comes by time alone (neigh_timer_handler). */
  #age(address: string, entry: Neighbour): void {
    const { now } = this.#timeline;
    switch (entry.state) {
      case "reachable":
        if (now - entry.confirmedMs > REACHABLE_MS) entry.state = "stale";
        return;
      case "delay":
        if (now < entry.timerMs) return;
        if (now - entry.confirmedMs <= DELAY_MS) entry.state = "reachable";
        else this.#ask(address, entry, "probe");
        return;
      case "incomplete":
      case "probe":
        if (now < entry.timerMs) return;
        if (entry.asked < SOLICITS) this.#ask(address, entry, entry.state);
        else entry.state = "failed";
        return;
      default:
    }
  }

  #send(address: string, entry: Neighbour): void {
    const { now } = this.#timeline;
    if (entry.state === "failed") {
      entry.asked = 0;
      this.#ask(address, entry, "incomplete");
    } else if (entry.state === "stale") {
      entry.state = "delay";
      entry.timerMs = now + DELAY_MS;
    }
    const mac = macIn(entry);
    const node = mac === "" ? undefined : this.#options.nodeOf(mac);
    const isAnswered = node !== undefined && this.#wire.forwards(node, this.name);
    if (isAnswered && this.#options.confirms) entry.confirmedMs = now;
    this.#count(entry, isAnswered);
  }

  #ask(address: string, entry: Neighbour, state: "incomplete" | "probe"): void {
    entry.asked = entry.state === state ? entry.asked + 1 : 1;
    entry.state = state;
    entry.timerMs = this.#timeline.now + RETRANS_MS;
    const to = state === "probe" ? entry.mac : "";
    this.#wire.resolve(this.name, address, to, (mac) => this.#onReply(address, mac));
  }

  /** A solicited answer: of two for one question the first counts, since Linux does not change an entry again within a second. */
  #onReply(address: string, mac: string): void {
    const entry = this.entries.get(address);
    if (entry === undefined || entry.state === "failed") return;
    const { now } = this.#timeline;
    if (entry.state !== "incomplete" && entry.mac !== mac && now - entry.updatedMs < LOCK_MS) return;
    entry.confirmedMs = now;
    this.#set(entry, mac, "reachable");
  }

  #set(entry: Neighbour, mac: string, state: NeighbourState): void {
    if (entry.mac !== mac || entry.state === "incomplete" || entry.state === "failed") {
      entry.updatedMs = this.#timeline.now;
    }
    entry.mac = mac;
    entry.state = state;
    entry.asked = 0;
  }

  #count(entry: Neighbour, isAnswered: boolean): void {
    const { now } = this.#timeline;
    if (!isAnswered) entry.outSinceMs ??= now;
    else if (entry.outSinceMs !== undefined) {
      entry.outMsMax = Math.max(entry.outMsMax, now - entry.outSinceMs);
      entry.outSinceMs = undefined;
    }
  }
}

function macIn(entry: Neighbour | undefined): string {
  return entry === undefined || entry.state === "incomplete" || entry.state === "failed" ? "" : entry.mac;
}
