/**
 * Wireless interfaces are used like any other, and warned about: an access point drops frames for a MAC that it did not let in, or answers
 * ARP and ND out of a table of its own, and many send broadcasts to sleeping clients late or never.
 */
import { existsSync } from "node:fs";
import type { Logger } from "../../lib/runtime/log.ts";
import { wireless } from "./metrics.ts";

/** Whether the interface belongs to a radio (cfg80211). rtnetlink does not say so. */
export function isWireless(name: string, exists: (path: string) => boolean = existsSync): boolean {
  return exists(`/sys/class/net/${name}/phy80211`);
}

export class WirelessWarning {
  readonly #log: Logger;
  readonly #exists: (path: string) => boolean;
  /** Each is named once. BOUNDED: forgotten with its interface. */
  #named: ReadonlySet<string> = new Set();

  #seen: readonly string[] = [];

  constructor(log: Logger, exists?: (path: string) => boolean) {
    this.#log = log;
    this.#exists = exists ?? existsSync;
  }

  /** The interfaces on which this node answers for addresses, or would. */
  look(interfaces: readonly string[]): void {
    if (interfaces === this.#seen) return;
    this.#seen = interfaces;
    const found = interfaces.filter((name) => isWireless(name, this.#exists));
    for (const name of found) {
      if (this.#named.has(name)) continue;
      this.#log.warn(
        { interface: name },
        "wireless: access points may drop or answer ARP and neighbour discovery for addresses that move between nodes; name other interfaces in the pool's l2.interfaces where there are any",
      );
    }
    this.#named = new Set(found);
    wireless.set({}, found.length);
  }
}
