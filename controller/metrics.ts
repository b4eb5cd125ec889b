import { counter, gauge, histogram } from "../lib/runtime/metrics.ts";

export const passes = counter("berth_service_passes_total", "Passes over a Service, by what they found", ["outcome"]);
export const writes = counter("berth_writes_total", "Writes to the API server, by kind and result", [
  "write",
  "result",
]);
export const taken = counter(
  "berth_address_taken_total",
  "Addresses that the API server refused because a VirtualIP of that name exists",
);
export const released = counter(
  "berth_addresses_released_total",
  "VirtualIPs let go, by why their holder was known to be silent",
  ["because"],
);
export const eventsDropped = counter(
  "berth_events_dropped_total",
  "Events that were not sent, repeated or beyond the rate",
);
export const addresses = gauge("berth_addresses_in_use", "VirtualIPs, those being released included", ["family"]);
export const waiting = gauge("berth_services_waiting", "Services that lack an address or a part of their request");
export const poolsInvalid = gauge("berth_pools_invalid", "IPPools whose spec cannot be followed");
/** BOUNDED by the IPPools: the series goes with its pool. */
export const quarantined = gauge(
  "berth_addresses_quarantined",
  "VirtualIPs without Services that keep from everybody what a host outside the cluster uses",
  ["pool"],
);
export const passSeconds = histogram(
  "berth_service_pass_seconds",
  "Duration of a pass over a Service, writes included",
);
