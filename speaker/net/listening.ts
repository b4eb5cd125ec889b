/**
 * The multicast listeners of all interfaces (listener.ts): gives them queries and changes, and sends their reports. No leave is told
 * of a group that the device goes on letting through: the kernel is in it for an address of its own, or a successor of this
 * process has joined it, and a switch that believes the leave at once would cut them off.
 */
import { readFileSync } from "node:fs";
import { randomSeed, systemRandom } from "../../lib/runtime/random.ts";
import {
  createListener,
  type ListenerEffect,
  type ListenerInput,
  type ListenerState,
  stepListener,
} from "../listener.ts";
import { ETHERNET_HEADER_BYTES } from "../packet/ethernet.ts";
import { decodeMldQuery, type GroupBits, MLD_FRAME_BYTES_MAX, writeMld1, writeMldReport } from "../packet/mld.ts";
import { FrameBatch } from "./batch.ts";
import type { Counters } from "./counters.ts";
import { unusedGroups } from "./group-plan.ts";
import type { Link } from "./messages.ts";
import type { Station, Wire } from "./wire.ts";

const DEVICE_GROUPS = "/proc/net/dev_mcast";
const NONE: ReadonlySet<GroupBits> = new Set();

interface One {
  state: ListenerState;
  wakeAt: number;
}

export class Listening {
  readonly #wire: Wire;
  readonly #counters: Counters;
  /** By index of the interface. BOUNDED by the stations of the wire. */
  readonly #listeners = new Map<number, One>();
  readonly #frames = new FrameBatch(MLD_FRAME_BYTES_MAX);
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(wire: Wire, counters: Counters) {
    this.#wire = wire;
    this.#counters = counters;
  }

  get dueAt(): number {
    return this.#dueAt;
  }

  /**
   * One listener for each station, with what is now known of its link; `rejoins` as rtnetlink counts them. Returns the indexes of those
   * that are new, and know of no group.
   */
  follow(links: readonly Link[], rejoins: ReadonlyMap<number, number>, now: number): readonly number[] {
    const added: number[] = [];
    const byIndex = new Map(links.map((link) => [link.index, link]));
    const stations = new Map(this.#wire.stations().map((station) => [station.index, station]));
    for (const index of this.#listeners.keys()) if (!stations.has(index)) this.#listeners.delete(index);
    for (const station of stations.values()) {
      const link = byIndex.get(station.index);
      if (link === undefined) continue;
      if (!this.#listeners.has(link.index)) {
        const state = createListener(randomSeed(systemRandom), now);
        this.#listeners.set(link.index, { state, wakeAt: Number.POSITIVE_INFINITY });
        added.push(link.index);
      }
      const source = linkLocalOf(link);
      const input = { type: "link", up: link.carrier, source, rejoins: rejoins.get(link.index) ?? 0 } as const;
      this.#step(station, input, now);
    }
    this.#plan();
    return added;
  }

  /** The device lets these groups through from now on, and those no more. */
  change(index: number, join: readonly GroupBits[], leave: readonly GroupBits[], now: number): void {
    const station = this.#stationOf(index);
    if (station !== undefined) this.#step(station, { type: "change", join, leave }, now);
  }

  /** The frame at `at` is one that the filter takes for a query. */
  queried(station: Station, bytes: Uint8Array, at: number, end: number, now: number): void {
    const query = decodeMldQuery(bytes, at + ETHERNET_HEADER_BYTES, end);
    this.#counters.add(query.ok ? "mld-query" : query.reason);
    if (query.ok) this.#step(station, { type: "query", query: query.value }, now);
    else this.#wire.offenders.note(query.reason, bytes, at, end);
  }

  missed(now: number): void {
    for (const index of this.#listeners.keys()) {
      const station = this.#stationOf(index);
      if (station !== undefined) this.#step(station, { type: "missed" }, now);
    }
  }

  tick(now: number): void {
    if (now < this.#dueAt) return;
    for (const [index, { wakeAt }] of this.#listeners) {
      const station = this.#stationOf(index);
      if (wakeAt <= now && station !== undefined) this.#step(station, { type: "tick" }, now);
    }
    this.#plan();
  }

  #stationOf(index: number): Station | undefined {
    return this.#wire.stations().find((station) => station.index === index);
  }

  #step(station: Station, input: ListenerInput, now: number): void {
    const one = this.#listeners.get(station.index);
    if (one === undefined) return;
    const { state, effects, wakeAt } = stepListener(one.state, input, now);
    one.state = state;
    one.wakeAt = wakeAt;
    this.#plan();
    if (effects.length > 0) this.#send(station, effects);
  }

  #plan(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    for (const { wakeAt } of this.#listeners.values()) if (wakeAt < this.#dueAt) this.#dueAt = wakeAt;
  }

  /** One batch, since a step makes fewer frames than it holds. */
  #send(station: Station, effects: readonly ListenerEffect[]): void {
    const left = leftGroups(station.index, effects);
    const { frames, slotBytes } = this.#frames;
    let count = 0;
    for (const { version, source, records } of effects) {
      const told = records.filter(({ kind, group }) => kind !== "left" || left.has(group));
      const [first] = told;
      if (first === undefined) continue;
      const at = count * slotBytes;
      const end =
        version === 2
          ? writeMldReport(told, source, station.macText, frames, at)
          : writeMld1(first, source, station.macText, frames, at);
      this.#frames.setLength(count++, end - at);
    }
    const sent = station.nd.send(this.#frames, count);
    this.#counters.add("mld-reports-sent", sent);
    if (sent < count) this.#counters.add("send-failed", count - sent);
  }

  /** Tells that the groups are left, as many as may be told at once. */
  close(now: number): void {
    for (const station of this.#wire.stations()) this.#step(station, { type: "end" }, now);
    this.#listeners.clear();
    this.#plan();
  }
}

/** The first that is usable, or `::`, which switches take (RFC 3810 section 5.2.13, RFC 3590 section 4). */
function linkLocalOf(link: Link): string {
  const usable = link.addresses.find(({ address, tentative }) => /^fe[89ab]/.test(address) && tentative !== true);
  return usable?.address ?? "::";
}

/** The groups whose leaving may be told. Where the kernel does not say what its devices let through, none: they time out at the switches. */
function leftGroups(index: number, effects: readonly ListenerEffect[]): ReadonlySet<GroupBits> {
  const leaves = effects.flatMap(({ records }) => records.filter((one) => one.kind === "left").map((one) => one.group));
  if (leaves.length === 0) return NONE;
  try {
    return unusedGroups(index, leaves, readFileSync(DEVICE_GROUPS, "utf8"));
  } catch {
    return NONE;
  }
}
