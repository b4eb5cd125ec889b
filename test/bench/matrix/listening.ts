/** Outside hosts that hear, and ask, who has an address while a fault goes on. */
import type { Lab } from "../../lab/lab.ts";
import type { Capture, Spawned } from "../../lab/spawned.ts";
import { type Claim, claimsOf } from "./claims.ts";

/** Each family is asked for by the client that has no connection of that family: its answers refresh no entry that is measured. */
const ASKERS = { v4: "c2", v6: "c1" } as const;

/** By ARP broadcast or multicast solicitation, some eight to ten times a second, until it is stopped. */
function ask(lab: Lab, address: string): Spawned {
  if (!address.includes(":")) return lab.spawn(ASKERS.v4, ["arping", "-q", "-W", "0.1", "-i", "eth0", address]);
  const once = `ndisc6 -m -q -r 1 -w 50 ${address} eth0 >/dev/null 2>&1; sleep 0.05`;
  return lab.spawn(ASKERS.v6, ["sh", "-c", `while :; do ${once}; done`]);
}

/**
 * Runs a fault while both clients listen, and ask for `addresses` all the time (for none if there are none). Every claim that
 * they heard, and what the fault returned.
 */
export async function listened<T>(
  lab: Lab,
  addresses: readonly string[],
  fault: () => Promise<T>,
): Promise<readonly [readonly Claim[], T]> {
  const captures: readonly Capture[] = await Promise.all([
    lab.capture(ASKERS.v4, "arp"),
    lab.capture(ASKERS.v6, "icmp6"),
  ]);
  const asking = addresses.map((address) => ask(lab, address));
  const end = (): Promise<unknown> => Promise.all([...asking, ...captures].map((process) => process.stop()));
  const result = await fault().finally(end);
  return [claimsOf(captures.flatMap(({ views }) => views)), result];
}
