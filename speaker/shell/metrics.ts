import { counter, gauge } from "../../lib/runtime/metrics.ts";

export const held = gauge("berth_speaker_addresses_held", "Addresses that this node answers for");
export const highestEpoch = gauge(
  "berth_speaker_epoch_max",
  "Highest epoch among the addresses that this node answers for",
);
export const moves = counter("berth_speaker_moves_total", "Addresses that came to this node, by why they moved", [
  "reason",
]);
export const yields = counter("berth_speaker_yields_total", "Addresses that this node stopped answering for, by why", [
  "reason",
]);
export const recordCalls = counter("berth_speaker_record_calls_total", "Calls about VirtualIPs, by call and result", [
  "call",
  "result",
]);
export const fences = counter(
  "berth_speaker_fences_total",
  "Times the frame worker stopped answering by itself, by why",
  ["reason"],
);
export const acting = gauge(
  "berth_speaker_acting",
  "1 while this process acts for its node, 0 while it waits or has lost its Lease",
);
export const isolated = gauge(
  "berth_speaker_isolated_interfaces",
  "Interfaces on which another node is silent and this one hears nobody at all: it takes nothing there",
);
export const broken = gauge(
  "berth_speaker_broken_paths",
  "Peers that find this node gone while it runs, and that do not answer it: what one sends does not reach the other",
);
export const wireless = gauge(
  "berth_speaker_wireless_interfaces",
  "Wireless interfaces on which this node answers for addresses, or would: announcements may not reach everybody there",
);
export const verdicts = gauge(
  "berth_speaker_silent_peers",
  "Nodes that the wire finds gone or silent, as this node sees it",
);
export const uplinkLost = gauge(
  "berth_speaker_uplink_lost_interfaces",
  "Interfaces whose default gateway does not answer any more (--uplink-check): their addresses go to other nodes",
);
export const uplinksKnown = gauge(
  "berth_speaker_uplinks_known",
  "Interfaces whose default gateway has answered an echo of this process (--uplink-check): no others are judged",
);
export const eventsDropped = counter(
  "berth_speaker_events_dropped_total",
  "Events that were not sent, beyond the rate",
);
/** Counts of the worker: frames by what became of them, drops by reason. */
export const frames = counter("berth_speaker_frames_total", "Frames of the worker, by what became of them", ["what"]);

/** Turns the worker's running totals into increments. BOUNDED by the worker's closed list of names. */
export class FrameCounters {
  readonly #last = new Map<string, number>();

  update(counters: Readonly<Record<string, number>>): void {
    for (const [what, total] of Object.entries(counters)) {
      const more = total - (this.#last.get(what) ?? 0);
      this.#last.set(what, total);
      if (more > 0) frames.inc({ what }, more);
    }
  }
}
