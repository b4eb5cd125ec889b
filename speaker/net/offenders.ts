/** Who sent what could not be read: the Ethernet source of the last such frame, by reason. */
import { copyBytes, macText } from "../packet/bytes.ts";
import { ETHERNET_HEADER_BYTES, ETHERNET_SOURCE_AT } from "../packet/ethernet.ts";

const MAC_BYTES = 6;

export class Offenders {
  /** BOUNDED by the closed list of reasons; made once for each, since a flood comes through here. */
  readonly #last = new Map<string, Uint8Array>();

  note(reason: string, bytes: Uint8Array, at: number, end: number): void {
    if (end - at < ETHERNET_HEADER_BYTES) return;
    let mac = this.#last.get(reason);
    if (mac === undefined) {
      mac = new Uint8Array(MAC_BYTES);
      this.#last.set(reason, mac);
    }
    copyBytes(bytes, at + ETHERNET_SOURCE_AT, mac, 0, MAC_BYTES);
  }

  get macs(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#last].map(([reason, mac]) => [reason, macText(mac, 0)]));
  }
}
